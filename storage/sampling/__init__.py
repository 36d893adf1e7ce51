"""Sampling: who is fetched next, by rules in SQL."""
