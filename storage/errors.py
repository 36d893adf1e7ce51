"""The exceptions that callers act on: each maps to one exit code of the command line."""

from __future__ import annotations


class UserError(Exception):
    """A mistake of the user's: one line that says what is wrong, where, and the mend. Exit code 2."""


class Partial(Exception):
    """Part of the work could not be done; what could be is there. Exit code 3."""


class OutOfBudget(Exception):
    """The budget or the platform's credit is used up; the frontier is kept. Exit code 4."""
