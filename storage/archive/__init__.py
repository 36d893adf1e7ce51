"""The archive: WARC files written, read, mended, merged and listed, without secrets."""
