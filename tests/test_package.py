"""A replication package: nobody is named in it, every figure comes out again, and a changed byte is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from analysis import populations, shares
from jobs.reproduce import compared
from storage import ro_crate
from storage.archive import manifest
from storage.errors import UserError
from storage.privacy.leaks import leaks
from storage.privacy.pseudonyms import VARIABLE
from tests.peopled import SITE, SLUG, peopled
from tests.rehearsal import sneeuwbal

WHO = f"http://{SITE}/in/{SLUG}"


REFERS = ("about", "license", "mentions", "instrument", "result", "conformsTo")


@pytest.fixture(scope="module")
def package(replayed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the demo's study."""
    place = tmp_path_factory.mktemp("package")
    words, key = ("package", place / "made", "--format", "svg"), {VARIABLE: str(place / "key")}
    done = sneeuwbal("--study", replayed, *words, token=None, **key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert manifest.checksum(place / "made" / ro_crate.MANIFEST) in done.stdout
    return place / "made"


def test_it_describes_itself_as_a_ro_crate(package: Path) -> None:
    """Every file but the description and the manifest is an entity with its size and checksum; no seed is revealed."""
    graph = {one["@id"]: one for one in json.loads((package / ro_crate.METADATA).read_text())["@graph"]}
    assert graph[ro_crate.METADATA]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = graph["./"]
    assert {"name", "description", "datePublished", "license"} <= set(root)
    there = {p.relative_to(package).as_posix() for p in ro_crate.files(package)} - {ro_crate.METADATA}
    assert {part["@id"] for part in root["hasPart"]} == there | {ro_crate.MANIFEST}
    referred = {value["@id"] for one in graph.values() for key, value in one.items() if key in REFERS}
    assert referred <= graph.keys() | {"https://w3id.org/ro/crate/1.1"}, "all that is referred to is described"
    assert {Path(name).suffix for name in there if "/figures/" in name} == {".svg", ".csv", ".parquet"}
    for name in there:
        assert graph[name]["sha256"] == manifest.checksum(package / name)
    assert not [key for key in json.loads((package / "settings.json").read_text()) if key.startswith("seeds")]
    assert ro_crate.verify(package) == len(there) + 1


def test_the_library_of_ro_crate_reads_it(package: Path) -> None:
    """Every file is a data entity of the crate, its root is whole, and the making of it is an action."""
    from rocrate.rocrate import ROCrate

    read = ROCrate(package)
    assert read.name.endswith("replication package")
    assert read.license.type == "CreativeWork"
    assert {entity.id for entity in read.data_entities} >= {"report/report.html", "database/study.duckdb"}
    (made,) = [one for one in read.contextual_entities if one.type == "CreateAction"]
    assert made["instrument"]["name"] == "sneeuwbal"


def test_nobody_is_named_in_it_and_the_check_would_find_it(replayed: Path, package: Path, tmp_path: Path) -> None:
    """No id, handle, address, name or text of anybody; each of them, planted in any kind of file, is found."""
    source = replayed / "study.duckdb"
    assert leaks(source, package) == []
    with duckdb.connect(str(source), read_only=True) as db:
        row = db.execute(
            "SELECT a.account_id, a.handle, p.profile_id, p.name, max(o.text) FROM links AS l JOIN accounts AS a USING"
            " (account_id) JOIN profiles AS p USING (profile_id) JOIN posts AS o ON o.account_id = a.account_id"
            " WHERE length(o.text) > 40 GROUP BY ALL ORDER BY 1 LIMIT 1"
        ).fetchone()
    assert row is not None
    for number, canary in enumerate(row):
        place = tmp_path / str(number)
        place.mkdir()
        (place / "page.html").write_text(f"<p>een tabel</p><td>{canary}</td>")
        pd.DataFrame({"column": ["een", canary]}).to_parquet(place / "table.parquet")
        assert len(leaks(source, place)) == 2, f"canary {number} is not found"


def test_its_tables_are_those_of_the_study(replayed: Path, package: Path) -> None:
    """Tables 5 and 6 of the pseudonymised database equal those of the real one."""
    with (
        duckdb.connect(str(replayed / "study.duckdb"), read_only=True) as real,
        duckdb.connect(str(package / "database" / "study.duckdb"), read_only=True) as hidden,
    ):
        pd.testing.assert_frame_equal(populations.table(real), populations.table(hidden))
        for profile in ("study2013", "tcat", "4cat"):
            one, other = (shares.table(db, profile, "all", "sample") for db in (real, hidden))
            pd.testing.assert_frame_equal(one, other)


def test_every_figure_comes_out_again_to_the_last_digit(package: Path, tmp_path: Path) -> None:
    """On a machine that has neither study nor key."""
    done = sneeuwbal("reproduce", package, token=None, HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are equal to the last digit" in done.stdout
    assert "differ" not in done.stdout


def test_a_changed_byte_a_lost_file_and_a_strange_one_are_refused_by_name(package: Path, tmp_path: Path) -> None:
    """Exit code 2, with the name of the file."""
    copy = shutil.copytree(package, tmp_path / "copy")
    table = copy / "report" / "tables" / "populations.parquet"
    content = bytearray(table.read_bytes())
    content[100] ^= 1
    table.write_bytes(content)
    done = sneeuwbal("reproduce", copy, token=None)
    assert done.returncode == 2
    assert "populations.parquet: was changed" in done.stderr
    table.unlink()
    with pytest.raises(UserError, match=r"populations\.parquet: is missing"):
        ro_crate.verify(copy)
    shutil.copy(package / "report" / "tables" / "populations.parquet", table)
    (copy / "note.txt").write_text("strange")
    with pytest.raises(UserError, match=r"note\.txt: is not in the manifest"):
        ro_crate.verify(copy)


def test_a_figure_that_differs_is_reported_with_the_difference(tmp_path: Path) -> None:
    """Equal figures are counted, another one is named with both values and by how much."""
    for name, value in (("published", 41), ("again", 44)):
        (tmp_path / name).mkdir()
        frame = pd.DataFrame({"group_name": ["BZK", "FIN"], "accounts": [value, 7], "share": [0.1, float("nan")]})
        frame.to_parquet(tmp_path / name / "populations.parquet")
    (one,) = compared(tmp_path / "published", tmp_path / "again")
    assert one.equal == 5
    assert one.differences == ["row 1, accounts: 41 published, 44 now (by +3)"]


# ---- with the archive, on a machine that has nothing --------------------------------------------------------------

NO_NETWORK = """
import socket
def refused(*arguments, **named):
    raise OSError("a test without a network asked for one")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = socket.socket.connect_ex = refused
"""


def test_a_study_is_reproduced_from_its_archive_on_a_clean_machine(tmp_path: Path) -> None:
    """No key, no home, no network, no store, and somebody was forgotten: every figure is equal; a changed byte is
    refused."""
    key = {VARIABLE: str(tmp_path / "key")}
    with peopled() as served:
        study = served.study(tmp_path / "study", f"""
[analysis]
labels = "more/labels.csv"
min_degree = 1
[store]
archive = "file://{tmp_path}/store"
""")  # fmt: skip
        (study / "more").mkdir()
        (study / "more" / "labels.csv").write_text("handle,role\njanproef,politician\n")
        for words in (
            ("run", "--no-report"),
            ("forget", WHO, "--yes"),
            ("package", "--with-archive", "--format", "none", tmp_path / "made"),
        ):
            done = sneeuwbal("--study", study, *words, **key)
            assert done.returncode == 0, done.stdout + done.stderr
    package = Path(shutil.move(tmp_path / "made", tmp_path / "elsewhere"))
    shutil.rmtree(study)
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "key").unlink()
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(NO_NETWORK)
    clean = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home"), VARIABLE: "",
             "PYTHONPATH": str(tmp_path / "guard")}  # fmt: skip
    done = sneeuwbal("reproduce", package, token=None, **clean)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "load (fresh)" in done.stdout
    assert re.search(r"all [\d,]+ figures of \d+ tables are equal to the last digit", done.stdout)
    tables = {path.stem for path in (package / "report").rglob("*.parquet")}
    assert all(re.search(rf"{re.escape(name)}: [\d,]+ figures equal", done.stdout) for name in tables)
    segment = next((package / "study" / "archive").glob("x-*.warc.gz"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    done = sneeuwbal("reproduce", package, token=None, **clean)
    assert done.returncode == 2
    assert f"{segment.name}: was changed" in done.stderr
