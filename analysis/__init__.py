"""Analysis: one question per module."""
