"""A report for publication: nothing in it lets the number of a few persons be worked out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import groups
from analysis.report.blocks import Cards, Picture
from analysis.report.disclosure import few_hidden, without_few
from analysis.report.findings import Findings, Options
from analysis.report.page import Facts, Made, write_report
from storage.privacy.pseudonyms import FEW, Pseudonyms
from tests import studies
from tests.reports import PAGE, block

MINISTRIES = {"A": 16, "B": 9, "C": 7, "D": 3, "E": 1}  # how many members, each with an account
PEOPLE = [(f"{name}{at}", name) for name, many in MINISTRIES.items() for at in range(many)]
BUSY, QUIET, FREE = "2012-06-04", "2012-06-06", "2012-06-09"  # Monday, Wednesday, Saturday
WHO = {BUSY: 30, "2012-06-05": 6, QUIET: 3, "2012-06-07": 8, "2012-06-08": 7, FREE: 2, "2012-06-10": 9}


def _planted(db) -> None:
    dice = np.random.default_rng(7)
    ids = [who for who, _ in PEOPLE]
    studies.people(db, dict(PEOPLE) | {"A0": ["A", "B"]})  # one person in two groups
    others = [f"o{at}" for at in range(30)]
    studies.accounts(db, [*ids, *others])
    pairs = {(str(one), str(other)) for one, other in dice.choice([*ids, *others], (700, 2)) if one != other}
    studies.follows(db, sorted(pairs))
    met = {tuple(sorted((f"p-{one}", f"p-{other}"))) for one, other in dice.choice(ids[:33], (90, 2)) if one != other}
    studies.insert(db, "current_connections", [{"profile_a": one, "profile_b": other} for one, other in sorted(met)])
    studies.insert(db, "connections", [{"profile_id": one, "other_id": other} for one, other in sorted(met)[:12]])
    posts = [
        {"account_id": who, "created_at": f"{day} {8 + at % 3}:00:00+00", "longitude": 5.0 if at % 2 else None,
         "hashtags": ["werk", "overleg"] if at % 3 else ["werk"]}
        for day, many in WHO.items() for at, who in enumerate(ids[:many]) for _ in range(1 + at % 2)
    ]  # fmt: skip
    studies.posts(db, posts)
    studies.insert(db, "study", [{"key": key, "value": str(value)} for key, value in (
        ("analysis.min_degree", 3), ("analysis.hashtag_threshold", 1), ("analysis.seeds", 5))])  # fmt: skip


@dataclass
class World:
    """The same study in full and for publication."""

    full: Findings
    public: Findings
    made: Made

    @property
    def page(self) -> str:
        return self.made.page.read_text("utf-8")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("few")
    with studies.empty() as db, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(place / "home"))
        _planted(db)
        (place / "study").mkdir()
        public = Findings(db, replace(PAGE, pseudonyms=Pseudonyms(place / "study"), least=FEW))
        made = write_report(public, place / "report", Facts("Few", "", "made for a test"))
        yield World(Findings(db), public, made)


def _determined(lines: list[np.ndarray], hidden: np.ndarray) -> list[int]:
    """The hidden cells that the totals of *lines* (places of cells) and the cells shown leave only one value for."""
    unknown = np.flatnonzero(hidden)
    system = np.array([np.isin(unknown, line) for line in lines], dtype=float).reshape(len(lines), len(unknown))
    *_, singular, basis = np.linalg.svd(system)
    free = basis[int((singular > 1e-9).sum()) :]
    return [int(cell) for cell, moves in zip(unknown, np.abs(free).max(axis=0, initial=0), strict=True) if moves < 1e-9]


def _groups(frame: pd.DataFrame, *keys: str) -> list[np.ndarray]:
    return [np.flatnonzero(frame[key] == value) for key in keys for value in frame[key].unique()]


# ---- cells ---------------------------------------------------------------------------------------------------

# each table of persons: its counts, and the keys of the lines with known totals ("": of all rows)
TABLES = [
    ("populations", ["profiles", "accounts", "x"], [""]),
    ("group_coverage", ["members", "readable", "linked"], [""]),
    ("communities_by_group", ["actors"], ["community", "group_name"]), ("most_central", ["actors"], [""]),
    ("hashtags_by_group", ["accounts"], ["community"]), ("groups", ["connections", "follows"], ["either"]),
    ("group_shares", ["senders", "receivers"], ["group_name", "other"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "columns", "keys"), TABLES, ids=[name for name, *_ in TABLES])
def test_no_hidden_cell_can_be_worked_out_from_the_totals(world: World, name: str, columns: list[str], keys) -> None:
    public = getattr(world.public, name).reset_index(drop=True)
    # in a report for publication groups are put together: what it hides is known from its own lines
    full = getattr(world.full, name) if len(getattr(world.full, name)) == len(public) else public
    hidden = 0
    for column in columns:
        actual = pd.to_numeric(public[column])
        values = pd.to_numeric(full[column]).to_numpy(dtype=float)
        gone = actual.isna().to_numpy()
        assert not ((actual > 0) & (actual < FEW)).any(), column
        lines = [np.arange(len(public))] if keys == [""] else []
        if keys == ["either"]:
            names = {*public["group_name"], *public["other"]}
            lines = [np.flatnonzero((public["group_name"] == one) | (public["other"] == one)) for one in names]
        elif keys != [""]:
            lines = _groups(public, *keys)
        lines = [line for line in lines if not np.nansum(values[line]) < FEW]  # such a total is hidden itself
        assert not _determined(lines, gone), column
        hidden += int(gone.sum())
    assert hidden or name in ("communities_by_group", "most_central", "hashtags_by_group")


def test_the_network_of_ministries_shows_no_more_than_its_table(world: World) -> None:
    table = few_hidden(groups.table(world.full.db), FEW)
    graph = without_few(groups.graph(world.full.db), table)
    fields = {frozenset((one, other)): data for one, other, data in graph.edges(data=True)}
    fields |= {frozenset((one,)): data for one, data in graph.nodes(data=True)}
    hidden = table[table["connections"].isna()]
    assert len(hidden) > 2
    for one, other in hidden[["group_name", "other"]].itertuples(index=False):
        assert not {"weight", "size", "ratio"} & set(fields.get(frozenset((one, other)), {}))
    shown = table[table["connections"].fillna(0) > 0]
    assert all(fields[frozenset((row["group_name"], row["other"]))]["weight"] == row["connections"]
               for row in shown.to_dict("records"))  # fmt: skip


def test_who_has_the_nodes_counts_no_few_of_a_ministry(world: World) -> None:
    """The page, GEXF and Parquet tell each actor's community and group."""
    nodes = world.public.actors.network.nodes
    counts = nodes.groupby(["community", "group_name"]).size()
    civil = nodes[nodes["label"] == "member"].groupby("community").size()
    few = counts[counts < FEW]
    assert all(civil[community] < FEW and place == "other groups" for community, place in few.index)
    assert len(counts) < len(world.full.actors.network.nodes.groupby(["community", "group_name"]).size())


# ---- days ----------------------------------------------------------------------------------------------------


def test_a_day_of_few_accounts_is_hidden_whole_and_is_no_zero(world: World, tmp_path: Path) -> None:
    days, full = world.public.daily, world.full.daily
    counts = ["posts", "active_accounts", "located", "geocoded"]
    assert full.loc[QUIET, "active_accounts"] == 3
    assert days.loc[[QUIET, FREE], counts].isna().all(axis=None)
    assert days.loc[[QUIET, FREE], "hidden"].all()
    shown = days[~days["hidden"]]
    assert (shown[counts].astype(int) == full.loc[shown.index, counts]).all(axis=None)
    found = [days["weekday"] == day for day, of in world.public.weekday["posts"].items() if pd.notna(of)]
    found += [days["kind"] == kind for kind, of in world.public.working_days["posts"].items() if pd.notna(of)]
    assert len(found) > 3
    assert not _determined([np.arange(len(days)), *map(np.flatnonzero, found)], days["hidden"].to_numpy())
    assert days["posts_7"].isna().all()  # each such week has a hidden day
    folder = world.made.page.parent
    data = pd.read_csv(folder / "figures" / "06-activity-timeline.csv", index_col="day")
    assert data.loc[[QUIET, FREE], counts].isna().all(axis=None)
    assert data.loc[QUIET, "hidden"]
    at = (pd.Timestamp(QUIET) - full.index[0]).days
    assert [one["values"][at] for one in block(world.page, "daily")["series"]] == [None] * 4
    for name in ("06-activity-timeline", "07-activity-calendar"):
        assert ">hidden<" in (folder / "figures" / f"{name}.svg").read_text("utf-8")


def test_weekdays_kinds_and_hours_of_few_accounts_are_hidden(world: World) -> None:
    weekday, full = world.public.weekday, world.full.weekday
    assert weekday.loc[[2, 5], ["posts", "per_day"]].isna().all(axis=None)
    assert weekday.loc[0, "posts"] == full.loc[0, "posts"]
    assert not _determined([np.arange(5), np.arange(5, 7)], weekday["posts"].isna().to_numpy())
    hours = world.public.hours
    by_hour = world.full.hours
    assert hours.isna().loc[2, 10]  # nine to eleven, by the clock in Amsterdam
    assert not hours.isna().loc[0, 10]
    for day in range(7):
        actual = pd.notna(weekday.loc[day, "posts"])
        assert not actual or hours.loc[day].isna().sum() != 1
    assert by_hour.loc[2].sum() > 0
    months = world.public.months
    assert months["posts"].iloc[0] == world.full.months["posts"].iloc[0] == full["posts"].sum()


# ---- sentences -----------------------------------------------------------------------------------------------

PERSONS = r"(?:public accounts?|accounts?|actors?|profiles?|members?|persons?|linked|start contacts?)"
COUNTED = re.compile(rf"(?<![\d.,−-])([1-4])(?![\d.,%])(?= (?:of (?:them|their|the|\d+ )?\s*)?{PERSONS})")


def _sentences(made: Made) -> Iterator[str]:
    for section in made.sections:
        yield from section.said
        yield from (text for text, _ in section.brief)
        yield from (f"{fact.value} {fact.name}" for fact in section.facts)
        for part in section.parts:
            if isinstance(part, Picture):
                yield from (part.alt, part.under)
            elif isinstance(part, Cards):
                yield from (text for card in part.cards for text in (card.figures, *card.said))
            else:
                yield part.note


def test_no_sentence_counts_a_few_persons(world: World) -> None:
    texts = list(_sentences(world.made))
    assert len(texts) > 50
    assert not [text for text in texts if COUNTED.search(text)]
    assert COUNTED.search("of their members 3 actors are")
    assert COUNTED.search("the lists of 2 of 36 members")


def test_how_few_are_in_two_ministries_is_not_reported(world: World) -> None:
    assert world.full.selection.set_index("figure").loc["sum_of_rows", "computed"] == len(PEOPLE) + 1
    assert "sum_of_rows" not in set(world.public.selection["figure"])
    said = " ".join(_sentences(world.made))
    assert str(len(PEOPLE) + 1) not in re.findall(r"\b\d+\b", said)  # a pseudonym may have any digits
    assert f"of {len(PEOPLE)} members could be read" in said


def test_few_are_shown_as_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study of four persons: their number is in no sentence, fact or cell."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "study").mkdir()
    with studies.empty() as db:
        studies.people(db, {"a": "A", "b": "A", "c": "A", "d": "B"})
        studies.accounts(db, "abcd")
        studies.follows(db, [("a", "b"), ("c", "d"), ("b", "c")])
        studies.posts(db, [{"account_id": who} for who in "aabc"])
        found = Findings(db, Options(pseudonyms=Pseudonyms(tmp_path / "study"), least=FEW, formats=()))
        made = write_report(found, tmp_path / "report", Facts("Four", "", "made for a test"))
        assert not [text for text in _sentences(made) if COUNTED.search(text)]
        assert any("ewer than 5 members" in text for text in _sentences(made))
        value = found.selection.set_index("figure")["computed"]
        assert value[["members", "accounts", "posts"]].isna().all()
        assert found.professional_use.isna().all(axis=None)
