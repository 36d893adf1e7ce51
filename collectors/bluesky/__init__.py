"""Bluesky and the AT protocol."""
