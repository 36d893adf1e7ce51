"""Admission: the next targets, selected by the study's rules in SQL over the published data.

Reads the published database, never writes it. Admissions are recorded in the archive first (with the paths
and the rule), then become due in the frontier. Running it twice admits no one twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

import duckdb
import msgspec

from storage.archive import writer as archiving
from storage.frontier.base import Frontier
from storage.privacy.suppression import Guard
from storage.records import Meta, Request, Target
from storage.sampling import candidates, snowball
from storage.sampling.rules import Rules as Rules
from storage.sampling.rules import condition
from storage.sampling.snowball import Admission, Start

CHUNK = 5_000  # targets in one admission note


def admit(
    rules: Rules, frontier: Frontier, writer: archiving.Writer, db: duckdb.DuckDBPyConnection | None, now: datetime
) -> dict[str, int]:
    """Record and queue everyone selected by the rules and not in the frontier; return the number by collector and kind.

    *db* is the published database, or None before the first load (then only the seeds are admitted).
    """
    counts: dict[str, int] = {}
    for rule, requests in _admissions(rules, db, frontier):
        for name, number in enter(rule, requests, frontier, writer, now).items():
            counts[name] = counts.get(name, 0) + number
    return counts


def enter(
    rule: str, requests: Sequence[Request], frontier: Frontier, writer: archiving.Writer, now: datetime
) -> dict[str, int]:
    """Record and queue those of *requests* not in the frontier; return the number by collector and kind."""
    counts: dict[str, int] = {}
    requests = Guard(writer.directory.parent).requests(requests)
    for start in range(0, len(requests), CHUNK):
        new = frontier.unknown(requests[start : start + CHUNK])
        if not new:
            continue
        rows = [
            [*msgspec.structs.astuple(request.target)[:3], request.wave, request.via, request.since] for request in new
        ]
        writer.note("admission", {"rule": rule, "wants": rows}, now)
        writer.sync()
        frontier.commit(partial(frontier.add, new, now))
        for request in new:
            name = f"{request.target.collector} {request.target.kind}"
            counts[name] = counts.get(name, 0) + 1
    return counts


def admitted(note: Meta) -> list[Request]:
    """The requests in an admission note."""
    return [Request(Target(c, kind, key), "", wave, via, since) for c, kind, key, wave, via, since in note["wants"]]


def _admissions(rules: Rules, db: duckdb.DuckDBPyConnection | None, frontier: Frontier) -> Iterator[Admission]:
    yield "seed", list(_seeds(rules))
    if db is None:
        return
    yield "found", list(_found(rules, db))
    _seed_accounts(rules, db)
    yield "seed", _followed(rules, db)
    candidates.prepare(db, rules, snowball.known(rules, frontier), rules.waves)
    candidates.count(db, rules)
    linked = f"accounts_of: {rules.accounts_of}"
    handles = _handles(rules, db)
    look_ups, accounts = snowball.at_hand(rules, db, frontier, _accounts(rules, db))
    yield "look-up", look_ups
    if "connections" in rules.along and not _bounded(rules, frontier):
        lists = _lists(rules, db)
        profiles = _profiles(rules, db, frontier)
        yield f"admit: {rules.admit}", lists
        yield "connected", profiles
    yield linked, [*handles, *_asked(rules, accounts)]
    if rules.account_ties:
        yield from snowball.admissions(rules, db, frontier, accounts)


def _bounded(rules: Rules, frontier: Frontier) -> bool:
    """Whether a maximum waits until the lists of the wave are read, so that it admits the same people at any time."""
    lists = list(_of(rules, "list"))
    return rules.max_profiles is not None and any(frontier.next_due(name, [kind]) for name, kind in lists)


def _of(rules: Rules, *names: str) -> Iterator[tuple[str, str]]:
    """The (collector, kind)s whose keys name one of *names*."""
    for collector, kinds in rules.kinds.items():
        for kind, of in kinds.items():
            if of in names:
                yield collector, kind


def _seeds(rules: Rules) -> Iterator[Request]:
    for collector, kind in _of(rules, "profile", "handle"):
        yield from (Request(Target(collector, kind, key), "") for key in rules.seeds.get(collector, ()))
    if rules.waves > 0:
        for collector, kind in _of(rules, "list"):
            yield from (Request(Target(collector, kind, key), "", 0, key) for key in rules.seeds.get(collector, ()))
    for collector, kind in _of(rules, "handle"):
        yield from (
            Request(Target(collector, kind, key), "", 0, key) for key in rules.followers_of.get(collector, ("", ()))[1]
        )
    for asked in (rules.queries, rules.finding):
        for collector, kinds in asked.items():
            yield from (Request(Target(collector, kind, key), "") for kind, keys in kinds.items() for key in keys)
    for collector, kind in _of(rules, "set"):
        yield from (Request(Target(collector, kind, name), "") for name in rules.sets.get(collector, ()))


def _found(rules: Rules, db: duckdb.DuckDBPyConnection) -> Iterator[Request]:
    """The documents that searches with `fetch` found: each canonical address once, as it was found first."""
    rows = db.execute(
        "SELECT arg_min(url, (first_seen, record_id, url)), arg_min(search, (first_seen, search))"
        " FROM (SELECT *, concat(query, '/', version) AS search FROM base.documents) GROUP BY address"
        " HAVING bool_or(list_contains(?, search)) ORDER BY address",
        [list(rules.fetched)],
    ).fetchall()
    for collector, kind in _of(rules, "document"):
        yield from (Request(Target(collector, kind, url), "", 0, search) for url, search in rows)


def _lists(rules: Rules, db: duckdb.DuckDBPyConnection) -> list[Request]:
    """Connection lists of the admitted, as long as waves are left."""
    rows = db.execute(
        "SELECT profile_id, wave FROM candidates WHERE profile_id IS NOT NULL"
        f" AND (is_seed OR {condition(rules.admit)}) AND wave < ?"
        " ORDER BY wave, profile_id",
        [rules.waves],
    ).fetchall()
    return [Request(Target(collector, kind, key), "", wave, key)
            for collector, kind in _of(rules, "list") for key, wave in rows]  # fmt: skip


def _profiles(rules: Rules, db: duckdb.DuckDBPyConnection, frontier: Frontier) -> list[Request]:
    """The profiles on the lists that were read or given: one wave further than their owners, nearest first."""
    rows = db.execute(
        "SELECT c.other_id, min(l.wave) + 1 AS wave, arg_min(l.key, (l.wave, l.key)) AS via"
        " FROM base.connections AS c JOIN base.answers AS l USING (record_id) WHERE NOT starts_with(c.other_id, 'urn:')"
        " GROUP BY 1 HAVING min(l.wave) < ? ORDER BY 2, 1",
        [rules.waves],
    ).fetchall()
    kinds = list(_of(rules, "profile"))
    requests = [
        Request(Target(collector, kind, key), "", wave, via) for collector, kind in kinds for key, wave, via in rows
    ]
    if rules.max_profiles is None:
        return requests
    reached = sum(frontier.led_to(collector, kind) for collector, kind in kinds)
    return frontier.unknown(requests)[: max(0, rules.max_profiles - reached)]


def _handles(rules: Rules, db: duckdb.DuckDBPyConnection) -> list[Request]:
    """The accounts that profiles link to, by handle."""
    rows = db.execute(
        "SELECT h.platform, lower(h.handle) AS handle, min(c.wave) AS wave,"
        " arg_min(c.profile_id, (c.wave, c.profile_id)) AS via"
        " FROM profile_handles AS h JOIN (SELECT profile_id, wave FROM candidates"
        f" WHERE {condition(rules.accounts_of)}) AS c USING (profile_id)"
        " GROUP BY 1, 2 ORDER BY 3, 2"
    ).fetchall()
    return [Request(Target(collector, kind, handle), "", wave, via)
            for collector, kind in _of(rules, "handle") for platform, handle, wave, via in rows
            if platform == collector]  # fmt: skip


def _accounts(rules: Rules, db: duckdb.DuckDBPyConnection) -> list[Start]:
    """The accounts that profiles link to, and seed accounts."""
    return db.execute(
        "WITH wanted AS ("
        " SELECT l.account_id, min(c.wave) AS wave, arg_min(c.profile_id, (c.wave, c.profile_id)) AS via, FALSE AS seed"
        " FROM links AS l JOIN (SELECT profile_id, wave FROM candidates"
        f" WHERE {condition(rules.accounts_of)}) AS c USING (profile_id) GROUP BY 1"
        " UNION ALL SELECT account_id, 0, via, TRUE FROM seed_accounts)"
        " SELECT a.platform, a.account_id, min(w.wave), arg_min(w.via, (w.wave, w.via)), bool_or(w.seed)"
        " FROM wanted AS w"
        " JOIN accounts AS a USING (account_id) WHERE NOT (? AND a.account_id IN (FROM opted_out))"
        " GROUP BY 1, 2 ORDER BY 3, 2",
        [rules.honour_opt_outs],
    ).fetchall()


def _followed(rules: Rules, db: duckdb.DuckDBPyConnection) -> list[Request]:
    """The lists of followers that seeds are taken from."""
    rows = db.execute(
        "SELECT DISTINCT platform, account_id, via FROM named_accounts WHERE role = 'followed'"
    ).fetchall()
    return [Request(Target(platform, rules.followers_of[platform][0], account), "", 0, via)
            for platform, account, via in sorted(rows)]  # fmt: skip


def _asked(rules: Rules, rows: list[Start]) -> list[Request]:
    """Timelines and lists of the accounts *rows*, except those that the snowball requests itself."""
    own = {(name, kind) for name, shown in rules.ties.items() for kind in shown} if rules.waves else set()
    if rules.timelines_of is not None:
        own |= {(name, kind) for name, kinds in rules.timelines.items() for kind in kinds}
    return [Request(Target(collector, kind, account), "", wave, via)
            for collector, kind in _of(rules, "account") if (collector, kind) not in own
            for platform, account, wave, via, _ in rows if platform == collector]  # fmt: skip


def _seed_accounts(rules: Rules, db: duckdb.DuckDBPyConnection) -> None:
    """The TEMP table `seed_accounts` (account_id, via): those in [seeds], and those found by its queries.

    A path is the seed itself, what names it, or the query. A handle means the account that had it at the first look-up:
    renamed, it stays the seed, and a later owner of the handle is none. `named_accounts` has the accounts of handles,
    those whose followers are seeds too.
    """
    paths = {(collector, key): path for collector, of in rules.paths.items() for key, path in of.items()}
    given = [[collector, key.lower(), "", paths.get((collector, key), key.lower())]
             for collector, keys in rules.seeds.items() for key in keys]  # fmt: skip
    given += [[collector, key.lower(), "followed", key]
              for collector, (_, keys) in rules.followers_of.items() for key in keys]  # fmt: skip
    given += [[collector, key, kind, key] for collector, kinds in rules.finding.items() for kind, keys in kinds.items()
              for key in keys]  # fmt: skip
    db.execute("CREATE OR REPLACE TEMP TABLE given_seeds (platform VARCHAR, key VARCHAR, role VARCHAR, via VARCHAR)")
    if given:
        columns = [list(column) for column in zip(*given, strict=True)]  # one statement, however many seeds
        db.execute("INSERT INTO given_seeds SELECT unnest(?), unnest(?), unnest(?), unnest(?)", columns)
    db.execute(
        "CREATE OR REPLACE TEMP TABLE named_accounts AS"
        " WITH asked AS (SELECT collector AS platform, lower(key) AS key, min(fetched_at) AS at FROM answers"
        " WHERE outcome = 'done' AND next_cursor IS NULL GROUP BY ALL)"
        " SELECT h.platform, h.account_id, s.role, s.via FROM handles AS h JOIN given_seeds AS s"
        " ON s.platform = h.platform AND s.role IN ('', 'followed')"
        " AND s.key IN (lower(h.handle), lower(h.account_id)) LEFT JOIN asked AS a ON a.platform = s.platform"
        " AND a.key = s.key QUALIFY row_number() OVER (PARTITION BY s.platform, s.key, s.role ORDER BY"
        " h.first_seen > a.at, abs(epoch(a.at) - epoch(h.first_seen)), h.last_seen DESC, h.account_id) = 1"
    )
    db.execute(
        "CREATE OR REPLACE TEMP TABLE seed_accounts AS"
        " SELECT account_id, via FROM named_accounts WHERE role = ''"
        " UNION SELECT f.follower_id, n.via FROM base.follows AS f JOIN named_accounts AS n"
        " ON n.platform = f.platform AND n.account_id = f.followed_id"
        " WHERE n.role = 'followed' AND f.listed = 'followers'"
        " UNION SELECT l.account_id, l.list_id FROM listed AS l JOIN given_seeds AS s"
        " ON s.platform = l.platform AND s.role NOT IN ('', 'followed') AND s.key = l.list_id"
    )
