"""Storage: the archive, the frontier and the database."""
