"""`sneeuwbal serve`: the web applications, each in a process of its own."""

from __future__ import annotations

from pathlib import Path

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
@click.option("--port", default=8417, show_default=True, help="Port to listen on.")
@click.option("--url", help="Address that participants see, if a reverse proxy is in front.")
@click.pass_obj
def participants(directory: Path, host: str, port: int, url: str | None) -> None:
    """Serve the pages of people who take part: information, consent, donation, withdrawal."""
    from serve.participants.app import face
    from serve.web import serve

    open_study(directory)
    address = url or f"http://{host}:{port}"
    click.echo(f"participants: {address}")
    serve(face(address), host, port)
