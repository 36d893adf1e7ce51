"""Tables: archive to columns to DuckDB, published atomically."""
