"""The exceptions that callers handle; each maps to one exit code of the command line."""

from __future__ import annotations


class UserError(Exception):
    """An error the user can fix: one line that says what is wrong, where, and how to fix it. Exit code 2."""


class Partial(Exception):
    """Part of the work could not be done; the rest is done. Exit code 3."""


class OutOfBudget(Exception):
    """The budget or the platform's credit is used up; the frontier is kept. Exit code 4."""
