"""The figures of the report, by matplotlib: for the page as SVG, for a paper as SVG, PDF and PNG with their data."""
