"""The pages of docs/ that are made from the code: the commands, the data dictionary, the keys of the study file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

import cli
from storage.tables.database import data_dictionary

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

DOCS = Path(__file__).parents[1] / "docs"


def commands_page() -> str:
    """docs/commands.md: the help of every command, as it is printed at 100 columns."""
    parts = [
        "# The commands\n",
        "Made from the program's own help by `make docs`. Exit codes: 0 complete, 2 usage or input error (one line "
        "with the fix), 3 partial (the rest is done), 4 out of budget or credit (the frontier is kept), 130 "
        "interrupted. A command works on the study in the current directory, or on `sneeuwbal --study DIR`.\n",
    ]
    names = cli.cli.context_settings["help_option_names"]
    root = click.Context(cli.cli, info_name="sneeuwbal", terminal_width=100, help_option_names=names)
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


def study_file_page() -> str:
    """docs/study-file.md with its tables of keys renewed; the prose between them is written by hand."""
    from study import participants, published, settings, survey
    from study.begin import seeds_model

    models = {**vars(settings), **vars(survey), **vars(participants), **vars(published), "Seeds": seeds_model()}
    page = (DOCS / "study-file.md").read_text(encoding="utf-8")
    return re.sub(
        r"(<!-- keys of (\w+) -->\n).*?(\n<!-- end -->)",
        lambda found: found[1] + _keys(models[found[2]]) + found[3],
        page,
        flags=re.S,
    )


def sampling_page() -> str:
    """docs/sampling.md with its table of columns renewed."""
    from storage.sampling.rules import COLUMNS

    rows = [f"| `{name}` | {kind} | {meaning} |" for name, (kind, meaning) in COLUMNS.items()]
    table = "\n".join(["| column | type | what it is |", "|---|---|---|", *rows])
    page = (DOCS / "sampling.md").read_text(encoding="utf-8")
    begin, end = "<!-- columns of the candidates -->\n", "<!-- end -->"
    return page[: page.index(begin)] + begin + table + "\n" + page[page.index(end) :]


def _keys(model: type[BaseModel]) -> str:
    from storage.tomlfile import keys

    rows = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in keys(model).items()]
    return "\n".join(["| key | default | what it is |", "|---|---|---|", *rows])


def _default(field: FieldInfo) -> str:
    from storage.tomlfile import literal

    if field.is_required():
        return "required"
    value = field.get_default()
    if value is not None and value != {}:
        return f"`{literal(value)}`"
    return f"none; for example `{literal(field.examples[0])}`" if field.examples else "none"


PAGES = {
    "commands.md": commands_page,
    "data-dictionary.md": data_dictionary,
    "sampling.md": sampling_page,
    "study-file.md": study_file_page,
}


def main() -> None:
    """Write the pages."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
