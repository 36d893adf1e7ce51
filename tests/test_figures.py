"""Figures of groups: each is distinct, and none is coloured by too few cases."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from analysis.palette import GROUPS
from analysis.report.figures import people
from analysis.report.findings import Findings, Options
from analysis.report.i18n import Words
from tests import studies

NAMES = [f"M{at:02d}" for at in range(12)]


@pytest.fixture(scope="module")
def found():
    """Twelve groups, the first ones with more members and connections; the last ones have hardly any."""
    dice = np.random.default_rng(3)
    who = {f"{name}-{at}": name for size, name in enumerate(NAMES) for at in range(24 - 2 * size)}
    with studies.empty() as db:
        studies.people(db, who)
        ids = sorted(who)
        weight = np.array([24.0 - 2 * NAMES.index(who[one]) for one in ids]) ** 2
        drawn = dice.choice(ids, (500, 2), p=weight / weight.sum())
        pairs = {tuple(sorted((f"p-{one}", f"p-{other}"))) for one, other in drawn if one != other}
        rows = [{"profile_a": one, "profile_b": other} for one, other in sorted(pairs)]
        studies.insert(db, "current_connections", rows)
        studies.follows(db, [(one.removeprefix("p-"), other.removeprefix("p-")) for one, other in sorted(pairs)])
        studies.insert(db, "study", [{"key": "analysis.min_degree", "value": "2"}])
        yield Findings(db)


def test_each_ministry_has_a_fill_of_its_own_in_every_figure(found: Findings) -> None:
    fills = people.looks(found)
    assert len({(fill["facecolor"], fill["hatch"]) for fill in fills.values()}) == len(fills) == len(NAMES)
    circles = {
        patch.get_facecolor(): None for patch in people.circle(found, Words()).axes[0].patches
        if isinstance(patch, Circle)
    }  # fmt: skip
    assert {to_hex(colour) for colour in circles} == set(GROUPS)
    _handles, names = people.communities(found, Words()).axes[0].get_legend_handles_labels()
    bars = people.communities(found, Words()).axes[0].containers
    for name, bar in zip(names, bars, strict=True):
        patch = bar.patches[0]
        assert (to_hex(patch.get_facecolor()), patch.get_hatch() or "") == tuple(fills[name].values())


def test_a_cell_with_few_expected_has_no_colour_of_its_own(found: Findings) -> None:
    _names, expected = people.square(found.groups, "connections_expected")
    few = expected < people.LEAST_EXPECTED
    assert 10 < few.sum() < few.size - 10
    axes = people.matrix(found, Words()).axes[0]
    assert np.array_equal(np.ma.getmaskarray(axes.collections[0].get_array()).reshape(few.shape), few)
    grey = {(round(one.get_x()), round(one.get_y())) for one in axes.patches}
    assert grey == {(column, row) for row, column in np.argwhere(few)}


def test_a_hidden_cell_is_grey_and_crossed(found: Findings) -> None:
    public = Findings(found.db, Options(least=5))
    _names, counts = people.square(public.groups, "connections")
    axes = people.matrix(public, Words()).axes[0]
    assert sum(text.get_text() == "×" for text in axes.texts) == np.isnan(counts).sum() > 0
