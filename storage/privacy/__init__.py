"""Privacy: minimise, forget, pseudonyms, retention."""
