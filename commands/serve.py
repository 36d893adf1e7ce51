"""`sneeuwbal serve`: the web applications, each in a process of its own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from jobs.context import open_study
from storage.errors import UserError


@click.group()
def command() -> None:
    """Serve pages for participants, or for researchers, each in a process and on a port of their own.

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


@command.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8418, show_default=True, help="Port to listen on.")
@click.option("--url", help="Address that researchers see, if a reverse proxy is in front.")
@click.option("--new-password", is_flag=True, help="Make a password, print it once, keep its hash in secrets.toml.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A file with the password, or its hash.  [default: secrets.toml]")  # fmt: skip
@click.option("--identity", metavar="HEADER", help="Trust this header of the reverse proxy to name who asks.")
@click.option("--proxy", metavar="ADDRESS", default="127.0.0.1", show_default=True,
              help="With --identity: the only address it is trusted from.")  # fmt: skip
@click.pass_obj
def desk(
    directory: Path,
    host: str,
    port: int,
    url: str | None,
    new_password: bool,
    password_file: Path | None,
    identity: str | None,
    proxy: str,
) -> None:
    """Serve the researchers' desk: state, schedule, report, SQL, and queues to decide in.

    It needs a password, or a reverse proxy that names who asks.
    """
    from jobs.secrets import desk_password, new_desk_password
    from serve.desk.access import Password, Proxy
    from serve.desk.app import desk
    from serve.web import serve

    open_study(directory)
    if new_password:
        click.echo(f"the password, which is shown once: {new_desk_password(directory)}")
    known = desk_password(directory, password_file)
    if identity and (new_password or password_file):
        raise UserError("--identity instead of a password, not with one")
    if not identity and known is None:
        raise UserError("the desk is never open: give --new-password, --password-file, or --identity and --proxy")
    access = Proxy(identity, proxy) if identity else Password(str(known))
    address = url or f"http://{host}:{port}"
    click.echo(f"the desk: {address}")
    serve(desk(directory, access, address), host, port, forwarded=False)
