"""Searches for documents over interfaces made for it: feeds, sitemaps, SRU and Discourse."""
