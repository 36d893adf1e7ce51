"""Coverage searches: their results, the agreement of coders, and the flow of documents as in PRISMA 2020.

A document is included if all its coders include it, or if a line by `consensus` does; excluded likewise; disputed if
they differ without a consensus. Page and others, BMJ 2021;372:n71.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.queries import Database, number, query, with_parameters

FLOW = """
SELECT (SELECT count(*) FROM document_finds) AS identified,
       count(*) AS documents, count(s.verdict) AS screened,
       count(*) FILTER (s.verdict = 'included') AS included, count(*) FILTER (s.verdict = 'excluded') AS excluded,
       count(*) FILTER (s.verdict = 'disputed') AS disputed
FROM documents AS d LEFT JOIN screened AS s USING (document)"""
REASONS = "SELECT reason, count(*) AS documents FROM screened WHERE verdict = 'excluded' GROUP BY 1 ORDER BY 2 DESC, 1"
CODES = "SELECT document, decided_by AS coder, decision FROM screenings WHERE decided_by <> 'consensus'"
MONTHS = """
SELECT date_trunc('month', timezone('UTC', published_at)) AS month, count(*) AS documents,
       count(*) FILTER (s.verdict = 'included') AS included
FROM documents AS d LEFT JOIN screened AS s USING (document) WHERE published_at IS NOT NULL GROUP BY 1 ORDER BY 1"""
SATURATION = """
WITH asked AS (
    SELECT query, version, min(first_asked) AS first_asked, sum(requests)::BIGINT AS requests FROM searches GROUP BY ALL
), turned AS (
    SELECT *, row_number() OVER (ORDER BY first_asked, query, version) AS turn FROM asked
), finds AS (
    SELECT DISTINCT f.document, t.turn, s.verdict = 'included' AS included
    FROM document_finds AS f JOIN turned AS t USING (query, version) LEFT JOIN screened AS s USING (document)
), firsts AS (SELECT document, min(turn) AS turn FROM finds GROUP BY 1)
SELECT t.query, t.version, t.requests, count(f.document) AS documents,
       count(f.document) FILTER (f.turn = e.turn) AS new, count(*) FILTER (f.included) AS included,
       count(*) FILTER (f.included AND f.turn = e.turn) AS new_included
FROM turned AS t LEFT JOIN finds AS f USING (turn) LEFT JOIN firsts AS e USING (document)
GROUP BY t.turn, t.query, t.version, t.requests ORDER BY t.turn"""
STEPS = {
    "identified": "records identified by all searches", "duplicates": "duplicates removed",
    "documents": "documents", "not_screened": "documents not screened yet", "screened": "documents screened",
    "excluded": "documents excluded", "disputed": "documents about which the coders differ",
    "included": "documents included",
}  # fmt: skip


def flow(db: Database) -> pd.DataFrame:
    """The flow of documents, a row per step: step, what, documents; the steps add up.

    identified = duplicates + documents; documents = not_screened + screened; screened = excluded + disputed + included.
    """
    counts = query(db, FLOW).iloc[0].astype(int).to_dict()
    counts["duplicates"] = counts["identified"] - counts["documents"]
    counts["not_screened"] = counts["documents"] - counts["screened"]
    rows = [{"step": step, "what": what, "documents": int(counts[step])} for step, what in STEPS.items()]
    return with_parameters(pd.DataFrame(rows), same="canonical address, or title and text")


def reasons(db: Database) -> pd.DataFrame:
    """Why documents were excluded: reason, documents; the reason of the consensus, else of the last coder."""
    return with_parameters(query(db, REASONS))


def by_month(db: Database) -> pd.DataFrame:
    """Documents by month of publication (UTC): documents and included, including empty months; attrs: undated."""
    frame = query(db, MONTHS).set_index("month")
    if len(frame):
        frame = frame.reindex(pd.date_range(frame.index[0], frame.index[-1], freq="MS", name="month"), fill_value=0)
    frame.attrs["undated"] = number(db, "SELECT count(*) FROM documents WHERE published_at IS NULL")
    return with_parameters(frame, time_zone="UTC")


def saturation(db: Database) -> pd.DataFrame:
    """The yield of each further search, in the order of their first requests: a row per search and version.

    documents it found, new: found by no earlier one; included of both.
    """
    return with_parameters(query(db, SATURATION), order="first asked")


def agreement(db: Database) -> pd.DataFrame:
    """The agreement of coders on documents, as by `agreed`."""
    return agreed(query(db, CODES))


def agreed(decisions: pd.DataFrame) -> pd.DataFrame:
    """The agreement of coders: a row per pair (coder, other, documents both decided on, agree, kappa, low, high).

    *decisions* are document, coder, decision: one of each coder on a document, or on whatever else is decided.
    attrs: alpha, Krippendorff's over all coders, and the number of documents with two coders or more.
    """
    codes = decisions.pivot(index="document", columns="coder", values="decision")
    rows = []
    for one, other in combinations(sorted(map(str, codes)), 2):
        both = codes[[one, other]].dropna()
        if len(both):
            rows.append({"coder": one, "other": other, "documents": len(both),
                         "agree": float((both[one] == both[other]).mean()),
                         **kappa(both[one], both[other])})  # fmt: skip
    columns = ["coder", "other", "documents", "agree", "kappa", "low", "high"]
    frame = pd.DataFrame(rows, columns=columns)
    units = [list(row.dropna()) for _, row in codes.iterrows()]
    frame.attrs |= {"alpha": alpha(units), "double": sum(len(unit) > 1 for unit in units)}
    return with_parameters(frame, kappa="Cohen 1960", alpha="Krippendorff, nominal", interval=0.95)


def kappa(one: Iterable[Any], other: Iterable[Any]) -> Mapping[str, float]:
    """Cohen's kappa of two codings of the same units, with its 95% interval; NaN if neither coding varies."""
    table = pd.crosstab(pd.Series(list(one)), pd.Series(list(other)))
    names = table.index.union(table.columns)
    square = table.reindex(index=names, columns=names, fill_value=0).to_numpy()
    if len(names) < 2:
        return dict.fromkeys(("kappa", "low", "high"), float("nan"))
    with np.errstate(invalid="ignore"):  # the variance of few units may not exist: the interval is NaN
        from statsmodels.stats.inter_rater import cohens_kappa  # takes seconds to import

        found = cohens_kappa(square)
    return {"kappa": float(found.kappa), "low": float(found.kappa_low), "high": float(found.kappa_upp)}


def alpha(units: Iterable[Iterable[Any]]) -> float:
    """Krippendorff's alpha of nominal codes, each unit a list of codes; NaN if they do not vary.

    1 - observed / expected disagreement, from coincidences within units of two codes or more (Krippendorff 2011,
    Computing Krippendorff's alpha-reliability).
    """
    within, whole = 0.0, Counter[Any]()
    for unit in units:
        codes = Counter(unit)
        size = codes.total()
        if size > 1:
            whole += codes
            within += sum(count * (size - count) for count in codes.values()) / (size - 1)
    pairable = whole.total()
    apart = sum(count * (pairable - count) for count in whole.values())
    return float(1 - (pairable - 1) * within / apart) if apart else float(np.nan)
