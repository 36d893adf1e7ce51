"""Searches for documents over interfaces made for it: feeds, sitemaps, search engines, indexes of web archives, and forums."""
