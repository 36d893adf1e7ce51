"""`sneeuwbal serve`: the web applications, each in a process of its own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from jobs.context import open_study
from storage.errors import UserError


@click.group()
def command() -> None:
    """Serve pages for participants, in a process and on a port of their own.

    Loopback by default; put a reverse proxy with TLS before it.
    """
    try:
        import serve.web  # noqa: F401
    except ImportError:
        raise UserError("the pages need libraries that are not installed: pip install 'sneeuwbal[serve]'") from None


@command.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on (default: that of [participants] url, else 8417).")
@click.pass_obj
def participants(directory: Path, host: str, port: int | None) -> None:
    """Serve the pages of people who take part: information, consent, donation, withdrawal.

    The study's texts are files in its folder `consent`; templates are written at the first start. `sneeuwbal invite`
    makes the links.
    """
    from serve.participants.app import started
    from serve.web import serve

    study = open_study(directory)
    with started(study) as face:
        click.echo(f"participants: {study.participants.url}")
        serve(face, host, port or urlsplit(study.participants.url).port or 8417)
