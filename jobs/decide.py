"""Queues of what waits for a person's decision, the evidence for each item, and the decisions of several coders.

Decisions are written to the files that are written by hand: `decisions.csv` and `screening.csv`, which `load` applies,
and the study's table of labels, which reports and networks read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pandas as pd

from analysis import screening
from jobs import review
from jobs.context import DATABASE, read_study
from jobs.context import DECISIONS as FILE
from jobs.query import apart, attached
from jobs.report import labels_of
from storage import csvfile
from storage.by_hand import CONSENSUS, DECIDED, LOCK, SCREENING, UNDECIDED, append, screened
from storage.errors import UserError
from storage.linking.decisions import Decision, by_coder
from storage.linking.decisions import write as write_decisions
from storage.locks import lock

LINKS, MEMBERS, DOCUMENTS, LABELS = "links", "members", "documents", "labels"
PAIR = "two accounts"
BY = ("decided_by", "decided_at")  # columns of a table of labels
AT_LEAST = 0.5  # probability of a candidate


class Choice(msgspec.Struct, frozen=True):
    """One of the decisions on an item: its key, its word in the file, and what it says. *reason*: it needs one."""

    key: str
    decision: str
    says: str
    reason: bool = False


class Queue(msgspec.Struct, frozen=True):
    """A kind of decision."""

    name: str
    title: str
    question: str
    choices: tuple[Choice, ...]


REJECT, OWN = Choice("r", "rejected", "No"), Choice("o", "organisation", "No: the account is an organisation's")
QUEUES = {
    LINKS: Queue(LINKS, "Links between profiles and accounts", "Do these belong to one person?",
                 (Choice("a", "accepted", "Yes"), REJECT, OWN)),
    MEMBERS: Queue(MEMBERS, "Evidence of membership", "Does this person belong to the organisation?",
                   (Choice("m", "member", "Yes"), Choice("n", "not-member", "No"))),
    DOCUMENTS: Queue(DOCUMENTS, "Documents to screen", "Does this document belong to the study?",
                     (Choice("i", "included", "Include"), Choice("x", "excluded", "Exclude", reason=True))),
    LABELS: Queue(LABELS, "Labels of accounts", "What is this account?", (Choice("x", "label", "Label", reason=True),)),
}  # fmt: skip


class Item(msgspec.Struct, frozen=True):
    """What is decided on. *subject* names it in the file; *title* in a list; *facts* are the rule's."""

    subject: tuple[str, ...]
    title: str
    facts: dict[str, Any] = {}
    pair: bool = False
    account: str = ""

    @property
    def id(self) -> str:
        """A name of the item for addresses of pages; accounts and organisations have it in any case."""
        first, *rest = self.subject
        known = "\n".join((first, *(part.casefold() for part in rest)))
        return hashlib.blake2b(known.encode(), digest_size=10).hexdigest()


class Made(msgspec.Struct, frozen=True):
    """A coder's decision on a subject."""

    subject: tuple[str, ...]
    by: str
    decision: str
    at: datetime | str
    reason: str = ""

    @property
    def id(self) -> str:
        """The name of its item."""
        return Item(self.subject, "").id


class Waiting:
    """The items of one published database, by queue; *candidates*: links that a model proposes are among them."""

    def __init__(self, directory: Path, *, candidates: bool = False) -> None:
        self.directory, self.stamp = directory, stamp(directory)
        with attached(directory) as db:
            links = [*db.execute(review.WAITING, AGAIN).fetchall(), *db.execute(review.TWO_ACCOUNTS, AGAIN).fetchall()]
            if candidates:
                for (platform,) in db.execute(review.PLATFORMS).fetchall():
                    links += review.proposed(db, platform, AT_LEAST)
            members = db.execute(review.UNCLEAR, AGAIN).fetchall()
            accounts = db.execute(UNLABELLED).fetchall()
            found = db.execute("SELECT document, title, source FROM study.documents ORDER BY ALL").fetchall()
        self.items = {
            LINKS: {one.id: one for one in map(_link, links)},
            MEMBERS: {one.id: one for one in map(_member, members)},
            DOCUMENTS: {one.id: one for one in map(_document, found)},
            LABELS: {one.id: one for one in _accounts(directory, accounts)},
        }

    def left(self, queue: str, by: str, *, alone: bool = False) -> list[Item]:
        """The items of *queue* that the coder *by* has not decided; *alone*: that nobody has.

        For CONSENSUS, who settles what others differ about: those.
        """
        decided = made(self.directory, queue)
        gone = {one.id for one in decided if alone or one.by in (by, "")}
        again = {review.BY_HAND} if alone else set()
        apart = _disputed(decided) if by == CONSENSUS else None
        return [one for one in self.items[queue].values() if one.id not in gone
                and one.facts.get("why") not in again and (apart is None or one.id in apart)]  # fmt: skip


def _disputed(decided: Sequence[Made]) -> set[str]:
    """The items about which coders differ."""
    said: dict[str, set[str]] = {}
    for one in decided:
        said.setdefault(one.id, set()).add(one.decision)
    return {id_ for id_, decisions in said.items() if len(decisions) > 1}


AGAIN = {"platform": None, "again": True}
# the accounts of no member, those followed most first
UNLABELLED = """SELECT account_id, handle, name FROM study.accounts LEFT JOIN (
    SELECT followed_id AS account_id, count(*) AS seen FROM study.follows GROUP BY ALL) USING (account_id)
WHERE account_id NOT IN (SELECT subject FROM study.actors JOIN study.members USING (actor_id))
ORDER BY seen DESC NULLS LAST, followers DESC NULLS LAST, account_id LIMIT 1000"""


def queues(directory: Path) -> list[Queue]:
    """The queues of a study: that of labels only if its study file names a table of them."""
    return [one for one in QUEUES.values() if one.name != LABELS or _table(directory) is not None]


def stamp(directory: Path) -> tuple[int, int]:
    """What distinguishes the published database from its predecessors. Raise UserError if there is none."""
    try:
        found = (directory / DATABASE).stat()
    except FileNotFoundError:
        raise UserError(f"{directory / DATABASE}: no database yet; run `sneeuwbal load`") from None
    return found.st_ino, found.st_mtime_ns


def _facts(row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(review.FIELDS[1:], row, strict=True))


def _link(row: Sequence[Any]) -> Item:
    one = _facts(row)
    subject = (one["profile_id"], one["platform"], one["account_id"])
    title = f"{one['name'] or one['profile_id']} – {one['account_name'] or ''} ({one['handle'] or one['account_id']})"
    return Item(subject, title, _shown(one), one["why"] == PAIR)


def _member(row: Sequence[Any]) -> Item:
    one = _facts(row)
    subject = (one["profile_id"] or "", one["platform"], one["account_id"] or "", one["organisation"])
    return Item(subject, f"{one['name'] or one['account_name'] or one['handle']} – {one['organisation']}", _shown(one))


def _document(row: Sequence[Any]) -> Item:
    document, title, source = row
    return Item((document,), f"{title or document}{f' – {source}' if source else ''}")


def _accounts(directory: Path, rows: Sequence[Any]) -> Iterator[Item]:
    """The accounts of *rows*, called as in the table of labels: by id or by handle."""
    if (table := _table(directory)) is not None:
        for account, handle, name in rows:
            if subject := account if table[1] == "account_id" else (handle or "").casefold():
                yield Item((subject,), f"{name or ''} ({handle or account})", account=account)


def _table(directory: Path) -> tuple[Path, str, str] | None:
    """The study's table of labels, with its columns of accounts and of labels; None if it names none."""
    study = read_study(directory)
    if study.analysis.labels is None:
        return None
    path = directory / study.analysis.labels
    names = csvfile.records(path)[0]
    return path, "account_id" if "account_id" in names else "handle", "label" if "label" in names else "role"


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {
        name: one[name] for name in ("organisation", "why", "rule", "confidence", "evidence") if one[name] is not None
    }


# ---- evidence --------------------------------------------------------------------------------------------------

PROFILE = """SELECT profile_id, platform, url, name, headline, description, location,
    (SELECT list(concat_ws(', ', title, employer, CASE WHEN current THEN 'current' END) ORDER BY ordinal)
     FROM positions AS o WHERE o.profile_id = p.profile_id) AS positions,
    (SELECT list(DISTINCT url ORDER BY url) FROM profile_links AS l WHERE l.profile_id = p.profile_id) AS links
FROM profiles AS p WHERE profile_id = $1"""
ACCOUNT = """SELECT account_id, platform, url, handle, name, description, location, verified, flags,
    created_at::DATE AS created, followers, following, posts,
    (SELECT list(concat_ws(': ', name, coalesce(url, value),
        CASE WHEN verified_at IS NOT NULL THEN 'verified' END) ORDER BY name, url)
     FROM account_fields AS f WHERE f.account_id = a.account_id) AS fields
FROM accounts AS a WHERE account_id = $1"""
DOCUMENT = """SELECT document, title, source, platform, published_at, summary, page, language, text,
    addresses, queries
FROM documents WHERE document = $1"""
WROTE = "SELECT created_at, text FROM posts WHERE account_id = $1 ORDER BY created_at DESC, post_id LIMIT 5"
# what rules read, not what other coders decided
LINKING = """SELECT profile_id, handle, account_id, rule, evidence, confidence, decision AS verdict
FROM (FROM link_candidates UNION ALL BY NAME SELECT *, 'accepted' AS decision FROM links)
WHERE decided_by = 'rule' AND platform = $1 AND (profile_id = $2 OR account_id = $3) ORDER BY ALL"""
BETWEEN = """SELECT account_id, other_id, rule, evidence, confidence, decision AS verdict FROM account_links
WHERE decided_by = 'rule' AND ($1 IN (account_id, other_id) OR $2 IN (account_id, other_id)) ORDER BY ALL"""
BELONGING = """SELECT source, organisation, quote, rule, stance, confidence, verdict FROM evidence
WHERE subject IN ($1, $2) AND source <> 'decisions' ORDER BY confidence DESC, source, organisation, quote, rule"""


class Evidence(msgspec.Struct, frozen=True):
    """All that is known about an item: its *sides*, each a title and fields, and the *rows* that rules read."""

    sides: list[tuple[str, dict[str, Any]]]
    rows: list[dict[str, Any]]


def evidence(directory: Path, queue: str, item: Item) -> Evidence:
    """The evidence for *item*, from the published database. Raise UserError."""
    with apart(directory) as db:
        if queue == DOCUMENTS:
            return Evidence(list(_side(db, "document", DOCUMENT, item.subject[0])), [])
        if queue == LABELS:
            return Evidence(list(_side(db, "account", ACCOUNT, item.account)), _rows(db, WROTE, item.account))
        one, platform, other, *_ = item.subject
        sides = [*_side(db, "account" if item.pair else "profile", ACCOUNT if item.pair else PROFILE, one),
                 *_side(db, "account", ACCOUNT, other)]  # fmt: skip
        if queue == MEMBERS:
            return Evidence(sides, _rows(db, BELONGING, one, other))
        rows = _rows(db, BETWEEN, one, other) if item.pair else _rows(db, LINKING, platform, one, other)
        return Evidence(sides, rows)


def _rows(db: duckdb.DuckDBPyConnection, query: str, *values: str) -> list[dict[str, Any]]:
    found = db.execute(query, values)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _side(db: duckdb.DuckDBPyConnection, title: str, query: str, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in _rows(db, query, key) if key else ():
        yield title, {name: value for name, value in row.items() if value not in (None, [], "")}


# ---- decisions -------------------------------------------------------------------------------------------------


def made(directory: Path, queue: str) -> list[Made]:
    """The decisions on *queue* that their coders did not replace or withdraw, oldest first. Raise UserError."""
    if queue == DOCUMENTS:
        return [Made((document,), by, decision, at, reason)
                for document, decision, reason, by, at in screened(directory) if decision != UNDECIDED]  # fmt: skip
    if queue == LABELS:
        return list(_labelled(directory))
    return [
        Made(_subject(one), one.decided_by, one.decision, one.decided_at)
        for one in by_coder(directory / FILE) if one.on_membership == (queue == MEMBERS)
    ]  # fmt: skip


def _labelled(directory: Path) -> Iterator[Made]:
    """The labels of the study's table; those without a coder are the study's own."""
    if (table := _table(directory)) is not None and (found := labels_of(read_study(directory))) is not None:
        _, key, said = table
        for row in found.fillna("").to_dict("records"):
            subject = row[key] if key == "account_id" else row[key].removeprefix("@").casefold()
            yield Made((subject,), row.get("decided_by", ""), row[said], row.get("decided_at", ""), row[said])


def _subject(one: Decision) -> tuple[str, ...]:
    pair = (one.profile_id, one.platform, one.account)
    return (*pair, one.organisation) if one.on_membership else pair


def decide(directory: Path, queue: str, item: Item, decision: str, by: str, reason: str = "") -> None:
    """Append the decision of the coder *by* on *item*. Raise UserError if it is none that the queue has."""
    choice = next((one for one in QUEUES[queue].choices if one.decision == decision), None)
    if choice is None or (choice is OWN and item.pair):
        raise UserError(f"{decision!r} is not a decision here")
    if choice.reason and not reason:
        raise UserError("the reason or label is empty; fill it in")
    note = f"{item.facts.get('rule') or ''} {item.facts.get('confidence') or ''}".strip()
    _write(directory, queue, item.subject, decision, by, reason if choice.reason else note)


def undo(directory: Path, queue: str, id_: str, by: str) -> None:
    """Withdraw the decision of the coder *by* on the item called *id_*. Raise UserError if there is none."""
    own = next((one for one in made(directory, queue) if one.by == by and one.id == id_), None)
    if own is None:
        raise UserError("there is no decision of yours to undo")
    _write(directory, queue, own.subject, UNDECIDED, by, "")


def _write(directory: Path, queue: str, subject: Sequence[str], decision: str, by: str, note: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with lock(directory, LOCK, wait=True):
        if queue == DOCUMENTS:
            row = dict(zip(DECIDED, (subject[0], decision, note, by, now.isoformat()), strict=True))
            append(directory / SCREENING, DECIDED, [row])
        elif queue == LABELS:
            if (table := _table(directory)) is None:
                raise UserError("the study file names no table of labels: [analysis] labels")
            path, key, said = table
            append(path, (key, said, *BY), [{key: subject[0], said: note, BY[0]: by, BY[1]: now.isoformat()}])
        else:
            profile, platform, account, *organisation = subject
            one = Decision(now, profile, platform, account, decision, by, note, "".join(organisation))
            write_decisions(directory / FILE, [one])


def reasons(directory: Path, queue: str) -> list[str]:
    """The reasons (or labels) that were given in *queue*, the most frequent first."""
    given = Counter(one.reason for one in made(directory, queue) if one.reason)
    return [reason for reason, _ in given.most_common()]


def agreement(directory: Path, queue: str) -> pd.DataFrame:
    """The agreement of coders on *queue*, as by `analysis.screening.agreed`."""
    rows = [(one.id, one.by, one.decision) for one in made(directory, queue) if one.by not in (CONSENSUS, "")]
    return screening.agreed(pd.DataFrame(rows, columns=["document", "coder", "decision"]).drop_duplicates(
        ["document", "coder"], keep="last"))  # fmt: skip
