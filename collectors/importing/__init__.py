"""Shared by file formats: files cut into chunks, and the collector that reads them."""
