"""LinkedIn: members' own exports, and captured posts."""
