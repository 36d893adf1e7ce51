"""Connect an account of one's own to a collector that reads members by their consent."""

from __future__ import annotations

from datetime import UTC, datetime

from collectors.base import Token, Tokens, hooks_of
from jobs.context import choose, open_state
from jobs.intake import admit_requests
from storage.errors import UserError
from storage.records import Request, Target
from study.study_file import Study


def connect(study: Study, name: str, profile: str, token: str) -> dict[str, int]:
    """Store *token* for the account whose page is *profile*, and queue it; return the number of new targets by kind.

    Raise UserError if collector *name* reads no accounts by consent.
    """
    collector = choose(study, name)[name]
    kinds = [kind for kind, spec in collector.kinds.items() if spec.of == "consent"]
    if not kinds:
        raise UserError(f"{name} reads no accounts by consent; only collectors that do are connected")
    if not token.strip():
        raise UserError("no token was given; paste the access token of your account")
    key = hooks_of(collector).canonical(profile)
    Tokens(study.directory, name).put(key, Token(token.strip(), owner=key, own=True))
    frontier = open_state(study)
    try:
        requests = [Request(Target(name, kind, key), "") for kind in kinds]
        return admit_requests(study, frontier, "own account", requests, datetime.now(UTC))
    finally:
        frontier.close()
