"""Shared by parsers: values of unknown quality, names and addresses of persons, redaction."""
