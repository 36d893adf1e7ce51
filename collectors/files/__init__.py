"""Files as collectors: the same contract for exports and archives of other tools.

`FORMATS` lists them; `targets` returns what can be fetched from some files. A run of `sneeuwbal import` is the collect
loop over those targets, with `paths` in the collector's options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from collectors.importing.file_collector import FileCollector, checked
from storage.errors import UserError
from storage.records import Target

FORMATS: Mapping[str, str] = {
    "linkedin": "a member's own LinkedIn export (ZIP, folder, or Connections.csv)",
    "zeeschuimer": "posts of X and LinkedIn captured with Zeeschuimer (NDJSON)",
    "twarc": "twarc's JSONL of X's API v2, pages or flattened; lists of posts",
    "x-v1": "JSON of X's API v1.1: posts, accounts, lists of ids; a member's own archive (tweets.js, or its ZIP)",
    "linkedin-json": "LinkedIn profiles from data vendors (JSON, JSONL)",
    "warc": "WARC files with answers of the APIs of X, Mastodon, Bluesky (Social Feed Manager ...)",
    "har": "HAR files with such answers (from a browser's network panel or a proxy)",
    "roo": "the Dutch register of organisations (exportOO.xml)",
    "table": "a table of people, posts, ids of posts or follow ties (CSV, Excel, Parquet)",
    "survey": "survey answers (SPSS, Stata, CSV with a codebook, LimeSurvey, Qualtrics)",
}

_PACKED = ("", ".gz", ".xz", ".bz2", ".zst")


def _packed(*endings: str) -> tuple[str, ...]:
    return tuple(ending + packed for packed in _PACKED for ending in endings)


_JSON = _packed(".json", ".jsonl", ".ndjson")
ENDINGS: Mapping[str, tuple[str, ...]] = {  # of the files taken from a folder
    "linkedin": (".zip", "connections.csv"),
    "linkedin-json": _JSON,
    "zeeschuimer": _JSON,
    "twarc": _JSON,
    "x-v1": (*_JSON, "tweets.js", ".zip"),
    "warc": _packed(".warc"),
    "har": _packed(".har"),
    "roo": _packed(".xml"),
    "table": (*_packed(".csv", ".tsv", ".txt"), ".xlsx", ".parquet"),
    "survey": (".sav", ".zsav", ".por", ".dta", *_packed(".csv", ".tsv")),
}


def collector(format_: str) -> FileCollector:
    """The collector of *format_*. Raise UserError for an unknown one."""
    if format_ not in FORMATS:
        raise UserError(f"{format_} is not a format; the formats are {', '.join(FORMATS)}")
    (point,) = entry_points(group="sneeuwbal.collectors", name=format_)
    found = point.load()
    assert isinstance(found, FileCollector)
    return found


def targets(format_: str, paths: Sequence[str | Path], options: Mapping[str, Any]) -> dict[Target, Path]:
    """The targets in the files at *paths*, with the file of each; a folder means the files in it.

    Put its `paths_of` into the collector's options. Raise UserError for a file that is missing, of another
    format, or rejected (a damaged ZIP, a bomb).
    """
    one = collector(format_)
    checked(one.name, options)
    files = [file for path in paths for file in _files(Path(path), format_)]
    if isinstance(options.get("owner"), str) and len(files) > 1:
        raise UserError("one --owner for several exports; import them separately")
    wrong = [one.check(file, options) for file in files]
    if (first := wrong[0]) and all(wrong):
        raise UserError(f"cannot be read as {format_}: {first.place}: {first.reason}; check the format")
    return {target: file for file in files for target in one.targets(file, options)}


def paths_of(found: Mapping[Target, Path]) -> dict[str, str]:
    """The files by key, for fetch's options."""
    return {target.key: str(path) for target, path in found.items()}


def _files(path: Path, format_: str) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file; check the path")
    if path.is_file() or (format_ == "linkedin" and any(path.rglob("[Cc]onnections.csv"))):
        return [path]
    endings = ENDINGS[format_]
    inside = sorted(file for file in path.iterdir() if file.is_file() and file.name.lower().endswith(endings))
    if not inside:
        raise UserError(f"{path}: no file in this folder ends in {' or '.join(endings)}; give the file itself")
    return inside
