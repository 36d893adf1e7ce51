"""Decisions by hand: `decisions.csv`, an append-only file in which the last decision wins.

`undecided` withdraws a coder's own decision; the last of the others' then holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from storage import csvfile
from storage.by_hand import UNDECIDED, append
from storage.errors import UserError

COLUMNS = ("decided_at", "profile_id", "platform", "account", "decision", "decided_by", "note", "organisation")
REQUIRED = COLUMNS[:-2]
LINKS = ("accepted", "rejected", "organisation")
MEMBERSHIPS = ("member", "not-member")
DECISIONS = (*LINKS, *MEMBERSHIPS, UNDECIDED)


class Decision(msgspec.Struct, frozen=True):
    """One line of decisions.csv. *account* is a handle or an id.

    On a link: *profile_id* is empty for `organisation`. On membership: of the profile, or else of the account, in
    *organisation*, which may be empty for `not-member`: in none. `undecided` is on membership if it names an
    organisation.
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
        return (*pair, self.organisation.casefold()) if self.on_membership else pair

    @property
    def on_membership(self) -> bool:
        """Whether the decision is on membership of an organisation, not on a link."""
        return self.decision in MEMBERSHIPS or (self.decision == UNDECIDED and bool(self.organisation))


def decisions(path: Path) -> list[Decision]:
    """The decisions in *path*, the last one on each subject; none if there is no file. Raise UserError."""
    last: dict[tuple[str, ...], Decision] = {}
    for one in by_coder(path):
        last.pop(one.about, None)
        last[one.about] = one
    return list(last.values())


def by_coder(path: Path) -> list[Decision]:
    """The decisions in *path* that their coders did not replace or withdraw, in order. Raise UserError."""
    if not path.exists():
        return []
    last: dict[tuple[tuple[str, ...], str], Decision] = {}
    names, rows = csvfile.records(path, REQUIRED)
    if missing := [name for name in REQUIRED if name not in names]:
        raise UserError(f"{path}: no column {missing[0]!r}; the first line should be {','.join(COLUMNS)}")
    for line, row in rows:
        one = _decision(f"{path}, line {line}", {name: cell.strip() for name, cell in row.items()})
        last.pop((one.about, one.decided_by), None)
        if one.decision != UNDECIDED:
            last[one.about, one.decided_by] = one
        if one.decision == "not-member" and not one.organisation:
            pair = one.about[:3]
            last = {key: other for key, other in last.items() if other.about[:3] != pair or other is one
                    or other.decision not in MEMBERSHIPS}  # fmt: skip
    return list(last.values())


def write(path: Path, made: Sequence[Decision]) -> None:
    """Append *made* to the file at *path*; the caller holds LOCK."""
    append(path, COLUMNS, [{**msgspec.structs.asdict(one), "decided_at": one.decided_at.isoformat(timespec="seconds")}
                           for one in made])  # fmt: skip


def _decision(place: str, row: dict[str, str]) -> Decision:
    decision, profile, account = row["decision"], row["profile_id"], row["account"].removeprefix("@")
    if decision not in DECISIONS:
        raise UserError(f"{place}: {decision!r} is not a decision; use one of {', '.join(DECISIONS)}")
    if decision in MEMBERSHIPS or (decision == UNDECIDED and row.get("organisation")):
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
    WHERE lower(account_id) IN (SELECT lower(account) FROM made)
    UNION ALL SELECT account_id, platform, lower(handle), max(last_seen) FROM base.accounts
    WHERE lower(handle) IN (SELECT lower(account) FROM made) GROUP BY ALL
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
    db.register("made_now", pa.Table.from_arrays(arrays, names))
    db.execute("CREATE OR REPLACE TEMP TABLE made AS FROM made_now")  # whose size the planner knows
    db.unregister("made_now")
    db.execute(RESOLVED if made else f"{RESOLVED} LIMIT 0")  # without decisions, no account is looked up
    db.execute("DROP TABLE made")
