"""A study for the desk, with harmful text in every field that strangers fill in, and a way in."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
from starlette.testclient import TestClient

from jobs.secrets import hashed
from serve.desk.access import Access, Password
from serve.desk.app import desk
from tests.reports import HOSTILE

HOST, SECRET = "desk.example", "twaalf tekens of meer"
KNOWN = hashed(SECRET)
LABELS = "handle,label\n"
JOB = '\n[[schedule]]\nname = "nightly"\ntask = "run"\ncron = "30 3 * * *"\n'


def desk_study(replayed: Path, into: Path) -> Path:
    """A copy of the demo's study with a job, documents to screen and unclear evidence."""
    shutil.copytree(replayed, into, symlinks=True)
    file = into / "sneeuwbal.toml"
    file.write_text(file.read_text().replace("[analysis]\n", '[analysis]\nlabels = "labels.csv"\n') + JOB)
    (into / "labels.csv").write_text(LABELS)
    database = into / "study.duckdb"
    database.chmod(0o600)
    with duckdb.connect(str(database)) as db:
        bad = ("$1[(hash({}) % len($1) + 1)::INTEGER] || substr({}, 1, 40)").format
        for table, key, columns in (
            ("current_accounts", "account_id", ("name", "handle", "description", "location")),
            ("current_profiles", "profile_id", ("name", "headline", "description", "location")),
            ("positions", "profile_id", ("employer", "title")),
            ("links", "profile_id", ("evidence",)),
        ):
            for column in columns:
                db.execute(
                    f"UPDATE base.{table} SET {column} = {bad(key, column)} WHERE {column} IS NOT NULL", [HOSTILE]
                )
        db.execute("UPDATE base.links SET evidence = 'javascript:alert(1)//' || evidence")
        at = "'2026-11-01 12:00:00+00'"
        db.execute(f"""INSERT INTO base.documents BY NAME
            SELECT 'https://a.example/' || n AS address, n::VARCHAR AS content, 'coverage' AS platform,
                   'https://a.example/' || n AS url, 'q' AS query, 1 AS version, $1[n] AS title, $1[n] AS source,
                   {at} AS published_at, $1[n] AS summary, {at} AS first_seen, {at} AS last_seen, 'r' AS record_id
            FROM range(1, len($1) + 1) AS t(n)""", [HOSTILE])  # fmt: skip
        db.execute("""INSERT INTO base.evidence BY NAME
            SELECT account_id AS subject, platform, 'bio' AS source, 'works-at' AS rule,
                   $1[row_number() OVER (ORDER BY account_id)] AS organisation, 'BZK' AS group_name,
                   $1[row_number() OVER (ORDER BY account_id)] AS quote, 'hopeful' AS stance, 0.5 AS confidence,
                   'review' AS verdict, 'rule' AS decided_by, record_id
            FROM base.current_accounts ORDER BY account_id LIMIT len($1)""", [HOSTILE])  # fmt: skip
    database.chmod(0o444)
    return into


def client(study: Path, access: Access | None = None, **options: object) -> TestClient:
    """A browser without a script at the desk of *study*."""
    app = desk(study, access or Password(KNOWN), f"http://{HOST}")
    return TestClient(app, base_url=f"http://{HOST}", **options)  # type: ignore[arg-type]


def entered(study: Path, name: str = "An", access: Access | None = None) -> TestClient:
    """The same, after the password."""
    found = client(study, access)
    assert found.post("/login", data={"name": name, "password": SECRET}).url.path == "/"
    return found


def token(browser: TestClient) -> str:
    """The token of its forms."""
    return re.findall(r'name="token" value="([^"]+)"', browser.get("/sql").text)[0]
