"""Graphs: networks as arrays, measures, communities and layout."""
