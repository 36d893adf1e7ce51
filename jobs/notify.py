"""Notify that a scheduled job failed or recovered, by webhook or e-mail.

The recipient is a secret, from the environment or the table [notify] of secrets.toml: SNEEUWBAL_WEBHOOK
(`webhook`, an address that accepts JSON with a `text`, like Slack and Mattermost); SNEEUWBAL_MAIL_TO
(`mail_to`) with SNEEUWBAL_SMTP (`smtp`, such as smtp://user:password@mail.example.org:587; localhost if left out).
"""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jobs.logs import log
from jobs.secrets import notify_settings
from storage.journal import Journal

WELL = (0, 3, 130)  # exit codes that need no attention: complete, partial (continues by itself), asked to stop
TIMEOUT = 10.0  # seconds


def check(directory: Path) -> None:
    """Raise UserError for a mistake in secrets.toml, before the first failure."""
    notify_settings(directory)


def ended(directory: Path, study: str, job: str, code: int) -> bool:
    """Notify if a job fails for the first time, or succeeds after it failed; return whether a message was sent."""
    before = [row[3] for row in Journal(directory).history(job, 50) if row[3] is not None][1:2]
    failed, failed_before = code not in WELL, bool(before) and before[0] not in WELL
    if failed == failed_before:
        return False
    word = f"failed with exit code {code}" if failed else "succeeded again"
    text = f"sneeuwbal, study {study}: job {job} {word}"
    return send(notify_settings(directory), {"text": text, "study": study, "job": job, "code": code, "failed": failed})


def send(where: Mapping[str, str], what: Mapping[str, Any]) -> bool:
    """Send *what*; return whether one way worked. Failures are logged only."""
    done = False
    for key, way in (("webhook", _webhook), ("mail_to", _mail)):
        if key not in where:
            continue
        try:
            way(where, what)
            done = True
        except Exception as error:  # a broken mail server must not end the schedule
            log.warning("could not send the notification on %s by %s: %s", what["job"], key, error)
    return done


def _webhook(where: Mapping[str, str], what: Mapping[str, Any]) -> None:
    import httpx

    httpx.post(where["webhook"], json=dict(what), timeout=TIMEOUT).raise_for_status()


def _mail(where: Mapping[str, str], what: Mapping[str, Any]) -> None:
    server = urlsplit(where.get("smtp", "smtp://localhost:25"))
    message = EmailMessage()
    message["Subject"], message["To"], message["From"] = what["text"], where["mail_to"], where["mail_to"]
    message.set_content(f"{what['text']}\n\n`sneeuwbal status` in the study's directory has the details.\n")
    kind = smtplib.SMTP_SSL if server.scheme == "smtps" else smtplib.SMTP
    with kind(server.hostname or "localhost", server.port or 0, timeout=TIMEOUT) as link:
        if server.username:
            if server.scheme != "smtps":
                link.starttls()
            link.login(unquote(server.username), unquote(server.password or ""))
        link.send_message(message)
