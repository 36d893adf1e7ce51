"""A canary in every field of every table: none sings in what is published.

The fields come from the schema, so that a new column is covered the day it is made. What is exempt is listed here by
hand: words of our own, and what is public.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pytest

from storage.privacy import leaks, pseudonymise
from storage.privacy.pseudonyms import FEW, VARIABLE, Pseudonyms
from tests.rehearsal import sneeuwbal
from tests.reports import blocks

MARK = "zq90x09"  # no pseudonym can hold it: base 32 has neither 9 nor 0; nor, but for once in 200,000, a packed page
OURS = {  # words that sneeuwbal itself writes, names of files, and runs
    "kind", "collector", "outcome", "status", "failure", "run_id", "archive", "listed", "decision", "rule",
    "version", "token", "origin", "fingerprint",
}  # fmt: skip
OURS_HERE = {("overrides", "reason"), ("absences", "reason"), ("removed", "reason"), ("removed", "platform"),
             ("absences", "platform"),
             ("deletions", "platform"), ("study", "key"), ("made_by", "tables"), ("made_by", "views"),
             ("kinds", "names"), ("kinds", "yields"), ("evidence", "source"), ("evidence", "stance"),
             ("evidence", "verdict")}  # fmt: skip
PUBLIC = {"organisations", "register", "survey_variables"}  # the study's list, the register of bodies, the questions
PUBLIC_HERE = {("employers", "organisation"), ("employers", "group_name"), ("offices", "organisation_id"),
               ("offices", "function"), ("documents", "query")}  # fmt: skip
SHARED = {  # public where many write it, or where the study file says it; a canary is written by one
    "employer": "employers", "platform": "platforms", "sample": "samples", "organisation": "organisations",
    "group_name": "group_names",
}  # fmt: skip
SETTINGS = "seeds", "collectors", "access", "study.contact"  # settings that may name somebody


def marked(source: Path, target: Path) -> int:
    """Copy the database *source* to *target* with the mark in every field of text; return how many fields."""
    shutil.copyfile(source, target)
    target.chmod(0o600)
    fields = 0
    with duckdb.connect(str(target)) as db:
        for name, query in pseudonymise.shared("base").items():
            db.execute(f"CREATE TEMP TABLE many_{name} AS {query}")
        for table, columns in _columns(db).items():
            ways = {column: _marking(table, column, kind) for column, kind in columns.items()}
            setting = ", ".join(f'"{column}" = {way}' for column, way in ways.items())
            db.execute(f"UPDATE base.{table} SET {setting}")
            for column in _bare(db, table, columns):
                _row(db, table, column, columns[column])
            fields += len(columns)
        for key, value in (("analysis.min_degree", 4), ("analysis.hashtag_threshold", 5)):
            db.execute("UPDATE base.study SET value = ? WHERE key = ?", [str(value), key])
    return fields


def _columns(db: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The fields to mark, by table: their types."""
    found: dict[str, dict[str, str]] = {}
    query = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'base' ORDER BY ALL"
    for table, column, kind in db.execute(query).fetchall():
        if _marking(table, column, kind) is not None:
            found.setdefault(table, {})[column] = kind
    return found


def _bare(db: duckdb.DuckDBPyConnection, table: str, columns: Iterable[str]) -> list[str]:
    """Those of *columns* that have no mark in any row."""
    seen = ", ".join(
        f"coalesce(bool_or(contains(CAST(\"{column}\" AS VARCHAR), '{MARK}')), FALSE)" for column in columns
    )
    row = db.execute(f"SELECT {seen} FROM base.{table}").fetchone() or ()
    return [column for column, there in zip(columns, row, strict=True) if not there]


def _marking(table: str, column: str, kind: str) -> str | None:
    """The SQL that marks a field; None for those that are exempt."""
    text = "VARCHAR" in kind or kind == "JSON"
    exempt = column in OURS or (table, column) in OURS_HERE | PUBLIC_HERE or table in PUBLIC
    if not text or exempt:
        return None
    quoted = f'"{column}"'
    if column in SHARED:
        return f"CASE WHEN {quoted} IN (FROM many_{SHARED[column]}) THEN {quoted} ELSE {quoted} || '{MARK}' END"
    if (table, column) == ("study", "value"):
        hidden = " OR ".join(f"starts_with(key, '{one}')" for one in SETTINGS)
        return f"CASE WHEN {hidden} THEN to_json(CAST(value AS VARCHAR) || '{MARK}') ELSE value END"
    if kind == "JSON":
        return f"to_json(CAST({quoted} AS VARCHAR) || '{MARK}')"
    if column in ("hashtags", "full_hashtags"):
        return f"CASE WHEN {quoted} IS NOT NULL THEN list_append({quoted}, '{MARK}' || post_id) END"
    if kind == "VARCHAR[]":
        return f"list_transform({quoted}, lambda one: one || '{MARK}')"
    if kind.startswith("STRUCT"):
        return (f"list_transform({quoted}, lambda m: {{'handle': m.handle || '{MARK}',"
                f" 'account_id': m.account_id || '{MARK}'}})")  # fmt: skip
    return f"{quoted} || '{MARK}'"


def _row(db: duckdb.DuckDBPyConnection, table: str, column: str, kind: str) -> None:
    """A row of its own for a field that nothing marked fills."""
    value = {"VARCHAR[]": f"['{MARK}']", "JSON": f"'\"{MARK}\"'"}.get(kind, f"'{MARK}'")
    if kind.startswith("STRUCT"):
        value = f"[{{'handle': '{MARK}', 'account_id': '{MARK}'}}]"
    if (table, column) == ("study", "value"):
        db.execute(f"INSERT INTO base.study VALUES ('seeds.x', {value})")
    else:
        db.execute(f'INSERT INTO base.{table} ("{column}") VALUES ({value})')


def singing(folder: Path) -> list[str]:
    """The places below *folder* where a canary sings: names of files, texts, tables, what a page has packed."""
    found = [str(path) for path in folder.rglob("*") if MARK in path.name]
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found += [place for place, text in _texts(path) if MARK in text.lower()]
    return found


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix in (".parquet", ".duckdb"):
        yield from leaks._texts(path)
        return
    yield str(path), path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".html":
        for name, data in blocks(path.read_text("utf-8")).items():
            yield f"{path}, {name}", data.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def study(replayed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's study with a canary in every field of its database."""
    place = tmp_path_factory.mktemp("canaries") / "study"
    place.mkdir()
    for path in replayed.iterdir():
        if path.suffix in (".toml", ".csv", ".txt"):
            shutil.copyfile(path, place / path.name)
    assert marked(replayed / "study.duckdb", place / "study.duckdb") > 140
    return place


def test_every_field_is_marked_or_exempt_by_name(study: Path) -> None:
    """Each text column of the schema holds a canary, unless this page names it."""
    with duckdb.connect(str(study / "study.duckdb"), read_only=True) as db:
        for table, columns in _columns(db).items():
            assert not _bare(db, table, columns), table


def test_no_field_slips_into_the_pseudonymised_database(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them; and each field that were let through would be found, by this search and by that of `package`."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    names = Pseudonyms(study)
    (tmp_path / "made").mkdir()
    pseudonymise.pseudonymise(study / "study.duckdb", tmp_path / "made" / "study.duckdb", names)
    assert singing(tmp_path / "made") == []
    assert leaks.leaks(study / "study.duckdb", tmp_path / "made") == []
    monkeypatch.setattr(pseudonymise, "KEPT", pseudonymise.KEPT | {"description", "place"})
    (tmp_path / "leaking").mkdir()
    pseudonymise.pseudonymise(study / "study.duckdb", tmp_path / "leaking" / "study.duckdb", names)
    found = "\n".join(singing(tmp_path / "leaking"))
    for field in ("(accounts), description", "(profiles), description", "(posts), place"):
        assert field in found
    assert leaks.leaks(study / "study.duckdb", tmp_path / "leaking")


def test_none_sings_in_a_public_report_network_figure_or_package(study: Path, tmp_path: Path) -> None:
    """By the commands; and without --public the same search finds them in every kind of file."""
    key = {VARIABLE: str(tmp_path / "key")}

    def network(name: str, folder: Path, *more: str) -> None:
        files = ("--gexf", folder / f"{name}.gexf", "--graphml", folder / f"{name}.graphml", "--parquet", folder / name)
        done = sneeuwbal("--study", study, "network", name, "--no-layout", *more, *files, **key)
        assert done.returncode == 0, done.stderr

    networks = {"actors": ("--min-degree", "4"), "mentions": (), "hashtags": ("--threshold", "5"), "groups": ()}
    for name, options in networks.items():
        network(name, _folder(tmp_path / "public"), *options, "--public")
    network("actors", _folder(tmp_path / "open"), *networks["actors"])
    for words in (("report", "--public", "--format", "svg"),
                  ("figure", "communities", "--public", "-o", tmp_path / "public" / "a.svg"),
                  ("package", tmp_path / "public" / "package", "--format", "svg")):  # fmt: skip
        done = sneeuwbal("--study", study, *words, **key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert MARK not in done.stdout + done.stderr
    shutil.move(study / "reports", tmp_path / "public" / "reports")
    assert singing(tmp_path / "public") == []
    assert len(list((tmp_path / "public").rglob("*.gexf"))) >= 6
    open_ = {Path(place.split(", ")[0]).suffix.split(" ")[0] for place in singing(tmp_path / "open")}
    assert open_ == {".gexf", ".graphml", ".parquet"}


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


assert FEW > 1  # a canary of one person is of few
