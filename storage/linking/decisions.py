"""Decisions by hand: `decisions.csv`, an append-only file in which the last decision wins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from storage import csvfile
from storage.errors import UserError

COLUMNS = ("decided_at", "profile_id", "platform", "account", "decision", "decided_by", "note", "organisation")
REQUIRED = COLUMNS[:-2]
LINKS = ("accepted", "rejected", "organisation")
MEMBERSHIPS = ("member", "not-member")
DECISIONS = (*LINKS, *MEMBERSHIPS)


class Decision(msgspec.Struct, frozen=True):
    """One line of decisions.csv. *account* is a handle or an id.

    On a link: *profile_id* is empty for `organisation`. On membership: of the profile, or else of the account, in
    *organisation*, which may be empty for `not-member`: in none.
    """

    decided_at: datetime
    profile_id: str
    platform: str
    account: str
    decision: str
    decided_by: str
    note: str = ""
    organisation: str = ""

    @property
    def about(self) -> tuple[str, ...]:
        """The subject of the decision: of two about the same subject the later holds."""
        pair = (self.profile_id, self.platform, self.account.lower())
        return (*pair, self.organisation.casefold()) if self.decision in MEMBERSHIPS else pair


def decisions(path: Path) -> list[Decision]:
    """The decisions in *path*, the last one on each subject; none if there is no file. Raise UserError."""
    if not path.exists():
        return []
    last: dict[tuple[str, ...], Decision] = {}
    names, rows = csvfile.records(path, REQUIRED)
    if missing := [name for name in REQUIRED if name not in names]:
        raise UserError(f"{path}: no column {missing[0]!r}; the first line should be {','.join(COLUMNS)}")
    for line, row in rows:
        one = _decision(f"{path}, line {line}", {name: cell.strip() for name, cell in row.items()})
        last.pop(one.about, None)
        last[one.about] = one
        if one.decision == "not-member" and not one.organisation:
            pair = one.about[:3]
            last = {about: other for about, other in last.items() if about[:3] != pair or other is one
                    or other.decision not in MEMBERSHIPS}  # fmt: skip
    return list(last.values())


def _decision(place: str, row: dict[str, str]) -> Decision:
    decision, profile, account = row["decision"], row["profile_id"], row["account"].removeprefix("@")
    if decision not in DECISIONS:
        raise UserError(f"{place}: {decision!r} is not a decision; use one of {', '.join(DECISIONS)}")
    if decision in MEMBERSHIPS:
        if not profile and not (row["platform"] and account):
            raise UserError(f"{place}: no person; fill in profile_id, or platform and account")
        if decision == "member" and not row.get("organisation"):
            raise UserError(f"{place}: no organisation; fill in organisation")
    elif not row["platform"] or not account or not (profile or decision == "organisation"):
        raise UserError(f"{place}: no person or account; fill in profile_id, platform and account")
    try:
        at = datetime.fromisoformat(row["decided_at"])
    except ValueError as error:
        raise UserError(f"{place}: {row['decided_at']!r} is not a time; write it as 2013-02-23T12:00:00Z") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    note, organisation = row.get("note", ""), row.get("organisation", "")
    return Decision(at, profile, row["platform"], account, decision, row["decided_by"], note, organisation)


# A handle names the account that has it now, else the one that had it last. A decision on two accounts
# has the other one as its profile.
RESOLVED = f"""
CREATE OR REPLACE TEMP TABLE decided AS
SELECT m.*, b.account_id,
       CASE WHEN m.decision IN {MEMBERSHIPS} THEN 'membership'
            WHEN m.profile_id IN (SELECT account_id FROM base.current_accounts) THEN 'accounts' ELSE 'link' END AS about
FROM made AS m LEFT JOIN (
    SELECT account_id, platform, lower(account_id) AS account, last_seen FROM accounts
    UNION ALL SELECT account_id, platform, lower(handle), last_seen FROM handles
) AS b ON b.platform = m.platform AND b.account = lower(m.account)
QUALIFY row_number() OVER (PARTITION BY m.number ORDER BY b.last_seen DESC NULLS LAST, b.account_id) = 1
"""


def resolve(db: duckdb.DuckDBPyConnection, made: Sequence[Decision]) -> None:
    """Make the TEMP table `decided`: *made* in their order, with the account and subject of each."""
    names = [*COLUMNS, "number"]
    rows = [(*msgspec.structs.astuple(one), number) for number, one in enumerate(made)]
    kinds = [pa.timestamp("us", "UTC"), *([pa.string()] * (len(COLUMNS) - 1)), pa.int64()]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    db.register("made", pa.Table.from_arrays(arrays, names))
    db.execute(RESOLVED)
    db.unregister("made")
