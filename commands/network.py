"""`sneeuwbal network`: a network as a file, or its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jobs.context import read_study
from jobs.network import NETWORKS, export, network


@click.command()
@click.argument("name", metavar="NETWORK", type=click.Choice(NETWORKS))
@click.option("--min-degree", type=click.IntRange(0), help="Actors with this many ties or more (default: study file).")
@click.option(
    "--threshold", type=click.IntRange(0), help="Hashtags in more than this many posts (default: study file)."
)
@click.option("--profile", type=click.Choice(["study2013", "tcat", "4cat"]), help="How hashtags are counted.")
@click.option("--method", type=click.Choice(["louvain", "leiden"]), default="louvain", show_default=True)
@click.option("--resolution", type=click.FloatRange(0, min_open=True), help="On Gephi's scale (default: study file).")
@click.option("--seed", type=int, help="First random seed (default: study file).")
@click.option("--no-layout", is_flag=True, help="Do not compute positions.")
@click.option("--public", is_flag=True, help="For publication: pseudonyms, and cells of fewer than 5 persons hidden.")
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
