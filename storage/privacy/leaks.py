"""A search for people in a publication: ids, handles, addresses, names and texts of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from storage.folding import fold
from storage.privacy.declared import RECORDS
from storage.privacy.pseudonymise import shared
from storage.records import Account, AccountField, Mention, Post, Profile
from storage.tables.database import connected

TEXT = {".html", ".csv", ".svg", ".json", ".md", ".toml", ".txt", ".gexf", ".graphml", ".js", ".css"}
MOST = 10  # lines of what is found
SHORTEST = {"id": 7, "handle": 5, "address": 12, "name": 7, "text": 25}
WORD = re.compile(r"[^\s\"'<>,;()\[\]{}=|\\]+")
SOURCES: Mapping[type, str] = {
    Profile: "base.profiles",
    Account: "base.accounts",
    AccountField: "base.account_fields",
    Mention: "(SELECT unnest(mentions, recursive := true) FROM base.posts)",
    Post: "base.posts",
}
KINDS: Mapping[str, str] = {  # by the category of a field in `RECORDS`; places alone identify no one
    **dict.fromkeys(("id", "author", "refers"), "id"),
    "handle": "handle",
    "address": "address",
    "names": "name",
    **dict.fromkeys(("texts", "descriptions"), "text"),
}
KNOWN = (
    " UNION ".join(
        f"SELECT '{KINDS[what]}', \"{name}\" FROM {source}"
        for record, source in SOURCES.items()
        for name, what in RECORDS[record].items()
        if what in KINDS
    )
    + " UNION SELECT 'text', text FROM base.survey_answers UNION SELECT 'text', note FROM base.observations"
    + " UNION SELECT unnest(['address', 'address', 'text']), unnest([address, url, summary])"
    + " FROM base.documents UNION SELECT 'text', text FROM base.document_pages"
)  # respondents' numbers are also names of figures


def leaks(source: Path, folder: Path) -> list[str]:
    """The places below *folder* that name a person of the database *source*: at most MOST lines, without the name."""
    words, phrases = _known(source)
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for place, text in _texts(path):
            if what := _leak(text, words, phrases):
                found.append(f"{place}: contains {what} of a person")
                break
        if len(found) >= MOST:
            break
    return found


def _known(source: Path) -> tuple[dict[str, str], dict[str, list[tuple[str, str]]]]:
    """Identifying texts: single words, and phrases by their first word."""
    with connected(source) as db:
        rows = db.execute(KNOWN).fetchall()
        open_ = shared("base")
        tags = {row[0] for row in db.execute(open_["tags"]).fetchall()}
        listed = db.execute(f"SELECT name FROM base.organisations UNION ({open_['employers']})")
        public = {row[0].lower() for row in listed.fetchall() if row[0]}
    words: dict[str, str] = {}
    phrases: dict[str, list[tuple[str, str]]] = {}
    for kind, value in rows:
        text = (value or "").strip().lower()
        if len(text) < SHORTEST[kind] or text in public:
            continue
        pieces = WORD.findall(text)
        if kind in ("name", "text"):
            if len(pieces) > 1:
                phrases.setdefault(pieces[0], []).append((" ".join(pieces[:12]), kind))
        elif fold(text) not in tags:
            words[text] = kind
    return words, phrases


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """The text of a file, or of each text column of a table."""
    if path.suffix in TEXT:
        yield str(path), path.read_text("utf-8", "replace")
    elif path.suffix == ".parquet":
        with duckdb.connect() as db:
            yield from _columns(db, f"read_parquet('{_quoted(path)}')", str(path))
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as db:
            tables = db.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base'").fetchall()
            for (table,) in tables:
                yield from _columns(db, f"base.{table}", f"{path} ({table})")


def _columns(db: duckdb.DuckDBPyConnection, table: str, place: str) -> Iterator[tuple[str, str]]:
    for name, kind, *_ in db.execute(f"DESCRIBE SELECT * FROM {table}").fetchall():
        if "VARCHAR" in kind or "JSON" in kind:
            rows = db.execute(f'SELECT DISTINCT CAST("{name}" AS VARCHAR) FROM {table} WHERE "{name}" IS NOT NULL')
            while chunk := rows.fetchmany(50_000):
                yield f"{place}, {name}", "\n".join(row[0] for row in chunk)


def _leak(text: str, words: dict[str, str], phrases: dict[str, list[tuple[str, str]]]) -> str | None:
    """The kind of personal data in *text*."""
    pieces = WORD.findall(text.lower())
    for number, piece in enumerate(pieces):
        bare = piece.strip(".:!?@/#")
        if kind := words.get(piece) or words.get(bare):
            return f"the {kind}"
        for phrase, kind in phrases.get(piece, ()):
            if " ".join(pieces[number : number + phrase.count(" ") + 1]) == phrase:
                return f"the {kind}"
    return None


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
