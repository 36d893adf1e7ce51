"""The study: its file as typed settings, and when its jobs are due."""
