"""What the pure parsers share: values of unknown quality, names and addresses of persons, redaction."""
