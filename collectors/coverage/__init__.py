"""Searches for documents over interfaces made for it: feeds, sitemaps, search engines, web archives, forums."""
