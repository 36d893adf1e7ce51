"""The pages of docs/ that are made from the code: the commands and the data dictionary."""

from __future__ import annotations

from pathlib import Path

import click

import cli
from storage.database import data_dictionary

DOCS = Path(__file__).parents[1] / "docs"


def commands_page() -> str:
    """docs/commands.md: the help of every command, as it is printed at 100 columns."""
    parts = [
        "# The commands\n",
        "Made from the program's own help by `make docs`. Exit codes: 0 complete, 2 your mistake (one line says what "
        "is wrong and the mend), 3 partial (the rest is there), 4 out of budget or credit (the frontier is kept), 130 "
        "interrupted. A command works on the study in the current directory, or on `sneeuwbal --study DIR`.\n",
    ]
    root = click.Context(cli.cli, info_name="sneeuwbal", terminal_width=100)
    for name in cli.COMMANDS:
        command = cli.cli.get_command(root, name)
        assert command is not None
        parts += _help(command, root, name, "##")
    return "\n".join(parts)


def _help(command: click.Command, parent: click.Context, name: str, level: str) -> list[str]:
    context = click.Context(command, parent=parent, info_name=name, terminal_width=100)
    text = command.get_help(context).replace("\b\n", "")
    parts = [f"{level} {context.command_path}\n", f"```text\n{text.rstrip()}\n```\n"]
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            parts += _help(found, context, each, level + "#")
    return parts


PAGES = {"commands.md": commands_page, "data-dictionary.md": data_dictionary}


def main() -> None:
    """Write the pages."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
