"""Candidates: accounts that may belong to a profile without a link to them, proposed for a decision by a person.

The model is Fellegi and Sunter's (1969), computed by splink. Its m and u probabilities are priors, fixed here and not
trained: every compared pair shares a family name, so expectation-maximisation would take sharing one for
being the same person; and a study of fifty people is too small to train on. They were set before any measurement;
only the frequencies of names come from the data. Nothing here is random.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from storage.errors import UserError
from storage.linking.names import MACROS

SURE = 0.9  # from here, precision was at least 0.99 on true links of politicians (tests/test_linkage_real.py)
SHARE = 0.5  # expected share of profiles with an account among those seen

# (m, u, condition): its frequency among matching pairs, and among others; the first that holds counts.
# Name and handle are one comparison: a namesake's handle resembles the name too, so they are not independent evidence.
Level = tuple[float, float, str]
HOLDS_FAMILY = "length(family_l) >= 4 AND contains(letters_r, family_l)"
WHO: tuple[Level, ...] = (
    (0.40, 3e-7, "len(words_l) >= 2 AND words_l = words_r"),
    (0.13, 2e-6, "len(words_l) >= 2 AND len(words_r) >= 2 AND (list_has_all(words_r, words_l) "
                 "OR (list_has_all(words_l, words_r) AND list_contains(words_r, family_l)))"),
    (0.07, 5e-6, "jaro_winkler_similarity(sorted_l, sorted_r) >= 0.94 AND len(words_l) >= 2"),
    (0.22, 2e-6, "length(given_l) >= 3 AND contains(letters_r, family_l) "
                 "AND contains(replace(letters_r, family_l, ''), given_l)"),
    (0.06, 3e-4, f"({HOLDS_FAMILY} AND (contains(letters_r, substr(given_l, 1, 1) || family_l) "
                 "OR contains(letters_r, family_l || substr(given_l, 1, 1)))) "
                 "OR (list_contains(words_r, family_l) "
                 "AND len(list_filter(words_r, lambda w: substr(w, 1, 1) = substr(given_l, 1, 1))) > 0)"),
    (0.08, 3e-3, f"({HOLDS_FAMILY}) OR list_contains(words_r, family_l)"),
    (0.04, 0.99, "ELSE"),
)  # fmt: skip
PLACE: tuple[Level, ...] = ((0.5, 0.1, "list_has_any(place_l, place_r)"), (0.5, 0.9, "ELSE"))
PARTICLE: tuple[Level, ...] = ((0.97, 0.3, "particle_l = particle_r"), (0.03, 0.7, "ELSE"))  # van, ter, de ...
WORK: tuple[Level, ...] = ((0.4, 0.05, "list_has_any(work_l, work_r)"), (0.6, 0.95, "ELSE"))

# `keys` index the pairs: the family name, and every part of a handle with four letters or more.
PREPARE = r"""
CREATE OR REPLACE TEMP MACRO parts(name) AS list_filter(words(name), lambda w: w NOT IN (
    'drs', 'mba', 'msc', 'mpa', 'phd', 'llm', 'mrs', 'official', 'mep', 'senator', 'rep', 'sen', 'minister'));
CREATE OR REPLACE TEMP MACRO key_words(text) AS list_distinct(list_filter(words(text), lambda w: length(w) >= 4
    AND w NOT IN ('area', 'region', 'regio', 'netherlands', 'nederland', 'provincie', 'omgeving', 'with', 'voor')));
CREATE OR REPLACE TEMP MACRO particles(name) AS nullif(array_to_string(list_filter(string_split(lower(name), ' '),
    lambda w: w IN ('van', 'de', 'der', 'den', 'het', 'ter', 'ten', 'te', 'von', 'du', 'di', 'da', 'del')), ' '), '');
CREATE OR REPLACE TEMP TABLE people AS
WITH named AS (
    SELECT c.*, parts(c.name) AS all_words FROM {study}members AS c
    WHERE c.profile_id NOT IN (SELECT profile_id FROM {study}links WHERE platform = $platform)
)
SELECT profile_id AS unique_id, list_sort(list_distinct(all_words)) AS words, all_words[1] AS given,
       all_words[-1] AS family, NULL::VARCHAR AS letters, key_words(location) AS place,
       key_words(concat_ws(' ', employer, organisation, title, array_to_string(group_names, ' '))) AS work,
       array_to_string(list_sort(list_distinct(all_words)), ' ') AS sorted, particles(name) AS particle,
       CASE WHEN length(all_words[-1]) >= 4 THEN [all_words[-1]]
            ELSE [all_words[1] || all_words[-1], all_words[-1] || all_words[1], all_words[-1]] END AS keys,
       name, NULL::VARCHAR AS handle, location AS shown_place, concat_ws(', ', title, employer) AS shown_work, record_id
FROM named WHERE len(all_words) >= 1;
CREATE OR REPLACE TEMP TABLE bearers AS
WITH lettered AS (
    SELECT a.*, parts(a.name) AS all_words,
           regexp_replace(lower(strip_accents(regexp_extract(a.handle, '^[^@.]+'))), '[^a-z]', '', 'g') AS letters
    FROM {study}accounts AS a WHERE a.platform = $platform
      AND a.account_id NOT IN (SELECT account_id FROM {study}links WHERE account_id IS NOT NULL)
      AND a.account_id NOT IN (
          SELECT account_id FROM {study}link_candidates WHERE decision = 'organisation' AND account_id IS NOT NULL)
)
SELECT account_id AS unique_id, list_sort(list_distinct(all_words)) AS words, NULL::VARCHAR AS given,
       NULL::VARCHAR AS family, letters, key_words(concat_ws(' ', location, description)) AS place,
       key_words(description) AS work, array_to_string(list_sort(list_distinct(all_words)), ' ') AS sorted,
       particles(name) AS particle, all_words,
       list_distinct(list_concat(all_words, flatten(list_transform(range(4, 16), lambda n: list_transform(
           range(1, length(letters) - n + 2), lambda i: substr(letters, i, n)))))) AS keys,
       name, handle, location AS shown_place, description AS shown_work, record_id
FROM lettered;
CREATE OR REPLACE TEMP TABLE given_names AS
SELECT word, (count(*) + 2) / (any_value(n) + 1000) AS share FROM (
    SELECT *, count(*) OVER () AS n FROM (
        SELECT given AS word FROM people UNION ALL SELECT all_words[1] FROM bearers WHERE len(all_words) >= 2))
GROUP BY word;
CREATE OR REPLACE TEMP TABLE family_names AS
SELECT word, (count(*) + 0.2) / (any_value(n) + 1000) AS share FROM (
    SELECT *, count(*) OVER () AS n FROM (
        SELECT family AS word FROM people UNION ALL SELECT all_words[-1] FROM bearers WHERE len(all_words) >= 2))
GROUP BY word;
"""

# The chance of a namesake is that of the given name times that of the family name among all names seen (shrunk towards
# one in 500 and one in 5,000 by a thousand names); if it is above a level's u, it replaces u.
# An account belongs to one person and, for a proposal, a person has one account: rivals share the odds.
PROPOSE = """
WITH odds AS (
    SELECT unique_id_l AS profile_id, unique_id_r AS account_id,
           match_probability / greatest(1 - match_probability, 1e-15)
               * coalesce(least(1, list_extract({us}, gamma_who + 1) / (g.share * f.share)), 1) AS odds
    FROM {pairs} JOIN people AS p ON p.unique_id = unique_id_l
    JOIN given_names AS g ON g.word = p.given JOIN family_names AS f ON f.word = p.family
), weighed AS (
    SELECT *, odds / (1 + sum(odds) OVER (PARTITION BY account_id)) AS of_account,
           odds / (1 + sum(odds) OVER (PARTITION BY profile_id)) AS of_profile FROM odds
)
SELECT w.profile_id, w.account_id, $platform AS platform, lower(b.handle) AS handle, 'splink' AS rule,
       to_json({{'name': [p.name, b.name], 'handle': b.handle, 'place': [p.shown_place, b.shown_place],
                 'work': [p.shown_work, b.shown_work]}})::VARCHAR AS evidence,
       round(least(of_account, of_profile), 6) AS confidence, 'rule' AS decided_by, 'candidate' AS decision,
       NULL::TIMESTAMPTZ AS decided_at, p.record_id
FROM weighed AS w JOIN people AS p ON p.unique_id = w.profile_id JOIN bearers AS b ON b.unique_id = w.account_id
WHERE confidence >= $threshold AND NOT EXISTS (
    FROM {study}link_candidates AS c WHERE c.profile_id = w.profile_id AND c.account_id = w.account_id)
ORDER BY confidence DESC, profile_id, account_id
"""


def candidates(db: duckdb.DuckDBPyConnection, platform: str, threshold: float = 0.5, study: str = "") -> pa.Table:
    """Rows as in `base.links`, decision `candidate`: the likely owners of accounts of *platform*, likeliest first.

    *study* is the prefix of the views ("study." where the study is attached); *db* gets temporary tables. Confidence
    is the posterior probability, at least *threshold*. Raise UserError if splink is not installed.
    """
    db.execute(MACROS)
    for statement in PREPARE.format(study=study).split(";\n"):
        if statement.strip():
            db.execute(statement, {"platform": platform} if "$platform" in statement else None)
    people, bearers = (db.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ("people", "bearers"))
    pairs = "pairs_scored"
    if people and bearers:
        _score(db, SHARE / max(people, bearers), pairs)
    else:
        db.execute(f"CREATE OR REPLACE TEMP TABLE {pairs} (unique_id_l VARCHAR, unique_id_r VARCHAR, "
                   "match_probability DOUBLE, gamma_who INTEGER)")  # fmt: skip
    values = {"platform": platform, "threshold": threshold}
    us = [u for _, u, _ in reversed(WHO)]  # splink counts levels from the last
    return db.sql(PROPOSE.format(pairs=pairs, study=study, us=us), params=values).to_arrow_table()


def _score(db: duckdb.DuckDBPyConnection, prior: float, into: str) -> None:
    """Write the match probability of every pair that shares a key to table *into*."""
    try:
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    except ImportError as error:
        raise UserError("candidates need splink; install it: pip install 'sneeuwbal[linkage]'") from error
    import logging

    comparisons: list[Any] = [
        _comparison("who", "len(words_r) = 0 AND coalesce(letters_r, '') = ''", WHO),
        _comparison("particle", "particle_l IS NULL OR particle_r IS NULL", PARTICLE),
        _comparison("place", "len(place_l) = 0 OR len(place_r) = 0 OR place_l IS NULL OR place_r IS NULL", PLACE),
        _comparison("work", "len(work_l) = 0 OR len(work_r) = 0 OR work_l IS NULL OR work_r IS NULL", WORK),
    ]
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=[block_on("keys", arrays_to_explode=["keys"])],
        probability_two_random_records_match=prior,
        retain_matching_columns=True,
    )
    api = DuckDBAPI(connection=db)
    # pairs are ordered by the name of their table: people are the left, accounts the right
    tables = [api.register(table, dataset_display_name=name)
              for table, name in (("people", "a_people"), ("bearers", "b_accounts"))]  # fmt: skip
    linker: Any = Linker(tables, settings, log_level=logging.ERROR)
    scored = linker.inference.predict(warning_mode="never")
    db.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS "
               "SELECT unique_id_l, unique_id_r, match_probability, gamma_who "
               f"FROM {scored.physical_name}")  # fmt: skip
    linker.table_management.delete_tables_created_by_splink_from_db()


def _comparison(name: str, unknown: str, levels: tuple[Level, ...]) -> dict[str, Any]:
    made: list[dict[str, Any]] = [{"sql_condition": unknown, "label_for_charts": "unknown", "is_null_level": True}]
    made += [{"sql_condition": condition, "label_for_charts": condition, "m_probability": m, "u_probability": u}
             for m, u, condition in levels]  # fmt: skip
    return {"output_column_name": name, "comparison_levels": made}
