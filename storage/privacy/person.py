"""A person to forget: their profiles and accounts, and all names they ever had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import msgspec

from storage.errors import UserError
from storage.privacy.declared import Platform, handles_of
from storage.privacy.forgotten import EMAIL, Name, addresses_of, names_of
from storage.tables.database import connected

MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class Person(msgspec.Struct, frozen=True):
    """Everything known about a person to forget."""

    names: frozenset[Name]
    people: frozenset[str] = frozenset()  # names as written
    texts: frozenset[str] = frozenset()  # texts they wrote
    known: bool = True  # False: not found in the database


def person_of(text: str, database: Path, declared: Iterable[Platform]) -> Person:
    """The person whose account or profile is *text* (an address, handle or id), with all names they ever had.

    Profiles and accounts that the study links count as one person. A document counts as one, by any of its addresses.
    Raise UserError if *text* cannot be a name.
    """
    declared = list(declared)
    asked = names_of(text, declared)
    if not asked:
        raise UserError(f"{text!r} is not an account or profile; give an address, a handle or an id")
    if not database.exists():
        return Person(frozenset(_widened(asked, declared)), known=False)
    with connected(database) as db:
        profiles, accounts = _seeds(db, [name.key for name in asked])
        for _ in range(3):  # a person's profile, its accounts, and the other profiles linked to these
            profiles, accounts = _linked(db, profiles, accounts)
        if not profiles and not accounts:
            if document := db.execute(DOCUMENT, [[name.key for name in asked]]).fetchall():
                named = {Name("profile", value) for kind, value in document if kind == "address"}
                titles, texts = ({value for kind, value in document if kind == one} for one in ("title", "text"))
                named |= {name for name in asked if name.kind == "profile"}
                return Person(frozenset(named), frozenset(titles), frozenset(texts | titles))
            known = db.execute(RESPONDENT, [[name.key for name in asked]]).fetchone() is not None
            return Person(frozenset(_widened(asked, declared)), known=known)
        names, people, texts = {name for name in asked if name.kind == "profile"}, set[str](), set[str]()
        for kind, value in _rows(db, PROFILE_NAMES, sorted(profiles)) + _rows(db, ACCOUNT_NAMES, sorted(accounts)):
            if kind == "name":
                people.add(value)
            elif kind == "text":
                names |= {Name(EMAIL, found) for found in MAIL.findall(value)}
                texts.add(value)
            else:
                names.add(Name(kind, value))
        texts |= {text for row in db.execute(WORDS, [sorted(accounts)]).fetchall() for text in row if text}
    return Person(frozenset(_widened(names, declared)), frozenset(people), frozenset(texts))


def _widened(names: Iterable[Name], declared: Iterable[Platform]) -> Iterator[Name]:
    """*names*, and the addresses derived from their handles."""
    handles = handles_of(declared)
    for name in names:
        yield name
        if name.kind in handles:
            yield from addresses_of(name, handles[name.kind])


RESPONDENT = "SELECT 1 FROM base.survey_answers WHERE list_contains($1, lower(respondent)) LIMIT 1"
# all addresses of the document that has one of them, and what they say
DOCUMENT = """
WITH whole AS (
    SELECT address FROM document_finds WHERE document IN (
        SELECT document FROM document_finds
        WHERE list_has_any(list_transform($1, lambda one: regexp_replace(one, '^http:', 'https:')), list_transform(
            [address, url], lambda one: regexp_replace(lower(rtrim(one, '/')), '^http:', 'https:'))))
)
SELECT DISTINCT kind, value FROM (
    SELECT unnest(['address', 'address', 'title', 'text']) AS kind, unnest([address, url, title, summary]) AS value
    FROM base.documents SEMI JOIN whole USING (address)
    UNION ALL SELECT unnest(['address', 'title', 'text']), unnest([url, title, text])
    FROM base.document_pages SEMI JOIN whole USING (address)
) WHERE value IS NOT NULL
"""
PROFILE_NAMES = """
SELECT 'profile', profile_id FROM base.profiles WHERE list_contains($1, profile_id)
UNION SELECT 'profile', url FROM base.profiles WHERE list_contains($1, profile_id) AND url IS NOT NULL
UNION SELECT 'profile', unnest($1)
UNION SELECT 'name', name FROM base.profiles WHERE list_contains($1, profile_id) AND name IS NOT NULL
UNION SELECT 'text', unnest([headline, description]) FROM base.profiles WHERE list_contains($1, profile_id)
UNION SELECT platform, handle FROM base.links
    WHERE list_contains($1, profile_id) AND decision IN ('accepted', 'unresolved')
"""
ACCOUNT_NAMES = """
SELECT 'account', unnest($1)
UNION SELECT platform, handle FROM base.accounts WHERE list_contains($1, account_id) AND handle IS NOT NULL
UNION SELECT 'name', name FROM base.accounts WHERE list_contains($1, account_id) AND name IS NOT NULL
UNION SELECT 'text', description FROM base.accounts WHERE list_contains($1, account_id)
UNION SELECT 'post', post_id FROM base.posts
    WHERE list_contains($1, account_id) AND split_part(post_id, '/', 3) <> account_id  -- found by the account's id
"""
# a retweet contains another's words
WORDS = """
SELECT text, CASE WHEN retweeted_post IS NULL THEN full_text END FROM base.posts
WHERE list_contains($1, account_id) AND kind <> 'retweet'
UNION SELECT v.text, NULL FROM base.post_versions AS v JOIN base.posts AS p USING (platform, post_id)
WHERE list_contains($1, p.account_id) AND p.kind <> 'retweet'
"""


# a retweet of their post is their words
OTHERS = """
SELECT account_id, text FROM base.posts
WHERE account_id IS NOT NULL AND text IS NOT NULL AND kind <> 'retweet' AND quoted_post IS NULL
  AND NOT list_contains($1, account_id) AND NOT list_contains($1, coalesce(reply_to_account, ''))
UNION ALL SELECT account_id, description FROM base.accounts
    WHERE description IS NOT NULL AND NOT list_contains($1, account_id)
UNION ALL SELECT profile_id, unnest(list_filter([headline, description], lambda text: text IS NOT NULL))
    FROM base.profiles WHERE NOT list_contains($1, profile_id)
"""


def others(person: Person, database: Path) -> Iterator[tuple[str, str]]:
    """Texts of others (author, text): descriptions, and posts that do not repost or answer *person*."""
    own = sorted(name.text for name in person.names if name.kind in ("account", "profile"))
    if not database.exists() or not own:
        return
    with connected(database) as db:
        db.execute(OTHERS, [own])
        while rows := db.fetchmany(10_000):
            yield from rows


def _rows(db: duckdb.DuckDBPyConnection, query: str, keys: list[str]) -> list[tuple[str, str]]:
    return [row for row in db.execute(query, [keys]).fetchall() if row[1]] if keys else []


def _seeds(db: duckdb.DuckDBPyConnection, keys: list[str]) -> tuple[set[str], set[str]]:
    profiles = db.execute(
        "SELECT DISTINCT profile_id FROM base.profiles WHERE list_contains($1, lower(rtrim(profile_id, '/')))"
        " OR list_contains($1, lower(rtrim(url, '/')))",
        [keys],
    ).fetchall()
    accounts = db.execute(
        "SELECT DISTINCT account_id FROM base.accounts"
        " WHERE list_contains($1, lower(account_id)) OR list_contains($1, lower(handle))",
        [keys],
    ).fetchall()
    return {row[0] for row in profiles}, {row[0] for row in accounts}


def _linked(db: duckdb.DuckDBPyConnection, profiles: set[str], accounts: set[str]) -> tuple[set[str], set[str]]:
    rows = db.execute(
        "SELECT profile_id, account_id FROM base.links WHERE decision = 'accepted'"
        " AND (list_contains($1, profile_id) OR list_contains($2, account_id))",
        [sorted(profiles), sorted(accounts)],
    ).fetchall()
    return profiles | {row[0] for row in rows}, accounts | {row[1] for row in rows if row[1]}
