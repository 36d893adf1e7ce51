"""A network of the published data: as a file, or its communities as a table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import duckdb
import networkx as nx
import pandas as pd

from analysis import actors, groups, hashtags
from analysis.graphs.network import Network
from analysis.queries import setting
from analysis.report import exports
from analysis.report.disclosure import SMALL, few_hidden, pseudonymous, without_few
from analysis.report.i18n import Words
from jobs.context import DATABASE
from jobs.report import labels_of
from storage.errors import UserError
from storage.privacy.outside_copies import remember
from storage.privacy.pseudonymise import pseudonymise
from storage.privacy.pseudonyms import FEW, Pseudonyms
from storage.tables.database import open_readonly
from study.study_file import Study

KINDS = {"actors": "follow", "mentions": "mention", "replies": "reply", "retweets": "retweet"}
NETWORKS = (*KINDS, "hashtags", "groups")


def network(
    study: Study,
    name: str,
    *,
    min_degree: int | Literal["auto"] | None = None,
    threshold: int | Literal["auto"] | None = None,
    profile: str | None = None,
    method: str = "louvain",
    resolution: float | None = None,
    seed: int | None = None,
    layout: bool = True,
    public: bool = False,
) -> tuple[Network | nx.Graph[Any], pd.DataFrame]:
    """The network *name* (of NETWORKS) of the published data, and the table of its communities.

    None means: as in the study file. With *public* it has pseudonyms, and small cells are left out.
    Raise UserError for an unknown name.
    """
    if name not in NETWORKS:
        raise UserError(f"there is no network {name!r}; the networks are {', '.join(NETWORKS)}")
    chosen, directory = study.analysis, study.directory
    options: dict[str, Any] = {
        "method": method,
        "resolution": resolution or chosen.resolution,
        "runs": chosen.seeds,
        "seed": chosen.seed if seed is None else seed,
        "exact_nodes": chosen.betweenness_exact_up_to,
        "positions": layout,
    }
    with open_readonly(directory / DATABASE) if not public or name != "hashtags" else _without_people(directory) as db:
        if name == "groups":
            graph, table = groups.graph(db), groups.table(db)
            if public:
                table = few_hidden(table, FEW)
                graph = without_few(graph, table)
            return graph, table
        if name == "hashtags":
            least = chosen.hashtag_threshold if threshold is None else threshold
            tags = hashtags.study(db, threshold=least, profile=profile or chosen.share_profile, **options)
            return tags.network, hashtags.communities(tags)
        words = Words("en", setting(db, "population"))
        if min_degree is None and name == "actors":
            min_degree = chosen.min_degree
        found = actors.study(db, kind=KINDS[name], min_degree=min_degree, labels=labels_of(study), **options)
        if public:
            found = pseudonymous(found, Pseudonyms(directory), FEW, words(SMALL))
        table = actors.communities(found, words=words)
        return found.network, table.drop(columns=["groups", "titles"], errors="ignore") if public else table


def export(
    study: Study,
    name: str,
    graph: Network | nx.Graph[Any],
    *,
    gexf: Path | None = None,
    graphml: Path | None = None,
    parquet: Path | None = None,
) -> list[Path]:
    """Write the network *name* of `network` to the given files (*parquet*: a folder); return their paths."""
    written = []
    if gexf:
        written.append(exports.gexf(graph, gexf))
    if graphml:
        written.append(exports.graphml(graph, graphml))
    if parquet:
        parquet.mkdir(parents=True, exist_ok=True)
        written += exports.parquet(graph, parquet / "nodes.parquet", parquet / "edges.parquet")
    for path in (gexf, graphml, parquet):
        if path and name == "actors":  # its nodes are people
            remember(study.directory, "network", path)
    return written


@contextmanager
def _without_people(directory: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the pseudonymised database within the block."""
    with tempfile.TemporaryDirectory() as place:
        made = pseudonymise(directory / DATABASE, Path(place) / DATABASE, Pseudonyms(directory))
        with open_readonly(made) as db:
            yield db
