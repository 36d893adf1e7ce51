"""A member's own LinkedIn export: one donation is one seed, with profile, positions and connections.

Columns as LinkedIn writes them ("Download your data"): Connections.csv, Profile.csv, Positions.csv, and the files of
the further domains that the study names (`collectors.linkedin.domains`). What the study does not need never reaches the
archive: only listed columns are kept, so no birth date or address, and in them no e-mail address or telephone number.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from collectors.importing.chunks import PIECE, Piece, Unreadable, as_far, checked_zip, cursor, open_member, places
from collectors.importing.file_collector import FileCollector, digest_of, guarded, name_of, place
from collectors.linkedin.domains import FURTHER, REFUSED
from collectors.parsing.addresses import web
from collectors.parsing.cells import fault
from collectors.parsing.coerce import day, each, get, record, text
from collectors.parsing.people import LINKEDIN as PLATFORM
from collectors.parsing.people import profile_url, row_id, shown
from storage import csvfile
from storage.privacy.declared import Donation
from storage.records import (
    BadBody,
    Connection,
    Page,
    Position,
    Profile,
    ProfileDetail,
    ProfileLink,
    Quarantine,
    Record,
    Request,
)

KEPT = ("First Name", "Last Name", "URL", "Company", "Position", "Connected On")
PROFILE = ("First Name", "Last Name", "Headline", "Summary", "Geo Location", "Twitter Handles", "Websites")
POSITIONS = ("Company Name", "Title", "Started On", "Finished On")
OWN = "URL"  # in a donated Profile.csv: the address of the member's page, as they gave it
ADDRESS = r"\s*(https?:\/\/)?[^\s\/]+\/in\/[^\s\/?#]+\S*\s*"  # of a profile's page; also read by JavaScript
# the column names in Dutch, German, French and Spanish exports
_TRANSLATED = {
    "First Name": "voornaam vorname prénom nombre",
    "Last Name": "achternaam nachname nom apellidos apellido",
    "Company": "bedrijf unternehmen entreprise empresa",
    "Position": "functie position poste cargo puesto",
    "Connected On": "verbonden_op verbunden_am vernetzt_am date_de_connexion connecté_le conectado_el",
    "Headline": "kopregel profil-slogan titre_du_profil titular",
    "Summary": "samenvatting zusammenfassung résumé extracto",
    "Geo Location": "geolocatie standort lieu ubicación",
    "Company Name": "bedrijfsnaam name_des_unternehmens nom_de_l’entreprise nombre_de_la_empresa",
    "Title": "titel titre título",
    "Started On": "begonnen_op begonnen_am date_de_début fecha_de_inicio",
    "Finished On": "beëindigd_op beendet_am date_de_fin fecha_de_finalización",
}


def _folded(name: str) -> str:
    """A column's name without case and accents."""
    bare = unicodedata.normalize("NFKD", name.casefold().replace("'", "’"))
    return "".join(char for char in bare if not unicodedata.combining(char))


_COLUMNS = {
    _folded(name): name
    for columns in (KEPT, PROFILE, POSITIONS, *(it for _, it in FURTHER.values()))
    for name in columns
} | {_folded(word.replace("_", " ")): name for name, words in _TRANSLATED.items() for word in words.split()}
# E-mail addresses, and telephone numbers that begin with + or 0; not dates, ORCIDs, or numbers within an address. Also
# read by JavaScript. An e-mail address is looked for where a word begins, as elsewhere the time would be quadratic.
_CUT = re.compile(
    r"(?<![^\s@<>\"',;])[^\s@<>\"',;]+@[^\s@<>\"',;]+\.[^\s@<>\"',;]+"
    r"|(?:(?<!\w)\+|(?<![\w\/-])(?<![0-9]\.)(?![0-9]{2}[-. \/][0-9]{2}[-. \/](?:19|20)[0-9]{2}(?![0-9])"
    r"|[01][0-9][-. \/](?:19|20)[0-9]{2}(?![- .\/]?[0-9])|[0-9]{4}-[0-9]{4}-[0-9]{4}-)0)"
    r"[0-9](?:[ ().\/\u00a0\u2009\u2010-\u2015\u202f-]{0,3}[0-9]){7,13}(?!\w)"
)

_KIND = re.compile(r"^[^\W\d_]+:(?!//)")  # the type of a website, before its address
_BETWEEN = re.compile(r",(?=\s*[^\W\d_]+:)")  # separates two websites; an address may contain a comma


# ---- the export ---------------------------------------------------------------------------------------------


def _open(path: Path, wanted: str) -> tuple[csvfile.Open, datetime | None] | None:
    """Functions that open the files *wanted* of an export (ZIP, folder or one CSV), and its date; None if missing."""
    if path.is_dir():
        found = sorted(p for p in path.rglob("*.csv") if p.name.casefold() == wanted)
        return (lambda: found[0].open("rb"), None) if found else None
    if not zipfile.is_zipfile(path):
        single = path.name.casefold()
        return (lambda: path.open("rb"), None) if wanted == (single if single in _KNOWN else _KNOWN[0]) else None
    archive = checked_zip(path)
    entries = [e for e in archive.infolist() if e.filename.replace("\\", "/").rpartition("/")[2].casefold() == wanted]
    if not entries:
        return None
    entry = min(entries, key=lambda one: one.filename.count("/"))
    return lambda: open_member(archive, entry), _made(entry)


def _made(entry: zipfile.ZipInfo) -> datetime | None:
    """When LinkedIn wrote a file of the export (a zip keeps no zone: taken as UTC); None if unknown."""
    try:
        return datetime(*entry.date_time, tzinfo=UTC) if entry.date_time[0] > 2002 else None
    except ValueError:
        return None


_KNOWN = ("connections.csv", "profile.csv", "positions.csv")


def owner_of(key: str, options: Mapping[str, Any], stated: str = "") -> str:
    """The profile id of the export's owner: `owner` in the options, else *stated*, else an id for this donation."""
    given = options.get("owner")
    if isinstance(given, Mapping):
        given = given.get(key) or given.get(name_of(key))
    given = given or stated
    return (profile_url(str(given)) or str(given)) if given else f"urn:linkedin-export:{digest_of(key)}"


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """The pieces of an export, with permitted data only: the profile in one, the connections in groups of rows."""
    profile = dict[str, str]()
    with suppress(Unreadable) if request.target.kind != "profile" else nullcontext():
        profile = (_few(path, "profile.csv", (*PROFILE, OWN)) or [profile])[0]
    asked = {"owner": owner_of(request.target.key, options, profile.pop(OWN, ""))}
    if request.target.kind == "profile":
        yield _profile_piece(path, profile, asked, options.get("domains", ()))
        return
    found = _open(path, "connections.csv")
    if found is None:
        raise Unreadable(f"{path.name} holds no Connections.csv")
    for piece in _connection_pieces(found[0], request.target.cursor, asked):
        yield msgspec.structs.replace(piece, at=found[1])


def _connection_pieces(open_: csvfile.Open, start: str, asked: dict[str, str]) -> Iterator[Piece]:
    (done,) = places(start, 1)
    header, found = _table(open_, "Connections.csv", ("First Name", "Last Name"))
    kept: list[list[str]] = []
    first = size = 0
    last, damage = done, list[Unreadable]()
    for row in as_far(found, damage):
        if (last := row.line) <= done:
            continue
        first = first or row.line
        kept.append([str(row.line), *_kept(header, row)])
        size += len(row.text)
        if size >= PIECE:
            yield _piece(header, kept, cursor(row.line), first, asked)
            kept, first, size = [], 0, 0
    yield _piece(header, kept, cursor(last) if damage else "", first or 1, asked)
    if damage:
        raise damage[0]


def _piece(header: list[str], kept: list[list[str]], after: str, first: int, asked: dict[str, str]) -> Piece:
    text_ = io.StringIO(newline="")
    writer = csv.writer(text_)
    writer.writerow(["Line", *(name for name in KEPT if name in header)])
    writer.writerows(kept)
    left_out = ", ".join(name for name in header if name not in KEPT)
    asked = asked | {"left_out": left_out} if left_out else asked
    return Piece(text_.getvalue().encode(), after, first, len(kept), "line", "text/csv; charset=utf-8", asked=asked)


def _table(open_: csvfile.Open, name: str, needed: tuple[str, ...]) -> tuple[list[str], Iterator[csvfile.Row]]:
    """The columns of a file by their English names, and the rows below them; a preamble is skipped."""

    def english(names: list[str]) -> list[str]:
        return [_COLUMNS.get(_folded(one), one) for one in names]

    found = csvfile.table(open_, name, header=lambda names: set(needed) <= set(english(names)))
    header = english(found.columns)
    if not set(needed) <= set(header):
        raise Unreadable(
            f"not a {name}: no line names {' and '.join(needed)} in English, Dutch, German, French or Spanish; "
            f"line {found.above} has {', '.join(found.columns)[:200] or 'nothing'}; rename the columns"
        )
    return header, found.rows


def _kept(header: list[str], row: csvfile.Row) -> list[str]:
    """The cells that may be kept; of a row with too few or too many, which could have e-mail anywhere, only a note."""
    if row.wrong:
        return [row.wrong]
    if not row.cells:
        return [""] * sum(name in header for name in KEPT)
    by_name = dict(zip(header, row.cells, strict=True))
    return [_CUT.sub("", by_name[name]) for name in KEPT if name in by_name]


def _profile_piece(path: Path, profile: dict[str, str], asked: dict[str, str], domains: Iterable[str]) -> Piece:
    positions = _few(path, "positions.csv", POSITIONS)
    further = {name: found for name in domains if (found := _rows_of(path, name))}
    opened = _open(path, "profile.csv")
    at = opened[1] if opened else None
    body = msgspec.json.encode(
        {"profile": profile, "positions": positions, **({"further": further} if further else {})}
    )
    return Piece(body, "", 1, 1, "item", "application/json", asked=asked, at=at)


def _rows_of(path: Path, domain: str) -> list[dict[str, str]]:
    """The rows of a further domain; of a file that cannot be read only the reason."""
    file, columns = FURTHER[domain]
    try:
        return _few(path, file.lower(), columns)
    except Unreadable as error:
        return [{"wrong": str(error)}]


def _few(path: Path, name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a small CSV, with *columns* only; of rows that do not fit only the reason."""
    opened = _open(path, name)
    if opened is None:
        return []
    header, found = _table(opened[0], name, columns[:2])
    return [
        {"wrong": f"line {row.line}: {row.wrong}"}
        if row.wrong
        else reduced(dict(zip(header, row.cells, strict=True)), columns)
        for row in found
        if row.wrong or row.cells
    ]


def reduced(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, str]:
    """The cells of *row* in *columns*, by their English names, without what is cut and without the empty ones."""
    cells = ((_COLUMNS.get(_folded(name), name), cell) for name, cell in row.items())
    return {name: _CUT.sub("", cell) for name, cell in cells if name in columns and isinstance(cell, str) and cell}


# ---- reading ------------------------------------------------------------------------------------------------


def read(page: Page) -> Iterator[Record]:
    """The records of a piece: the member's profile and positions, or the persons in the list of connections."""
    owner = page.asked.get("owner") or owner_of(page.key, {})
    content = page.content()
    if page.kind == "profile":
        yield from guarded(place(page, None), content, lambda: member(owner, _json(content)))
        return
    found = csv.DictReader(io.StringIO(content.decode("utf-8", "replace"), newline=""), restkey="more")
    try:
        for row in found:
            yield from connected(owner, row, _table_of(page))
    except csv.Error as error:
        raise BadBody(f"the rows cannot be read: {error}") from error


def _table_of(page: Page) -> str:
    """The file of the rows."""
    name = place(page)
    return name if name.lower().endswith(".csv") else f"{name}/Connections.csv"


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def connected(owner: str, row: Mapping[str, Any], name: str) -> Iterator[Record]:
    """The person in a *row* (columns KEPT) of the connections of *owner*; *name* is the file of the rows."""
    where = f"{name}:{row.get('Line') or '?'}"
    first, last = shown(row.get("First Name")), shown(row.get("Last Name"))
    company, title, since = shown(row.get("Company")), shown(row.get("Position")), text(row.get("Connected On"))
    if row.get("Last Name") is None or "more" in row:
        yield Quarantine(where, str(row.get("First Name") or "too many cells"))
        return
    if not (first or last):
        blank = not any(row.get(column) for column in KEPT)
        cells = ",".join(str(row.get(column) or "") for column in KEPT)
        yield Quarantine(where, "a blank row" if blank else "a row without a name", "" if blank else cells)
        return
    if spoilt := [f"{column}: {why}" for column in KEPT if (why := fault(row.get(column)))]:
        yield Quarantine(where, "; ".join(spoilt), ",".join(str(row.get(column) or "") for column in KEPT))
    url = profile_url(row["URL"]) if text(row.get("URL")) else None
    told_ = (first or "", last or "", company or "", title or "")
    other = url or (row_id(*told_) if company or title else row_id(*told_, owner, since or ""))
    yield Profile(other, PLATFORM, url, " ".join(part for part in (first, last) if part))
    if company or title:
        yield Position(other, 0, company, title)
    yield Connection(owner, other, day(since))


def member(owner: str, body: Any) -> Iterator[Record]:
    """The profile of *owner*, its positions, links and further rows, from its row (PROFILE) and theirs in *body*."""
    it = record(get(body, "profile"))
    for part, columns in ((it, PROFILE), *((record(one), POSITIONS) for one in each(get(body, "positions")))):
        spoilt = [str(part["wrong"])] if "wrong" in part else []
        spoilt += [f"{column}: {why}" for column in columns if (why := fault(text(part.get(column))))]
        if spoilt:
            yield Quarantine("Profile.csv" if columns is PROFILE else "Positions.csv", "; ".join(spoilt))
    name = " ".join(part for part in (shown(it.get("First Name")), shown(it.get("Last Name"))) if part)
    url = owner if owner.startswith("http") else None
    headline, summary = shown(it.get("Headline")), shown(it.get("Summary"))
    yield Profile(owner, PLATFORM, url, name or None, headline, summary, shown(it.get("Geo Location")))
    for ordinal, one in enumerate(each(get(body, "positions"))):
        row = record(one)
        company, title, ended = shown(row.get("Company Name")), shown(row.get("Title")), text(row.get("Finished On"))
        if company or title:
            started = day(text(row.get("Started On")))
            yield Position(owner, ordinal, company, title, started, day(ended), ended is None)
    yield from _further(owner, record(get(body, "further")))
    for handle in _listed(it.get("Twitter Handles"), re.compile(",")):
        yield ProfileLink(owner, f"https://x.com/{handle.lstrip('@')}", "sameAs")
    for site in _listed(it.get("Websites"), _BETWEEN):
        link = web(_KIND.sub("", site))
        if link is None:
            yield Quarantine("Profile.csv", f"Websites: {site[:100]} is no web address")
        else:
            yield ProfileLink(owner, link, "website")


def _further(owner: str, body: Mapping[str, Any]) -> Iterator[Record]:
    """The rows of the further domains in *body*."""
    for domain, (file, columns) in FURTHER.items():
        for ordinal, one in enumerate(each(body.get(domain))):
            row = record(one)
            spoilt = [str(row["wrong"])] if "wrong" in row else []
            spoilt += [f"{column}: {why}" for column in columns if (why := fault(text(row.get(column))))]
            if spoilt:
                yield Quarantine(file, "; ".join(spoilt))
            elif cells := {column: cell for column in columns if (cell := shown(row.get(column)))}:
                yield ProfileDetail(owner, domain, ordinal, msgspec.json.encode(cells).decode())


def _listed(value: Any, between: re.Pattern[str]) -> list[str]:
    """The values of a cell like `[COMPANY:https://example.org,BLOG:example.net]`."""
    return [one.strip() for one in between.split((text(value) or "").strip("[] ")) if one.strip()]


DONATION = Donation(
    "LinkedIn",
    {"Connections.csv": KEPT, "Profile.csv": PROFILE, "Positions.csv": POSITIONS},
    _COLUMNS,
    _CUT.pattern,
    {
        "en": "On LinkedIn, choose Settings & Privacy, Data privacy, Get a copy of your data, and there at least "
        "Connections, Profile and Positions. LinkedIn sends an e-mail with a link to a ZIP file.",
        "nl": "Kies op LinkedIn Instellingen en privacy, Gegevensprivacy, Een kopie van uw gegevens opvragen, en daar "
        "ten minste Connecties, Profiel en Functies. LinkedIn stuurt een e-mail met een link naar een ZIP-bestand.",
    },
    ADDRESS,
    ("Profile.csv", OWN),
    FURTHER,
    REFUSED,
)
# a donated list has employer and title of the people on it, unlike a list of links ("connections")
collector = FileCollector("linkedin", cut, read, ("profile", "donation"), yields="profiles", donation=DONATION)
