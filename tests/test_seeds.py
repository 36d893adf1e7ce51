"""Seeds by query: each resolves to the accounts that the world planted, in wave 0, with the query as the path."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from collectors.bluesky.collector import collector as bluesky
from collectors.mastodon.collector import collector as mastodon
from fixtures.today import serve, studyfile
from fixtures.today.planted import clock
from fixtures.today.planted.people import BLUESKY, MASTODON
from fixtures.today.serving import Served
from jobs.collect import revisit
from jobs.context import open_state, warnings
from jobs.run import waves
from storage.errors import UserError
from study.study_file import Study
from tests.served import FastWire
from tests.today import HEAD, truth, world

OPT_OUTS = {"noindex", "not-indexable", "no-unauthenticated"}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(world()) as found:
        yield found


def study(folder: Path, served: Served, seeds: Mapping[str, list[str]], kinds: str = '"user"') -> Study:
    """A study of *seeds* that asks for *kinds* of the accounts they lead to."""
    folder.mkdir(exist_ok=True)
    rows = "".join(f"{key} = {value!r}\n" for key, value in seeds.items())
    tables = studyfile.collectors(served)
    for name in (MASTODON, BLUESKY):
        tables = tables.replace(f"[collectors.{name}]\n", f"[collectors.{name}]\nkinds = [{kinds}]\n")
    (folder / "sneeuwbal.toml").write_text(f'[study]\nname = "seeds"\n\n[seeds]\n{rows}\n{tables}')
    return Study.load(folder)


def run(found: Study, now: datetime = clock.START) -> duckdb.DuckDBPyConnection:
    """Run the whole job; return the published database."""
    reports = waves(found, lambda name: FastWire(now), threading.Event(), say=lambda line: None)
    assert {report.status for report in reports} <= {"complete", "partial"}, reports
    return duckdb.connect(str(found.directory / "study.duckdb"), read_only=True)


def rows(db: duckdb.DuckDBPyConnection, query: str) -> set[tuple[object, ...]]:
    return set(db.execute(query).fetchall())


def page(uri: str, handle: str | None = None) -> str:
    """The page of a starter pack, list or feed on the web."""
    owner, collection, key = uri.removeprefix("at://").split("/")
    place = {"app.bsky.graph.starterpack": "starter-pack/{}", "app.bsky.graph.list": "profile/{}/lists",
             "app.bsky.feed.generator": "profile/{}/feed"}[collection]  # fmt: skip
    return f"https://bsky.app/{place.format(handle or owner)}/{key}"


def bluesky_queries() -> dict[str, tuple[str, str, set[str]]]:
    """By the key in [seeds]: a typed value, its kind, and the people it must find."""
    found, topic = truth(), world().theme.topics[0]
    pack, members = found.list_uris["pack pack"], found.list_uris["members"]
    maker = found.accounts[found.key(world().lists.lists["members"].owner)]
    tagged = {found.posts[post].author for post in found.tagged(topic, BLUESKY)}
    searched = {key for key, one in found.accounts.items()
                if one.platform == BLUESKY and "ministerie van" in one.bio.lower()}  # fmt: skip
    handle = found.accounts[pack.split("/")[2]].handle
    names = {key: one.handle for key, one in found.accounts.items() if one.platform == BLUESKY}
    hosts = Counter(name.partition(".")[2] for name in names.values() if not name.endswith((".bsky.social", ".test")))
    domain = hosts.most_common(1)[0][0]
    under = {key for key, name in names.items() if name == domain or name.endswith(f".{domain}")}
    return {
        "starter_packs": (page(pack, handle), "starter_pack", set(found.lists["pack"])),
        "lists": (page(members, maker.handle), "list", set(found.lists["members"])),
        "feeds": (f"at://{maker.key}/app.bsky.feed.generator/{topic}", "feed", tagged),
        "account_searches": ("Ministerie van", "search_actors", searched),
        "domains": (f"*.{domain}", "domain", under),
        "post_searches": (f"#{topic}", "search_posts", tagged),
    }


@pytest.mark.parametrize("seeds", bluesky_queries())
def test_a_query_of_bluesky_finds_the_planted_people(served: Served, tmp_path: Path, seeds: str) -> None:
    typed, kind, planted = bluesky_queries()[seeds]
    key = bluesky.query_of(kind, typed)
    db = run(study(tmp_path, served, {f"bluesky_{seeds}": [typed]}, '"timeline"'))
    assert rows(db, "SELECT list_id, account_id FROM listed") == {(key, one) for one in planted}
    places = rows(db, "SELECT position FROM listed")
    if kind in ("starter_pack", "list", "search_actors"):
        assert places == {(place,) for place in range(1, len(planted) + 1)}
    open_to_all = {one for one in planted if not truth().opted_out.get(one, set()) & OPT_OUTS}
    paths = rows(db, "SELECT key, wave, via FROM discoveries WHERE kind = 'timeline'")
    assert paths == {(one, 0, key) for one in open_to_all}
    assert rows(db, f"SELECT kind, key, wave, via FROM discoveries WHERE kind = '{kind}'") == {(kind, key, 0, "")}
    whole = kind != "domain"  # no method lists the handles under a domain
    assert rows(db, f"SELECT complete FROM walks WHERE kind = '{kind}'") == {(whole,)}


@pytest.mark.parametrize("seeds", ["hashtags", "directories"])
def test_a_query_of_mastodon_finds_the_planted_people(served: Served, tmp_path: Path, seeds: str) -> None:
    found, topic = truth(), world().theme.topics[2]
    tagged = set(found.tagged(topic, MASTODON, HEAD).values())
    listed = {key for key, one in found.accounts.items() if one.server == HEAD and one.platform == MASTODON
              and not one.moved_to and "not-discoverable" not in one.opt_outs}  # fmt: skip
    typed, kind, planted = {
        "hashtags": (f"https://{HEAD}/tags/{topic}", "hashtag", tagged),
        "directories": (f"https://{HEAD}/directory", "directory", listed),
    }[seeds]
    key = mastodon.query_of(kind, typed)
    db = run(study(tmp_path, served, {f"mastodon_{seeds}": [typed]}, '"timeline"'))
    assert rows(db, "SELECT list_id, account_id FROM listed") == {(key, one) for one in planted}
    assert rows(db, f"SELECT complete FROM walks WHERE kind = '{kind}'") == {(True,)}
    silent = {key for key, how in found.opted_out.items() if how & OPT_OUTS}
    paths = rows(db, "SELECT key, wave, via FROM discoveries WHERE kind = 'timeline'")
    assert paths == {(one, 0, key) for one in planted - silent}
    elsewhere = {one for one in planted & silent if found.accounts[one].server != HEAD}
    assert elsewhere or kind == "directory"  # their own server alone knows that they opted out
    if kind == "hashtag":
        posts = {post for post, by in found.tagged(topic, MASTODON, HEAD).items() if by not in silent}
        assert posts <= {post for (post,) in rows(db, "SELECT post_id FROM base.posts")}


def seeds_and_paths(folder: Path, served: Served, seeds: str, more: str = "") -> set[tuple[object, ...]]:
    """Who is admitted in wave 0 of a study with *seeds*, and by which path; nothing else is read."""
    tables = studyfile.collectors(served)
    for name in (MASTODON, BLUESKY):
        tables = tables.replace(f"[collectors.{name}]\n", f'[collectors.{name}]\nkinds = ["user", "following"]\n')
    (folder / "sneeuwbal.toml").write_text(
        f'[study]\nname = "seeds"\n[seeds]\n{seeds}\n[snowball]\nwaves = 0\n{more}\n{tables}'
    )
    with run(Study.load(folder)) as db:
        return rows(db, "SELECT key, via FROM admissions WHERE kind = 'admitted' AND wave = 0")


def silent(key: str) -> bool:
    return bool(truth().opted_out.get(key, set()) & OPT_OUTS)


def test_who_follows_an_account_is_a_seed_and_the_account_itself_is_none(served: Served, tmp_path: Path) -> None:
    found, followed = truth(), {}
    for platform in (MASTODON, BLUESKY):
        able = [key for key, one in found.accounts.items() if one.platform == platform and not one.opt_outs]
        followed[platform] = sorted(able, key=lambda key: (-len(found.followers.get(key, ())), key))[5]
    typed = {name: found.accounts[key].handle for name, key in followed.items()}
    given = "\n".join(f'{name}_followers_of = ["{handle}"]' for name, handle in typed.items())
    expected = {(one, typed[name]) for name, key in followed.items() for one in found.followers[key] if not silent(one)}
    assert {name for name, key in followed.items() if len(found.followers[key]) > 3} == {MASTODON, BLUESKY}
    assert seeds_and_paths(tmp_path, served, given) == expected


def test_followers_of_a_seed_are_asked_about_on_their_own_servers_too(served: Served, tmp_path: Path) -> None:
    """Their path is the seed's name: it must not make them seeds that somebody named."""
    found = truth()
    home = {key: one.server for key, one in found.accounts.items() if one.platform == MASTODON}

    def away(key: str) -> int:  # followers whose opt-out only their own server knows
        who = [one for one in found.followers.get(key, ()) if "noindex" in found.opted_out.get(one, ())]
        return sum(home[one] != home[key] for one in who if one in home)

    key = max((key for key in home if not found.accounts[key].opt_outs), key=lambda key: (away(key), key))
    assert away(key)
    handle = found.accounts[key].handle
    given = f'mastodon = ["{handle}"]\nmastodon_followers_of = ["{handle}"]'
    admitted = {account for account, _ in seeds_and_paths(tmp_path, served, given)}
    assert admitted == {key} | {one for one in found.followers[key] if not silent(one)}
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        assert rows(db, "SELECT DISTINCT key FROM answers WHERE kind = 'following'") == {(one,) for one in admitted}


def test_a_table_of_people_and_the_organisations_own_accounts_are_seeds(served: Served, tmp_path: Path) -> None:
    found = truth()
    able = sorted(key for key, one in found.accounts.items() if not silent(key) and one.role == "public")
    on = {name: [key for key in able if found.accounts[key].platform == name] for name in (MASTODON, BLUESKY)}
    handle = {key: one.handle for key, one in found.accounts.items()}
    a, b = on[MASTODON][:2]
    c, d = on[BLUESKY][:2]
    user, host = handle[b].split("@")
    (tmp_path / "people.csv").write_text(
        "naam;mastodon;links;e-mail\n"
        f"Test Een;{handle[a]};https://bsky.app/profile/{handle[c]};een@example.org\n"
        f"Test Twee;;https://{host}/@{user} , https://elders.example/over;twee@example.org\n"
        f"Test Drie;;;drie@example.org\nTest Vier;;@{handle[a]};\nTest Vijf;;https://bsky.app/profile/{d};\n"
    )
    own = sorted(key for key, one in found.accounts.items() if one.role == "official" and not silent(key))[:4]
    (tmp_path / "list.toml").write_text(
        '[[group]]\nid = "M"\nname = "Ministerie M"\nhandles = ' + str([handle[key] for key in own])
    )
    paths = seeds_and_paths(tmp_path, served, 'people_file = "people.csv"\norganisations = true',
                            '[organisations]\nfile = "list.toml"')  # fmt: skip
    assert paths == {(key, "people.csv") for key in (a, b, c, d)} | {(key, "Ministerie M") for key in own}
    told = [line for line in warnings(Study.load(tmp_path)) if "people.csv" in line]
    assert ["line 4" in line for line in told] == [True]


def test_a_list_whose_members_count_is_read_as_people_copy_it_and_its_people_are_no_seeds(
    served: Served, tmp_path: Path
) -> None:
    found = truth()
    uri = found.list_uris["members"]
    owner = found.accounts[uri.split("/")[2]].handle
    seed = min(key for key, one in found.accounts.items() if one.platform == BLUESKY and not one.opt_outs)
    population = f'[population]\nfrom = ["list"]\nlists = ["{page(uri, owner)}"]'
    assert seeds_and_paths(tmp_path, served, f'bluesky = ["{seed}"]', population) == {(seed, "")}
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as db:
        members = rows(db, "SELECT subject FROM actors JOIN members USING (actor_id)")
    assert {key for (key,) in members} >= set(found.lists["members"]) - {key for key in found.accounts if silent(key)}


def test_a_list_that_is_asked_again_on_the_schedule_adds_its_new_members(tmp_path: Path) -> None:
    uri, day = truth().list_uris["members"], 25
    with serve(world()) as found:
        one = study(tmp_path, found, {"bluesky_lists": [page(uri)]}, '"timeline"')
        run(one).close()
        found.at(day)
        frontier, later = open_state(one), clock.START + timedelta(days=day)
        revisit(one, frontier, BLUESKY, ("list",))
        frontier.close()
        db = run(one, later)
    before, after = set(truth().lists["members"]), set(truth(day).lists["members"])
    assert after - before
    assert before - after
    assert rows(db, "SELECT account_id FROM listed") == {(key,) for key in before | after}
    assert rows(db, f"SELECT account_id FROM listed WHERE last_seen >= '{later}'") == {(key,) for key in after}
    asked = {key for (key,) in rows(db, "SELECT key FROM discoveries WHERE kind = 'timeline'")}
    assert after - before <= asked | {key for key, how in truth().opted_out.items() if how & OPT_OUTS}


# ---- as people type them -----------------------------------------------------------------------------------------

DID, HANDLE = "did:plc:z72i7hdynmk6r22z27h6tvur", "example.org"
PACK, LIST, FEED = "app.bsky.graph.starterpack", "app.bsky.graph.list", "app.bsky.feed.generator"


@pytest.mark.parametrize(
    ("kind", "typed", "key"),
    [
        ("starter_pack", "https://bsky.app/starter-pack/Example.org/3k2a", f"at://{HANDLE}/{PACK}/3k2a"),
        ("starter_pack", f"bsky.app/start/{DID}/3k2a", f"at://{DID}/{PACK}/3k2a"),
        ("starter_pack", f"at://{DID}/{PACK}/3k2a", f"at://{DID}/{PACK}/3k2a"),
        ("starter_pack", f"https://bsky.app/profile/{HANDLE}/lists/3k2a", None),  # a list, and no starter pack
        ("starter_pack", "https://go.bsky.app/AbCdEf", None),
        ("list", f" https://bsky.app/profile/@{HANDLE}/lists/3k2a ", f"at://{HANDLE}/{LIST}/3k2a"),
        ("list", f"https://bsky.app/profile/{HANDLE}", None),
        ("feed", f"https://bsky.app/profile/{DID}/feed/whats-hot", f"at://{DID}/{FEED}/whats-hot"),
        ("search_posts", " klimaat lang:nl ", "klimaat lang:nl"),
        ("search_posts", " ", None),
        ("domain", "*.Minfin.example.org", "minfin.example.org"),
        ("domain", "minfin", None),
        ("hashtag", "#Overheid@Social.Example.org", "#overheid@social.example.org"),
        ("hashtag", "https://social.example.org/tags/overheid", "#overheid@social.example.org"),
        ("hashtag", "#overheid", None),  # on no server
        ("directory", "social.example.org", "social.example.org"),
        ("directory", "https://social.example.org/directory", "social.example.org"),
    ],
)
def test_queries_are_read_as_people_copy_them(kind: str, typed: str, key: str | None) -> None:
    collector = mastodon if kind in mastodon.kinds else bluesky
    assert collector.query_of(kind, typed) == key


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ('x = ["twitter.com/name", "https://x.com/name", "@name", "name"]', ""),
        ('x = ["https://example.org/name"]', "'https://example.org/name' is not a handle on X"),
        (f'bluesky = ["{DID}", "at://{DID}", "@{HANDLE}", "https://bsky.app/profile/{HANDLE}"]', ""),
        ('bluesky = ["https://example.org/name"]', "is not an account of Bluesky"),
        ('mastodon = ["a@example.org", "acct:a@example.org", "https://example.org/@a", "example.org/users/a"]', ""),
        ('mastodon = ["name"]', "'name' is not an account of Mastodon; write user@server"),
        ('profiles = ["example.org/a"]', "is not a web address; write it with https://"),
        ('bluesky_starter_packs = ["https://go.bsky.app/AbCdEf"]', "cannot be read as starter_packs"),
        ('bluesky_packs = ["x"]', "no collector has the seeds 'bluesky_packs'; did you mean"),
        ('bluesky_lists = "one"', "should be a list; put it in [ ]"),
        ('bluesky_lists_file = "nowhere.txt"', "no file 'nowhere.txt'"),
    ],
)
def test_a_seed_that_no_platform_can_know_is_a_mistake(tmp_path: Path, seeds: str, expected: str) -> None:
    (tmp_path / "sneeuwbal.toml").write_text(f'[study]\nname = "seeds"\n[seeds]\n{seeds}\n')
    if expected:
        with pytest.raises(UserError, match=re.escape(expected)):
            Study.load(tmp_path)
    else:
        Study.load(tmp_path)
