"""Professional profile pages and their connection lists."""
