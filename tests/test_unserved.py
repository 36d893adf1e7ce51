"""Nothing in a study file is ignored in silence: each mistake is reported with its place and fix."""

from pathlib import Path

import pytest

from jobs.context import warnings
from jobs.doctor import checks
from storage.errors import UserError
from study.study_file import FILE, Study
from tests.rehearsal import sneeuwbal

HEAD = '[study]\nname = "wrong"\n'
BARE = '[seeds]\nmastodon = ["a@b.example"]\n'
ONE = BARE + "[collectors.mastodon]\n"
PROFILES = '[seeds]\nprofiles = ["https://a.example/in/b"]\n[collectors.profiles]\n'
OWN = ONE + '[organisations]\nfile = "list.toml"\n'
JOB = ONE + '[[schedule]]\nname = "a"\n'

# what the file holds below [study], what list.toml or seeds.csv beside it holds, and words of the answer
WRONG = {
    "a table that lists do not have": (OWN, '[[newsroom]]\nname = "A"\n', "list.toml, newsroom: unknown key"),
    "nouns that are not whole": (OWN, '[population]\nen = { member = "j" }\n', "line 2, population.en.group: is miss"),
    "nouns of another language": (OWN, "[population]\nde = {}\n", "should be 'en' or 'nl', not 'de'"),
    "an organisation of no group": (OWN, '[[organisation]]\nname = "X"\ngroup = "Y"\n', "no group has the id 'Y'"),
    "a list that does not ship": (ONE + '[organisations]\nlist = "be"\n', "", "no built-in list 'be'; it can be nl"),
    "a list that is not there": (ONE + '[organisations]\nfile = "no.toml"\n', "", "no file 'no.toml'"),
    "a header of a table": ('[seeds]\nmastodon_file = "seeds.csv"\n', "# of us\nhandle,name\n", "line 2: 'handle"),
    "a header of one column": ('[seeds]\nx_file = "seeds.csv"\n', "handle\nsomebody\n", "is the header of a table"),
    "a row of a table": ('[seeds]\nmastodon_file = "seeds.csv"\n', "a@b.example\nc@b.example,A\n", "csv line 2: "),
    "a hashtag of no server": ('[seeds]\nmastodon_hashtags = ["#overheid"]\n', "", "docs/study-file.md shows how"),
    "seeds of nobody": ('[seeds]\nmastodn = ["a@b.example"]\n', "", "did you mean 'mastodon'?"),
    "seeds of no kind": (ONE.replace("[coll", 'bluesky_packs = ["a"]\n[coll'), "", "mean 'bluesky_starter_packs'?"),
    "a table that studies do not have": (ONE + '[[newsroom]]\nname = "A"\n', "", "newsroom: unknown key"),
    "a tie that nothing shows": (ONE + '[snowball]\nalong = ["connections"]\n', "", "along: no collector of"),
    "lists, which nothing shows": (ONE + '[snowball]\nalong = ["lists"]\n', "", "of the study shows lists"),
    "a tie that is none": (ONE + '[snowball]\nalong = ["friends"]\n', "", "snowball.along[0]: should be 'connections'"),
    "no tie": (ONE + "[snowball]\nalong = []\n", "", "snowball.along: is empty"),
    "waves without lists": (ONE + 'kinds = ["user", "timeline"]\n[snowball]\nwaves = 2\n', "", "study shows following"),
    "a count of no tie": (
        ONE + '[snowball]\nalong = ["following"]\nadmit = "mentioned_by_members > 2"\n', "",
        "snowball.admit: asks for mentioned_by_members, which counts nothing here; add 'mentions' to along",
    ),
    "a count of no tie, none given": (ONE + '[snowball]\norder = "connected_with_members"\n', "", "counts nothing"),
    "a language of no post": (ONE + "[snowball]\nadmit = \"language = 'nl'\"\n", "", "which only posts show"),
    "a count of no wave": (ONE + '[snowball]\nwaves = 0\nadmit = "via_count > 2"\n', "", "admits no one"),
    "a column that is none": (ONE + '[snowball]\nadmit = "followed > 2"\n', "", "no column 'followed'"),
    "an old name": (ONE + "[snowball]\nadmit = \"ministry = 'A'\"\n", "", "should use group_name"),
    "k of no design": (ONE + "[snowball]\nk = 5\n", "", "has no effect with design = 'all'"),
    "a bound of profiles": (ONE + "[snowball]\nmax_profiles = 5\n", "", "is about profiles"),
    "accounts of profiles": (ONE + '[snowball]\naccounts_of = "everyone"\n', "", "is about profiles"),
    "a bound of accounts": (PROFILES + "[snowball]\nmax_actors = 5\n", "", "limited by max_profiles"),
    "no timelines": (ONE + 'kinds = ["user"]\n[snowball]\ntimelines_of = "members"\n', "", "reads timelines"),
    "a kind that is none": (ONE + 'kinds = ["timelines"]\n', "", "did you mean 'timeline'?"),
    "a limit of no kind": (ONE + "limits.feed = { requests = 1, seconds = 1 }\n", "", "kind 'feed'"),
    "searches left out": ('[collectors.x]\nkinds = ["user"]\nqueries = ["#a"]\n', "", "which kinds omits"),
    "a source that is none": (ONE + '[population]\nfrom = ["bios"]\n', "", "population.from[0]: should be 'pos"),
    "no source": (ONE + "[population]\nfrom = []\n", "", "population.from: is empty"),
    "list, and no lists": (ONE + '[population]\nfrom = ["list"]\n', "", "lists is empty"),
    "lists, and no list": (ONE + '[population]\nfrom = ["bio"]\nlists = ["a"]\n', "", "has no effect without 'list'"),
    "a budget of what is free": (ONE + "[budget]\nusd = 5.0\n", "", "no collector of the study has prices"),
    "a job of no kind": (JOB + 'kinds = ["timelines"]\ninterval = { hours = 6 }\n', "", "collects no 'timelines'"),
    "a job of no collector": (JOB + 'collector = "x"\ninterval = { hours = 6 }\n', "", "does not collect with 'x'"),
    "kinds of a report": (JOB + 'task = "report"\nkinds = ["timeline"]\ncron = "0 3 * * *"\n', "", "has no effect on"),
    "a job's unknown key": (JOB + 'every = "6h"\ninterval = { hours = 6 }\n', "", "schedule[0].every: unknown key"),
    "an interval of nothing": (JOB + "interval = { hours = 0 }\n", "", "should be longer than zero"),
    "an interval of days": (JOB + "interval = { days = 1 }\n", "", "not days"),
    "a calendar of hours": (JOB + "calendar = { hours = 1 }\n", "", "not hours"),
    "a sample of no stream": (ONE + '[[comparison]]\nname = "s"\ncollector = "mastodon"\n', "", "leave the set out"),
    "a sample of no collector": (ONE + '[[comparison]]\nname = "s"\n', "", "'x' reads no comparison sets here"),
    "days of no kind": (ONE + "[minimise]\nkeep_days = { tweets = 30 }\n", "", "has or yields 'tweets'; it can be"),
    "a published group that is none": (ONE + "[published.groups]\nEX = { profiles = 1 }\n", "", "such group (today)"),
    "a published group of another list": (OWN + "[published.groups]\nEZ = {}\n", '[[group]]\nid = "A"\n', "can be A"),
    "labels of nobody": (ONE + '[analysis]\nlabels = "seeds.csv"\n', "who,role\na,media\n", "or account_id; its"),
    "holidays of no day": (ONE + '[analysis]\nschool_holidays = "seeds.csv"\n', "region,name\na,b\n", "column first_d"),
    "holidays of no country": (ONE + '[analysis]\nholiday_country = "UK"\n', "", "of a country with known holidays"),
    "lists of no wave": (ONE + '[snowball]\nwaves = 0\nlists_of = "members"\n', "", "chooses nothing with waves = 0"),
    "lists of connections": (PROFILES + '[snowball]\nlists_of = "members"\n', "", "admit says whose lists"),
}  # fmt: skip


def written(folder: Path, text: str, beside: str) -> None:
    (folder / FILE).write_text(HEAD + text)
    if beside:
        (folder / ("list.toml" if "list.toml" in text else "seeds.csv")).write_text(beside)


@pytest.mark.parametrize(("text", "beside", "words"), WRONG.values(), ids=WRONG)
def test_what_nothing_serves_is_a_mistake_with_a_fix(tmp_path: Path, text: str, beside: str, words: str) -> None:
    written(tmp_path, text, beside)
    with pytest.raises(UserError) as raised:
        Study.load(tmp_path)
    assert words in str(raised.value)
    assert "not {" not in str(raised.value)  # a whole table, shown back


@pytest.mark.parametrize("command", ["plan", "doctor", "run"])
def test_plan_doctor_and_run_say_the_same(tmp_path: Path, command: str) -> None:
    written(tmp_path, *WRONG["a table that lists do not have"][:2])
    done = sneeuwbal("--study", tmp_path, command, token=None)
    assert done.returncode == (3 if command == "doctor" else 2)
    assert "list.toml, newsroom: unknown key" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_positions_without_profiles_and_a_list_without_groups_are_warned_of(tmp_path: Path) -> None:
    written(tmp_path, ONE, "")
    said = "no one can be a member: [population] from counts positions, but no collector of the study reads profiles"
    assert [line.partition(";")[0] for line in warnings(Study.load(tmp_path))] == [said]
    assert ("population", None) in [check[:2] for check in checks(tmp_path)]
    written(tmp_path, OWN + '[population]\nfrom = ["bio"]\n', "trades = []\n")
    assert ["list.toml has no group yet" in line for line in warnings(Study.load(tmp_path))] == [True]
    written(tmp_path, PROFILES, "")
    assert not list(warnings(Study.load(tmp_path)))
    written(tmp_path, ONE + '[population]\nfrom = ["bio"]\n', "")
    assert not list(warnings(Study.load(tmp_path)))
