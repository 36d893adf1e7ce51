"""Sampling: the next targets, by rules in SQL."""
