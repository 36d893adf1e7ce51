"""Linking: accounts to people, employers to organisations, with evidence."""
