"""What was read once holds: after any additions, decisions and other lists, the tables are those of a fresh load."""

import shutil

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage.linking import read_once
from storage.linking.decisions import COLUMNS
from storage.linking.evidence import population
from storage.linking.link import Linking
from storage.linking.organisations import load_list
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
steps = st.lists(
    st.tuples(st.lists(st.one_of(people, accounts), min_size=1, max_size=3), st.lists(lines, max_size=1),
              some(["Voorbeelddienst", "Elders"]), sources),
    min_size=3, max_size=5,
)  # fmt: skip


def shown(employer, bio, url):
    return [Profile("1", "toy", name="Anna"), Position("1", 0, employer), ProfileLink("1", URLS[0], "me"),
            Account("2", "x", "annie", "Ben", bio, followers=1), AccountField("2", "site", url, url)]  # fmt: skip


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@example([([shown("Voorbeelddienst", "Werkt bij de Voorbeelddienst", URLS[3])], [], "Voorbeelddienst", every),
          ([shown("Elders", "Kok", URLS[2])], [], "Voorbeelddienst", every)])  # fmt: skip
@given(steps)
def test_after_any_sequence_of_loads_every_table_is_that_of_a_fresh_load(tmp_path_factory, drawn):
    study = tmp_path_factory.mktemp("study")
    decided, number = "", 0
    for part, (added, lines, name, counted) in enumerate(drawn):
        pages = [page(number + n, found, run=f"run-{part}") for n, found in enumerate(added, 1)]
        number += len(pages)
        write(study / "archive", pages, f"part-{part}")
        decided += "".join(lines)
        load(study, PARSERS, workers=1, linking=_linking(study, name, counted, decided))
    added_to = contents(study)
    shutil.copytree(study / "archive", study / "again" / "archive")
    load(study / "again", PARSERS, workers=1, linking=_linking(study, name, counted, decided))
    anew = contents(study / "again")
    assert {table: rows for table, rows in added_to.items() if rows != anew[table]} == {}


def _linking(study, name, counted, decided=""):
    listing = study / "organisations.toml"
    listing.write_text(LIST.format(name=name), "utf-8")
    (study / "decisions.csv").write_text(",".join(COLUMNS[:-1]) + "\n" + decided, "utf-8")
    listed = load_list(listing)
    who = population(listed, None, counted, ())
    return Linking(listed.rows(), who.matcher, study / "decisions.csv", who.fingerprint, who)


def test_a_text_or_address_that_was_read_is_not_read_again_unless_the_list_is_another(tmp_path, monkeypatch):
    def add(number, name="Voorbeelddienst"):
        person = [Profile(f"p{number}", "toy", name="Anna"), Position(f"p{number}", 0, "VBD"),
                  ProfileLink(f"p{number}", "https://x.com/anna", "me")]  # fmt: skip
        write(tmp_path / "archive", [page(number, person)], f"part-{number}")
        linking = _linking(tmp_path, name, ("positions",))
        asked.clear()
        matcher = linking.matcher
        load(tmp_path, PARSERS, workers=1, linking=linking._replace(
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
