"""The frontier: what to fetch next."""
