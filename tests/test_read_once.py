"""What was read once holds: after any additions, erasures, decisions, other lists and other platforms, the tables are
those of a fresh load."""

import shutil
from types import SimpleNamespace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage.archive import reader as archive
from storage.linking import read_once
from storage.linking.decisions import COLUMNS
from storage.linking.evidence import population
from storage.linking.link import Linking
from storage.linking.organisations import load_list
from storage.privacy.declared import resolved
from storage.records import Account, AccountField, Position, Profile, ProfileLink
from storage.tables.load import load
from tests.pages import PARSERS, contents, page, rows, write

LIST = """
[[group]]
id = "FIC"
abbreviations = ["FIC"]
periods = [{{ key = "FIC", name = "Ficties" }}]
[[organisation]]
name = "{name}"
group = "FIC"
abbreviations = ["VBD"]
domains = ["voorbeeld.example"]
"""
URLS = ("https://x.com/anna", "https://x.com/vbd", "https://bsky.app/profile/ben.example", "https://voorbeeld.example/")
some = st.sampled_from
ids = some(["1", "2"])
people = st.builds(
    lambda key, name, headline, employer, url: [
        Profile(key, "toy", name=name, headline=headline), Position(key, 0, employer), ProfileLink(key, url, "me")],
    ids, some(["Anna", "Ben"]), some(["Adviseur", "Adviseur bij de Voorbeelddienst"]),
    some(["Voorbeelddienst", "VBD", "Ministerie van Ficties", "Elders"]), some(URLS),
)  # fmt: skip
accounts = st.builds(
    lambda key, handle, name, bio, url: [
        Account(key, "x", handle, name, bio, followers=1), AccountField(key, "site", url, url)],
    ids, some(["anna", "ben", "vbd"]), some(["Anna", "Ben", "Voorbeelddienst"]),
    some(["Werkt bij de Voorbeelddienst", "Kok", "Ambtenaar bij het Ministerie van Ficties"]), some(URLS),
)  # fmt: skip
lines = st.builds(
    lambda profile, account, decision: f"2013-03-01,{profile},x,{account},{decision},me,\n",
    ids, some(["anna", "vbd", "2"]), some(["accepted", "rejected"]),
)  # fmt: skip
every = ("positions", "bio", "fields", "links", "domain")
sources = some([every, every, every, ("positions",)])
# of another version of the collector, which reads no addresses
OTHERS = {**PARSERS, "x": SimpleNamespace(kinds=resolved(PARSERS)["x"].kinds)}
steps = st.lists(
    st.tuples(st.lists(st.one_of(people, accounts), min_size=1, max_size=3), st.lists(lines, max_size=1),
              some(["Voorbeelddienst", "Elders"]), sources, some([PARSERS, OTHERS]), some([False, False, True])),
    min_size=3, max_size=5,
)  # fmt: skip


def shown(employer, bio, url):
    return [Profile("1", "toy", name="Anna"), Position("1", 0, employer), ProfileLink("1", URLS[0], "me"),
            Account("2", "x", "annie", "Ben", bio, followers=1), AccountField("2", "site", url, url)]  # fmt: skip


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@example([([shown("Voorbeelddienst", "Werkt bij de Voorbeelddienst", URLS[3])], [], "Voorbeelddienst", every, PARSERS,
           False),
          ([shown("Elders", "Kok", URLS[2])], [], "Voorbeelddienst", every, PARSERS, False)])  # fmt: skip
@example([([shown("VBD", "Kok", URLS[1])], [], "Voorbeelddienst", every, of, erased)
          for of, erased in ((OTHERS, False), (PARSERS, False), (PARSERS, True), (OTHERS, False))])  # fmt: skip
@given(steps)
def test_after_any_sequence_of_loads_every_table_is_that_of_a_fresh_load(tmp_path_factory, drawn):
    study = tmp_path_factory.mktemp("study")
    decided, number = "", 0
    for part, (added, lines, name, counted, parsers, erased) in enumerate(drawn):
        pages = [page(number + n, found, run=f"run-{part}") for n, found in enumerate(added, 1)]
        number += len(pages)
        write(study / "archive", pages, f"part-{part}")
        if erased:
            archive.segments(study / "archive")[0].unlink()
        decided += "".join(lines)
        linking = _linking(study, name, counted, decided)
        load(study, parsers, workers=1, linking=linking, fresh=erased)
        added_to = contents(study)
        again = study / f"again-{part}"
        shutil.copytree(study / "archive", again / "archive")
        load(again, parsers, workers=1, linking=linking)
        anew = contents(again)
        assert {table: rows for table, rows in added_to.items() if rows != anew[table]} == {}


def _linking(study, name, counted, decided=""):
    listing = study / "organisations.toml"
    listing.write_text(LIST.format(name=name), "utf-8")
    (study / "decisions.csv").write_text(",".join(COLUMNS[:-1]) + "\n" + decided, "utf-8")
    listed = load_list(listing)
    who = population(listed, None, counted, ())
    return Linking(listed.rows(), who.matcher, study / "decisions.csv", who.fingerprint, who)


def test_a_text_or_address_is_read_again_only_if_the_list_or_a_platform_is_another(tmp_path, monkeypatch):
    def add(number, name="Voorbeelddienst", parsers=PARSERS):
        person = [Profile(f"p{number}", "toy", name="Anna"), Position(f"p{number}", 0, "VBD"),
                  ProfileLink(f"p{number}", "https://x.com/anna", "me")]  # fmt: skip
        write(tmp_path / "archive", [page(number, person)], f"part-{number}")
        linking = _linking(tmp_path, name, ("positions",))
        asked.clear()
        matcher = linking.matcher
        load(tmp_path, parsers, workers=1, linking=linking._replace(
            matcher=lambda text: asked.append(text) or matcher.match(text)))  # fmt: skip

    asked = []
    real = read_once.account_of
    monkeypatch.setattr(read_once, "account_of", lambda declared, url: asked.append(url) or real(declared, url))
    add(1)
    assert asked == ["https://x.com/anna", "VBD"]
    add(2)
    assert asked == []
    assert rows(tmp_path, "SELECT count(*) FROM positions WHERE organisation = 'Voorbeelddienst'") == [(2,)]
    add(3, "Anderedienst")
    assert asked == ["VBD"]
    assert rows(tmp_path, "SELECT DISTINCT organisation FROM positions") == [("Anderedienst",)]
    add(4, "Anderedienst", OTHERS)
    assert asked == ["https://x.com/anna"]
    add(5, "Anderedienst", OTHERS)
    assert asked == []
