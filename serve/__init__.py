"""The web applications: a face for participants, and one for researchers; each a process of its own."""
