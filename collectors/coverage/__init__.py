"""Searches for documents over public interfaces: feeds, sitemaps, SRU and Discourse."""
