"""Searches for documents over public interfaces: feeds, sitemaps, search engines, web archives, forums."""
