"""The archive: WARC files written, read, repaired, merged and listed, without secrets."""
