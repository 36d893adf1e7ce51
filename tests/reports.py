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
