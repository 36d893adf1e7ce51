"""`sneeuwbal plan`: estimate the cost of a study, with the assumption behind each number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pandas as pd

from jobs.context import Study, read_study, warnings
from jobs.plan import GUESSES, guesses_with, plan
from storage.errors import UserError


@click.command()
@click.option("--guess", "given", multiple=True, metavar="NAME=VALUE", help="Replace a guess (repeatable).")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.pass_obj
def command(directory: Path, given: tuple[str, ...], form: str) -> None:
    """Estimate requests, hours within the rate limits, cost and disk space of the study, by kind.

    Queued targets are counted; the rest is estimated, and each guess is listed.
    """
    study = read_study(directory)
    guesses = guesses_with(dict(_number(guess) for guess in given))
    rows = plan(study, guesses)
    if form == "csv":
        click.echo(rows.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(rows.to_json(orient="records", indent=2))
    else:
        click.echo("\n".join(_text(rows, guesses, study)))


def _number(guess: str) -> tuple[str, float]:
    name, mark, value = guess.partition("=")
    try:
        return name, float(value if mark and name in GUESSES else "x")
    except ValueError as error:
        raise UserError(f"--guess {guess}: write NAME=NUMBER; names are {', '.join(GUESSES)}") from error


def _text(rows: pd.DataFrame, guesses: Mapping[str, float], study: Study) -> Iterator[str]:
    """The plan as text: numbers, totals, assumptions."""
    yield from (f"warning: {line}" for line in warnings(study))
    if domains := study.participants.domains:
        yield f"participants also give: {', '.join(domains)}"
    if rows.empty:
        yield "nothing to collect: the study names no seeds and no comparison sets"
        return
    yield rows.drop(columns="assumption").to_string(index=False, float_format=lambda value: f"{value:,.2f}")
    total = rows[["requests", "usd", "megabytes"]].sum()
    yield f"\ntotal: {total.requests:,.0f} requests, {total.usd:,.2f} USD, {total.megabytes:,.0f} MB of archive;"
    hours = rows.groupby("collector").hours.sum().max()
    yield f"about {hours:,.1f} hours, with collectors in parallel and the kinds of each in sequence"
    if len(rows.attrs["waves"]):
        yield "\nby wave, if the snowball finds enough people (wave 0: the seeds):"
        yield rows.attrs["waves"].to_string(index=False, float_format=lambda value: f"{value:,.2f}")
    budget = study.budget
    if budget.usd is not None and total.usd > budget.usd:
        yield f"more than [budget] allows: the run will stop at {budget.usd:,.2f} USD with exit code 4"
    yield "\nassumptions:"
    yield from (f"  {row.collector} {row.kind}: {row.assumption}" for row in rows.itertuples())
    yield "guesses (change with --guess NAME=VALUE):"
    named = " ".join(rows.assumption)
    yield from (f"  {name} = {guesses[name]:g}: {why}" for name, (_, why) in GUESSES.items() if name in named)
