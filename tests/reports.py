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
    with duckdb.connect(str(study / "study.duckdb")) as db:
        db.execute(f"""
            CREATE TEMP TABLE rounds AS
            SELECT nth, (INTERVAL 30 DAY) * nth AS later, '-' || nth AS mark FROM range({ROUNDS}) AS t(nth);
            CREATE TEMP TABLE walked AS SELECT w.* REPLACE (walk || mark AS walk, true AS complete,
                started_at + later AS started_at, ended_at + later AS ended_at)
            FROM base.walks AS w, rounds WHERE {lists};
            DELETE FROM base.walks WHERE {lists};
            INSERT INTO base.walks FROM walked;
            CREATE TEMP TABLE seen AS SELECT f.* REPLACE (walk || mark AS walk, seen_at + later AS seen_at)
            FROM base.follows AS f, rounds WHERE CASE hash(follower_id, followed_id) % 10
                WHEN 0 THEN nth = 0 WHEN 1 THEN nth < 2 WHEN 2 THEN nth > 0 ELSE true END;
            DELETE FROM base.follows;
            INSERT INTO base.follows FROM seen;
            UPDATE base.current_follows AS f SET first_seen = s.first_seen, last_seen = s.last_seen
            FROM (SELECT follower_id, followed_id, min(seen_at) AS first_seen, max(seen_at) AS last_seen
                  FROM seen GROUP BY ALL) AS s
            WHERE f.follower_id = s.follower_id AND f.followed_id = s.followed_id""")
    return study


def copied(study: Path, into: Path) -> Path:
    """A copy of the *study*'s database that can be written to."""
    into.mkdir()
    path = into / "study.duckdb"
    shutil.copyfile(study / "study.duckdb", path)
    path.chmod(0o600)
    return into


PAGE = Options(formats=("svg",))  # what the page shows, and no more


def report(study: Path, folder: Path, options: Options = PAGE, language: str = "en") -> tuple[Findings, Made]:
    """The report of the database in *study*, in *folder*, and the findings it tells (whose database stays open)."""
    db = database.open_readonly(study / "study.duckdb")
    found = Findings(db, replace(options, language=language))
    name = 'A <study> & "its" name </title>\u202e'
    return found, write_report(found, folder, Facts(name, HOSTILE[0], "made for a test"))


def blocks(page: str) -> dict[str, bytes]:
    """The data blocks of a page, unpacked."""
    found = re.findall(r'<script type="application/octet-stream" id="data-([\w-]+)">([^<]*)</script>', page)
    return {name: gzip.decompress(base64.b64decode(text)) for name, text in found}


def block(page: str, name: str) -> Any:
    """A block of JSON."""
    return json.loads(blocks(page)[name])
