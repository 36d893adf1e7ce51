"""The snowball along ties between accounts: wave by wave, each after all lists of the previous one are read.

So admissions depend on the content of lists, not on kills, limits or the order of answers. An admitted person
is in the frontier as a target of the kind ADMITTED, which is not fetched; the rest is recomputed each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from storage.frontier.base import ADMITTED, Frontier
from storage.records import Request, Target
from storage.sampling import candidates
from storage.sampling.rules import Rules, condition

Admission = tuple[str, list[Request]]  # a rule, and the targets it admits
Row = tuple[str, str, int, str]  # platform, account, wave, via
Start = tuple[str, str, int, str, bool]  # the same, and whether it is a seed


def admissions(
    rules: Rules, db: duckdb.DuckDBPyConnection, frontier: Frontier, starts: Sequence[Start]
) -> Iterator[Admission]:
    """Yield the admissions and requests due now; each admission is in the frontier before the next.

    *starts* are the accounts to start from. Nothing is yielded while a list of the current wave is being read.
    """
    if waiting(rules, db, frontier):
        return
    given = {key.lower() for keys in rules.seeds.values() for key in keys}
    named = _named(db)
    yield "seed", _admitted([(platform, account, 0, "" if account in named and via in given else via)
                             for platform, account, _, via, seed in starts if seed])  # fmt: skip
    yield f"accounts_of: {rules.accounts_of}", _admitted([one[:4] for one in starts if not one[4]])
    yield from _waves(rules, db, frontier)
    yield from _timelines(rules, db, frontier)


def _waves(rules: Rules, db: duckdb.DuckDBPyConnection, frontier: Frontier) -> Iterator[Admission]:
    """Yield one wave after the other, up to the first with unread lists."""
    for step in range(rules.waves):
        candidates.prepare(db, rules, known(rules, frontier), step)
        yield from _lists(rules, db, step)
        if waiting(rules, db, frontier):
            return
        yield "look-up", _unseen(rules, db)
        if waiting(rules, db, frontier):
            return
        _available(rules, db, frontier)
        chosen = _chosen(rules, db, step)
        yield "look-up", _unchecked(rules, db, chosen)
        if waiting(rules, db, frontier):
            return
        yield f"admit: {rules.admit}", _admitted(chosen)
    if rules.lists_of is not None:
        candidates.prepare(db, rules, known(rules, frontier), rules.waves)
        yield from _lists(rules, db, rules.waves)


def at_hand(
    rules: Rules, db: duckdb.DuckDBPyConnection, frontier: Frontier, starts: Sequence[Start]
) -> tuple[list[Request], list[Start]]:
    """Look-ups of those of *starts* found by a query whose own server must be asked first; and those who may start.

    A query shows accounts of other servers, and only these know whether someone opted out.
    """
    named = _named(db)
    found = {start for start in starts if start[4] and start[1] not in named and start[0] in rules.checked}
    if not found:
        return [], list(starts)
    _available(rules, db, frontier)
    available = {account for (account,) in db.execute("SELECT account_id FROM available").fetchall()}
    requests = _unchecked(rules, db, [start[:4] for start in starts if start in found and start[1] in available])
    asked = {request.target.key for request in requests}
    return requests, [one for one in starts if one not in found or (one[1] in available and one[1] not in asked)]


def _named(db: duckdb.DuckDBPyConnection) -> set[str]:
    """The accounts that the study itself names as seeds; the others were found by a query or on a list."""
    return {account for (account,) in db.execute("SELECT account_id FROM named_accounts WHERE role = ''").fetchall()}


def waiting(rules: Rules, db: duckdb.DuckDBPyConnection, frontier: Frontier) -> bool:
    """Whether the next wave waits for a request, or for an answer that is not loaded yet."""
    kinds = [(collector, kind) for collector, shown in rules.ties.items() for kind in shown]
    named = ("handle", *(("profile", "list") if "connections" in rules.along else ()))
    kinds += [(collector, kind) for collector, of in rules.kinds.items() for kind, what in of.items() if what in named]
    kinds += [(collector, kind) for collector, found in rules.finding.items() for kind in found]
    kinds += [(collector, kind) for collector, (kind, keys) in rules.followers_of.items() if keys]
    if any(frontier.next_due(collector, [kind]) for collector, kind in kinds):
        return True
    ended = [walk for collector, kind in kinds for walk in frontier.ended(collector, kind)]
    db.register("ended", pa.table({"walk": pa.array(ended, pa.string())}))
    ((missing,),) = db.execute(
        "SELECT count(*) FROM ended ANTI JOIN (FROM answers WHERE next_cursor IS NULL"
        " AND outcome IN ('done', 'absent', 'failure')) AS a USING (walk)"
    ).fetchall()
    db.unregister("ended")
    return bool(missing)


def known(rules: Rules, frontier: Frontier) -> list[tuple[str, str, int]]:
    """The admitted: (platform, account, wave)."""
    return [(name, key, wave) for name in rules.kinds for key, wave, _ in frontier.targets(name, ADMITTED)]


def _admitted(rows: Sequence[Row]) -> list[Request]:
    return [Request(Target(platform, ADMITTED, account), "", wave, via) for platform, account, wave, via in rows]


def _lists(rules: Rules, db: duckdb.DuckDBPyConnection, step: int) -> Iterator[Admission]:
    """The lists of ties of those admitted up to wave *step*, as selected by `lists_of`."""
    rows = [row for row in _selected(rules, db, rules.lists_of) if row[2] <= step]
    for collector, shown in rules.ties.items():
        for kind, ties in shown.items():
            yield f"along: {', '.join(ties)}", [
                Request(Target(collector, kind, account), "", wave, account)
                for platform, account, wave in rows if platform == collector
            ]  # fmt: skip


def _selected(rules: Rules, db: duckdb.DuckDBPyConnection, rule: str | None) -> list[tuple[str, str, int]]:
    """The admitted that *rule* selects (None: all of them), as (platform, account, wave)."""
    which = ""
    if rule not in (None, "everyone"):
        candidates.count(db, rules)
        which = f"WHERE actor_id IN (SELECT actor_id FROM candidates WHERE {condition(rule)})"
    return db.execute(f"SELECT DISTINCT platform, account_id, wave FROM sources {which} ORDER BY 3, 1, 2").fetchall()


def _unseen(rules: Rules, db: duckdb.DuckDBPyConnection) -> list[Request]:
    """Look-ups of accounts named in posts but not shown by an answer yet, so that rules can be applied."""
    rows = db.execute(
        "SELECT s.platform, s.target_id, s.handle, min(s.wave) + 1, arg_min(s.source_id, (s.wave, s.source_id))"
        " FROM shown AS s LEFT JOIN accounts AS a ON a.account_id = s.target_id WHERE a.account_id IS NULL"
        " GROUP BY 1, 2, 3 ORDER BY 4, 1, 2, 3"
    ).fetchall()
    found = []
    for platform, account, handle, wave, via in rows:
        by_handle = next((kind for kind, of in rules.kinds.get(platform, {}).items() if of == "handle"), None)
        if account is not None and platform in rules.by_id:
            found.append(Request(Target(platform, rules.by_id[platform], account), "", wave, via))
        elif handle is not None and by_handle is not None:
            found.append(Request(Target(platform, by_handle, handle), "", wave, via))
    return found


def _available(rules: Rules, db: duckdb.DuckDBPyConnection, frontier: Frontier) -> None:
    """The TEMP table `available`: accounts that may be admitted.

    Without opt-outs and absences; `checked` says whether their own server has been asked.
    """
    rows = [(name, key, state) for name, kind in rules.by_id.items() for key, _, state in frontier.targets(name, kind)]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    names = ("platform", "account_id", "state")
    arrays = [pa.array(list(column), pa.string()) for column in columns]
    db.register("looked_up", pa.table(arrays, names=list(names)))
    db.execute(
        "CREATE OR REPLACE TEMP TABLE available AS"
        " SELECT o.actor_id, a.account_id, a.platform, l.state IS NOT NULL AS checked"
        " FROM accounts AS a JOIN actor_of AS o ON o.subject = a.account_id"
        " LEFT JOIN looked_up AS l ON l.platform = a.platform AND l.account_id = a.account_id"
        " WHERE list_contains($platforms, a.platform) AND coalesce(l.state, 'done') = 'done'"
        " AND NOT ($honour AND a.account_id IN (FROM opted_out))",
        {"platforms": list(rules.kinds), "honour": rules.honour_opt_outs},
    )
    db.unregister("looked_up")


# ---- the designs ----------------------------------------------------------------------------------------


def _chosen(rules: Rules, db: duckdb.DuckDBPyConnection, step: int) -> list[Row]:
    """The accounts that the design and the rule admit in the wave after *step*, in order of admission."""
    candidates.count(db, rules)
    _eligible(rules, db, step)
    ((inside, in_wave),) = db.execute(
        "SELECT count(*), count(*) FILTER (wave = $wave)"
        " FROM (SELECT min(wave) AS wave FROM sources GROUP BY actor_id)",
        {"wave": step + 1},
    ).fetchall()
    rooms = [bound - taken for bound, taken in ((rules.max_actors, inside), (rules.max_per_wave, in_wave))
             if bound is not None]  # fmt: skip
    return db.execute(
        f"""
        WITH chosen AS (
            SELECT c.actor_id, row_number() OVER (ORDER BY {rules.order}, actor_id) AS place
            FROM candidates AS c SEMI JOIN eligible USING (actor_id) SEMI JOIN available USING (actor_id)
            WHERE {condition(rules.admit)} AND actor_id NOT IN (SELECT actor_id FROM sources)
            QUALIFY place <= $room)
        SELECT a.platform, a.account_id, $wave, coalesce(arg_min(l.source_id, (l.wave, l.source_id)), '')
        FROM chosen JOIN available AS a USING (actor_id)
        LEFT JOIN led AS l ON l.target = a.actor_id
        GROUP BY a.platform, a.account_id ORDER BY min(place), 1, 2
        """,
        {"room": max(0, min(rooms)) if rooms else 1 << 62, "wave": step + 1},
    ).fetchall()


def _eligible(rules: Rules, db: duckdb.DuckDBPyConnection, step: int) -> None:
    """The TEMP table `eligible`: the actors that the design leads to."""
    if rules.design == "walk":
        _walk(rules, db, step)
        return
    designs = {
        "all": "SELECT DISTINCT target AS actor_id FROM led",
        "threshold": "SELECT target AS actor_id FROM led GROUP BY 1 HAVING count(DISTINCT source) >= $k",
        "random": "SELECT DISTINCT actor_id FROM (SELECT target AS actor_id FROM led QUALIFY row_number()"
                  " OVER (PARTITION BY tie, source_id ORDER BY md5(concat_ws(' ', $seed, source_id, target_id)))"
                  " <= $k)",
    }  # fmt: skip
    query = designs[rules.design]
    given = {name: value for name, value in (("k", rules.k), ("seed", rules.seed)) if f"${name}" in query}
    db.execute(f"CREATE OR REPLACE TEMP TABLE eligible AS {query}", given)


def _walk(rules: Rules, db: duckdb.DuckDBPyConnection, step: int) -> None:
    """The positions of `k` walkers from each seed after each step: each moves to a random one of those shown.

    A walker stops at a list without anyone who may be admitted, and before someone who is not admitted.
    """
    db.execute(
        "CREATE OR REPLACE TEMP TABLE walkers AS SELECT DISTINCT actor_id AS began, n AS walker, 0 AS steps, actor_id"
        " FROM sources, range($k) AS r(n) WHERE wave = 0",
        {"k": rules.k},
    )
    for number in range(step + 1):
        db.execute(
            "INSERT INTO walkers SELECT w.began, w.walker, $next, l.target FROM walkers AS w"
            " JOIN (SELECT DISTINCT source, target FROM led SEMI JOIN available ON available.actor_id = led.target)"
            " AS l ON l.source = w.actor_id WHERE w.steps = $number QUALIFY row_number() OVER ("
            " PARTITION BY w.began, w.walker ORDER BY md5(concat_ws(' ', $seed, w.began, w.walker, $next, l.target)))"
            " = 1",
            {"next": number + 1, "number": number, "seed": rules.seed},
        )
    db.execute("CREATE OR REPLACE TEMP TABLE eligible AS SELECT DISTINCT actor_id FROM walkers WHERE steps > 0")


def _unchecked(rules: Rules, db: duckdb.DuckDBPyConnection, chosen: Sequence[Row]) -> list[Request]:
    """Those of *chosen* whose own server must be asked first about opt-outs, as other servers do not know."""
    checked = {account for (account,) in db.execute("SELECT account_id FROM available WHERE checked").fetchall()}
    return [
        Request(Target(platform, rules.by_id[platform], account), "", wave, via)
        for platform, account, wave, via in chosen
        if platform in rules.checked and account not in checked
    ]


def _timelines(rules: Rules, db: duckdb.DuckDBPyConnection, frontier: Frontier) -> Iterator[Admission]:
    """The timelines of the admitted, as selected by `timelines_of`."""
    if not any(rules.timelines.values()):
        return
    candidates.prepare(db, rules, known(rules, frontier), rules.waves)
    rows = _selected(rules, db, rules.timelines_of)
    yield f"timelines_of: {rules.timelines_of or 'everyone'}", [
        Request(Target(collector, kind, account), "", wave, account)
        for collector, kinds in rules.timelines.items() for kind in kinds
        for platform, account, wave in rows if platform == collector
    ]  # fmt: skip
