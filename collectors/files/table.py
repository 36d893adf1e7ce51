"""A table of people, posts or follow ties: CSV, Excel or Parquet, with a mapping from fields to its columns.

Only the mapped columns reach the archive, one row per line in JSON with its place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from datetime import date
from functools import cache
from importlib.metadata import entry_points
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collectors.files.table_posts import BARE, IDS, KEYS, POSTS, TIES, post, tie, tool
from collectors.importing.chunks import PIECE, Piece, Unreadable, as_far, checked_zip, cursor, open_bytes, places
from collectors.importing.file_collector import FileCollector, guarded, place
from collectors.parsing.addresses import web
from collectors.parsing.cells import LOST, fault, from_float, missing, no_person, rounded, rounded_column, whole
from collectors.parsing.coerce import decode, get, record, text
from collectors.parsing.people import profile_url, row_id, shown
from storage import csvfile
from storage.errors import UserError
from storage.privacy.declared import Hooks, hooks_of
from storage.records import Page, Position, Profile, ProfileLink, Quarantine, Record, Request

PEOPLE = ("profile_id", "url", "name", "headline", "description", "location",
          "employer", "title", "started", "ended", "x", "mastodon", "bluesky", "website")  # fmt: skip
FIELDS = tuple(dict.fromkeys((*PEOPLE, *TIES, *POSTS)))
_encode = msgspec.json.Encoder().encode
Row = tuple[int, list[Any] | str]  # place in the file; cells, or why they are missing


# ---- cutting ------------------------------------------------------------------------------------------------


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """Groups of rows, of the mapped columns only."""
    (done,) = places(request.target.cursor, 1)
    names, found = _source(path)(path, options)
    columns = mapped(names, options, path.name)
    kind = kind_of(columns)
    asked = {"rows": kind, "platform": str(options.get("platform") or "")} if kind != "people" else {}
    if asked and not asked["platform"]:
        raise UserError(f"{path.name} is a table of {kind}; give its platform, for example --platform x")
    lines: list[bytes] = []
    first = size = last = 0
    damage: list[Unreadable] = []
    for last, row in as_far(found, damage):
        if last <= done:
            continue
        first = first or last
        line = _line(last, row, columns, len(names))
        lines.append(line)
        size += len(line)
        if size >= PIECE:
            yield _piece(lines, first, cursor(last), asked)
            lines, first, size = [], 0, 0
    yield _piece(lines, first or 1, cursor(last) if damage else "", asked)
    if damage:
        raise damage[0]


def _piece(lines: list[bytes], first: int, after: str, asked: Mapping[str, str]) -> Piece:
    return Piece(b"".join(line + b"\n" for line in lines), after, first, len(lines), asked=asked)


def kind_of(fields: Collection[str]) -> str:
    """The type of the rows of a table with these *fields*: people, posts, ids (of posts without their text) or ties."""
    if set(TIES) <= set(fields):
        return "ties"
    return ("posts" if "text" in fields else "ids") if "post_id" in fields else "people"


def _line(number: int, row: list[Any] | str, columns: Mapping[str, int], width: int) -> bytes:
    if isinstance(row, str) or len(row) != width:
        wrong = row if isinstance(row, str) else f"{len(row)} cells where {width} are expected"
        return _encode({"line": number, "wrong": wrong})
    fields = {field: value for field, index in columns.items() if (value := _cell(row[index])) is not None}
    return _encode({"line": number, **fields})


def _cell(value: Any) -> str | None:
    """A cell as text; None for an empty one. Whole numbers without the .0 that spreadsheets add."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        value = int(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, date):
        return value.isoformat()
    return text(str(value).replace("\0", "").strip())


def mapped(names: list[str], options: Mapping[str, Any], file: str) -> dict[str, int]:
    """The index of each field's column: as in the option `columns`, else by equal names."""
    places_ = {name.strip().casefold(): index for index, name in reversed(list(enumerate(names)))}
    wanted: Mapping[str, str] = options.get("columns") or tool(set(places_))
    wanted = wanted or {field: field for field in FIELDS if field in places_}
    if not wanted and len(places_) == 1 and set(places_) <= IDS:
        wanted = {"post_id": names[0]}
    unknown = [field for field in wanted if field not in FIELDS]
    missing = [column for column in wanted.values() if column.strip().casefold() not in places_]
    if unknown:
        raise UserError(f"columns: unknown field {', '.join(unknown)}; the fields are {', '.join(FIELDS)}")
    if missing:
        raise UserError(f"{file}: no column {', '.join(missing)}; the columns are {', '.join(names)}")
    if kind_of(wanted) == "people" and not {"profile_id", "url", "name"} & set(wanted):
        raise UserError(
            f"{file}: map at least name, url or profile_id to a column (posts: post_id, and text if any; ties: "
            f"follower and followed); the columns are {', '.join(names)}"
        )
    return {field: places_[column.strip().casefold()] for field, column in wanted.items()}


def _source(path: Path) -> Callable[[Path, Mapping[str, Any]], tuple[list[str], Iterator[Row]]]:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return _parquet
    return _excel if magic == b"PK\x03\x04" else _csv


def _csv(path: Path, options: Mapping[str, Any]) -> tuple[list[str], Iterator[Row]]:
    wanted = {column.strip().casefold() for column in (options.get("columns") or {}).values()}

    def header(names: list[str]) -> bool:
        folded = {name.casefold() for name in names}
        ours = {"profile_id", "url", "name", "post_id"} & folded or set(TIES) <= folded or tool(folded)
        bare = len(names) == 1 and (folded <= IDS or BARE.fullmatch(names[0]))
        return wanted <= folded if wanted else bool(ours or bare)

    encoding, delimiter = str(options.get("encoding") or ""), str(options.get("delimiter") or "")
    found = csvfile.table(lambda: open_bytes(path), path.name, encoding, delimiter, header)
    rows = ((row.line, row.wrong or list(row.cells)) for row in found.rows if row.wrong or row.cells)
    if not wanted and len(found.columns) == 1 and BARE.fullmatch(found.columns[0]):  # only ids, without a header
        return ["post_id"], chain([(found.above, list(found.columns))], rows)
    return found.columns, rows


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
    except Exception as error:  # openpyxl raises any exception for a broken workbook
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

LINKS = ("x", "mastodon", "bluesky", "website")


def page_of(field: str) -> Callable[[str], str | None]:
    """The function from text in *field* to an address: the hook of the collector of that name, if any."""
    return _hooks(field).page_of or web


@cache
def _hooks(name: str) -> Hooks:
    """The hooks of the collector of that *name*; the defaults if there is none."""
    return next((hooks_of(point.load()) for point in entry_points(group="sneeuwbal.collectors", name=name)), Hooks())


NUMBERED = {*PEOPLE} & {"profile_id", "url", "x", "mastodon", "bluesky", "name"} | KEYS | {"handle"}


def read(page: Page) -> Iterator[Record]:
    """The persons, posts or ties of a piece."""
    units = [(index, raw) for index, raw in enumerate(page.content().split(b"\n")) if raw.strip()]
    id_of = _hooks(page.asked.get("platform", "")).id_of
    spoilt = {field for field in ("profile_id", *KEYS) if rounded_column(_value(raw, field, id_of) for _, raw in units)}
    for index, raw in units:
        yield from guarded(place(page, index), raw, lambda raw=raw: _row(page, record(decode(raw)), spoilt))  # type: ignore[misc]


def _value(raw: bytes, field: str, id_of: Callable[[str], str]) -> str | None:
    if field.encode() not in raw:
        return None
    try:
        value = text(get(decode(raw), field))
        return id_of(value) if value else value
    except ValueError:
        return None


def _row(page: Page, it: Mapping[str, Any], spoilt: set[str]) -> Iterator[Record]:
    where, kind = f"{place(page)}:{it.get('line')}", page.asked.get("rows", "people")
    platform = page.asked.get("platform", "")
    hooks = _hooks(platform)
    if it.get("wrong"):
        yield Quarantine(where, str(it["wrong"]))
        return
    given = {field: value for field in FIELDS if (value := text(it.get(field))) and not missing(value)}
    given |= {field: hooks.id_of(given[field]) for field in KEYS & given.keys()}
    wrong = {field: why for field, value in given.items() if field != "text" and (why := fault(value))}
    wrong |= {field: why for field, value in given.items() if field in NUMBERED and (why := rounded(value))}
    for field in spoilt & set(given):
        if from_float(given[field]):
            wrong[field] = f"{given[field]} has lost its last digits, like most here; give ids as text"
    if wrong:
        yield Quarantine(where, "; ".join(f"{field}: {why}" for field, why in wrong.items()), str(given)[:1000])
    fields = {
        field: whole(value) or value if field in NUMBERED - {"name"} else value
        for field, value in given.items()
        if field not in wrong or LOST in value
    }
    if ({"profile_id"} if kind == "people" else {"post_id", "account_id", *TIES}) & set(wrong):
        return
    if kind == "people":
        yield from _person({field: shown(fields.get(field)) for field in PEOPLE}, where)
    elif kind in ("posts", "ids"):
        yield from post(fields, platform, where, page.asked.get("sample"), bare=kind == "ids", made_at=hooks.made_at)
    elif set(TIES) <= set(fields):
        yield from tie(fields, platform)
    else:
        yield Quarantine(where, "a tie without both its ends")


def _person(it: Mapping[str, str | None], where: str) -> Iterator[Record]:
    if it["url"] and profile_url(it["url"]) is None:
        yield Quarantine(where, f"url: {it['url'][:100]} is no address of a page")
    url = profile_url(it["url"] or "") or (profile_url(it["profile_id"] or "") if _web(it["profile_id"]) else None)
    key = it["profile_id"] if it["profile_id"] and not _web(it["profile_id"]) else url
    if key is None and it["name"] is None:
        yield Quarantine(where, "a row without a name, an id or a URL")
        return
    key = key or row_id(it["name"] or "", it["employer"] or "", it["title"] or "", space="table-row")
    platform = urlsplit(url).hostname or "table" if url else "table"
    yield Profile(key, platform, url, it["name"], it["headline"], it["description"], it["location"])
    if it["employer"] or it["title"]:
        yield Position(key, 0, it["employer"], it["title"], _day(it["started"]), _day(it["ended"]), it["ended"] is None)
    yield from _links(key, it, where)


def _day(value: str | None) -> str | None:
    """A date, without the time that spreadsheets add."""
    return value[:10] if value and re.match(r"\d{4}-\d\d-\d\d[T ]", value) else value


def _web(value: str | None) -> bool:
    return bool(value and value.lower().startswith(("http://", "https://")))


def _links(key: str, fields: Mapping[str, str | None], where: str) -> Iterator[Record]:
    """The accounts and the site in a row, as addresses of their pages; invalid ones are quarantined."""
    for field in LINKS:
        if (value := fields[field]) is None or no_person(value):
            continue
        found = page_of(field)(value)
        if found is None:
            yield Quarantine(where, f"{field}: {value[:100]} is no account and no address")
        else:
            yield ProfileLink(key, found, "website" if field == "website" else "sameAs")


__all__ = ["FIELDS", "collector", "mapped"]

collector = FileCollector("table", cut, read)
