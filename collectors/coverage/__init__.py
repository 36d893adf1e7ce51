"""Searches for documents over interfaces made for it: feeds, sitemaps, SRU, web archives, news and forums."""
