"""A table of people: CSV, Excel or Parquet, with a mapping from fields to its columns.

Only the columns of the mapping reach the archive, one row a line in JSON with its place in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collectors.importing.chunks import PIECE, Piece, Unreadable, cells, checked_zip, cursor, open_bytes, places, rows
from collectors.importing.file_collector import FileCollector, guarded, place
from collectors.parsing.coerce import decode, record, text
from collectors.parsing.people import profile_url, row_id, shown
from storage.errors import UserError
from storage.records import Page, Position, Profile, ProfileLink, Quarantine, Record, Want

FIELDS = ("profile_id", "url", "name", "headline", "description", "location",
          "employer", "title", "started", "ended", "x", "mastodon", "bluesky", "website")  # fmt: skip
_encode = msgspec.json.Encoder().encode
Row = tuple[int, list[Any]]  # place in the file, cells


# ---- cutting ------------------------------------------------------------------------------------------------


def cut(path: Path, want: Want, options: Mapping[str, Any]) -> Generator[Piece]:
    """Groups of rows, of the mapped columns only."""
    (done,) = places(want.target.cursor, 1)
    names, found = _source(path)(path, options)
    columns = mapped(names, options, path.name)
    lines: list[bytes] = []
    first = size = last = 0
    for last, row in found:
        if last <= done:
            continue
        first = first or last
        line = _line(last, row, columns, len(names))
        lines.append(line)
        size += len(line)
        if size >= PIECE:
            yield _piece(lines, first, cursor(last))
            lines, first, size = [], 0, 0
    yield _piece(lines, first or 1, "")


def _piece(lines: list[bytes], first: int, after: str) -> Piece:
    return Piece(b"".join(line + b"\n" for line in lines), after, first, len(lines))


def _line(number: int, row: list[Any], columns: Mapping[str, int], width: int) -> bytes:
    if len(row) != width:
        return _encode({"line": number, "wrong": f"{len(row)} cells where {width} are expected"})
    told = {field: value for field, index in columns.items() if (value := _cell(row[index])) is not None}
    return _encode({"line": number, **told})


def _cell(value: Any) -> str | None:
    """A cell as text; None for an empty one. Whole numbers lose the .0 that spreadsheets add."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        value = int(value)
    if isinstance(value, date):
        return value.isoformat()[:10]
    return text(str(value).strip())


def mapped(names: list[str], options: Mapping[str, Any], file: str) -> dict[str, int]:
    """The place of each field's column: as `columns` in the options says, else where the names are the same."""
    places_ = {name.strip().casefold(): index for index, name in reversed(list(enumerate(names)))}
    wanted: Mapping[str, str] = options.get("columns") or {field: field for field in FIELDS if field in places_}
    unknown = [field for field in wanted if field not in FIELDS]
    missing = [column for column in wanted.values() if column.strip().casefold() not in places_]
    if unknown:
        raise UserError(f"columns: {', '.join(unknown)} is no field; the fields are {', '.join(FIELDS)}")
    if missing:
        raise UserError(f"{file}: no column {', '.join(missing)}; the columns are {', '.join(names)}")
    if not {"profile_id", "url", "name"} & set(wanted):
        raise UserError(f"{file}: map at least name, url or profile_id to a column; the columns are {', '.join(names)}")
    return {field: places_[column.strip().casefold()] for field, column in wanted.items()}


def _source(path: Path) -> Callable[[Path, Mapping[str, Any]], tuple[list[str], Iterator[Row]]]:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return _parquet
    return _excel if magic == b"PK\x03\x04" else _csv


def _csv(path: Path, options: Mapping[str, Any]) -> tuple[list[str], Iterator[Row]]:
    encoding = str(options.get("encoding") or "utf-8")
    with open_bytes(path) as stream:
        begin = stream.read(PIECE)
    begin = begin[: begin.rfind(b"\n") + 1] or begin
    try:
        begin.decode(encoding)
    except LookupError as error:
        raise UserError(f"--encoding {encoding}: there is no such encoding; try cp1252 or utf-8") from error
    except UnicodeDecodeError as error:
        line = begin.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path.name}:{line} is not {encoding}; give --encoding, for example cp1252 or latin-1"
        ) from error
    found = rows(open_bytes(path))
    _, _, raw = next(found, (0, 0, b""))
    head = raw.removeprefix(b"\xef\xbb\xbf")
    delimiter = str(options.get("delimiter") or max(",;\t", key=head.decode(encoding, "replace").count))
    names = cells(head, delimiter, encoding) or []
    return names, ((line, cells(raw, delimiter, encoding) or []) for line, _, raw in found if raw.strip())


def _excel(path: Path, options: Mapping[str, Any]) -> tuple[list[str], Iterator[Row]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UserError(f"{path.name}: Excel files need openpyxl: install sneeuwbal[excel]") from error
    checked_zip(path).close()
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheet = book[options["sheet"]] if options.get("sheet") else book.worksheets[0]
        found = enumerate(sheet.iter_rows(values_only=True), 1)
        _, head = next(found, (0, ()))
    except Exception as error:  # openpyxl lets anything through that a broken workbook makes it do
        raise Unreadable(f"{path.name} cannot be read as a workbook: {error}") from error
    names = ["" if name is None else str(name) for name in head]
    return names, ((number, list(row)) for number, row in _safe(found, path) if any(cell is not None for cell in row))


def _safe(found: Iterator[Any], path: Path) -> Iterator[Any]:
    while True:
        try:
            one = next(found, None)
        except Exception as error:  # as above
            raise Unreadable(f"{path.name} breaks off: {error}") from error
        if one is None:
            return
        yield one


def _parquet(path: Path, options: Mapping[str, Any]) -> tuple[list[str], Iterator[Row]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        names = [str(name) for name in file.schema_arrow.names]
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"{path.name} cannot be read as Parquet: {error}") from error

    def found() -> Iterator[Row]:
        number = 0
        for batch in _safe(file.iter_batches(10_000), path):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield number, list(row)

    return names, found()


# ---- reading ------------------------------------------------------------------------------------------------


def read(page: Page) -> Iterator[Record]:
    """The persons of a piece."""
    name = place(page)
    for index, raw in enumerate(page.content().split(b"\n")):
        if raw.strip():
            yield from guarded(place(page, index), raw, lambda raw=raw: _person(record(decode(raw)), name))  # type: ignore[misc]


def _person(it: Mapping[str, Any], name: str) -> Iterator[Record]:
    where = f"{name}:{it.get('line')}"
    told = {field: shown(it.get(field)) for field in FIELDS}
    if it.get("wrong"):
        yield Quarantine(where, str(it["wrong"]))
        return
    url = profile_url(told["url"] or "") or (
        profile_url(told["profile_id"] or "") if _web(told["profile_id"]) else None
    )
    given = url if _web(told["profile_id"]) else told["profile_id"]
    key = given or url
    if key is None and told["name"] is None:
        yield Quarantine(where, "a row without a name, an id or a URL")
        return
    key = key or row_id(told["name"] or "", told["employer"] or "", told["title"] or "", space="table-row")
    platform = urlsplit(url).hostname or "table" if url else "table"
    yield Profile(key, platform, url, told["name"], told["headline"], told["description"], told["location"])
    if told["employer"] or told["title"]:
        yield Position(key, 0, told["employer"], told["title"], told["started"], told["ended"], told["ended"] is None)
    for link in _links(told):
        yield ProfileLink(key, link, "sameAs")
    if told["website"]:
        yield ProfileLink(key, told["website"], "website")


def _web(value: str | None) -> bool:
    return bool(value and value.startswith(("http://", "https://")))


def _links(told: Mapping[str, str | None]) -> Iterator[str]:
    """The accounts that a row names, as URLs of their pages."""
    for field in ("x", "mastodon", "bluesky"):
        value = told[field]
        if value is None:
            continue
        handle = value.lstrip("@")
        if _web(value):
            yield value
        elif field == "x":
            yield f"https://x.com/{handle}"
        elif field == "bluesky":
            yield f"https://bsky.app/profile/{handle}"
        elif handle.count("@") == 1:
            user, host = handle.split("@")
            yield f"https://{host}/@{user}"


__all__ = ["FIELDS", "collector", "mapped"]

collector = FileCollector("table", cut, read)
