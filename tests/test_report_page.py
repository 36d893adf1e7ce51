"""The report in a browser: explored, exported, linked to, printed, read with a keyboard, on a phone, in the dark."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import pytest
from lxml import etree

from analysis.actor_edges import LINKED
from analysis.queries import ONE_PERSON
from analysis.report.escape import HARMFUL
from analysis.report.findings import Findings
from tests.browser import Watched, chromium, needed, opened, playing
from tests.reports import ROUNDS, in_rounds, report, spoilt

pytest.importorskip("playwright.sync_api")
needed()

READY = "[data-network={}][data-ready]"  # a selector: the page's policy forbids to evaluate a condition in it
NETWORK = "document.querySelector('[data-network={}]').network"


@pytest.fixture(scope="module")
def made(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Path]:
    """A report of the study in three rounds and with hostile names, and its findings."""
    place = tmp_path_factory.mktemp("page")
    found, done = report(in_rounds(spoilt(recorded, place / "study")), place / "report")
    return found, done.page


@pytest.fixture(scope="module")
def play() -> Iterator[Any]:
    with playing() as started:
        yield started


@pytest.fixture(scope="module")
def browser(play: Any) -> Iterator[Any]:
    with chromium(play) as running:
        yield running


@pytest.fixture
def watched(browser: Any, made: tuple[Findings, Path]) -> Iterator[Watched]:
    with opened(browser, made[1], accept_downloads=True) as page:
        yield page


def show(watched: Watched, name: str = "actors") -> Any:
    """Scroll to the network called *name*, wait until it is there, and give its figure."""
    figure = watched.page.locator(f"#figure-{name}")
    figure.scroll_into_view_if_needed()
    watched.page.locator(READY.format(name)).wait_for(state="attached", timeout=60_000)
    return figure


def saved(watched: Watched, figure: Any, button: str, path: Path) -> Path:
    with watched.page.expect_download() as download:
        figure.get_by_role("button", name=button, exact=True).click()
    download.value.save_as(path)
    return path


def test_it_opens_without_a_request_or_an_error_and_hostile_names_do_nothing(watched: Watched) -> None:
    watched.page.locator("html[data-ready]").wait_for(state="attached", timeout=60_000)
    for name in ("actors", "hashtags"):
        show(watched, name)
    assert watched.outside == []
    assert watched.errors == []
    assert watched.page.title().startswith('A <study> & "its" name')
    assert watched.page.locator("main img[src^=x], main b").count() == 0
    assert not HARMFUL.search(watched.page.evaluate("document.body.innerText").replace("\n", "").replace("\t", ""))


def test_search_finds_without_accents_and_shows_the_true_neighbours(
    watched: Watched, made: tuple[Findings, Path]
) -> None:
    figure = show(watched)
    network = made[0].actors.network
    names = network.nodes["name"].fillna("").str.contains("Zoë Ünïcode-Đorđević")
    degrees = network.nodes["degree"].where(names, 0)
    wanted = int(degrees.to_numpy().argmax())
    search = figure.get_by_role("combobox", name="Search a name")
    search.fill("zoe unicode")
    options = figure.get_by_role("option")
    assert options.count() >= 1
    search.press("Enter")
    chosen = watched.page.evaluate(f"{NETWORK.format('actors')}.chosen")
    assert "Zoë" in figure.locator(".chosen h3").inner_text()
    out, into = set(network.target[network.source == chosen]), set(network.source[network.target == chosen])
    put = network.nodes["share_of_runs"].iloc[chosen]
    assert f"runs that put them there {100 * put:.0f}%" in " ".join(figure.locator(".info dl").inner_text().split())
    found = [text.split(": ")[1] for text in figure.locator(".info summary").all_inner_texts()]
    assert found == [str(len(out & into)), str(len(out - into)), str(len(into - out))]
    assert names.iloc[chosen]
    assert wanted >= 0


def test_a_link_leads_back_to_the_same_selection(browser: Any, watched: Watched, made: tuple[Findings, Path]) -> None:
    figure = show(watched)
    figure.locator(".legend input").first.uncheck()
    watched.page.evaluate(f"{NETWORK.format('actors')}.step(1)")
    link, chosen = watched.page.url, figure.locator(".chosen h3").inner_text()
    actual = figure.locator(".foot .status").inner_text()
    assert "#figure-actors/" in link
    with opened(browser, made[1]) as again:
        again.page.goto("about:blank")
        again.page.goto(link)
        again.page.locator(READY.format("actors")).wait_for(state="attached", timeout=60_000)
        there = again.page.locator("#figure-actors")
        assert there.locator(".chosen h3").inner_text() == chosen
        assert there.locator(".foot .status").inner_text() == actual
        assert not there.locator(".legend input").first.is_checked()


def test_ties_drawn_a_batch_at_a_time_are_the_picture_of_all_of_them(watched: Watched) -> None:
    show(watched)
    drawn = watched.page.locator("#figure-actors .stage[data-drawn]")
    drawn.wait_for(state="attached", timeout=60_000)
    view = f"{NETWORK.format('actors')}.view"
    whole = watched.page.evaluate(f"{view}.all(); {view}.edges.canvas.toDataURL()")
    first = watched.page.evaluate(f"{view}.begin(); {view}.edges.more(1000); {view}.edges.canvas.toDataURL()")
    left = watched.page.evaluate(f"{view}.edges.batch = 1000; {view}.fill({view}.turn); {view}.edges.whole")
    assert not left
    drawn.wait_for(state="attached", timeout=60_000)
    assert watched.page.evaluate(f"{view}.edges.canvas.toDataURL()") == whole != first


def test_filters_leave_what_they_say_and_the_picture_fits_it(watched: Watched, made: tuple[Findings, Path]) -> None:
    figure = show(watched)
    network = made[0].actors.network
    group = network.nodes["community"].to_numpy()
    figure.locator(".legend button").nth(1).click()
    watched.page.wait_for_timeout(600)  # the camera's move
    kept = group == 1
    edges = int((kept[network.source] & kept[network.target]).sum())
    assert (
        figure.locator(".foot .status").inner_text()
        == f"{kept.sum():,} of {network.n:,} shown, {edges:,} ties between them"
    )
    outside = watched.page.evaluate(
        f"(() => {{ const n = {NETWORK.format('actors')}, d = n.view.sigma.getDimensions();"
        " return [...n.model.id.keys()]"
        ".filter(i => n.model.shown[i]).map(i => n.view.spot(i))"
        ".filter(p => p.x < 0 || p.y < 0 || p.x > d.width || p.y > d.height).length })()"
    )
    assert outside == 0
    figure.get_by_role("button", name="show all").click()
    watched.page.evaluate(f"const n = {NETWORK.format('actors')}; n.model.largest = 7; n.apply()")
    assert figure.locator(".foot .status").inner_text().startswith("7 of ")


OPEN = """SELECT count(*) FROM (SELECT DISTINCT coalesce(a.id, follower_id) AS s, coalesce(b.id, followed_id) AS t
FROM follow_history LEFT JOIN one AS a ON a.account_id = follower_id LEFT JOIN one AS b ON b.account_id = followed_id
WHERE first_seen < ? AND (closed_at IS NULL OR closed_at >= ?)
AND (follower_id IN (FROM linked) OR followed_id IN (FROM linked)))
WHERE s <> t AND s IN (FROM ids) AND t IN (FROM ids)"""


def test_the_slider_shows_the_ties_of_each_round(watched: Watched, made: tuple[Findings, Path]) -> None:
    """As many as SQL counts open when the following round begins; the last round is the network."""
    figure, db, network = show(watched), made[0].db, made[0].network
    db.execute(f"CREATE TEMP TABLE one AS {ONE_PERSON}", {"platform": None})
    db.execute(f"CREATE TEMP TABLE linked AS {LINKED}", {"platform": None})
    db.execute("CREATE TEMP TABLE ids AS SELECT unnest(?) AS id", [list(network.nodes.index)])
    (first,) = db.execute("SELECT min(started_at) FROM walks WHERE kind IN ('following', 'followers')").fetchone() or (
        None,
    )
    starts = [first + timedelta(days=30 * later) for later in range(1, ROUNDS + 1)]
    counted = [db.execute(OPEN, [at, at]).fetchall()[0][0] for at in starts]
    assert len({*counted}) == ROUNDS
    assert counted[-1] == network.m
    slider = figure.get_by_role("slider", name="round")
    told = [watched.page.evaluate(f"{NETWORK.format('actors')}.model.m")]
    for _ in range(ROUNDS - 1):
        slider.press("ArrowLeft")
        told.append(watched.page.evaluate(f"{NETWORK.format('actors')}.model.m"))
        assert figure.locator(".foot .status").inner_text().endswith(f", {told[-1]:,} ties between them")
    assert told[::-1] == counted
    assert slider.get_attribute("aria-valuetext").startswith(f"1: {first:%Y-%m-%d}")
    assert watched.page.url.endswith("#figure-actors/round=1")
    drawn = watched.page.evaluate(f"{NETWORK.format('actors')}.view.edges.count")
    assert drawn == counted[0]
    figure.get_by_role("button", name="show all").click()
    assert watched.page.evaluate(f"{NETWORK.format('actors')}.model.m") == network.m


def test_what_is_shown_can_be_saved_and_reads_back_equal(
    watched: Watched, made: tuple[Findings, Path], tmp_path: Path
) -> None:
    for name in ("actors", "hashtags"):
        figure, network = show(watched, name), getattr(made[0], name).network
        read = nx.read_gexf(saved(watched, figure, "GEXF", tmp_path / f"{name}.gexf"))
        position = {node: at for at, node in enumerate(_ids(watched, name))}
        assert set(read) == set(position)
        ends = {tuple(sorted((position[a], position[b]))) for a, b in read.edges}
        assert ends == {tuple(sorted(pair)) for pair in zip(network.source, network.target, strict=True)}
        assert read.number_of_edges() == network.m
        assert [read.nodes[node]["community"] for node in position] == network.nodes["community"].tolist()
        table = pd.read_csv(saved(watched, figure, "CSV", tmp_path / f"{name}.csv"), dtype=str, keep_default_na=False)
        assert len(table) == network.n
        assert not table["label"].str.startswith(("=", "+", "-", "@")).any()
        tree = etree.parse(saved(watched, figure, "SVG", tmp_path / f"{name}.svg"))
        assert not tree.findall(".//{*}image")
        lines = sum(path.get("d").count("M") for path in tree.iterfind(".//{*}path"))
        assert (lines, len(tree.findall(".//{*}circle"))) == (network.m, network.n)
        assert tree.findall(".//{*}text")
        assert saved(watched, figure, "PNG", tmp_path / f"{name}.png").stat().st_size > 10_000
    assert watched.errors == []


def _ids(watched: Watched, name: str) -> list[str]:
    return list(watched.page.evaluate(f"{NETWORK.format(name)}.model.id"))


def test_labels_do_not_overlap(watched: Watched) -> None:
    show(watched)
    boxes = watched.page.evaluate(
        f"(() => {{ const v = {NETWORK.format('actors')}.view, d = v.sigma.getDimensions();"
        " const m = v.measure(document.createElement('canvas').getContext('2d'));"
        " return [...v.placed(d.width, d.height, m)]"
        ".map(p => [p.x, p.y - p.size * .8, p.x + m(p.node, p.size), p.y]) })()"
    )
    assert len(boxes) > 5
    for a, b in itertools.combinations(boxes, 2):
        assert a[0] >= b[2] or a[2] <= b[0] or a[1] >= b[3] or a[3] <= b[1]


def test_the_keyboard_goes_everywhere(watched: Watched, made: tuple[Findings, Path]) -> None:
    figure = show(watched)
    stage = figure.locator(".stage")
    stage.focus()
    camera = f"{NETWORK.format('actors')}.view.sigma.getCamera().getState()"
    before = watched.page.evaluate(camera)
    stage.press("ArrowRight")
    stage.press("+")
    after = watched.page.evaluate(camera)
    assert after["x"] > before["x"]
    assert after["ratio"] < before["ratio"]
    stage.press("n")
    largest = int(made[0].actors.network.nodes["betweenness"].to_numpy().argmax())
    assert watched.page.evaluate(f"{NETWORK.format('actors')}.chosen") == largest
    stage.press("Escape")
    assert figure.locator(".chosen").count() == 0


def test_the_timeline_smooths_and_zooms(watched: Watched, made: tuple[Findings, Path]) -> None:
    figure = watched.page.locator("#figure-activity-timeline")
    figure.scroll_into_view_if_needed()
    actual = figure.locator(".status")
    actual.wait_for()
    days = made[0].daily
    figure.get_by_label("year").select_option("2012")
    watched.page.wait_for_timeout(100)
    assert actual.inner_text() == f"2012-01-01 – 2012-12-31: {days.loc['2012', 'posts'].sum():,} posts"
    figure.get_by_label("mean of").select_option("30")
    values = watched.page.evaluate("document.querySelector('[data-timeline]').timeline.chart().data[1]")
    expected = days["posts"].rolling(30).mean()
    assert values[28] is None
    assert values[29:] == pytest.approx(expected[29:].tolist())


def test_tables_sort_by_a_click(watched: Watched) -> None:
    table = watched.page.locator("#table-populations")
    table.get_by_role("button", name="profiles", exact=True).click()
    cells = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
    numbers = [int(cell.replace(",", "")) for cell in cells]
    assert numbers == sorted(numbers, reverse=True)


def test_print_has_the_still_pictures(watched: Watched, tmp_path: Path) -> None:
    show(watched)
    watched.page.emulate_media(media="print")
    assert not watched.page.locator("#figure-actors .live").is_visible()
    assert watched.page.locator("#figure-actors .still img").is_visible()
    assert not watched.page.locator("nav").is_visible()
    assert watched.page.pdf().startswith(b"%PDF")


def test_no_column_is_cut_off_on_paper(browser: Any, made: tuple[Findings, Path]) -> None:
    """And the heads of a table are no buttons there, which a browser does not repeat on the following page."""
    with opened(browser, made[1], viewport={"width": 680, "height": 960}) as watched:  # A4 within its margins
        watched.page.emulate_media(media="print")
        cut = """() => [...document.querySelectorAll('.wide')].filter(one => one.checkVisibility()
            && one.scrollWidth > one.clientWidth + 1).map(one => one.ariaLabel)"""
        assert watched.page.evaluate(cut) == []
        look = "one => [getComputedStyle(one).display, getComputedStyle(one.closest('thead')).breakInside]"
        assert watched.page.locator("th button").first.evaluate(look) == ["contents", "avoid"]


def test_without_webgl_the_still_picture_stays(play: Any, made: tuple[Findings, Path]) -> None:
    with chromium(play, "--disable-3d-apis") as plain, opened(plain, made[1]) as watched:
        watched.page.locator("#figure-actors").scroll_into_view_if_needed()
        watched.page.locator("[data-network=actors][data-failed]").wait_for(state="attached")
        assert watched.page.locator("#figure-actors .still img").is_visible()
        assert not watched.page.locator("#figure-actors .live").is_visible()


def test_without_scripts_everything_can_be_read(browser: Any, made: tuple[Findings, Path]) -> None:
    with opened(browser, made[1], java_script_enabled=False) as watched:
        assert watched.page.locator("#figure-actors .still img").is_visible()
        assert watched.page.locator("#table-populations").is_visible()


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing_serious_and_nothing_sticks_out(
    browser: Any, made: tuple[Findings, Path], options: Any
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(browser, made[1], **options) as watched:
        show(watched)
        show(watched, "hashtags")
        watched.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        alike = "tbody tr:nth-child(n+5), pre:nth-of-type(n+2), figure svg g g g"  # all are as the first are
        watched.page.evaluate(f"document.querySelectorAll('{alike}').forEach(one => one.remove())")
        watched.page.evaluate(f"{NETWORK.format('actors')}.step(1)")
        found = axe.run(watched.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        result = [
            (one["id"], one["impact"], [node["html"][:160] for node in one["nodes"][:3]])
            for one in found.response["violations"]
        ]
        assert not result
        assert len(found.response["passes"]) > 20
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
