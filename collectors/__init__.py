"""Collectors: one module per platform."""
