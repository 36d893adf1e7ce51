"""Logging as lines or JSON: one handler for all libraries, which removes secrets."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from jobs.secrets import known_secrets
from storage.archive.secrets import REDACTED, clean_text, cut, spellings

VARIABLE = "SNEEUWBAL_LOG"  # inherited by the runs that a daemon starts
SECRET_TEXT = re.compile(
    r"((?:bearer|basic)\s+|(?:access_?token|token|secret|password|api_?key|signature)[\"']?\s*[=:]\s*[\"']?)"
    r"([\w\-.~+/%]{6,}=*)",
    re.I,
)
QUIET = "ignore"
LEAST = 6  # characters: a shorter secret would match parts of ordinary words

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

log = logging.getLogger("sneeuwbal")


def plain(text: str) -> str:
    """*text* without control characters, terminal escapes and bidi overrides (untrusted input)."""
    return CONTROL.sub("", text)


class Redact(logging.Filter):
    """A filter that removes secrets from every record: known ones, and anything written like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.secrets = spellings(one for one in secrets if len(one) >= LEAST)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite *record* and its traceback; always True."""
        record.msg, record.args = self.cut(_message(record)).replace("\n", "\\n"), ()  # one record is one line
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.cut(record.exc_text)
        record.exc_info = None
        if record.stack_info:
            record.stack_info = self.cut(record.stack_info)
        return True

    def cut(self, text: str) -> str:
        """*text* without secrets, passwords in addresses, and control characters."""
        return SECRET_TEXT.sub(rf"\1{REDACTED}", clean_text(self.known(plain(text))))

    def known(self, text: str) -> str:
        """*text* without known secrets."""
        return cut(text, self.secrets)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a library's bug must not print the record unfiltered
        return f"{record.msg} {record.args}"


class Json(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry = {"at": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_text:
            entry["traceback"] = record.exc_text
        return json.dumps(entry, ensure_ascii=False)


def setup(directory: Path, form: str | None, stream: Any = None) -> Redact:
    """Log to standard error: as lines, as JSON or (None) warnings only. Return the filter."""
    handler, redact = logging.StreamHandler(stream or sys.stderr), Redact(known_secrets(directory))
    handler.addFilter(redact)
    handler.setFormatter(Json() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    for old in [one for one in root.handlers if getattr(one, "sneeuwbal", False)]:
        root.removeHandler(old)
    handler.sneeuwbal = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    log.setLevel(logging.INFO if form else logging.WARNING)
    if form:
        os.environ[VARIABLE] = form
        if os.environ.get("PYTHONWARNINGS") == QUIET:
            del os.environ["PYTHONWARNINGS"]
    return redact


def log_uncaught() -> None:
    """Send warnings, and uncaught exceptions of any thread, to the log."""
    warnings.showwarning = _warned
    os.environ.setdefault("PYTHONWARNINGS", QUIET)  # for child processes
    sys.excepthook = _uncaught
    threading.excepthook = lambda it: _uncaught(it.exc_type, it.exc_value or it.exc_type(), it.exc_traceback)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log a warning; one that a library raises, or raises in our code, only with `--log`."""
    path = Path(filename)
    known = any(one and path.is_relative_to(one) for one in sys.path)
    log.log(logging.INFO if known else logging.WARNING, "%s, %s:%d: %s", category.__name__, path.name, lineno, message)


def clean(text: str) -> str:
    """*text* for the terminal: without control characters and known secrets."""
    for handler in logging.getLogger().handlers:
        for one in handler.filters:
            if isinstance(one, Redact):
                return clean_text(one.known(plain(text)))
    return plain(text)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log an uncaught exception, with secrets removed."""
    log.critical("this is a bug in sneeuwbal; please report it", exc_info=(kind, error, trace))
