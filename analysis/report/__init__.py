"""The report: the only writer of files in analysis."""
