"""Accounts and people, employers and bios and organisations, linked with evidence."""
