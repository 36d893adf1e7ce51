"""What was imported arrives in the tables: one study of every format, loaded, against what its files hold."""

import json
from pathlib import Path

import duckdb
import pytest

from collectors import files
from collectors.base import Settings
from collectors.engine.run import collect
from collectors.wire.exchange import Wire
from storage.frontier.sqlite import Frontier
from storage.records import Request
from storage.tables.load import load
from tests.test_files import status
from tests.test_files_people import BIG, REGISTER, captured, export, wrapped, x_item, x_user

OWNER = "https://www.linkedin.com/in/start-contact"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    study, given = tmp_path_factory.mktemp("study"), tmp_path_factory.mktemp("given")
    (given / "posts.jsonl").write_bytes(b"\n".join(status(n) for n in range(20)))
    (given / "mensen.csv").write_text(
        "name,url,employer\nFik Tief,https://nl.linkedin.com/in/fik-tief,Gemeente Nergens\n"
    )
    (given / "twarc.jsonl").write_text('{"data": [{"id": "77", "text": "v2", "author_id": "7"}]}\nkapot\n')
    imports: list[tuple[str, Path, dict[str, object]]] = [
        ("x-v1", given / "posts.jsonl", {}),
        ("twarc", given / "twarc.jsonl", {}),
        ("zeeschuimer", captured(given, wrapped(x_item(BIG, "hallo #een", x_user("8", "testa")))), {}),
        ("linkedin", export(given), {"owner": OWNER}),
        ("roo", REGISTER / "export-2.6.9.xml", {}),
        ("table", given / "mensen.csv", {}),
    ]
    load(_imported(study, imports), {name: files.collector(name) for name, _, _ in imports})
    return duckdb.connect(str(study / "study" / "study.duckdb"), read_only=True)


def _imported(place: Path, imports: list[tuple[str, Path, dict[str, object]]]) -> Path:
    """A study into whose archive *imports* (format, file, options) were collected."""
    study = place / "study"
    study.mkdir()
    frontier = Frontier(study / "state.sqlite")
    for name, path, options in imports:
        found = files.targets(name, [path], options)
        with frontier.transaction():
            frontier.add([Request(target, "") for target in found], Wire().now())
        settings = Settings({"paths": files.paths_of(found), **options}, wire=Wire())
        assert collect(study, name, files.collector(name), settings, frontier=frontier).status == "complete"
    return study


def one(db: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = db.execute(sql).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def test_posts_of_three_formats_are_posts_of_one_platform(database: duckdb.DuckDBPyConnection) -> None:
    assert one(database, "SELECT count(*), count(DISTINCT post_id) FROM posts WHERE platform = 'x'") == (22, 22)
    assert one(database, f"SELECT account_id FROM posts WHERE post_id = '{BIG}'") == "8"


def test_a_donation_arrives_with_its_member_and_every_connection(database: duckdb.DuckDBPyConnection) -> None:
    assert one(database, f"SELECT count(*) FROM connections WHERE '{OWNER}' IN (profile_a, profile_b)") == 6
    assert one(database, f"SELECT count(*) FROM positions WHERE profile_id = '{OWNER}'") == 2
    assert one(database, f"SELECT headline FROM profiles WHERE profile_id = '{OWNER}'") == "Kop"
    assert one(database, "SELECT count(*) FROM profiles WHERE profile_id LIKE 'urn:linkedin-row:%'") == 1
    text = database.execute("SELECT * FROM base.profiles, base.positions").df().to_csv()
    assert "@example" not in text


def test_an_account_is_one_version_whichever_api_it_came_from(tmp_path: Path) -> None:
    """API v1.1 says "" where v2 leaves a field out, and the other way round: neither is a change of the account."""
    old = {"id_str": "9", "id": 9, "screen_name": "testa", "name": "Testa", "description": "", "location": "",
           "url": None, "verified": False, "protected": False, "followers_count": 3}  # fmt: skip
    new = {"id": "9", "username": "testa", "name": "Testa", "description": "", "url": "", "verified": False,
           "protected": False, "public_metrics": {"followers_count": 4}}  # fmt: skip
    (tmp_path / "old.jsonl").write_text(json.dumps(old) + "\n")
    (tmp_path / "new.jsonl").write_text(json.dumps({"data": [new]}) + "\n")
    load(_imported(tmp_path, [("x-v1", tmp_path / "old.jsonl", {}), ("twarc", tmp_path / "new.jsonl", {})]), {
        name: files.collector(name) for name in ("x-v1", "twarc")})  # fmt: skip
    with duckdb.connect(str(tmp_path / "study" / "study.duckdb"), read_only=True) as db:
        assert one(db, "SELECT count(*), any_value(versions) FROM accounts") == (1, 1)
        assert one(db, "SELECT count(*) FROM accounts WHERE description = '' OR location = '' OR url = ''") == 0


def test_a_person_in_a_table_and_in_a_donation_is_one(database: duckdb.DuckDBPyConnection) -> None:
    fik = "https://www.linkedin.com/in/fik-tief"
    assert one(database, f"SELECT count(*) FROM profiles WHERE profile_id = '{fik}'") == 1
    assert one(database, f"SELECT count(*) FROM profile_versions WHERE profile_id = '{fik}'") == 2


def test_the_register_and_what_could_not_be_read_are_there(database: duckdb.DuckDBPyConnection) -> None:
    assert one(database, "SELECT count(*) FROM register") == 3
    assert one(database, "SELECT count(*) FROM offices WHERE name IS NOT NULL") == 2
    places = {place for (place,) in database.execute("SELECT place FROM quarantine").fetchall()}
    assert {"twarc.jsonl:2", "export-2.6.9.xml organisation 3"} <= places
    assert one(database, "SELECT count(*) FROM quarantine") == 6
