"""Evidence that profiles and accounts belong to organisations of the study, from their own statements.

Each distinct text is read once (`base.readings`), so a load costs as much as its new texts. Precision comes before
recall: unclear evidence goes to review, and an organisation's own account belongs to no person.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from importlib import resources
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from storage.errors import UserError
from storage.linking.bio_names import Names
from storage.linking.bio_words import TRADES
from storage.linking.bios import read_bio
from storage.linking.organisations import Matcher, Organisations
from storage.linking.read_once import match_texts

READ_FROM = ("bio", "fields", "links", "domain", "list")  # sources that need more than positions and decisions
AT_ONCE = 20_000  # texts read per batch of writes
SURE, PERHAPS = 0.95, 0.4  # confidence of evidence only the organisation can give, and of a link anyone can make
WHOLE = ("name", "abbreviation", "prefixed")  # rules that match an organisation's name as a whole


class Population(NamedTuple):
    """What makes a member: the sources that count (`[population] from`), and the inputs to read them."""

    sources: frozenset[str]
    lists: tuple[str, ...]
    names: Names
    trades: tuple[str, ...]
    domains: Sequence[tuple[str, str, str]]  # domain, organisation, group
    handles: frozenset[str]  # of the organisations' own accounts
    matcher: Matcher
    fingerprint: str  # of everything a reading depends on besides the text

    @property
    def reads(self) -> bool:
        """Whether anything but positions and decisions counts."""
        return not self.sources.isdisjoint(READ_FROM)


def population(listed: Organisations, day: date | None, sources: Iterable[str], lists: Iterable[str]) -> Population:
    """The population of the list *listed*, with the groups of *day*."""
    matcher = Matcher(listed, day)
    owners = [*((each, listed.key_at(each.id, day), listed.key_at(each.id, day)) for each in listed.group),
              *((each, each.name, listed.group_of(each, day)) for each in listed.organisation)]  # fmt: skip
    handles = {handle: organisation for each, organisation, _ in owners for handle in each.handles}
    domains = [(domain.casefold(), *owner) for each, *owner in owners for domain in each.domains]
    named = {domain: organisation for domain, organisation, _ in domains} | handles  # @example.org names its owner
    made = hashlib.blake2b(listed.model_dump_json().encode(), digest_size=16)
    made.update(repr(day).encode())
    for name in ("bios.py", "bio_names.py", "bio_rules.py", "bio_words.py", "organisations.py", "evidence.py"):
        made.update((resources.files("storage.linking") / name).read_bytes())
    return Population(
        frozenset(sources), tuple(lists), Names(listed, matcher, named), listed.trades or trades_of(listed.nouns()),
        [(domain, organisation, group) for domain, organisation, group in domains],
        frozenset(handle.casefold() for handle in handles), matcher, made.hexdigest(),
    )  # fmt: skip


def trades_of(nouns: Iterable[str]) -> tuple[str, ...]:
    """The trades of a population by what its members are called: of journalists, media."""
    said = [noun.casefold() for noun in nouns]
    return tuple(trade for trade, words in TRADES.items() if any(re.fullmatch(words, noun) for noun in said))


def fill(db: duckdb.DuckDBPyConnection, who: Population | None) -> int:
    """Refill `base.evidence`, without decisions; return the number of newly read texts."""
    db.execute("DELETE FROM base.evidence")
    read = 0
    if who is None or not who.sources & {"bio", "fields"}:
        db.execute("DELETE FROM base.readings")
    if who is None:
        return read
    if who.sources & {"bio", "fields"}:
        db.execute(TEXTS)
        read = _read(db, who)
        db.execute(FROM_TEXTS, {"sources": sorted(who.sources)})
        db.execute("DROP TABLE texts")
    _table(db, "domains", ("domain", "organisation", "group_name"), who.domains)
    if "domain" in who.sources:
        db.execute(FROM_HANDLES)
    if "links" in who.sources:
        db.execute(FROM_LINKS)
    db.execute("DROP TABLE domains")
    if "list" in who.sources:
        db.execute(FROM_LISTS, {"lists": list(who.lists)})
    if who.reads:
        _not_people(db, who)
    return read


# An account's statements are one text: its bio, and a line per field, so that one corrects the other.
TEXTS = """
CREATE OR REPLACE TEMP TABLE texts AS
WITH lines AS (
    SELECT account_id, string_agg(concat_ws(': ', name, value), chr(10) ORDER BY name, value) AS lines
    FROM account_fields WHERE value IS NOT NULL GROUP BY account_id
), said AS (
    SELECT a.account_id AS subject, a.platform, coalesce(a.description, '') AS bio, coalesce(l.lines, '') AS lines,
           a.record_id
    FROM base.current_accounts AS a LEFT JOIN lines AS l USING (account_id)
    WHERE a.description IS NOT NULL OR l.lines IS NOT NULL
    UNION ALL
    SELECT profile_id, platform, concat_ws(chr(10), headline, description), '', record_id
    FROM base.current_profiles WHERE headline IS NOT NULL OR description IS NOT NULL)
SELECT subject, platform, length(bio) AS bio_ends, bio || chr(10) || lines AS text, md5(text) AS digest, record_id
FROM said
"""

FROM_TEXTS = """
INSERT INTO base.evidence BY NAME
SELECT t.subject, t.platform, CASE WHEN r."at" < t.bio_ends THEN 'bio' ELSE 'fields' END AS source, r.rule,
       r.organisation, r.group_name, r.quote, r.stance, r.confidence, r.verdict, 'rule' AS decided_by, t.record_id
FROM texts AS t JOIN base.readings AS r USING (digest)
WHERE r.organisation IS NOT NULL AND list_contains($sources, source)
"""

# a host is below each of its suffixes: social.example.org, example.org, org
SUFFIXES = """list_transform(range(1, len(string_split({host}, '.')) + 1),
    lambda i: array_to_string(string_split({host}, '.')[i:], '.'))"""

FROM_HANDLES = f"""
INSERT INTO base.evidence BY NAME
WITH hosts AS (
    SELECT account_id, platform, handle, record_id, contains(handle, '@') AS on_server,
           lower(split_part(handle, '@', -1)) AS host
    FROM base.current_accounts WHERE contains(handle, '.')
), below AS (
    SELECT *, unnest({SUFFIXES.format(host="host")}) AS domain FROM hosts
)
SELECT b.account_id AS subject, b.platform, 'domain' AS source,
       CASE WHEN b.on_server THEN 'own-server' ELSE 'handle-below-domain' END AS rule, d.organisation, d.group_name,
       b.handle AS quote, 'current' AS stance, {SURE} AS confidence, 'member' AS verdict, 'rule' AS decided_by,
       b.record_id
FROM below AS b JOIN domains AS d USING (domain)
"""

# a page that links back was made by the owner of the domain; a link to it can be made by anyone
FROM_LINKS = f"""
INSERT INTO base.evidence BY NAME
WITH hosts AS (
    SELECT account_id, platform, url, verified_at IS NOT NULL AS verified, record_id,
           lower(regexp_extract(url, '^https?://(?:[^/@]*@)?([^/:?#]+)', 1)) AS host
    FROM account_fields WHERE url IS NOT NULL
), below AS (
    SELECT *, unnest({SUFFIXES.format(host="host")}) AS domain FROM hosts
)
SELECT b.account_id AS subject, b.platform, 'links' AS source,
       CASE WHEN verified THEN 'verified-link' ELSE 'link-to-domain' END AS rule, d.organisation, d.group_name,
       b.url AS quote, CASE WHEN verified THEN 'current' ELSE 'mentioned' END AS stance,
       CASE WHEN verified THEN {SURE} ELSE {PERHAPS} END AS confidence,
       CASE WHEN verified THEN 'member' ELSE 'review' END AS verdict, 'rule' AS decided_by, b.record_id
FROM below AS b JOIN domains AS d USING (domain)
"""

FROM_LISTS = """
INSERT INTO base.evidence BY NAME
SELECT l.account_id AS subject, l.platform, 'list' AS source, 'on-list' AS rule, NULL AS organisation,
       NULL AS group_name, l.list_id AS quote, 'current' AS stance, 0.9 AS confidence, 'member' AS verdict,
       'rule' AS decided_by, l.record_id
FROM listed AS l WHERE list_contains($lists, l.list_id)
"""


def _read(db: duckdb.DuckDBPyConnection, who: Population) -> int:
    """Read the texts that were not read before; return their number."""
    db.execute("DELETE FROM base.readings WHERE digest NOT IN (SELECT digest FROM texts)")
    db.execute("""CREATE OR REPLACE TEMP TABLE unread AS
        SELECT digest, any_value(text) AS text FROM texts
        WHERE digest NOT IN (SELECT digest FROM base.readings) GROUP BY digest""")
    count = 0
    while found := db.execute(f"SELECT rowid, digest, text FROM unread WHERE rowid >= {count} AND"
                              f" rowid < {count + AT_ONCE} ORDER BY rowid").fetchall():  # fmt: skip
        _add(db, "base.readings", READING, [row for _, digest, text in found for row in _readings(digest, text, who)])
        count += len(found)
    db.execute("DROP TABLE unread")
    return count


def decide(db: duckdb.DuckDBPyConnection, match: Callable[[str], Any]) -> None:
    """Add the decisions on membership of the TEMP table `decided`, which win. Raise UserError for an unknown one.

    An organisation is named as in the tables, or like an employer.
    """
    rows = db.execute("""SELECT number, organisation FROM decided WHERE about = 'membership' AND organisation <> ''
        ORDER BY number""").fetchall()
    keys = db.execute("SELECT lower(organisation), organisation, group_name FROM base.organisations ORDER BY ALL DESC")
    known = {name: (key, group) for name, key, group in keys.fetchall()}
    found: list[tuple[str, str, str]] = []
    for number, name in rows:
        owner = known.get(name.lower()) or match(name) or match(f"ministerie van {name}")
        if owner is None:
            raise UserError(f"decisions.csv: no organisation {name!r}; use a name of the view `organisations`")
        found.append((str(number), owner[0], owner[1]))
    _table(db, "named", ("number", "organisation", "group_name"), found)
    db.execute("""INSERT INTO base.evidence BY NAME
        SELECT coalesce(nullif(d.profile_id, ''), d.account_id, d.account) AS subject, d.platform,
               'decisions' AS source, 'by hand' AS rule, n.organisation, n.group_name, nullif(d.note, '') AS quote,
               CASE WHEN d.decision = 'not-member' THEN 'denied' ELSE 'current' END AS stance,
               CASE WHEN d.decision = 'not-member' THEN 0.0 ELSE 1.0 END AS confidence,
               CASE WHEN d.decision = 'not-member' THEN 'none' WHEN p.profile_id IS NULL AND d.account_id IS NULL
                    THEN 'review' ELSE 'member' END AS verdict,
               d.decided_by, coalesce(p.record_id, a.record_id) AS record_id
        FROM decided AS d LEFT JOIN named AS n ON n.number = CAST(d.number AS VARCHAR)
        LEFT JOIN base.current_profiles AS p ON p.profile_id = d.profile_id
        LEFT JOIN base.current_accounts AS a ON a.account_id = d.account_id WHERE d.about = 'membership'""")
    db.execute("DROP TABLE named")


READING = pa.schema([
    ("digest", pa.string()), ("at", pa.int32()), ("organisation", pa.string()), ("group_name", pa.string()),
    ("quote", pa.string()), ("rule", pa.string()), ("stance", pa.string()), ("confidence", pa.float64()),
    ("verdict", pa.string()),
])  # fmt: skip


def _readings(digest: str, text: str, who: Population) -> Iterator[tuple[Any, ...]]:
    """The rows of one text; a row without an organisation if it names none, which marks it as read."""
    found = [one for one in read_bio(text, who.names, who.trades) if one.organisation]
    if not found:
        yield digest, *([None] * 8)
    for one in found:
        yield (digest, one.start, one.organisation, one.group, one.quoted, one.rule, one.stance, one.confidence,
               one.verdict)  # fmt: skip


def _not_people(db: duckdb.DuckDBPyConnection, who: Population) -> None:
    """Remove membership from the organisations' own accounts, and send self-declared bots to review."""
    db.execute("""CREATE OR REPLACE TEMP TABLE shown AS SELECT account_id, handle, name FROM base.current_accounts
        WHERE account_id IN (SELECT subject FROM base.evidence WHERE verdict <> 'none')""")
    match_texts(db, "SELECT name AS text FROM shown", who.matcher.match)
    rows = db.execute(f"""SELECT account_id, handle, name IN (SELECT text FROM base.matches WHERE rule IN {WHOLE})
        FROM shown ORDER BY 1""").fetchall()
    domains = {domain for domain, _, _ in who.domains}
    own = [(account,) for account, handle, named in rows if named or _is_own(handle or "", who, domains)]
    db.execute("DROP TABLE shown")
    _table(db, "own_accounts", ("account_id",), own)
    db.execute("""UPDATE base.evidence SET stance = 'organisation', verdict = 'none', confidence = 0.05
        WHERE subject IN (SELECT account_id FROM own_accounts)
           OR subject IN (SELECT account_id FROM base.links WHERE decision = 'organisation')""")
    db.execute("DROP TABLE own_accounts")
    db.execute("""UPDATE base.evidence SET stance = 'automated', verdict = 'review', confidence = 0.5
        WHERE verdict = 'member' AND subject IN (
            SELECT account_id FROM base.current_accounts WHERE list_contains(flags, 'bot'))""")


def _is_own(handle: str, who: Population, domains: set[str]) -> bool:
    """Whether an account is an organisation's own by its handle."""
    whole = handle.casefold()
    return whole in who.handles or whole.partition("@")[0] in who.handles or whole in domains


def _table(db: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Make the TEMP table *name* of text columns."""
    db.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({', '.join(f'{column} VARCHAR' for column in columns)})")
    _add(db, name, pa.schema([(column, pa.string()) for column in columns]), rows)


def _add(db: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> None:
    """Insert *rows* as one batch."""
    if rows:
        columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), schema.types, strict=True)]
        db.register("rows_to_add", pa.table(columns, schema=schema))
        db.execute(f"INSERT INTO {table} BY NAME FROM rows_to_add")
        db.unregister("rows_to_add")
