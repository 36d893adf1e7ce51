"""The study file: it loads, and every mistake is reported with its key, its line and the fix."""

import re
import tomllib
from datetime import date
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from collectors.profiles.collector import Options as Profiles
from storage.errors import UserError
from storage.tomlfile import keys, lines, mistakes, model_in
from study import begin, checks, published, settings, study_file
from study.begin import sections, template
from study.study_file import FILE, Study

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def plugin(tmp_path, monkeypatch):
    """Three collectors of which one has options of its own, as modules that entry points lead to."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    plain = "from types import SimpleNamespace\nfrom collectors.base import Kind\n"
    plain += "kinds = {'timeline': Kind(of='account', yields='posts'), 'profile': Kind(of='profile')}\n"
    plain += "collector = SimpleNamespace(kinds=kinds)\n"
    (folder / "sb_plain.py").write_text(plain)
    typed = "collectors.x.collector.collector"
    (folder / "sb_x.py").write_text(
        f"{plain}import collectors.x.collector\nkinds['sample'] = Kind(of='set')\n"
        + "".join(f"collector.{name} = {typed}.{name}\n" for name in ("page_of", "personal", "seed_form"))
    )
    (folder / "sb_own.py").write_text(
        plain
        + "from pydantic import BaseModel, ConfigDict\nclass Options(BaseModel):\n"
        + "    model_config = ConfigDict(extra='forbid')\n    depth: int = 3\n    timeout: float = 7.0\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    points = {"profiles": "sb_plain", "x": "sb_x", "own": "sb_own"}
    found = {name: EntryPoint(name, f"{module}:collector", "sneeuwbal.collectors") for name, module in points.items()}
    for module in (begin, checks, study_file):
        monkeypatch.setattr(module, "installed", lambda: found)
    return SimpleNamespace(folder=folder)


def load(tmp_path, text):
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    return Study.load(tmp_path)


def complaint(tmp_path, text):
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    return str(caught.value)


def test_the_template_loads_and_gives_the_defaults(tmp_path):
    study = load(tmp_path, template("Een onderzoek", "mij@example.org"))
    assert study.study.name == "Een onderzoek"
    assert study.study.contact == "mij@example.org"
    assert study.analysis == settings.Analysis()
    assert study.snowball == settings.Snowball()
    assert set(study.collectors) == {"profiles", "x"}


def test_every_key_of_every_section_is_in_the_template():
    written = lines(template())
    commented = lines(template().replace("\n# ", "\n"))
    for section, model in sections().items():
        place = (section, "x") if section == "collectors" else (section,)
        for key in keys(model):
            many = (*place, 0, key) if section in ("schedule", "comparison", "searches") else (*place, key)
            assert many in written or many in commented, f"{section}.{key}"


def test_a_plug_in_that_reads_seeds_has_them_in_the_template(plugin, monkeypatch):
    monkeypatch.setattr(import_module("sb_own").collector, "page_of", str, raising=False)
    assert ("seeds", "own") in lines(template())
    assert "# own_file" in template()


def test_the_examples_in_the_template_are_true(tmp_path):
    """With every # of an example taken away the file is still TOML, and its values fit the models."""
    text = "\n".join(
        line.removeprefix("# ") if " = " in line or line.startswith("# [[") else line
        for line in template().splitlines()
    )
    data = tomllib.loads(text)
    for name in ("interval", "calendar"):
        data["schedule"][0].pop(name)
    data["schedule"][0]["name"] = data["comparison"][0]["name"] = data["searches"][0]["id"] = "daily"
    from storage.tomlfile import tuples

    loaded = Study.model_validate(tuples(data))
    assert loaded.budget.usd == 100.0
    assert loaded.schedule[0].cron == "30 3 * * *"


def test_the_study_of_2013_loads_with_its_published_figures(tmp_path):
    study = load(tmp_path, (ROOT / "fixtures" / "study2013.toml").read_text("utf-8"))
    assert study.era == date(2013, 7, 1)
    rows = study.published.groups.values()
    assert sum(row.profiles for row in rows) == 6817
    assert sum(row.accounts for row in rows) == 1109 == study.published.accounts
    assert study.published.members == 6807
    assert study.published.shares["hashtags"].share == 34.18
    kept = dict(study.rows())
    assert kept["published.shares.hashtags.count"] == "237075"
    assert kept["study.timezone"] == '"Europe/Amsterdam"'
    assert kept["published.first_post"] == '"2007-03-20"'


def test_all_mistakes_are_reported_at_once_each_with_its_line_and_a_fix(tmp_path):
    message = complaint(
        tmp_path,
        """[study]
nme = "typo"
timezone = "Europe/Amsterdm"

[snowball]
waves = "two"
admit = "ministri = 'EZ'"

[collectors.twitter]
[collectors.x]
kinds = ["timelines"]
[collectors.own]
dept = 4
depth = "deep"

[[schedule]]
name = "daily"
cron = "0 3 * * 1"
[[schedule]]
name = "daily"

[seeds]
x = ["much_too_long_for_a_handle"]
profiles_file = "nowhere.txt"
""",
    )
    for expected in (
        "line 2, study.nme: unknown key; did you mean 'name'?",
        "study.name: is missing",
        "line 3, study.timezone: should be a time zone",
        "line 6, snowball.waves: should be a valid integer, not 'two'",
        "line 7, snowball.admit: should be seeds, members, everyone or an SQL condition",
        "line 9, collectors.twitter: no collector 'twitter' is installed; it can be own, profiles, x",
        "line 11, collectors.x.kinds: the collector has no kind 'timelines'; did you mean 'timeline'?",
        "line 13, collectors.own.dept: unknown key; did you mean 'depth'?",
        "line 14, collectors.own.depth: should be a valid integer",
        "line 18, schedule[0].cron: should name its weekdays (mon-fri)",
        "schedule[1]: should have exactly one of cron, interval and calendar",
        "schedule[1].name: 'daily' is used twice",
        "seeds.x: 'much_too_long_for_a_handle' is not a handle on X",
        "seeds.profiles_file: no file 'nowhere.txt'",
    ):
        assert expected in message, message
    assert "14 mistakes" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[study\nname = 1", "line 1"),
        ("[study]\nname = 'a'\nname = 'b'\n[seeds]\n", "line 3"),
        ("", "study: is missing"),
        ("[study]\nname = 3", "study.name: should be a valid string, not 3"),
        ("study = 'x'", "study: should be a valid dictionary"),
        ("[study]\nname='a'\n[minimise]\nopt_outs='override'", "override_reason"),
        ("[study]\nname='a'\nfirst_day=0001-01-01", "line 3, study.first_day: should be a day since 1990-01-01"),
        ("[study]\nname='a'\nlast_day=1185-06-01", "line 3, study.last_day: should be a day since 1990-01-01"),
        ("[study]\nname='a'\nlast_day=9999-12-31", "line 3, study.last_day: should be a day within 10 years from now"),
        (
            "[study]\nname='a'\nfirst_day=2013-02-23\nlast_day=2012-12-31",
            "line 4, study.last_day: should not be before first_day (2013-02-23), but is 2012-12-31",
        ),
        (
            "[study]\nname='a'\nlast_day=2013-07-01\n[published.groups.'I&M']\nprofile=3",
            'published.groups."I&M".profile: unknown key',
        ),
    ],
)
def test_one_mistake_is_one_line(tmp_path, text, expected):
    message = complaint(tmp_path, text)
    assert expected in message
    assert "\n" not in message


def test_a_directory_without_a_study_and_a_file_that_is_not_utf8(tmp_path):
    with pytest.raises(UserError, match="sneeuwbal init"):
        Study.load(tmp_path)
    (tmp_path / FILE).write_bytes(b"[study]\nname = '\xff'\n")
    with pytest.raises(UserError, match="UTF-8"):
        Study.load(tmp_path)


def test_seeds_come_from_the_list_and_the_file_each_once(tmp_path):
    (tmp_path / "handles.txt").write_text("# start\n@beta\n\ngamma\nalfa\n", encoding="utf-8")
    study = load(tmp_path, "[study]\nname='a'\n[seeds]\nx=['@alfa', 'beta']\nx_file='handles.txt'\nown=['somebody']\n")
    assert study.seeds_for("x") == ("alfa", "beta", "gamma")
    assert study.seeds_for("own") == ("somebody",)
    assert study.seeds_for("profiles") == ()


def test_options_hold_the_common_keys_and_the_collectors_own_with_defaults(tmp_path):
    study = load(
        tmp_path,
        "[study]\nname='a'\n[collectors.own]\ndepth=5\n"
        "[collectors.x]\nmarkets=['a']\nlimits.timeline={requests=5,seconds=2}\nhosts={'api.example.org'='127.0.0.1:9'}\n",
    )
    assert study.options("own")["depth"] == 5
    assert study.options("own")["timeout"] == 7.0
    assert study.options("x")["timeout"] == 30.0
    assert study.options("x")["markets"] == ("a",)
    assert study.options("x")["limits"] == {"timeline": {"requests": 5, "seconds": 2}}
    assert study.options("x")["hosts"] == {"api.example.org": "127.0.0.1:9"}


def test_an_sql_rule_over_the_candidates_is_accepted_and_one_that_reads_a_file_is_not(tmp_path):
    rule = "is_seed OR (group_name = 'EZ' AND connected_with_members >= 2)"
    assert load(tmp_path, f'[study]\nname="a"\n[snowball]\nadmit="{rule}"').snowball.admit == rule
    stolen = "1 IN (SELECT 1 FROM '/etc/passwd')"
    assert "snowball.admit" in complaint(tmp_path, f'[study]\nname="a"\n[snowball]\nadmit="{stolen}"')


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[snowball]\nadmit = "civil_servants"',
            "line 4, snowball.admit: should use members, the new name of civil_servants",
        ),
        (
            '[snowball]\nadmit = "ministry = 1"',
            "line 4, snowball.admit: should use group_name, the new name of ministry",
        ),
        ("[published]\ncivil_servants = 1", "line 4, published.civil_servants: is called members now"),
        ("[published.ministries]\nEZ = { profiles = 1 }", "line 3, published.ministries: is called groups now"),
    ],
)
def test_an_old_name_is_answered_with_the_new_one(tmp_path, text, line):
    assert line in complaint(tmp_path, f'[study]\nname="a"\n{text}')


def test_settings_do_not_change(tmp_path):
    study = load(tmp_path, template())
    with pytest.raises(ValueError, match="frozen"):
        study.study.name = "other"


def test_every_key_is_documented():
    text = (ROOT / "docs" / "study-file.md").read_text("utf-8")
    models = {f"[{name}]": model for name, model in sections().items()}
    models |= {name: getattr(settings, name) for name in ("RateLimit", "Interval")}
    models |= {name: getattr(published, name) for name in ("PublishedGroup", "PublishedShare", "PublishedTest")}
    for place, model in models.items():
        for key, field in keys(model).items():
            assert f"`{key}`" in text, f"{place} {key}"
            assert field.description in text, f"{place} {key}: {field.description}"


def test_what_has_a_form_is_shown_an_example_of_it_that_fits() -> None:
    """Of every key with a pattern; a pattern itself tells nobody what to write."""
    shown, models = set(), [Study, Profiles]
    for model in models:
        for field in model.model_fields.values():
            models += [one for one in [model_in(field.annotation)] if one and one not in models]
    for model in models:
        for key, field in model.model_fields.items():
            pattern = next((one.pattern for one in field.metadata if getattr(one, "pattern", None)), None)
            if pattern:
                example = field.examples[0] if field.examples else field.default
                assert re.search(pattern, example), f"{model.__name__}.{key}"
                with pytest.raises(ValidationError) as error:
                    model.model_validate({key: " \0"})
                said = {one.loc: one.message for one in mistakes(error.value, model)}
                assert said[key,].startswith(f"should be written like {example!r}, not ")
                shown.add(key)
    assert {"archive", "tables", "frontier", "era", "time", "connections_path"} <= shown
