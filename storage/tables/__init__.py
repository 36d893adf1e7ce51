"""Tables: archive to columns to DuckDB, published whole."""
