"""`sneeuwbal network`: export a network, or list its communities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jobs.context import read_study
from jobs.network import NETWORKS, export, network


@click.command()
@click.argument("name", metavar="NETWORK", type=click.Choice(NETWORKS))
@click.option("--min-degree", type=click.IntRange(0), help="Minimum ties of an actor (default: study file).")
@click.option(
    "--threshold", type=click.IntRange(0), help="Keep hashtags used in more posts than this (default: study file)."
)
@click.option("--profile", type=click.Choice(["study2013", "tcat", "4cat"]), help="Counting rules for hashtags.")
@click.option("--method", type=click.Choice(["louvain", "leiden"]), default="louvain", show_default=True)
@click.option(
    "--resolution", type=click.FloatRange(0, min_open=True), help="Resolution as in Gephi (default: study's)."
)
@click.option("--seed", type=int, help="First random seed (default: study file).")
@click.option("--no-layout", is_flag=True, help="Do not compute node positions.")
@click.option("--public", is_flag=True, help="For publication: use pseudonyms, and hide cells of fewer than 5 persons.")
@click.option("--gexf", type=click.Path(path_type=Path), help="Write GEXF 1.3 (Gephi).")
@click.option("--graphml", type=click.Path(path_type=Path), help="Write GraphML.")
@click.option(
    "--parquet", type=click.Path(path_type=Path), help="Write nodes.parquet and edges.parquet into this folder."
)
@click.pass_obj
def command(directory: Path, /, name: str, **given: Any) -> None:
    """Export a NETWORK of the published data; without an output file, list its communities.

    \b
    sneeuwbal network actors --min-degree 51 --gexf out.gexf
    """
    study = read_study(directory)
    graph, table = network(
        study, name, min_degree=given["min_degree"], threshold=given["threshold"], profile=given["profile"],
        method=given["method"], resolution=given["resolution"], seed=given["seed"], layout=not given["no_layout"],
        public=given["public"],
    )  # fmt: skip
    files = export(study, name, graph, **{form: given[form] for form in ("gexf", "graphml", "parquet")})
    for path in files:
        click.echo(path)
    if not files:
        click.echo(table.to_string(index=False, max_colwidth=60, float_format=lambda value: f"{value:,.3f}"))
        if verdict := table.attrs.get("verdict"):
            click.echo(verdict)
