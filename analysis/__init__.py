"""Analysis: one question a module."""
