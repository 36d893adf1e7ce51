"""The report as files: the numbers of the analyses, safe against names from outside, fit for a paper, publishable."""

import base64
import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from lxml import etree, html

from analysis import actors, populations, rounds, shares
from analysis.queries import number
from analysis.report import comparison_section, left_out, method
from analysis.report.disclosure import Cells, few_hidden, merged_groups, suppressed
from analysis.report.escape import HARMFUL
from analysis.report.figures.registry import DRAWINGS
from analysis.report.findings import Findings, Options
from analysis.report.i18n import HEADS, Words, table
from analysis.report.page import HERE, Facts, Made, write_report
from storage.privacy.pseudonyms import VARIABLE, Pseudonyms
from storage.sampling.rules import TIES
from storage.tables import database
from tests import studies
from tests.conftest import ROOT
from tests.rehearsal import sneeuwbal
from tests.reports import HOSTILE, PAGE, block, blocks, copied, report, spoilt

WORDS = re.compile(r'\b_\(\s*((?:f?"(?:[^"\\]|\\.)*"\s*)+)')


@pytest.fixture(scope="module")
def made(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Made]:
    """A report of the study with hostile names."""
    place = tmp_path_factory.mktemp("hostile")
    return report(spoilt(recorded, place / "study"), place / "report", Options())


@pytest.fixture(scope="module")
def page(made: tuple[Findings, Made]) -> str:
    return made[1].page.read_text("utf-8")


def _cells(page: str, name: str) -> list[list[str]]:
    (place,) = html.fromstring(page).xpath(f'//div[@id="table-{name}"]')
    return [[cell.text_content() for cell in row] for row in place.xpath(".//tbody/tr")]


def test_the_page_has_the_figures_of_the_analyses(recorded: Path, made: tuple[Findings, Made], page: str) -> None:
    with database.open_readonly(recorded / "study.duckdb") as db:
        six, selection = shares.table(db, comparison="sample"), populations.selection(db)
    actual = _cells(page, "selection")
    numbers = [f"{value:,}" if isinstance(value, int) else value for value in selection["computed"]]
    assert [row[1] for row in actual] == numbers
    column = list(made[1].tables()["shares"].shown).index("share")
    assert [row[column] for row in _cells(page, "shares")] == [f"{value:.2f}%" for value in six["share"]]


@pytest.fixture(scope="module")
def dutch(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Made]:
    """A report in Dutch of a study that has published figures, and timelines that were not collected whole."""
    place = tmp_path_factory.mktemp("dutch")
    study = copied(recorded, place / "study")
    with duckdb.connect(str(study / "study.duckdb")) as db:
        db.execute("""INSERT INTO base.study VALUES ('published.members', '6807'),
            ('published.shares.hashtags.share', '34.18'), ('published.shares.hashtags.count', '237075')""")
        db.execute("DELETE FROM base.gaps")
        db.execute("""INSERT INTO base.gaps (collector, kind, key, walk, why, opened_at)
            SELECT 'x', 'timeline', key, any_value(walk), 'stopped', now() FROM answers
            WHERE kind = 'timeline' GROUP BY key HAVING any_value(walk) IS NOT NULL ORDER BY key LIMIT 20""")
        db.execute("UPDATE base.current_accounts SET created_at = TIMESTAMPTZ '2007-01-01'")
        db.execute("DELETE FROM base.posts WHERE timeline_of IN (SELECT key FROM gaps) AND created_at < '2010-01-01'")
    return report(study, place / "report", language="nl")


def test_published_figures_stand_beside_the_computed_ones(dutch: tuple[Findings, Made]) -> None:
    text = dutch[1].page.read_text("utf-8")
    assert next(row for row in _cells(text, "selection") if row[0] == "ambtenaren, elk één keer")[2] == "6.807"
    assert "gepubliceerd: 6.807" in html.fromstring(text).xpath("string(//dl[@class='facts'])")
    shown = dutch[1].tables()["shares"].shown
    assert shown[shown.index("share") + 1] == "published_share"
    assert _cells(text, "shares")[0][shown.index("published_share")] == "34,18%"
    assert html.fromstring(text).get("lang") == "nl"
    forms = {form.text for form in html.fromstring(text).xpath("//figcaption/span/a")}
    assert forms == {"svg", "csv", "parquet", "gexf"}
    assert {path.suffix[1:] for path in (dutch[1].page.parent / "figures").iterdir()} == forms - {"gexf"}


def test_parameters_that_tables_share_are_shown_once(made: tuple[Findings, Made], page: str) -> None:
    tree, tables = html.fromstring(page), made[1].tables()
    shown = {name: tree.xpath(f'//div[@id="table-{name}"]//dl[not(@class)]/div') for name in tables}
    texts = [tuple(row.text_content() for row in rows) for rows in shown.values() if len(rows) > 3]
    assert len(texts) == len(set(texts))
    for name in tables:
        for link in tree.xpath(f'//div[@id="table-{name}"]/details/p/a[starts-with(@href, "#table-")]/@href'):
            other = link.removeprefix("#table-")
            own, others = (tables[each].parameters(made[0].words) for each in (name, other))
            assert len(shown[name]) + len(shown[other]) == len(own)
            assert {*others} <= {*own}
    assert not shown["bridges"]
    assert len(shown["communities"]) > 10


def test_every_filter_says_what_went_in_and_what_came_out(made: tuple[Findings, Made]) -> None:
    filters = made[0].filters
    assert (filters["after"] <= filters["before"]).all()
    assert not filters["filter"].str.contains("{", regex=False).any()
    assert filters["after"].iloc[-4] == made[0].actors.network.n
    asked = made[0].sql
    assert [n for n in ("populations", "actors", "hashtags", "daily", "shares", "groups") if not asked[n]] == []


def test_every_word_of_the_report_has_its_dutch() -> None:
    from analysis import screening
    from analysis.report import documents_section, filters, posts, section_parts, sections, summary, survey_section
    from analysis.report.definitions import DEFINITIONS

    wanted = {text for texts in DEFINITIONS.values() for text in texts} | {one.title for one in DRAWINGS.values()}
    wanted |= {
        *method.LIMITS,
        *documents_section.LIMITS,
        *screening.STEPS.values(),
        method.PUBLIC,
        method.OVERRIDDEN,
        method.HONOURED,
        method.BOUNDED,
        *method.DESIGNS.values(),
        *(f"along {tie}" for tie in TIES),
        sections.FOUND,
        sections.SNOWBALL,
        sections.MATRIX,
        sections.CROSSED,
        section_parts.PUBLISHED_TOO,
    }
    wanted |= {*summary.TEXTS, *sections.MEASURES.values(), *section_parts.SCHOOL.values(), *filters.TIMELINES.values()}
    wanted |= {actors.PAIR, actors.BEYOND, actors.ACROSS, actors.WITH, posts.ZOOM, posts.HIDDEN, *HEADS.values()}
    wanted |= {
        *left_out.TEXTS,
        *survey_section.BY.values(),
        survey_section.LEADS,
        survey_section.LEADS_NOT,
        survey_section.HIDDEN,
        *survey_section.LIMITS,
        *survey_section.STATISTICS.values(),
        *sections.TITLES.values(),
        *sections.DIRECTED.values(),
        sections.ALONG,
        populations.SEEDS_READ,
        *rounds.WHAT,
    }
    wanted |= set(json.loads((HERE / "js" / "words.json").read_text("utf-8"))) | set(populations.SELECTED.values())
    for path in [*HERE.rglob("*.py"), HERE / "page.html.j2", ROOT / "commands" / "report.py"]:
        for found in WORDS.findall(path.read_text("utf-8")):
            wanted.add("".join(json.loads(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"', found)))
    used = re.findall(
        r'\bw\("([^"]*)"\)', "".join(path.read_text("utf-8") for path in (HERE / "js" / "src").glob("*.js"))
    )
    assert set(used) <= set(json.loads((HERE / "js" / "words.json").read_text("utf-8")))
    wanted = {text for text in wanted if NOUN.sub("", text)} - {"member", "members"}  # nouns are the study's
    assert not sorted(wanted - set(table("nl")))
    braces = re.compile(rf"(?!{NOUN.pattern})\{{\w+\}}")
    assert all(sorted(braces.findall(one)) == sorted(braces.findall(other)) for one, other in table("nl").items())


NOUN = re.compile(r"\{(?:[Aa]_|the_|each_|other_|another_)?(?:[Mm]ember|[Gg]roup)s?\}")
ENGLISH = re.compile(r"\b(the|were|with|from|between|counted|across|outside|ties|shown|which|others|read)\b", re.I)


def test_a_dutch_report_is_dutch_throughout(dutch: tuple[Findings, Made]) -> None:
    found, done = dutch
    tree = html.fromstring(done.page.read_text("utf-8"))
    data = tree.xpath("//header | //script | //style | //pre | //dl[not(@class)] | //*[@id='table-settings']")
    for part in data:  # names, SQL, parameters and settings are data
        part.drop_tree()
    texts = [text.strip() for text in tree.itertext()]
    texts += [value for name in ("aria-label", "alt") for value in tree.xpath(f"//@{name}")]
    titles = {str(title).lower() for (title,) in found.db.execute("SELECT title FROM positions").fetchall()}
    left = [text for text in texts if ENGLISH.search(text) and not any(title in text.lower() for title in titles)]
    assert not left
    assert any("ambtenaren" in text for text in texts)


def test_numbers_are_written_as_the_language_does() -> None:
    assert (Words("en").number(687811), Words("nl").number(687811)) == ("687,811", "687.811")
    assert (Words("en").number(34.467, 2), Words("nl").number(34.467, 2)) == ("34.47", "34,47")
    assert Words("nl").number(float("nan")) == "–"


# ---- findings -----------------------------------------------------------------------------------------------


def test_what_the_filter_hides_who_interacts_and_who_uses_the_hashtags(made: tuple[Findings, Made], page: str) -> None:
    found, tables = made[0], made[1].tables()
    hidden = found.hidden.set_index("figure")
    network = found.actors.network
    assert hidden.loc["actors", "after"] == network.n
    assert hidden.loc["ties", "before"] - hidden.loc["ties", "hidden"] == hidden.loc["ties", "after"] == network.m
    assert _cells(page, "hidden")[0] == ["actors", *(f"{hidden.loc['actors', name]:,.0f}" for name in hidden)]
    follows = actors.interaction_and_follow(found.db).set_index("interaction")
    actual = tables["interaction"].frame.set_index("interaction")
    assert actual["ties"].equals(follows.loc[actual.index, "ties"])
    most = tables["hashtags-by-account"].frame
    assert (most.groupby("community")["posts"].max() > 0).all()
    assert len(_cells(page, "hashtags-by-account")) == len(most)


def test_the_study_is_reported_in_brief_and_leads_on(made: tuple[Findings, Made], page: str) -> None:
    tree = html.fromstring(page)
    lines = tree.xpath("//ul[contains(@class, 'brief')]/li")
    assert [link.get("href") for line in lines for link in line.xpath(".//a")] == [
        "#populations", "#groups", "#actors", "#inwardness", "#activity", "#shares", "#hashtags",
    ]  # fmt: skip
    assert f"{made[0].professional_use.iloc[-1]['ratio']:.2f} times" in lines[4].text_content()
    cards = tree.xpath("//section[@aria-labelledby='actors']//ul[@class='cards']/li")
    assert len(cards) == min(12, made[0].actors.communities.membership.nunique())


def test_what_was_not_collected_is_a_gap_and_no_dip(dutch: tuple[Findings, Made]) -> None:
    found, done = dutch
    lost = found.daily["gap_share"] >= 0.1
    assert lost.sum() > 100
    page = done.page.read_text("utf-8")
    some, all_ = ((found.daily["gap_accounts"] > 0).sum(), len(found.daily))
    assert f"Op {found.words.number(some)} van de {found.words.number(all_)} dagen" in page
    daily = block(page, "daily")
    days = {day for first, last in daily["broken"] for day in range(first, last + 1)}
    assert days == set(np.flatnonzero(lost))
    assert len(html.fromstring(page).xpath("//*[@id='figure-activity-calendar']//pattern")) > 0
    assert ["x", "tijdlijn", "stopped", "20"] in [row[:4] for row in _cells(page, "gaps")]


def test_why_opt_outs_were_overridden_is_reported(recorded: Path, tmp_path: Path) -> None:
    study = copied(recorded, tmp_path / "study")
    with duckdb.connect(str(study / "study.duckdb")) as db:
        db.execute("DELETE FROM base.study WHERE key LIKE 'minimise.o%'")
        db.execute("""INSERT INTO base.study VALUES ('minimise.opt_outs', '"override"'),
            ('minimise.override_reason', '"The court of <Roermond> ordered it"')""")
    with database.open_readonly(study / "study.duckdb") as db:
        said = method.method(Findings(db), Words()).said
    assert any("for this reason: The court of <Roermond> ordered it" in text for text in said)
    with database.open_readonly(recorded / "study.duckdb") as db:
        assert method.HONOURED in method.method(Findings(db), Words()).said


def test_another_study_stands_beside_it(recorded: Path, tmp_path: Path) -> None:
    study = copied(recorded, tmp_path / "study")
    with duckdb.connect(str(study / "study.duckdb")) as db:
        db.execute("DELETE FROM base.posts WHERE len(hashtags) > 0 AND sample IS NULL")
    with (
        database.open_readonly(study / "study.duckdb") as one,
        database.open_readonly(recorded / "study.duckdb") as two,
    ):
        found, other = Findings(one), Findings(two)
        section = comparison_section.comparison(found, comparison_section.Other("the whole", other), Words())
        tables = {part.name: part.frame for part in section.parts}
        posts = tables["comparison-selection"].set_index("figure").loc["posts"]
        assert (posts["this_study"], posts["other_study"]) == tuple(
            number(db, "SELECT count(*) FROM posts") for db in (one, two)
        )
        assert posts["difference"] == posts["this_study"] - posts["other_study"] < 0
        tags = tables["comparison-shares"].set_index("kind").loc["hashtags"]
        assert tags["this_study"] == 0
        assert (
            tags["low"] < tags["difference"] == -other.shares.set_index("kind").loc["hashtags", "share"] < tags["high"]
        )
        networks = tables["comparison-networks"].set_index("figure")
        assert networks.loc["e_i_index", "low"] < 0 < networks.loc["e_i_index", "high"]
        assert f"{other.actors.network.n} actors are in both networks, 100.0%" in section.said[1]


# ---- safety --------------------------------------------------------------------------------------------------


def test_no_script_runs_but_ours_and_nothing_is_loaded(page: str) -> None:
    tree = html.fromstring(page)
    (policy,) = tree.xpath('//meta[@http-equiv="Content-Security-Policy"]/@content')
    scripts = tree.xpath("//script[not(@type)]")
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert all(one.get("type") == "application/octet-stream" for one in tree.xpath("//script[@type]"))
    assert not tree.xpath("//@*[starts-with(name(), 'on')]")
    assert all(src.startswith("data:image/") for src in tree.xpath("//@src"))
    assert all(re.match(r"#|tables/|figures/|networks/", href) for href in tree.xpath("//a/@href"))
    assert not tree.xpath("//iframe | //object | //embed | //link | //base | //form | //b")


def test_hostile_names_stay_text(made: tuple[Findings, Made], page: str) -> None:
    names = block(page, "actors-nodes")["label"]
    assert any("<script>" in name for name in names)
    assert any("שלום" in name for name in names)
    inside = "".join(data.decode("utf-8", "replace") for name, data in blocks(page).items() if "edges" not in name)
    for text in (page.replace("\n", "").replace("\r", ""), inside):
        assert not [hit for hit in HARMFUL.findall(text) if hit != "\n"]
    assert (
        "document.title"
        not in re.sub(r"<script.*?</script>", "", page, flags=re.S).replace("&#39;", "'").split("<body")[0]
    )


def test_no_cell_of_a_table_is_a_formula(made: tuple[Findings, Made]) -> None:
    folder = made[1].page.parent
    files = [*(folder / "tables").glob("*.csv"), *(folder / "figures").glob("*.csv")]
    assert len(files) > 25
    for path in files:
        for row in csv.reader(path.open(encoding="utf-8-sig", newline="")):
            for cell in row:
                assert not HARMFUL.search(cell)
                if cell[:1] in ("=", "+", "-", "@"):
                    float(cell)  # a number, not a formula


def test_the_terminal_is_sent_nothing_that_it_would_obey(recorded: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    spoilt(recorded, study)
    for name in ("sneeuwbal.toml", "seeds.txt"):
        shutil.copyfile(recorded / name, study / name)
    done = sneeuwbal("--study", study, "report", "--format", "none")
    assert done.returncode == 0, done.stderr
    assert "red" in done.stdout  # the group whose name would colour what follows
    assert not HARMFUL.search(done.stdout.replace("\n", ""))
    folder = study / "reports" / "latest"
    assert not html.fromstring((folder / "report.html").read_text("utf-8")).xpath("//figure")
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".csv", ".parquet"}


def test_figures_are_well_formed_and_their_text_can_be_edited(made: tuple[Findings, Made]) -> None:
    folder = made[1].page.parent / "figures"
    elsewhere = {"flow", "documents", "triangulation"}  # see test_coverage and test_survey_report
    shown = [one for one in DRAWINGS.values() if one.name not in elsewhere]
    assert {path.stem for path in folder.glob("*.svg")} == {one.file for one in shown}
    for drawing in shown:
        text = (folder / f"{drawing.file}.svg").read_bytes()
        tree = etree.fromstring(text, etree.XMLParser(huge_tree=True))
        assert tree.findall(".//{*}text"), drawing.name
        assert not tree.findall(".//{*}script")
        assert b"/Type3" not in (folder / f"{drawing.file}.pdf").read_bytes()
        assert (folder / f"{drawing.file}.png").read_bytes().startswith(b"\x89PNG")
        data = pd.read_parquet(folder / f"{drawing.file}.parquet")
        assert len(data) == len(pd.read_csv(folder / f"{drawing.file}.csv")) == len(drawing.data(made[0]))


def test_the_network_files_read_back_equal(made: tuple[Findings, Made]) -> None:
    folder, network = made[1].page.parent / "networks", made[0].actors.network
    read = nx.read_gexf(folder / "actors.gexf")
    assert set(read) == set(network.nodes.index)
    assert set(read.edges) == set(network.edges()[["source", "target"]].itertuples(index=False, name=None))
    hashtags = nx.read_gexf(folder / "hashtags.gexf")
    assert sum(data["weight"] for *_, data in hashtags.edges(data=True)) == made[0].hashtags.network.weights.sum()


def test_the_page_holds_the_network_that_was_measured(made: tuple[Findings, Made], page: str) -> None:
    network = made[0].actors.network
    numbers = np.frombuffer(blocks(page)["actors-edges"], dtype="<u4")
    offsets, target = numbers[: network.n + 1], numbers[network.n + 1 :]
    source = np.repeat(np.arange(network.n), np.diff(offsets))
    assert set(zip(source, target, strict=True)) == set(zip(network.source, network.target, strict=True))
    assert block(page, "actors-nodes")["community"] == network.nodes["community"].tolist()


def test_a_study_without_anything_has_a_report_too(tmp_path: Path) -> None:
    found = Findings(studies.empty())
    done = write_report(found, tmp_path, Facts("Nothing yet", "", "made for a test"))
    page = done.page.read_text("utf-8")
    assert [section.id for section in done.sections] == ["overview", "method"]
    actual = html.fromstring(page).text_content()
    assert all(found.words(why) in actual for why in set(left_out.TEXTS) - {left_out.UNTAGGED, left_out.UNSAID})
    assert "Table 5" not in page


# ---- for publication -----------------------------------------------------------------------------------------


def _finder(text: str) -> Callable[[str], bool]:
    """Whether *text* holds a name, fast for many names: most are ruled out by the letters around their first space."""
    around = set(re.findall(r"(?s)(?=(... ...))", text))

    def holds(name: str) -> bool:
        place = name.find(" ")
        return (place < 3 or len(name) < place + 4 or name[place - 3 : place + 4] in around) and name in text

    return holds


def test_a_report_for_publication_names_no_person(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    study = copied(recorded, tmp_path / "study")
    found, done = report(study, tmp_path / "report", replace(PAGE, pseudonyms=Pseudonyms(study), least=5))
    query = """SELECT handle FROM accounts UNION SELECT account_id FROM accounts UNION SELECT profile_id FROM profiles
        UNION SELECT a.name FROM accounts AS a UNION SELECT p.name FROM profiles AS p UNION SELECT url FROM profiles"""
    persons = {str(one) for (one,) in found.db.execute(query).fetchall() if one and len(str(one)) > 4}
    assert len(persons) > 1000
    files = [path for path in done.page.parent.rglob("*") if path.suffix in (".html", ".csv", ".svg", ".gexf")]
    text = "\n".join(path.read_text("utf-8") for path in files)
    text += "\n".join(pd.read_parquet(path).to_csv() for path in done.page.parent.rglob("*.parquet"))
    text += "".join(data.decode("utf-8", "replace") for data in blocks(done.page.read_text("utf-8")).values())
    holds = _finder(text)
    assert _finder(f"{text[:99]}xKanarie Nergens.")("Kanarie Nergens")
    words = set(re.findall(r"[^\s\"'<>,;:()=|/\[\]{}]+", text))
    assert not {one for one in persons if " " not in one} & words
    assert not [one for one in persons if " " in one and holds(one)]
    assert re.search(r"p-[a-z2-7]{16}", text)
    assert "hidden" in [cell for row in _cells(done.page.read_text("utf-8"), "populations") for cell in row]
    persons_in = {
        "tables/populations": ["profiles", "accounts"], "tables/group-coverage": ["members", "readable", "linked"],
        "tables/coverage": ["read_in_part", "absent", "not_read"], "tables/communities": ["members"],
        "tables/communities-by-group": ["actors"], "tables/most-central": ["actors"], "tables/gaps": ["lists"],
        "figures/06-activity-timeline": ["active_accounts", "gap_accounts"],
    }  # fmt: skip
    for name, columns in persons_in.items():
        counts = pd.read_csv(done.page.parent / f"{name}.csv")[columns]
        assert not ((counts > 0) & (counts < 5)).any(axis=None), name
    assert not (done.page.parent / "tables" / "hashtags-by-account.csv").exists()
    readable, members = (found.group_coverage.attrs[name] for name in ("readable", "members"))
    assert f"the lists of {readable} of {members} civil servants could be read" in done.page.read_text("utf-8")
    found.db.close()


def test_small_cells_are_hidden_and_cannot_be_worked_out_from_a_total() -> None:
    frame = pd.DataFrame({"group_name": list("abc"), "profiles": [40, 9, 3], "share": [10.0, 20.0, 33.3]})
    hidden = suppressed(frame, 5, Cells({"profiles": ("share",)}))
    assert hidden["profiles"].isna().tolist() == hidden["share"].isna().tolist() == [False, True, True]
    assert suppressed(frame, 0, Cells({"profiles": ()})) is frame


def test_no_cell_is_hidden_alone_in_a_line_or_a_row_that_adds_up() -> None:
    """Two communities by three groups; and a row whose parts add up to a known total."""
    frame = pd.DataFrame(
        {"community": [1] * 3 + [2] * 3, "group_name": list("abcabc"), "members": [3, 7, 9, 20, 0, 30]}
    )
    hidden = suppressed(frame, 5, Cells({"members": ()}, ("community", "group_name")))["members"].isna()
    assert hidden.tolist() == [True, True, False, True, True, False]  # a 0 as well: the total of b would tell its 7
    parts = ("whole", "part", "absent")
    frame = pd.DataFrame({"asked": [60], "whole": [50], "part": [8], "absent": [2]})
    hidden = suppressed(frame, 5, Cells({"asked": parts, **dict.fromkeys(parts, ())}, (), parts))
    assert hidden.isna().iloc[0].tolist() == [False, False, True, True]


def test_few_ministries_that_are_put_together_are_not_too_few() -> None:
    group = pd.Series([*"aaaaaa", *"bbbbb", *"ccc", *"d", None])
    actual = merged_groups(group, 5, "other")
    assert actual.value_counts().to_dict() == {"a": 6, "other": 9}
    assert merged_groups(group[:14], 5, "other").value_counts().to_dict() == {"a": 6, "other": 8}


def test_a_ministry_with_one_small_cell_reveals_no_total_of_its_own() -> None:
    frame = pd.DataFrame({
        "group_name": list("aabb"), "other": list("abbc"), "connections": [30, 3, 40, 0], "follows": [9, 9, 9, 0],
        "connections_expected": [25.0, 2.0, 41.0, 0.0], "follows_expected": [9.0] * 4,
        "connections_ratio": [1.2, 1.5, 1.0, None], "follows_ratio": [1.0] * 4, "share_of_row": [0.9, 0.1, 1, 0],
        "share_of_other": [0.9, 0.1, 1, 0],
    })  # fmt: skip
    assert few_hidden(frame, 5)["connections"].isna().tolist() == [True, True, True, False]
    alone = frame.assign(connections=[0, 0, 40, 3], follows=0)
    hidden = few_hidden(alone, 5)
    assert hidden["connections"].isna().tolist() == [False, False, True, True]
    assert hidden["connections_expected"].isna().tolist() == [False, False, False, True]


# ---- commands ------------------------------------------------------------------------------------------------


def test_one_figure_for_a_paper(recorded: Path, tmp_path: Path) -> None:
    done = sneeuwbal("--study", recorded, "figure", "activity-calendar", "--format", "pdf", "-o", tmp_path / "days.pdf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "days.pdf").read_bytes().startswith(b"%PDF")
    days = pd.read_parquet(tmp_path / "days.parquet")
    assert len(days) == len(pd.date_range("2007-03-20", "2013-02-23"))
    wrong = sneeuwbal("--study", recorded, "figure", "pie")
    assert wrong.returncode == 2
    assert "activity-calendar" in wrong.stderr


def test_the_bundle_belongs_to_its_sources() -> None:
    folder = HERE / "js"
    digest = hashlib.sha256()
    for name in [*sorted(f"src/{path.name}" for path in (folder / "src").iterdir()), "package-lock.json"]:
        digest.update((folder / name).read_bytes())
    assert digest.hexdigest() in (HERE / "report.js").read_text("utf-8")[:400], "run `make report-js`"
    assert "resolved" not in (folder / "package-lock.json").read_text("utf-8")


assert HOSTILE
