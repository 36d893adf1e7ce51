"""The report: the only part of analysis that writes files."""
