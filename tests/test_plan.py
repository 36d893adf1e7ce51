"""`sneeuwbal plan`: the numbers by hand, an assumption beside each, and study files of every kind."""

import json
from pathlib import Path

import pytest

from tests.rehearsal import sneeuwbal

HEAD = '[study]\nname = "a plan"\n'


def planned(folder: Path, text: str, *more: str) -> dict[tuple[str, str], dict[str, object]]:
    (folder / "sneeuwbal.toml").write_text(HEAD + text)
    done = sneeuwbal("--study", folder, "plan", "--format", "json", *more, token=None)
    assert done.returncode == 0, done.stderr
    return {(row["collector"], row["kind"]): row for row in json.loads(done.stdout)}


def test_the_numbers_are_those_worked_by_hand(tmp_path: Path) -> None:
    """100 seeds: 30,000 profiles behind them (300 each), so 30,100 * 0.143 * 0.163 = 701.6 accounts."""
    seeds = ", ".join(f'"https://netwerk.example/in/p{n}"' for n in range(100))
    rows = planned(tmp_path, f"[seeds]\nprofiles = [{seeds}]\n[collectors.profiles]\n[collectors.x]\n"
                             '[[comparison]]\nname = "s"\ncollector = "x"\nposts = 5000\n')  # fmt: skip
    got = {key: [row[name] for name in ("targets", "items", "requests", "hours", "usd")] for key, row in rows.items()}
    assert got["profiles", "profile"] == [30_100, 30_100, 30_100, 8.36, 0]  # a second each
    assert got["profiles", "connections"] == [100, 47_100, 500, 0.14, 0]  # 471 people, 100 a page: 5 pages
    assert got["x", "user"] == [702, 702, 8, 0.01, 7.02]  # by the hundred, at 0.01 USD
    assert got["x", "timeline"] == [702, 434_993, 4_914, 0.12, 2174.96]  # 7 pages of 702; 10,000 in 15 minutes
    assert got["x", "following"] == got["x", "followers"] == [702, 378_864, 702, 0.58, 3788.64]  # a page of 702; 300
    assert got["x", "sample"] == [1, 5_000, 1, 0.01, 25]
    assert rows["x", "timeline"]["megabytes"] == 65.2  # 150 bytes a post
    assert rows["x", "timeline"]["assumption"] == (
        "the seeds, and linked_share of admitted_share of the profiles, posts_per_account in each; "
        "10,000 requests in 900 s; 0.005 USD an item; 150 bytes an item"
    )


@pytest.mark.parametrize(
    ("text", "kinds", "requests"),
    [
        ("", set(), 0),
        ('[seeds]\nmastodon = ["a@b.example"]\n',
         {"user", "timeline", "following", "followers", "hashtag"}, 1 + 5 + 6 * 17 + 8 + 8),  # a list admits 5
        ('[seeds]\nbluesky = ["a.example"]\n[collectors.bluesky]\nkinds = ["user", "timeline"]\n',
         {"user", "timeline"}, 1 + 8),
        ('[seeds]\nprofiles = ["https://a.example/b"]\n[snowball]\nwaves = 0\n', {"profile", "connections"}, 1),
        ('[seeds]\nprofiles = ["https://a.example/b"]\n[snowball]\nmax_profiles = 10\n', {"profile", "connections"},
         11 + 5),
        ('[seeds]\nx = ["a"]\n[collectors.x.limits]\nuser = { requests = 1, seconds = 3600 }\n',
         {"user", "timeline", "following", "followers", "sample", "search"}, 1 + 6 * 7 + 1 + 1),
        ('[collectors.x]\nkinds = ["search"]\nqueries = ["#een", "#twee"]\n', {"search"}, 2 * 10),
    ],
)  # fmt: skip
def test_study_files_of_every_kind_can_be_planned(tmp_path: Path, text: str, kinds: set[str], requests: int) -> None:
    rows = planned(tmp_path, text)
    assert {kind for _, kind in rows} == kinds
    assert sum(row["requests"] for row in rows.values()) == requests  # type: ignore[misc]
    assert all(row["assumption"] for row in rows.values())
    result = sneeuwbal("--study", tmp_path, "plan", token=None)
    assert result.returncode == 0
    assert ("nothing to collect" in result.stdout) == (not rows)


def test_later_waves_are_bounded_from_above(tmp_path: Path) -> None:
    """10 seeds reach 3,000, 429 of these are admitted and reach 300 each; a maximum limits them."""
    seeds = ", ".join(f'"https://netwerk.example/in/p{n}"' for n in range(10))
    text = f"[seeds]\nprofiles = [{seeds}]\n[snowball]\nwaves = 2\n"
    rows = planned(tmp_path, text)
    assert rows["profiles", "connections"]["targets"] == 439
    assert rows["profiles", "profile"]["targets"] == 10 + 3_000 + 128_700
    rows = planned(tmp_path, text + "max_profiles = 5000\n")
    assert rows["profiles", "profile"]["targets"] == 5_010
    rows = planned(tmp_path, text + 'admit = "seeds"\n')
    assert rows["profiles", "connections"]["targets"] == 10


def test_a_plan_beyond_the_budget_says_where_the_run_will_stop(tmp_path: Path) -> None:
    (tmp_path / "sneeuwbal.toml").write_text(HEAD + '[seeds]\nx = ["a"]\n[budget]\nusd = 5.0\n')
    done = sneeuwbal("--study", tmp_path, "plan", token=None)
    assert "the run will stop at 5.00 USD with exit code 4" in done.stdout
    assert "posts_per_account = 620" in done.stdout
    wrong = sneeuwbal("--study", tmp_path, "plan", "--guess", "posts=1", token=None)
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)


def test_a_snowball_of_accounts_is_planned_wave_by_wave_and_says_nothing_of_profiles(tmp_path: Path) -> None:
    """2 seeds, 3 admitted of each list: 2, 6, 18 people; the lists of 8 are read, the timelines of 26."""
    text = '[seeds]\nmastodon = ["a@b.example", "c@b.example"]\n[snowball]\nalong = ["following"]\nwaves = 2\n'
    text = f'[population]\nfrom = ["bio"]\n{text}'
    given = ["--guess", "admitted_per_list=3", "--guess", "posts_per_account=40", "--guess", "follows_per_account=80"]
    rows = planned(tmp_path, text, *given)
    assert {kind: rows["mastodon", kind]["requests"] for kind in ("user", "following", "timeline")} == {
        "user": 26, "following": 8 * 2, "timeline": 26 * 2,
    }  # fmt: skip
    out = sneeuwbal("--study", tmp_path, "plan", *given, token=None).stdout
    waves = out[out.index("by wave") :].splitlines()[2:5]
    assert [line.split()[:3] for line in waves] == [
        ["0", "2", str(2 + 2 * 2)], ["1", "6", str(6 + 2 * 2 + 6 * 2)], ["2", "18", str(18 + 6 * 2 + 18 * 2)],
    ]  # fmt: skip
    assert not [word for word in ("profile", "connection", "linked_share") if word in out]
    rows = planned(tmp_path, text + "max_actors = 10\n", *given)
    assert rows["mastodon", "timeline"]["targets"] == 10


def test_followers_of_an_account_cost_its_look_up_and_its_list_and_are_the_seeds(tmp_path: Path) -> None:
    """2 accounts with 1,500 followers each: a page holds 1,000; nobody else's followers are requested."""
    text = (
        '[seeds]\nx_followers_of = ["a", "b"]\n[snowball]\nwaves = 0\n[collectors.x]\nkinds = ["user", "following"]\n'
    )
    rows = planned(tmp_path, text, "--guess", "follows_per_account=1500")
    got = {kind: (row["targets"], row["requests"], row["usd"]) for (_, kind), row in rows.items()}
    assert got == {"user": (2, 1, 0.02), "followers": (2, 4, 30.0), "following": (3000, 6000, 45_000.0)}
    assert "follows_per_account of each account whose followers are seeds" in str(rows["x", "following"]["assumption"])
