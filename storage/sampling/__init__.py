"""Sampling: whom to fetch next, by rules in SQL."""
