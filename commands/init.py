"""`sneeuwbal init`: create a study."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jobs.context import LIST, Begun, Language, able, create


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--name", default="My study", show_default=True, help="Name of the study.")
@click.option("--contact", default="", help="Contact for server operators: an e-mail or web address.")
@click.option("--for", "platforms", metavar="NAME,...", help="Write a short study file for these platforms only.")
@click.option("--population", metavar="NOUN", help="With --for: the people studied, such as journalists.")
@click.option("--groups", metavar="NOUN", help="With --for: the groups they belong to, such as newsrooms.")
@click.option("--language", type=click.Choice(["en", "nl"]),
              help="With --for: language of the nouns and the report (detected if omitted).")  # fmt: skip
@click.pass_obj
def command(
    study: Path,
    directory: Path | None,
    name: str,
    contact: str,
    platforms: str | None,
    population: str | None,
    groups: str | None,
    language: Language | None,
) -> None:
    """Write a commented study file into DIRECTORY, created if needed. Nothing is overwritten.

    With --for it contains what a study of these platforms needs, plus a list of organisations to fill in; otherwise
    every key with its default. On a terminal it asks for missing values.
    """
    if (population or groups or language) and not platforms:
        raise click.UsageError("--population, --groups and --language need --for")
    if platforms is None and asked():
        platforms = click.prompt(f"Platforms, with commas between them ({', '.join(able())})")
        population = click.prompt("Who is studied", default="members")
        groups = click.prompt("Which groups do they belong to", default="groups")
        contact = contact or click.prompt("Your e-mail or web address", default="")
    chosen = tuple(dict.fromkeys(part.strip() for part in (platforms or "").split(",") if part.strip()))
    folder = directory or study
    path = create(folder, Begun(name, contact, chosen, population or "", groups or "", language))
    more = f" and your {groups or 'organisations'} to {folder / LIST}" if chosen else ""
    click.echo(f"{path} written; add your seeds to it{more}, then run `sneeuwbal --study {folder} run`")


def asked() -> bool:
    """Whether the session is interactive."""
    return sys.stdin.isatty()
