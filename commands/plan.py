"""`sneeuwbal plan`: what a study will take before it starts, and the assumption behind each number."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from collectors.base import Collector
    from study import Study

# What the 2013 study found, as the first guess for a study like it; each can be given on the command line.
GUESSES: dict[str, tuple[float, str]] = {
    "profiles_per_list": (300.0, "profiles a start contact leads to (2013: 47,692 from 159)"),
    "list_size": (471.0, "people on a connection list (2013: 74,821 connections from 159)"),
    "admitted_share": (0.143, "of profiles whose accounts are collected (2013: 6,807 of 47,692)"),
    "linked_share": (0.163, "of these found on a platform (2013: 1,109 of 6,807)"),
    "posts_per_account": (620.0, "posts on a timeline (2013: 687,811 of 1,109)"),
    "follows_per_account": (540.0, "accounts on each of the two follow lists (2013: about 1.2 million for 1,109)"),
}
BYTES: dict[str, float] = {  # compressed bytes in the archive an item, measured on the simulated world
    "profile": 2_900.0, "connections": 20.0, "user": 250.0, "timeline": 150.0, "following": 110.0, "followers": 110.0,
    "sample": 150.0, "search": 150.0,
}  # fmt: skip
SECONDS_A_PAGE = 1.0  # a web page, with AutoThrottle


@click.command()
@click.option("--guess", "guesses", multiple=True, metavar="NAME=VALUE", help="Another guess; may be given again.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.pass_obj
def command(directory: Path, guesses: tuple[str, ...], form: str) -> None:
    """Tell requests, hours under the limits, money and disk, kind by kind, for the study as its file says.

    What is known already (targets queued) is counted; the rest is guessed, and each guess is named.
    """
    from commands.context import collectors_of
    from storage.errors import UserError
    from study import Study

    study = Study.load(directory)
    chosen = {name: value for name, (value, _) in GUESSES.items()}
    for guess in guesses:
        name, mark, value = guess.partition("=")
        try:
            chosen[name] = {**chosen, name: float(value)}[name] if mark and name in GUESSES else float("x")
        except ValueError as error:
            raise UserError(f"--guess {guess}: write NAME=NUMBER; names are {', '.join(GUESSES)}") from error
    rows = plan(study, collectors_of(study), chosen)
    if form == "csv":
        click.echo(rows.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(rows.to_json(orient="records", indent=2))
    else:
        click.echo(rows.to_string(index=False, float_format=lambda value: f"{value:,.2f}"))
        total = rows[["requests", "hours", "usd", "megabytes"]].sum()
        click.echo(
            f"\nin all {total.requests:,.0f} requests, {total.usd:,.2f} USD, {total.megabytes:,.0f} MB of archive;"
        )
        hours = rows.groupby("collector").hours.sum().max() if len(rows) else 0.0
        click.echo(f"about {hours:,.1f} hours, the collectors side by side and each kind after the other")
        click.echo("guesses: " + "; ".join(f"{name} = {chosen[name]:g}: {why}" for name, (_, why) in GUESSES.items()))


def plan(study: Study, collectors: Mapping[str, Collector], guesses: Mapping[str, float]) -> pd.DataFrame:
    """A row a collector and kind: targets, items, requests, hours, usd, megabytes, and what it rests on.

    Hours are those the documented limits force (or a second a web page); prices are those of the collector's table or
    the study file. Pure but for reading the study's seeds.
    """
    import pandas as pd

    from collectors.run import kinds_of

    rows: list[dict[str, Any]] = []
    seeds = {name: len(study.seeds_for(name)) for name in collectors}
    profiles = sum(seeds[name] for name in collectors if _has(collectors[name], "list"))
    reached = profiles * guesses["profiles_per_list"] if study.snowball.waves else 0.0
    everyone = profiles + reached
    followed = profiles if study.snowball.accounts_of == "seeds" else everyone
    share = 1.0 if study.snowball.accounts_of in ("everyone", "seeds") else guesses["admitted_share"]
    linked = followed * share * guesses["linked_share"]
    for name, collector in collectors.items():
        wanted = study.collectors[name].kinds if name in study.collectors else None
        accounts = seeds[name] + linked
        counts = {
            "profile": (everyone, 1.0),
            "list": (float(profiles), guesses["list_size"]),
            "handle": (accounts, 1.0),
        }
        for kind, spec in kinds_of(collector, study.options(name)).items():
            if wanted is not None and kind not in wanted:
                continue
            if spec.of == "account":
                posts = kind in ("timeline", "posts")
                targets, items = accounts, guesses["posts_per_account" if posts else "follows_per_account"]
            elif spec.of == "set":
                sets = [one.posts for one in study.comparison if one.collector == name]
                targets, items = float(len(sets)), (sum(sets) / len(sets) if sets else 0.0)
            elif spec.of in counts:
                targets, items = counts[spec.of]
            else:
                continue
            pages = max(1, ceil(items / max(1, spec.page))) if spec.paged else 1
            requests = ceil(targets / spec.batch) * pages if targets else 0
            hours = requests / spec.limit.requests * spec.limit.seconds / 3600 if spec.limit else 0.0
            if not spec.limit:
                hours = requests * SECONDS_A_PAGE / 3600
            total = targets * items
            rows.append({
                "collector": name, "kind": kind, "targets": round(targets), "items": round(total), "requests": requests,
                "hours": round(hours, 2), "usd": round(total * spec.price, 2),
                "megabytes": round(total * BYTES.get(kind, 300.0) / 1e6, 1),
            })  # fmt: skip
    columns = ["collector", "kind", "targets", "items", "requests", "hours", "usd", "megabytes"]
    return pd.DataFrame(rows, columns=columns)


def _has(collector: Collector, of: str) -> bool:
    return any(spec.of == of for spec in collector.kinds.values())
