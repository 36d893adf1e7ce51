"""Detection of file formats by name and content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from collectors.files import ENDINGS, FORMATS, collector
from collectors.importing.chunks import Unreadable, open_bytes
from collectors.importing.file_collector import OPTIONS
from storage.errors import UserError

HEAD = 1 << 16  # bytes in which an id of API v1.1 must occur


def formats_of(paths: Sequence[Path], options: Mapping[str, Any]) -> tuple[dict[str, list[Path]], list[str]]:
    """The files at *paths* and in the folders below them, by format; and a line on each other file."""
    found: dict[str, list[Path]] = {}
    refused: list[str] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file; check the path")
        for file in _units(path):
            form, why = _format(file, options)
            if form:
                found.setdefault(form, []).append(file)
            else:
                refused.append(f"{file}: not read: {why}")
    return found, refused


def options_for(form: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of *options* that the format supports."""
    return {name: value for name, value in options.items() if not OPTIONS.get(name) or form in OPTIONS[name].split()}


def _units(path: Path) -> Iterator[Path]:
    """The files below *path*; a folder with a Connections.csv is one export."""
    if path.is_file():
        yield path
        return
    for folder, below, names in os.walk(path):
        below.sort()
        if "connections.csv" in map(str.casefold, names):
            below.clear()
            yield Path(folder)
        else:
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _format(path: Path, options: Mapping[str, Any]) -> tuple[str, str]:
    """The format of a file, or why it is not supported."""
    if path.is_dir():
        candidates = ["linkedin"]
    else:
        candidates = [form for form in FORMATS if path.name.lower().endswith(ENDINGS[form])]
    if {"twarc", "x-v1"} <= set(candidates) and _first_version(path):
        candidates.remove("twarc")
    why = f"its name ends in none of {', '.join(sorted({end for ends in ENDINGS.values() for end in ends}))}"
    for form in candidates:
        try:
            wrong = collector(form).check(path, options_for(form, options))
        except UserError as error:
            why = str(error).removeprefix(f"{path}: ")
        else:
            if wrong is None:
                return form, ""
            why = f"{wrong.place}: {wrong.reason}"
    return "", why


def _first_version(path: Path) -> bool:
    """Whether JSON of X is from API v1.1, whose values have both `id` and `id_str`."""
    try:
        with open_bytes(path) as stream:
            return b'"id_str"' in stream.read(HEAD)
    except (Unreadable, OSError):
        return False
