"""Bios read as sentences: the labelled set by kind, single facts, properties, and real descriptions."""

import csv
import hashlib
import json
import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.linking.bio_names import LONGEST, Names
from storage.linking.bios import LEFT, MEMBER, REVIEW, RIGHT, _Passage, read_bio, read_items
from storage.linking.evidence import population
from storage.linking.organisations import Matcher, Organisations, load_list
from tests.bios import HANDLES, NAMES, NEWS_HANDLES, TRADES, rows

BIOS = list(rows())
BIOS_FOLDER = Path(__file__).parent / "data"
DISCLAIMERS = ("all views my own", "Tweets op persoonlijke titel", "RT is not an endorsement")


def read(text, which="nl"):
    return read_bio(text, NAMES[which], TRADES[which])


def verdicts(text, which="nl"):
    """The best verdict of each organisation in *text*."""
    found = {}
    for one in sorted(read(text, which), key=lambda one: one.confidence):
        if one.organisation:
            found[one.organisation] = one.verdict
    return found


# ---- the labelled set ------------------------------------------------------------------------------------------


def tally(split):
    """By kind: true and all members found, members there are, borderline ones reviewed and there; bios for review."""
    table = defaultdict(Counter)
    for bio in (bio for bio in BIOS if bio.split == split):
        found = verdicts(bio.text, bio.list)
        members = {key for key, verdict in found.items() if verdict == "member"}
        review = {key for key, verdict in found.items() if verdict == "review"}
        table[bio.kind] += Counter(
            bios=1,
            right=len(members & bio.member),
            found=len(members),
            there=len(bio.member),
            missed_for_review=len(bio.member & review),
            reviewed=len(bio.borderline & review),
            borderline=len(bio.borderline),
            needless=len(review - bio.member - bio.borderline),
        )
    return table


@pytest.mark.parametrize(("split", "recall"), [("tune", 0.97), ("test", 0.95)])
def test_members_are_right_and_most_are_found(split, recall):
    table = tally(split)
    every = sum(table.values(), Counter())
    columns = ("bios", "right", "found", "there", "missed_for_review", "reviewed", "borderline", "needless")
    print(f"\n{split:14}" + "".join(f"{name:>18}" for name in columns))
    for kind, counts in [*sorted(table.items()), ("all", every)]:
        print(f"{kind:14}" + "".join(f"{counts[name]:18}" for name in columns))
    print(f"precision {every['right'] / every['found']:.4f}, recall {every['right'] / every['there']:.4f}")
    assert every["right"] / every["found"] >= 0.98
    assert every["right"] / every["there"] >= recall
    assert every["reviewed"] / every["borderline"] >= 0.75


def test_the_labelled_set_is_large_and_split_by_text_alone():
    assert len(BIOS) >= 400
    assert len({bio.text for bio in BIOS}) == len(BIOS)
    assert {"nl", "en", "mixed"} == {bio.language for bio in BIOS}
    for split in ("tune", "test"):
        assert sum(bio.split == split and bool(bio.member) for bio in BIOS) >= 100


# ---- single facts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "organisation", "verdict"),
    [
        ("Werkt bij het Ministerie van Financiën", "FIN", "member"),
        ("beleidsmedewerker @minfin", "FIN", "member"),
        ("Adviseur | RVO", "Rijksdienst voor Ondernemend Nederland", "member"),
        ("KNMI'er, vader, fietser", "Koninklijk Nederlands Meteorologisch Instituut", "member"),
        ("Woordvoerder van het ministerie van Financiën", "FIN", "member"),
        ("Not your average civil servant at BZK", "BZK", "member"),
        ("oud-medewerker Rijkswaterstaat", "Rijkswaterstaat", "none"),
        ("ex-Belastingdienst", "Belastingdienst", "none"),
        ("Former policy officer at the Dutch Ministry of Finance", "FIN", "none"),
        ("voormalig directeur bij het ministerie van OCW", "OCW", "none"),
        ("Gepensioneerd ambtenaar ministerie van Financiën", "FIN", "none"),
        ("Volgt het ministerie van Financiën", "FIN", "none"),
        ("Hoping to work at the Dutch Ministry of Finance", "FIN", "none"),
        ("journalist over Defensie", "DEF", "none"),
        ("Kamerlid, woordvoerder Defensie", "DEF", "review"),
        ("woordvoerder van Defensie bij de NOS", "DEF", "review"),
        ("Not the Dutch Ministry of Defence", "DEF", "none"),
        ("Parody account. Minister of Silly Walks at the Dutch Ministry of Foreign Affairs", "BZ", "none"),
        ("Fan account for Rijkswaterstaat bridges", "Rijkswaterstaat", "none"),
        ("Married to a policy officer at the Dutch Ministry of Finance", "FIN", "none"),
        ("Mijn man werkt bij Defensie", "DEF", "none"),
        ("Lobbyist at the Dutch Ministry of Finance", "FIN", "none"),
        ("Consultant for the Dutch Ministry of Defence", "DEF", "none"),
        ("Adviseur bij Testbureau voor de Belastingdienst", "Belastingdienst", "review"),
        ("Freelance projectleider bij Rijkswaterstaat", "Rijkswaterstaat", "review"),
        ("Stagiair bij het ministerie van Financiën", "FIN", "review"),
        ("Official account of the Dutch Ministry of Finance", "FIN", "none"),
        ("Policy adviser at the Ministry of Finance", "FIN", "review"),  # whose?
        ("Policy adviser at the Ministry of Finance | Den Haag", "FIN", "member"),
        ("Policy officer at the UK Ministry of Defence", "DEF", "none"),
        ("Beleidsmedewerker Economische Zaken bij gemeente Testdam", "EZK", "none"),
        ("Conservator Belasting & Douane Museum", "Douane", "none"),
        ("RVO", "Rijksdienst voor Ondernemend Nederland", "review"),
        ("IND", "Immigratie- en Naturalisatiedienst", "review"),
        ("OCW | fietsen", "OCW", "review"),
        ("Adviseur | IND", "Immigratie- en Naturalisatiedienst", "review"),
        ("Werkt bij de IND", "Immigratie- en Naturalisatiedienst", "member"),
        ("danser in een duo", "Dienst Uitvoering Onderwijs", "none"),
        ("ez pz, gamer", "EZK", "none"),
        ("AZ in hart en nieren", "AZ", "none"),
        ("FIN", "FIN", "none"),
    ],
)
def test_what_a_bio_says(text, organisation, verdict):
    assert verdicts(text) == {organisation: verdict}


@pytest.mark.parametrize(
    "text",
    [
        *DISCLAIMERS,
        "volgt het ministerie",
        "Werkt bij een ministerie",
        "beleidsmedewerker",
        "",
        "🙂",
        "Hoofd Financiën bij Testbank",
    ],
)
def test_without_a_name_nobody_is_a_member(text):
    assert "review" not in verdicts(text).values()
    assert "member" not in verdicts(text).values()


def test_any_population_has_its_insiders():
    assert verdicts("redacteur bij de NOS", "news") == {"NOS": "member"}
    assert verdicts("Verslaggever | NOS", "news") == {"NOS": "member"}
    assert verdicts("woordvoerder, oud-NOS", "news") == {"NOS": "none"}
    assert verdicts("redacteur bij de NOS, volgt het ministerie van Financiën") == {"FIN": "none"}
    assert verdicts("Journalist | Rijkswaterstaat") == {"Rijkswaterstaat": "review"}  # his employer, or his subject?
    parliament = Organisations.model_validate(
        {"group": [{"id": "P", "name": "P", "aliases": ["Test Assembly"]}]}, strict=False
    )
    names = Names(parliament, Matcher(parliament))
    assert [one.verdict for one in read_bio("Member of the Test Assembly", names)] == ["review"]
    assert [one.verdict for one in read_bio("Member of the Test Assembly", names, ("politics",))] == ["member"]
    with pytest.raises(ValueError, match="plumbing"):
        read_bio("x", names, ("plumbing",))


def test_several_jobs_each_have_their_evidence():
    found = verdicts("Beleidsmedewerker bij BZK, eerder Rijkswaterstaat; docent bij de Belastingdienst")
    assert found == {"BZK": "member", "Rijkswaterstaat": "none", "Belastingdienst": "member"}


def test_contradictory_evidence_is_shown_and_goes_to_review():
    current, denied = read("Beleidsmedewerker bij BZK. Ik werk niet bij BZK.")
    assert (current.verdict, current.against) == ("review", ("denied",))
    assert (denied.verdict, denied.stance) == ("none", "denied")


def test_evidence_quotes_the_words_that_decided():
    text = "Moeder 👩‍👧 werkt bij het Ministerie van Financiën. Views my own"
    tie, disclaimer = read(text)
    assert (tie.quoted, tie.rule, tie.stance) == ("werkt bij het Ministerie van Financiën", "works-at", "current")
    assert (tie.organisation, tie.group, text[tie.start : tie.end]) == ("FIN", "FIN", tie.quoted)
    assert (disclaimer.organisation, disclaimer.stance, disclaimer.quoted) == (None, "disclaimer", "Views my own")


def test_the_group_is_that_of_the_studys_day():
    nl = load_list("nl")
    names = Names(nl, Matcher(nl, date(2013, 2, 23)))
    assert [(one.organisation, one.group) for one in read_bio("Werkt bij de IND", names)] == [
        ("Immigratie- en Naturalisatiedienst", "V&J")
    ]


def test_a_handle_is_an_organisations_because_the_study_says_so():
    nl = load_list("nl")
    assert [one.verdict for one in read_bio("adviseur @_nvwa", Names(nl, Matcher(nl)))] == [
        "review"
    ]  # it spells a name
    assert verdicts("adviseur @_NVWA") == {"Nederlandse Voedsel- en Warenautoriteit": "member"}
    assert verdicts("Projectleider @minbzk@social.overheid.nl") == {"BZK": "member"}
    with pytest.raises(ValueError, match=r"@x: .*'Nergens'"):
        Names(nl, Matcher(nl), {"x": "Nergens"})


# ---- properties ------------------------------------------------------------------------------------------------

PLAIN = (
    "bij", "at", "|", ",", ".", "(", ")", "@", "#", "- ", "/",
    "oud-", "ex-", "niet", "not", "voormalig", "werkt", "works",
    "🏛️", "👩‍👧", "•", "adviseur", "journalist", "ambtenaar", "van", "het", "de", "of", "the", "ministerie", "minister",
    "https://example.org", "a@example.org", "@testbureau", "Testbureau", "gemeente Testdam", *DISCLAIMERS,
)  # fmt: skip
PIECES = (
    *PLAIN, "RVO", "IND", "NOS", "Rijkswaterstaat", "@minfin", "#KNMI", "financiën", "Ministerie van Financiën",
    "Dutch Ministry of Finance", "\n", "İ", "ß", "ﬁ", "\u0301", "\u200d",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=40).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.sampled_from(["nl", "news"]))
def test_any_text_can_be_read_and_is_quoted_exactly(text, which):
    for one in read(text, which):
        assert one.quoted == text[one.start : one.end]
        assert one.quoted
        assert 0 <= one.confidence <= 1
        assert one.verdict == (
            "member" if one.confidence >= MEMBER else "review" if one.confidence >= REVIEW else "none"
        )
        assert (one.organisation is None) == (one.stance == "disclaimer" and one.confidence == 0)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PLAIN), max_size=30))
def test_no_member_comes_from_a_bio_that_names_no_organisation(pieces):
    assert not [one for one in read(" ".join(pieces)) if one.organisation]


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.lower,
        lambda text: text.replace(" ", "   "),
        lambda text: f"\n {text}\t",
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: text.replace(" | ", " 🔹 ").replace(" • ", "🔹"),
        lambda text: text.replace(" | ", "\n").replace(" / ", " | "),
    ],
)
def test_case_whitespace_and_the_kind_of_separator_change_no_verdict(change):
    for bio in BIOS:
        assert verdicts(change(bio.text), bio.list) == verdicts(bio.text, bio.list), bio.text


def work(text):
    """The number of calls that reading *text* takes."""
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        read(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "bit", ["Adviseur bij RVO, oud-NOS | ", "ministerie van ", "a.", "@", "ex-", "🙂", "a@", "min. van "]
)
def test_reading_takes_time_in_proportion_to_the_text(bit):
    once, twice = work(bit * 200), work(bit * 400)
    assert twice <= 2.2 * once
    items = read_items(bit * 200, NAMES["nl"])
    widest = (LEFT + RIGHT + 1) * (LONGEST + 1)  # what a rule sees does not grow with the text
    assert all(len(_Passage(bit * 200, items, at).words) <= widest for at in range(0, len(items), 37))
    read("a" * 100_000)


# ---- real descriptions -----------------------------------------------------------------------------------------

REAL = {
    "congress": (
        {
            "group": [
                {
                    "id": "US Congress",
                    "name": "US Congress",
                    "aliases": [
                        "US Congress", "U.S. Congress", "Congress", "US House", "House of Representatives",
                        "U.S. House of Representatives", "US House of Representatives", "US Senate", "U.S. Senate",
                        "United States Senate", "United States House of Representatives",
                    ],
                }
            ]
        },
        {"housegop": "US Congress"},
        ("politics",),
    ),
    "newsrooms": (
        {
            "group": [{"id": "N", "name": "Newsrooms", "aliases": ["Thomson Reuters"]}],
            "organisation": [
                {"name": name, "group": "N", "aliases": aliases}
                for name, aliases in {
                    "Reuters": ["Reuters TV", "Reuters Graphics"], "Breakingviews": [], "NY Times": ["New York Times"],
                    "The Washington Post": ["Washington Post"], "BBC": ["BBC News"], "ABC News": [], "Fox News": [],
                    "PennLive": [], "9NEWS": [], "CNN": [], "Politico": [], "The Hill": [],
                }.items()
            ],
        },
        {
            "reuters": "Reuters", "reutersgraphics": "Reuters", "reuterstv": "Reuters",
            "breakingviews": "Breakingviews",
            "nytimes": "NY Times", "foxnews": "Fox News", "abc": "ABC News", "cnn": "CNN",
            "washingtonpost": "The Washington Post",
        },
        ("media",),
    ),
}  # fmt: skip


def accounts(value):
    """The accounts anywhere in parsed JSON."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str) and {"screen_name", "username"} & value.keys():
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from accounts(one)


@pytest.fixture(scope="module")
def described(real):
    """The descriptions in recorded answers."""
    found = set()
    for path in sorted((real / "x").rglob("*.json*")):
        text = path.read_text("utf-8", "replace")
        for piece in [text] if path.suffix == ".json" else text.splitlines():
            try:
                found |= {account["description"] for account in accounts(json.loads(piece))}
            except json.JSONDecodeError:
                continue
    return found


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(("which", "recall"), [("congress", 0.85), ("newsrooms", 0.85)])
def test_real_bios_of_other_populations(described, which, recall):
    listed, handles, trades = REAL[which]
    organisations = Organisations.model_validate(listed, strict=False)
    names = Names(organisations, Matcher(organisations), handles)
    found = {
        (digest(text), one.organisation)
        for text in described
        for one in read_bio(text, names, trades)
        if one.verdict == "member"
    }
    with (BIOS_FOLDER / "real_bios.csv").open(encoding="utf-8", newline="") as file:
        labelled = [row for row in csv.DictReader(file) if row["list"] == which]
    true = {(row["digest"], key) for row in labelled for key in row["member"].split(";") if key}
    print(f"\n{which}: {len(found & true)} of {len(found)} members right, {len(true)} there, {len(described)} bios")
    assert len(found & true) / len(found) >= 0.98
    assert len(found & true) / len(true) >= recall


def test_real_politicians_elsewhere_are_no_dutch_civil_servants(real, described):
    texts = set(described)
    for path in sorted((real / "linkage").glob("regardscitoyens__*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            texts |= {row["twitter_description"] for row in csv.DictReader(file)}
    assert len(texts) > 2000
    assert not [text for text in texts if {"member", "review"} & set(verdicts(text).values())]


def test_the_lists_of_the_tests_share_no_handle():
    assert not HANDLES.keys() & NEWS_HANDLES.keys()


def test_what_a_list_calls_its_members_and_whose_domains_it_names_is_how_bios_are_read():
    listed = Organisations.model_validate({
        "population": {"en": {"member": "journalist", "members": "journalists", "group": "newsroom",
                              "groups": "newsrooms"}},
        "group": [{"id": "Fictiepers", "name": "Fictiepers", "domains": ["fictiepers.example"]},
                  {"id": "DP", "name": "De Proefcourant"}],
    }, strict=False)  # fmt: skip
    who = population(listed, None, ("bio",), ())
    assert who.trades == ("media",)
    found = {
        text: {(one.organisation, one.verdict) for one in read_bio(text, who.names, who.trades)}
        for text in ("Redacteur @fictiepers.example", "Onderzoeksjournalist | De Proefcourant",
                     "Redacteur bij Fictiepers", "Lezer van @fictiepers.example", "Redacteur fictiepers",
                     "Getrouwd met @jan.fictiepers.example")
    }  # fmt: skip
    assert list(found.values()) == [
        {("Fictiepers", "member")}, {("DP", "member")}, {("Fictiepers", "member")}, {("Fictiepers", "none")},
        {("Fictiepers", "member")}, set(),
    ]  # fmt: skip
