"""`sneeuwbal network`: a network as a file, or its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import duckdb

NETWORKS = ("actors", "mentions", "replies", "retweets", "hashtags", "groups")
KINDS = {"actors": "follow", "mentions": "mention", "replies": "reply", "retweets": "retweet"}


@click.command()
@click.argument("name", metavar="NETWORK", type=click.Choice(NETWORKS))
@click.option("--min-degree", type=click.IntRange(0), help="Actors with at least so many connections (study file).")
@click.option("--threshold", type=click.IntRange(0), help="Hashtags used in more than so many posts (study file).")
@click.option("--profile", type=click.Choice(["study2013", "tcat", "4cat"]), help="How hashtags are counted.")
@click.option("--method", type=click.Choice(["louvain", "leiden"]), default="louvain", show_default=True)
@click.option("--resolution", type=click.FloatRange(0, min_open=True), help="As Gephi counts it (study file).")
@click.option("--seed", type=int, help="First seed of everything random (study file).")
@click.option("--no-layout", is_flag=True, help="Leave positions out.")
@click.option("--public", is_flag=True, help="For publication: pseudonyms, and what fewer than 5 persons share hidden.")
@click.option("--gexf", type=click.Path(path_type=Path), help="Write GEXF 1.3, for Gephi.")
@click.option("--graphml", type=click.Path(path_type=Path), help="Write GraphML.")
@click.option(
    "--parquet", type=click.Path(path_type=Path), help="Write nodes.parquet and edges.parquet into this folder."
)
@click.pass_obj
def command(directory: Path, /, name: str, **given: Any) -> None:
    """Make a NETWORK of what is published: its files, or without any, its communities on the terminal.

    \b
    sneeuwbal network actors --min-degree 51 --gexf out.gexf
    """
    from analysis import actors, groups, hashtags
    from analysis.report import exports
    from analysis.report.disclosure import few_hidden, pseudonymous, without_few
    from commands.context import DATABASE, labels_of
    from storage.privacy.outside_copies import remember
    from storage.privacy.pseudonyms import FEW, Pseudonyms
    from storage.tables.database import open_readonly
    from study.study_file import Study

    study = Study.load(directory)
    chosen = study.analysis
    options: dict[str, Any] = {
        "method": given["method"],
        "resolution": given["resolution"] or chosen.resolution,
        "runs": chosen.seeds,
        "seed": chosen.seed if given["seed"] is None else given["seed"],
        "exact_nodes": chosen.betweenness_exact_up_to,
        "positions": not given["no_layout"],
    }
    public = given["public"]
    with open_readonly(directory / DATABASE) if not public or name != "hashtags" else _without_people(directory) as db:
        if name == "groups":
            graph: Any = groups.graph(db)
            table = groups.table(db)
            if public:
                table = few_hidden(table, FEW)
                graph = without_few(graph, table)
        elif name == "hashtags":
            threshold = chosen.hashtag_threshold if given["threshold"] is None else given["threshold"]
            tags = hashtags.study(db, threshold=threshold, profile=given["profile"] or chosen.share_profile, **options)
            graph, table = tags.network, hashtags.communities(tags)
        else:
            least = (
                given["min_degree"]
                if given["min_degree"] is not None
                else (chosen.min_degree if name == "actors" else None)
            )
            found = actors.study(db, kind=KINDS[name], min_degree=least, labels=labels_of(study), **options)
            if public:
                found = pseudonymous(found, Pseudonyms(directory), FEW)
            graph, table = found.network, actors.communities(found)
            table = table.drop(columns=["groups", "titles"], errors="ignore") if public else table
        if given["gexf"]:
            click.echo(exports.gexf(graph, given["gexf"]))
        if given["graphml"]:
            click.echo(exports.graphml(graph, given["graphml"]))
        if given["parquet"]:
            given["parquet"].mkdir(parents=True, exist_ok=True)
            for path in exports.parquet(graph, given["parquet"] / "nodes.parquet", given["parquet"] / "edges.parquet"):
                click.echo(path)
    for path in (given[form] for form in ("gexf", "graphml", "parquet")):
        if path and name == "actors":  # its nodes are people
            remember(directory, "network", path)
    if not (given["gexf"] or given["graphml"] or given["parquet"]):
        click.echo(table.to_string(index=False, max_colwidth=60, float_format=lambda value: f"{value:,.3f}"))
        if verdict := table.attrs.get("verdict"):
            click.echo(verdict)


@contextmanager
def _without_people(directory: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The pseudonymised database, as long as the block."""
    import tempfile

    from commands.context import DATABASE
    from storage.privacy.pseudonymise import pseudonymise
    from storage.privacy.pseudonyms import Pseudonyms
    from storage.tables.database import open_readonly

    with tempfile.TemporaryDirectory() as place:
        made = pseudonymise(directory / DATABASE, Path(place) / DATABASE, Pseudonyms(directory))
        with open_readonly(made) as db:
            yield db
