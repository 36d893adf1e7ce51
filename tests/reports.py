"""Reports for the tests: of the demo's study, and of the same with names that would do harm."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from analysis.report.findings import Findings, Options
from analysis.report.page import Facts, Made, write_report
from storage.tables import database

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "=HYPERLINK(\"http://127.0.0.1:9/\",\"x\")",
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "\x1b[31mred\x1b[0m\x07\x00",
    "{{ 7 * 7 }}${7*7}<%= 7 %>",
    "$\\frac{1}{0}$ _x^y",
    "]]><!-- &amp; &#x27; -->",
    "שלום עולם",
    "مرحبا بالعالم",
    "Zoë Ünïcode-Đorđević",
    "line\u2028break\nand\ttab",
    "javascript:alert(1)",
)  # fmt: skip


SPOILT = (
    ("current_accounts", "name", "account_id"), ("current_accounts", "handle", "account_id"),
    ("current_profiles", "name", "profile_id"), ("employers", "group_name", "group_name"),
    ("employers", "organisation", "employer"),
)  # fmt: skip


def spoilt(study: Path, into: Path) -> Path:
    """A copy of the *study*'s database whose people, groups and hashtags have hostile names."""
    copied(study, into)
    with duckdb.connect(str(into / "study.duckdb")) as db:
        names = [list(HOSTILE), len(HOSTILE)]
        db.execute("CREATE TEMP TABLE bad AS SELECT unnest(?) AS text, unnest(range(?)) AS n", names)
        bad = f"(SELECT text FROM bad WHERE n = hash({{}}) % {len(HOSTILE)})"
        for table, column, key in SPOILT:
            worse = f"{bad.format(key)} || substr({column}, 1, 40)"
            db.execute(f"UPDATE base.{table} SET {column} = {worse} WHERE {column} IS NOT NULL")
        db.execute(
            "UPDATE base.posts SET hashtags = list_transform(hashtags, lambda t: CASE WHEN t ILIKE 'fail' "
            "THEN '</script><b>&\u202e' ELSE t END)"
        )
    return into


ROUNDS = 3


def in_rounds(study: Path) -> Path:
    """The copy *study* with each of its follow lists walked ROUNDS times, 30 days apart, and ties that come and go.

    Of every ten ties one is seen in the first round only, one in the first two, and one from the second on.
    """
    lists = "(collector, kind) IN (SELECT collector, kind FROM base.kinds WHERE yields = 'follows')"
    when = "started_at + later AS started_at, ended_at + later AS ended_at"
    shown = "CASE n WHEN 0 THEN at = 0 WHEN 1 THEN at < 2 WHEN 2 THEN at > 0 ELSE true END"
    with duckdb.connect(str(study / "study.duckdb")) as db:
        db.execute("CREATE TEMP TABLE times AS SELECT at, (INTERVAL 30 DAY) * at AS later, '-' || at AS mark"
                   " FROM range(?) AS t(at)", [ROUNDS])  # fmt: skip
        for name, change, of in (
            ("walks", f"walk || mark AS walk, true AS complete, {when}", lists),
            ("follows", "walk || mark AS walk, seen_at + later AS seen_at", shown),
        ):
            n = ", hash(follower_id, followed_id) % 10 AS n" if name == "follows" else ""
            db.execute(f"CREATE TEMP TABLE more AS SELECT * EXCLUDE (at, later, mark{', n' * bool(n)}) REPLACE ({change})"
                       f" FROM (SELECT *{n} FROM base.{name}, times) WHERE {of}")  # fmt: skip
            db.execute(f"DELETE FROM base.{name}" + (f" WHERE {lists}" if name == "walks" else ""))
            db.execute(f"INSERT INTO base.{name} FROM more; DROP TABLE more")
        db.execute(
            "CREATE TEMP TABLE seen AS SELECT follower_id, followed_id, platform, min(seen_at) AS first_seen,"
            " max(seen_at) AS last_seen FROM base.follows GROUP BY ALL; "
            "UPDATE base.current_follows AS f SET first_seen = s.first_seen, last_seen = s.last_seen FROM seen AS s"
            " WHERE (f.follower_id, f.followed_id, f.platform) = (s.follower_id, s.followed_id, s.platform)"
        )
    return study


def copied(study: Path, into: Path) -> Path:
    """A copy of the *study*'s database that can be written to."""
    into.mkdir()
    path = into / "study.duckdb"
    shutil.copyfile(study / "study.duckdb", path)
    path.chmod(0o600)
    return into


def report(study: Path, folder: Path, options: Options | None = None, language: str = "en") -> tuple[Findings, Made]:
    """The report of the database in *study*, in *folder*, and the findings it tells (whose database stays open)."""
    db = database.open_readonly(study / "study.duckdb")
    found = Findings(db, replace(options or Options(), language=language))
    name = 'A <study> & "its" name </title>\u202e'
    return found, write_report(found, folder, Facts(name, HOSTILE[0], "made for a test"))


def blocks(page: str) -> dict[str, bytes]:
    """The data blocks of a page, unpacked."""
    found = re.findall(r'<script type="application/octet-stream" id="data-([\w-]+)">([^<]*)</script>', page)
    return {name: gzip.decompress(base64.b64decode(text)) for name, text in found}


def block(page: str, name: str) -> Any:
    """A block of JSON."""
    return json.loads(blocks(page)[name])
