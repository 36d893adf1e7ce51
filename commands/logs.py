"""What is logged: as lines or JSON, by all libraries through one handler, without a secret in it."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commands.secrets import known_secrets

REDACTED = "REDACTED"
VARIABLE = "SNEEUWBAL_LOG"  # so that the runs a daemon starts log as it does
SECRET_TEXT = re.compile(
    r"((?:bearer|basic)\s+|(?:access_?token|token|secret|password|api_?key|signature)[\"']?\s*[=:]\s*[\"']?)"
    r"([\w\-.~+/%]{6,}=*)",
    re.I,
)
LEAST = 6  # characters: a shorter secret would cut words apart

log = logging.getLogger("sneeuwbal")


class Redact(logging.Filter):
    """Cuts secrets out of every record: those it knows, and whatever is written as one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.secrets = sorted({one for one in secrets if len(one) >= LEAST}, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite *record*, its traceback included; let it pass."""
        record.msg, record.args = self.cut(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.cut(record.exc_text)
        record.exc_info = None
        if record.stack_info:
            record.stack_info = self.cut(record.stack_info)
        return True

    def cut(self, text: str) -> str:
        """*text* without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, REDACTED)
        return SECRET_TEXT.sub(rf"\1{REDACTED}", text)


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of *record*."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {"at": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_text:
            told["traceback"] = record.exc_text
        return json.dumps(told, ensure_ascii=False)


def setup(directory: Path, form: str | None, stream: Any = None) -> None:
    """Send what is logged to standard error: as lines, or as JSON, or (None) warnings alone."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(Redact(known_secrets(directory)))
    handler.setFormatter(Json() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    for old in [one for one in root.handlers if getattr(one, "sneeuwbal", False)]:
        root.removeHandler(old)
    handler.sneeuwbal = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    log.setLevel(logging.INFO if form else logging.WARNING)
    if form:
        os.environ[VARIABLE] = form
