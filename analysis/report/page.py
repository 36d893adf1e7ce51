"""The page: one file that needs no network and runs no script but ours; tables, figures and networks beside it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from analysis.queries import people_once
from analysis.report import data, exports
from analysis.report.asking import FORMATS
from analysis.report.blocks import Cards, Picture, Section
from analysis.report.comparison_section import Other
from analysis.report.escape import clean
from analysis.report.figures import style
from analysis.report.figures.registry import Drawing, drawings
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.sections import sections
from analysis.report.sql_log import tidy
from analysis.report.tables import Table, write
from analysis.ties_over_time import history
from analysis.workers import kept, run

HERE = Path(__file__).parent
SCRIPT = HERE / "report.js"
STYLES = (HERE / "report.css", HERE / "page.css")
PAGE = "report.html"


@dataclass(frozen=True)
class Facts:
    """The head of the page."""

    name: str
    comment: str
    made: str


@dataclass(frozen=True)
class Made:
    """A report that was written: its page, and its sections."""

    page: Path
    sections: tuple[Section, ...]

    def tables(self) -> dict[str, Table]:
        """The tables of the page by name."""
        return {part.name: part for one in self.sections for part in one.parts if isinstance(part, Table)}


def write_report(found: Findings, folder: Path, facts: Facts, other: Other | None = None) -> Made:
    """Write the report of *found* into *folder*, with an *other* study: report.html, tables/, figures/, networks/."""
    _ = found.words
    for name in ("tables", "figures", "networks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with people_once(found.db), people_once(other.found.db) if other else nullcontext():
        with kept():
            parts = sections(found, _, other)
            pictures = dict(_pictures(found, folder / "figures", parts, _))
        for part in (part for one in parts for part in one.parts if isinstance(part, Table)):
            part.write(folder / "tables", found.english)
        if found.people:
            _networks(found, folder / "networks")
        page = folder / PAGE
        page.write_text(rendered(found, parts, pictures, facts), encoding="utf-8")
    return Made(page, tuple(parts))


class Saved(NamedTuple):
    """A figure as its files, and for the page."""

    files: dict[str, bytes]  # by format
    shown: str


def _pictures(found: Findings, folder: Path, parts: list[Section], _: Words) -> Iterator[tuple[str, Markup]]:
    """Write every figure and its data; return the figures for the page."""
    alts = {part.name: part.alt for one in parts for part in one.parts if isinstance(part, Picture)}
    every, formats = drawings(found), found.options.formats
    jobs = [(one.name, alts[one.name]) for one in every.values() if one.name in alts]
    jobs.sort(key=lambda job: not every[job[0]].still)  # networks first, as they take longest
    _coverage = found.group_coverage  # whose order defines the look of groups
    tables = [every[name].data(found) for name, alt in jobs]  # computed here, as drawing processes have no database
    for (name, _alt), table in zip(jobs, tables, strict=True):
        write(table, folder / every[name].file)
    if not formats:
        return
    for (name, _alt), saved in zip(jobs, run(_drawn, found, jobs, found.options.processes), strict=True):
        for form in formats:
            (folder / f"{every[name].file}.{form}").write_bytes(saved.files[form])
        yield name, Markup(saved.shown)  # noqa: S704 - by matplotlib, which escapes


def _drawn(found: Findings, jobs: Sequence[tuple[str, str]]) -> list[Saved]:
    """The figures of *jobs* (name, description), drawn from the findings."""
    every = drawings(found)
    return [_one(found, every[name], alt) for name, alt in jobs]


def _one(found: Findings, drawing: Drawing, alt: str) -> Saved:
    figure = drawing.drawn(found, found.words)
    page = "png" if drawing.still else "svg"  # the page's own
    files = {form: style.saved(figure, form) for form in FORMATS if form in (page, *found.options.formats)}
    if drawing.still:
        return Saved(files, _image(files[page], alt))
    small = drawing.drawn(found, found.words, phone=True)
    both = (
        ("big", style.inline(figure, files[page], drawing.name, alt)),
        ("small", style.inline(small, style.saved(small, "svg"), f"{drawing.name}-small", alt)),
    )
    shown = (f'<div class="{size}">{text}</div>' for size, text in both)
    return Saved(files, "".join(shown))


def figure(found: Findings, drawing: Drawing, path: Path) -> Path:
    """Write one figure to *path*, in the format of its extension, and its data as CSV and Parquet."""
    with people_once(found.db):
        made = style.write(drawing.drawn(found, found.words), path)
        write(drawing.data(found), path.with_suffix(""))
    return made


def _image(png: bytes, alt: str) -> Markup:
    """A picture for the page, smaller than the file."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as full:
        small = full.convert("RGB").resize((1200, 1200 * full.height // full.width), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "WEBP", quality=55, method=4)
    source = "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    return Markup('<img src="{}" alt="{}" width="{}" height="{}">').format(source, alt, small.width, small.height)


def _networks(found: Findings, folder: Path) -> None:
    """Write both networks as GEXF for Gephi, and as Parquet node and edge lists."""
    for name, network in (("actors", found.actors.network), ("hashtags", found.hashtags.network)):
        exports.gexf(network, folder / f"{name}.gexf", label="name" if name == "actors" else None)
        exports.parquet(network, folder / f"{name}-nodes.parquet", folder / f"{name}-edges.parquet")


# ---- the page itself ---------------------------------------------------------------------------------------


def rendered(found: Findings, parts: list[Section], pictures: dict[str, Markup], facts: Facts) -> str:
    """The page as HTML."""
    import jinja2

    _ = found.words
    script = SCRIPT.read_text("utf-8")
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError(f"{SCRIPT.name} holds markup that would end its own element")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["clean"] = clean
    return environment.get_template("page.html.j2").render(
        _=_, facts=Facts(clean(facts.name), clean(facts.comment), clean(facts.made)), sections=parts,
        pictures=pictures, drawings=drawings(found), formats=(*found.options.formats, "csv", "parquet"),
        tidy=tidy, is_table=_is_table, is_cards=_is_cards, titles={part.id: part.title for part in parts},
        parameters=_parameters(parts, _), slots=_slots(found, _),
        style=Markup("".join(path.read_text("utf-8") for path in STYLES)), script=Markup(script),  # noqa: S704 - ours
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )  # fmt: skip


def _parameters(parts: list[Section], _: Words) -> dict[str, tuple[Table | None, list[tuple[str, str]]]]:
    """By table, the earlier table with the same parameters, and its additional ones."""
    made: dict[str, tuple[Table | None, list[tuple[str, str]]]] = {}
    whole: list[Table] = []  # tables that show all parameters
    for one in (part for section in parts for part in section.parts if isinstance(part, Table)):
        own = one.parameters(_)
        among = [table for table in whole if set(made[table.name][1]) <= set(own)]
        like = max(among, key=lambda table: len(made[table.name][1]), default=None)
        if like is None:
            made[one.name] = None, own
            whole += [one] if len(own) >= SHARED else []
        else:
            made[one.name] = like, [pair for pair in own if pair not in made[like.name][1]]
    return made


SHARED = 4  # minimum shared parameters for a reference to another table


def _is_table(part: Any) -> bool:
    return isinstance(part, Table)


def _is_cards(part: Any) -> bool:
    return isinstance(part, Cards)


def _slots(found: Findings, _: Words) -> dict[str, str]:
    """The data blocks of the page, packed."""
    ties = history(found.db, found.network)
    return {
        "words": data.as_json({**{word: _(word) for word in _script_words()}, "language": _.language}),
        "actors-nodes": data.as_json(data.actors(found, _, ties)),
        "actors-edges": data.edges(found.actors.network, ties),
        "hashtags-nodes": data.as_json(data.hashtags(found, _)),
        "hashtags-edges": data.edges(found.hashtags.network),
        "daily": data.as_json(data.daily(found, _)),
    }


def _script_words() -> list[str]:
    """The English words of the script."""
    return list(json.loads((HERE / "js" / "words.json").read_text("utf-8")))


__all__ = ["PAGE", "Facts", "Made", "figure", "rendered", "write_report"]
