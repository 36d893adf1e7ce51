"""The simulated world at a small scale: what it serves adds up to what it says, by an independent count."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import extruct
import pytest

from fixtures.world import record
from fixtures.world.api import Api
from fixtures.world.employers import GOVERNMENT
from fixtures.world.faults import DEFAULT, Faults
from fixtures.world.figures import ABBREVIATIONS, MINISTRIES, figures
from fixtures.world.server import TOKEN, Service
from fixtures.world.site import MAIN, Site
from fixtures.world.truth import figures as planted_figures
from fixtures.world.truth import tables
from fixtures.world.world import Options, World
from storage.archive import reader as archive
from storage.records import Page

SCALE = 0.02
HOST = "http://netwerk.example"
OF = {employer: key for key, names in GOVERNMENT.items() for employer, _ in names}
TIMELINE = urlencode(
    {"max_results": "100", "tweet.fields": record.POST_FIELDS, "user.fields": record.USER_FIELDS,
     "expansions": record.EXPANSIONS + ",in_reply_to_user_id,entities.mentions.username"}
)  # fmt: skip


@cache
def world(**options) -> World:
    return World(Options(scale=SCALE, **options))


@cache
def api(**options) -> Api:
    return Api(world(**options))


def walk(path: str, one: Api | None = None) -> list[dict]:
    """All pages of a list, as anyone would read them."""
    found, token = [], ""
    while True:
        status, _, body = (one or api()).answer(path + (f"&pagination_token={token}" if token else ""))
        assert status == 200, body
        found.append(json.loads(body))
        token = found[-1].get("meta", {}).get("next_token")
        if not token:
            return found


# ---- the professional network -------------------------------------------------------------------------------


def person_of(html: str) -> dict | None:
    """The Person on a page, whichever way it is written."""
    for text in re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.S):
        try:
            content = json.loads(text)
        except ValueError:
            continue
        blocks = content if isinstance(content, list) else content.get("@graph") or [content.get("mainEntity", content)]
        for block in blocks:
            if block.get("@type") == "Person":
                return block
    found = extruct.extract(html, syntaxes=["microdata"], uniform=True)["microdata"]
    if found:
        return found[0]
    rdfa = extruct.extract(html, syntaxes=["rdfa"])["rdfa"]
    nodes = {node["@id"]: node for node in rdfa}
    schema = "http://schema.org/"
    for node in rdfa:
        if schema + "Person" in node.get("@type", ()):
            works = []
            for link in node.get(schema + "worksFor", ()):
                organisation = nodes[link["@id"]]
                roles = [nodes[role["@id"]] for role in organisation.get(schema + "member", ())]
                ended = [role[schema + "endDate"][0]["@value"] for role in roles if schema + "endDate" in role]
                works.append({"name": organisation[schema + "name"][0]["@value"],
                              "member": {"endDate": ended[0]} if ended else {}})  # fmt: skip
            return {"name": node[schema + "name"][0]["@value"], "worksFor": works}
    return None


def listed(value) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]


@cache
def crawled() -> tuple[dict[str, dict], set[tuple[str, str]], list[str], Counter]:
    """Everything a crawler finds from the start contacts: persons, connections, start contacts, refusals."""
    site, starts = Site(world()), [world().people.url(n) for n in range(world().people.starts)]
    ties, wanted = set(), dict.fromkeys(starts)
    for start in starts:
        path = start[len(HOST) :] + "/connections"
        while path:
            status, _, body = site.answer(MAIN, path)
            html = body.decode()
            assert status == 200
            for other in person_of(html)["knows"]:
                ties.add(tuple(sorted((start, other["url"]))))
                wanted[other["url"]] = None
            following = re.search(r'<a rel="next" href="([^"]+)"', html)
            path = following and following[1]
    persons, refused = {}, Counter()
    for url in wanted:
        status, _, body = site.answer(MAIN, url[len(HOST) :])
        if status != 200:
            refused[status] += 1
            continue
        person = person_of(body.decode())
        if set(person["name"]) <= set("* "):
            refused["masked"] += 1
            continue
        assert len(body) >= 8_000
        persons[url] = person
    return persons, ties, starts, refused


def ministries_of(person: dict) -> set[str]:
    works = listed(person.get("worksFor"))
    return {OF[w["name"]] for w in works if w["name"] in OF and "endDate" not in (w.get("member") or {})}


def test_crawling_the_pages_gives_table_5_and_the_connections():
    persons, ties, starts, refused = crawled()
    f = figures(SCALE)
    ties = {tie for tie in ties if tie[0] in persons and tie[1] in persons}
    civil = {url: found for url, person in persons.items() if (found := ministries_of(person))}
    assert len(persons) == f.profiles
    assert len(ties) == f.connections
    assert sum(one in starts and other in starts for one, other in ties) == f.between_starts
    assert len(civil) == f.civil_servants
    rows = Counter(ministry for found in civil.values() for ministry in found)
    assert [rows[key] for key in ABBREVIATIONS] == f.members.tolist()
    assert sum(len(found) == 2 for found in civil.values()) == f.both
    assert set(starts) <= set(civil)
    neighbours = Counter(
        url for tie in ties for url, other in (tie, tie[::-1]) if (other in civil if url in starts else other in starts)
    )
    assert sum(count >= 2 for count in neighbours.values()) == f.at_least_two
    assert refused[404]
    assert refused[999]
    assert refused["masked"]


def test_ministries_keep_together_in_the_published_order():
    persons, ties, _, _ = crawled()
    inside = Counter()
    for one, other in ties:
        if one in persons and other in persons:
            inside.update(ministries_of(persons[one]) & ministries_of(persons[other]))
    assert [key for key, _ in inside.most_common(3)] == ["I&M", "EZ", "DEF"]
    matrix = tables(world())["ministries"].to_pylist()
    assert {row["ministry"]: row["connections"] for row in matrix if row["ministry"] == row["other"]} == {
        key: inside[key] for key in ABBREVIATIONS
    }


def test_every_layout_occurs_and_only_start_contacts_lists_are_open():
    people, site = world().people, Site(world())
    assert len(set(people.layout[: people.read].tolist())) == 8
    for number in (people.starts, people.civil, people.read - 1):
        assert site.answer(MAIN, f"/in/{people.slug[number]}/connections")[0] == 403
    assert site.answer(MAIN, "/robots.txt")[2] == b"User-agent: *\nAllow: /\nCrawl-delay: 0\n"
    assert b"Crawl-delay: 0.05" in site.answer("traag.example", "/robots.txt")[2]
    assert site.answer(MAIN, f"/in/{people.slug[0]}/")[0] == 301


def test_decoys_of_every_kind_are_there_and_none_of_them_is_a_linked_account():
    kinds = Counter(kind for kind, who in world().people.decoys.items() for _ in who)
    assert {"dead", "renamed", "suspended", "organisation", "shared", "registered again", "contested", "private",
            "namesake"} <= set(kinds)  # fmt: skip
    links = tables(world())["links"].to_pylist()
    linked = {row["account_id"] for row in links if row["linked"]}
    assert len(linked) == world().accounts.counted
    strangers = {row["account_id"] for row in links if row["oddity"] == "claimed by a stranger"}
    assert linked & {row["account_id"] for row in links if not row["linked"]} == strangers
    backlink = world().accounts.backlink
    assert all(backlink[world().accounts.by_id(int(account))] for account in strangers)


# ---- X ------------------------------------------------------------------------------------------------------


@cache
def timelines() -> dict[str, list[dict]]:
    """All posts of all counted accounts, by handle."""
    accounts = world().accounts
    return {
        accounts.handle[n]: [
            post for page in walk(f"/2/users/{accounts.ids[n]}/tweets?{TIMELINE}") for post in page.get("data", [])
        ]
        for n in range(accounts.counted)
    }


def test_reading_the_timelines_gives_table_6():
    f, posts = figures(SCALE), [post for found in timelines().values() for post in found]
    assert len(posts) == f.posts == len({post["id"] for post in posts})
    assert sum("hashtags" in post.get("entities", {}) for post in posts) == f.hashtags
    assert sum("mentions" in post.get("entities", {}) for post in posts) == f.mentions
    assert sum(post["text"].startswith("@") for post in posts) == f.at_start
    days = [datetime.fromisoformat(post["created_at"]).astimezone(ZoneInfo("Europe/Amsterdam")).date().isoformat()
            for post in posts]  # fmt: skip
    assert (min(days), max(days)) == ("2007-03-20", "2013-02-23")
    lengths = sorted(len(found) for found in timelines().values())
    assert lengths[-1] == 3200
    assert 3199 in lengths


def test_entities_stand_where_they_say():
    """Indices count code points, as X's do; a cut retweet has only what is still whole."""
    seen = Counter()
    for post in (post for found in timelines().values() for post in found):
        text = post["text"].replace("&amp;", "&amp;")
        assert len(text) <= 141
        for entity in post.get("entities", {}).get("hashtags", ()):
            assert text[entity["start"] : entity["end"]] == "#" + entity["tag"]
            seen["tag"] += 1
        for entity in post.get("entities", {}).get("mentions", ()):
            assert text[entity["start"] : entity["end"]] == "@" + entity["username"]
            seen["mention"] += 1
        for entity in post.get("entities", {}).get("urls", ()):
            assert text[entity["start"] : entity["end"]] == entity["url"]
            seen["url"] += 1
        note = post.get("note_tweet")
        for entity in note["entities"]["hashtags"] if note else ():
            assert note["text"][entity["start"] : entity["end"]] == "#" + entity["tag"]
            seen["note"] += 1
        seen["cut"] += text.endswith("…") and text.startswith("RT @")
    assert min(seen[key] for key in ("tag", "mention", "url", "note", "cut")) > 10


def test_retweets_carry_their_original_and_some_lose_something_to_the_cut():
    accounts, seen = world().accounts, Counter()
    for n in range(accounts.counted):
        for page in walk(f"/2/users/{accounts.ids[n]}/tweets?{TIMELINE}"):
            included = {tweet["id"]: tweet for tweet in page.get("includes", {}).get("tweets", ())}
            users = {user["id"]: user for user in page.get("includes", {}).get("users", ())}
            assert len(users) == len(page.get("includes", {}).get("users", ()))
            lost = {problem["resource_id"] for problem in page.get("errors", ())}
            for post in page.get("data", ()):
                for reference in post.get("referenced_tweets", ()):
                    seen[reference["type"]] += 1
                    original = included.get(reference["id"])
                    assert (original is None) == (reference["id"] in lost)
                    if reference["type"] != "retweeted":
                        continue
                    author = users[original["author_id"]]["username"]
                    whole = f"RT @{author}: {original['text']}"
                    assert post["text"] == (whole if len(whole) <= 140 else whole[:139] + "…")
                    tags = [len(x.get("entities", {}).get("hashtags", ())) for x in (post, original)]
                    seen["fewer"] += tags[0] < tags[1]
                    seen["none"] += tags[0] == 0 < tags[1]
                    seen["of @"] += original["text"].startswith("@")
                    seen["internal"] += author in timelines()
    assert min(seen[key] for key in ("retweeted", "replied_to", "quoted", "fewer", "none", "of @", "internal")) > 3


def test_the_sample_stream_has_the_published_shares():
    status, _, body = api().answer("/2/tweets/sample/stream?" + urlencode({"tweet.fields": "entities"}))
    posts = [json.loads(line)["data"] for line in body.splitlines() if line]
    f = figures(SCALE)
    assert status == 200
    assert len(posts) == f.sample
    assert sum("hashtags" in post.get("entities", {}) for post in posts) == f.sample_hashtags
    assert sum("mentions" in post.get("entities", {}) for post in posts) == f.sample_mentions
    assert sum(post["text"].startswith("@") for post in posts) == f.sample_at_start
    assert body.count(b"\r\n\r\n") > 0  # keep-alives


def test_lists_of_both_sides_give_the_ties_of_the_truth():
    accounts, found = world().accounts, set()
    for n in range(accounts.linked):
        me = str(accounts.ids[n])
        for page in walk(f"/2/users/{me}/following?max_results=1000"):
            found |= {(me, user["id"]) for user in page.get("data", ())}
        for page in walk(f"/2/users/{me}/followers?max_results=1000"):
            found |= {(user["id"], me) for user in page.get("data", ())}
    truth = tables(world())["follows"]
    assert found == set(zip(truth["follower_id"].to_pylist(), truth["followed_id"].to_pylist(), strict=True))


def test_pages_are_as_treacherous_as_the_real_ones():
    accounts, seen = world().accounts, Counter()
    for n in range(accounts.counted):
        pages = walk(f"/2/users/{accounts.ids[n]}/tweets?{TIMELINE}")
        for page in pages[:-1]:
            count = page["meta"]["result_count"]
            assert count == len(page.get("data", ()))
            seen["empty"] += count == 0
            seen["short"] += 0 < count < 100
        seen["meta only"] += len(pages) > 1 and "data" not in pages[-1]
    assert min(seen.values()) > 0
    assert len(seen) == 3


def test_windows_and_exclusions_cut_a_timeline_where_they_should():
    accounts = world().accounts
    handle = max(timelines(), key=lambda h: len(timelines()[h]))
    path = f"/2/users/{accounts.ids[accounts.number(handle)]}/tweets?{TIMELINE}"
    ids = [post["id"] for post in timelines()[handle]]

    def read(more: str) -> list[str]:
        return [post["id"] for page in walk(path + more) for post in page.get("data", ())]

    assert read(f"&since_id={ids[250]}") == ids[:250]
    assert read(f"&until_id={ids[250]}") == ids[251:]
    assert read(f"&since_id={ids[900]}&until_id={ids[100]}") == ids[101:900]
    replies = {post["id"] for post in timelines()[handle] if "in_reply_to_user_id" in post}
    assert read("&exclude=replies") == [i for i in ids if i not in replies][:800]
    repeats = {post["id"] for post in timelines()[handle] if post["text"].startswith("RT @")}
    assert read("&exclude=retweets") == [i for i in ids if i not in repeats]


def test_a_timeline_beyond_the_cap_ends_at_3200_and_absent_accounts_say_why():
    one, accounts = api(beyond_cap=1, absent=2), world(beyond_cap=1, absent=2).accounts
    number = accounts.counted
    pages = walk(f"/2/users/{accounts.ids[number]}/tweets?{TIMELINE}", one)
    assert sum(page["meta"]["result_count"] for page in pages) == 3200
    assert "data" not in pages[-1]
    found = [
        json.loads(one.answer(f"/2/users/{accounts.ids[n]}/tweets?{TIMELINE}")[2]) for n in (number + 1, number + 2)
    ]
    assert "not-authorized-for-resource" in found[0]["errors"][0]["type"]
    assert "suspended" in found[1]["errors"][0]["detail"]


def test_lookups_give_what_exists_and_say_what_does_not():
    accounts = world().accounts
    missing = dict(accounts.missing)
    names = [accounts.handle[0].upper(), accounts.handle[1], *missing]
    answer = json.loads(api().answer("/2/users/by?usernames=" + ",".join(names))[2])
    assert [user["username"] for user in answer["data"]] == accounts.handle[:2]
    assert {problem["value"]: "suspended" in problem["detail"] for problem in answer["errors"]} == {
        name: state == "suspended" for name, state in missing.items()
    }
    for bad in ("usernames=a,naam-met-streep", "usernames=" + ",".join(f"a{i}" for i in range(101)), "usernames="):
        assert api().answer("/2/users/by?" + bad)[0] == 400
    ids = f"{accounts.ids[5]},1"
    answer = json.loads(api().answer(f"/2/users?ids={ids}")[2])
    assert answer["data"][0]["username"] == accounts.handle[5]
    assert answer["errors"][0]["value"] == "1"


@pytest.mark.parametrize("bad", ["max_results=4", "max_results=101", "pagination_token=abc", "tweet.fields=onzin",
                                 "post.fields=text", "expansions=onzin", "since_id=x"])  # fmt: skip
def test_a_wrong_parameter_is_a_400_that_names_it(bad):
    status, _, body = api().answer(f"/2/users/{world().accounts.ids[0]}/tweets?{bad}")
    assert status == 400
    assert bad.partition("=")[0] in json.loads(body)["errors"][0]["parameters"]


def test_search_gives_the_last_week():
    accounts, posts = world().accounts, world().posts
    handle = accounts.handle[int(posts.author[posts.moment.argmax()])]
    pages = walk(
        "/2/tweets/search/recent?" + urlencode({"query": f"from:{handle}", "max_results": "100"}) + "&" + TIMELINE[16:]
    )
    found = [post["id"] for page in pages for post in page.get("data", ())]
    week = [
        p["id"]
        for p in timelines()[handle]
        if datetime.fromisoformat(p["created_at"]) > datetime(2013, 2, 16, 14, tzinfo=UTC)
    ]
    assert found
    assert found == week


# ---- both vocabularies against X's own description ----------------------------------------------------------


@cache
def openapi(version: str) -> dict:
    path = Path(__file__).parents[1].parent / "shared" / "reference" / f"x-openapi-{version}.json"
    if not path.exists():
        path = Path(__file__).parents[2].parent / "shared" / "reference" / f"x-openapi-{version}.json"
    if not path.exists():
        pytest.skip("no ../shared/reference here")
    return json.loads(path.read_text())


def valid(content: dict, path: str, version: str) -> None:
    """Validate *content* as the 200 answer of *path*, formats included and nothing unknown passed over."""
    import jsonschema

    document = openapi(version)
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    checker = jsonschema.Draft202012Validator({**schema, "components": document["components"]},
                                              format_checker=jsonschema.FormatChecker())  # fmt: skip
    problems = [f"{list(e.absolute_path)}: {e.message}" for e in checker.iter_errors(content)]
    assert not problems, problems[:3]


@pytest.mark.parametrize(("posts_words", "version"), [(False, "2.166"), (True, "2.167")])
def test_answers_are_valid_against_the_openapi_description(posts_words, version):
    one, accounts = api(posts_words=posts_words), world(posts_words=posts_words).accounts
    word = "post" if posts_words else "tweet"
    query = TIMELINE
    if posts_words:
        query = urlencode({
            "max_results": "100",
            "post.fields": "conversation_id,created_at,entities,geo,id,lang,note_post,public_metrics,text",
            "expansions": "author_id,edit_history_post_ids,geo.place_id,in_reply_to_user_id,referenced_posts",
            "user.fields": record.USER_FIELDS,
        })  # fmt: skip
    for n in range(4):
        page = json.loads(one.answer(f"/2/users/{accounts.ids[n]}/tweets?{query}")[2])
        valid(page, "/2/users/{id}/tweets", version)
        assert set(page["includes"]) >= {"users", word + "s"}
        valid(json.loads(one.answer(f"/2/users/{accounts.ids[n]}/following?max_results=200&user.fields={record.USER_FIELDS}")[2]),
              "/2/users/{id}/following", version)  # fmt: skip
        assert any(f"referenced_{word}s" in post for post in page["data"])
        assert all("author_id" in p for p in page["data"])
    found = json.loads(one.answer(f"/2/tweets?ids={page['data'][3]['id']},{page['data'][1]['id']},77&{query[16:]}")[2])
    valid(found, "/2/tweets", version)
    assert {post["id"] for post in found["data"]} == {page["data"][3]["id"], page["data"][1]["id"]}
    assert len(found["errors"]) == 1
    names = ",".join([*accounts.handle[:3], *accounts.missing][:100])
    valid(
        json.loads(one.answer(f"/2/users/by?usernames={names}&user.fields={record.USER_FIELDS}")[2]),
        "/2/users/by",
        version,
    )
    lines = one.answer(f"/2/tweets/sample/stream?{query[16:]}")[2].splitlines()
    for line in lines[:50]:
        valid(json.loads(line), "/2/tweets/sample/stream", version)
    wrong, right = ("tweet.fields", "post.fields") if posts_words else ("post.fields", "tweet.fields")
    path = f"/2/users/{accounts.ids[0]}/tweets?"
    assert one.answer(path + f"{wrong}=text")[0] == 400
    assert one.answer(path + f"{right}=text")[0] == 200


# ---- the same everywhere, and again -------------------------------------------------------------------------


def test_equal_options_give_equal_worlds_and_another_seed_another():
    again, other = Api(World(Options(scale=SCALE))), Api(World(Options(scale=SCALE, seed=2)))
    path = f"/2/users/{world().accounts.ids[3]}/tweets?{TIMELINE}"
    assert again.answer(path) == api().answer(path)
    assert other.accounts.handle[:20] != world().accounts.handle[:20]
    slug = world().people.slug[40]
    assert Site(again.world).answer(MAIN, f"/in/{slug}") == Site(world()).answer(MAIN, f"/in/{slug}")


def test_fields_are_given_as_asked():
    path = f"/2/users/{world().accounts.ids[0]}/tweets?max_results=5"
    assert set(json.loads(api().answer(path)[2])["data"][0]) == {"id", "text", "edit_history_tweet_ids"}
    page = json.loads(api().answer(path + "&tweet.fields=created_at,lang&expansions=author_id")[2])
    assert set(page["data"][0]) == {"id", "text", "edit_history_tweet_ids", "created_at", "lang"}
    assert set(page["includes"]["users"][0]) == {"id", "name", "username"}


def test_a_recording_equals_what_is_served_body_for_body(tmp_path):
    """`record` uses no sockets; `serve` does. Every recorded request is asked again over HTTP."""
    record.record(Options(scale=SCALE), tmp_path)
    pages = [
        entry
        for segment in archive.segments(tmp_path / "archive")
        for entry in archive.read(segment)
        if isinstance(entry, Page)
    ]
    command = [
        sys.executable,
        "-m",
        "fixtures.world",
        "serve",
        "--scale",
        str(SCALE),
        "--seed",
        "1",
        "--port-file",
        str(tmp_path / "ports"),
    ]
    server = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    try:
        while not (tmp_path / "ports").exists():
            assert server.poll() is None
            time.sleep(0.02)
        ports = json.loads((tmp_path / "ports").read_text())
        web, x = (http.client.HTTPConnection(ports[name].removeprefix("http://")) for name in ("profiles", "x"))
        streamed: dict[str, bytes] = {}
        for page in pages:
            parts = urlsplit(page.url)
            headers = {"Host": parts.netloc}
            if parts.netloc == "api.twitter.com":
                headers["Authorization"] = f"Bearer {TOKEN}"
            if parts.path.endswith("/stream"):
                asked = page.url.partition("#")[0]  # the last page of a stream is marked
                streamed[asked] = streamed.get(asked, b"") + page.body
                continue
            line = x if "Authorization" in headers else web
            line.request("GET", page.url.split(parts.netloc, 1)[1], headers=headers)
            answer = line.getresponse()
            assert (answer.status, answer.read()) == (page.status, page.body), page.url
        for url, body in streamed.items():
            x.request("GET", url.split("twitter.com", 1)[1], headers={"Authorization": f"Bearer {TOKEN}"})
            lines = [line for line in x.getresponse().read().split(b"\r\n") if line]
            assert b"\n".join(lines) + b"\n" == body
        x.request("GET", "/2/users/1", headers={})
        assert x.getresponse().status == 401
    finally:
        server.terminate()
        assert server.wait() == 0
    kinds = Counter(target.kind for page in pages for target in page.targets)
    f = figures(SCALE)
    assert kinds["timeline"] >= f.posts / 100
    assert kinds["profile"] > f.profiles
    assert kinds["sample"] == -(-f.sample // 500)
    size = sum(path.stat().st_size for path in (tmp_path / "archive").iterdir())
    assert 2_000_000 < size < 7_000_000


def test_faults_pass_and_leave_the_answers_as_they_are():
    faulty = Service(World(Options(scale=SCALE, faults=frozenset({*DEFAULT, "402"}))), slow=0.0)
    accounts, met = world().accounts, Counter()
    paths = [f"/2/users/{accounts.ids[n]}/following?max_results=100" for n in range(22)] * 1
    paths += [f"/2/users/by?usernames={handle}" for handle in accounts.handle[:200]]
    for path in paths:
        for attempt in range(3):
            (status, _, body), fault = faulty.x("", path, f"Bearer {TOKEN}")
            met[status if not (fault and fault.cut) else "cut"] += 1
            if status == 200 and not (fault and fault.cut):
                assert body == api().answer(path)[2]
                break
            assert attempt < 2
    assert met[429]
    assert met[402]
    assert met["cut"]
    assert met[500] + met[502] + met[503]
    first = Faults(frozenset(DEFAULT))
    second = Faults(frozenset(DEFAULT))
    assert [bool(first.meet(True, p)) for p in paths] == [bool(second.meet(True, p)) for p in paths]


def test_an_expired_cursor_is_refused_and_a_walk_from_the_top_succeeds():
    faulty, refused = Service(World(Options(scale=SCALE, faults=frozenset({"expired"})))), 0
    accounts = world().accounts
    for n in range(accounts.counted):
        path, token, ids, starts = f"/2/users/{accounts.ids[n]}/tweets?max_results=100", "", [], 0
        while True:
            (status, _, body), _ = faulty.x("", path + token, f"Bearer {TOKEN}")
            if status == 400:
                refused, token, ids, starts = refused + 1, "", [], starts + 1
                assert starts == 1
                continue
            page = json.loads(body)
            ids += [post["id"] for post in page.get("data", ())]
            if not page["meta"].get("next_token"):
                break
            token = "&pagination_token=" + page["meta"]["next_token"]
        assert ids == [post["id"] for post in timelines()[accounts.handle[n]]]
    assert refused


@pytest.mark.parametrize("scale", [0.01, 0.05, 0.2])
def test_other_scales_keep_every_promise_that_they_can(scale):
    """Sums, order of the ministries, at least one linked account each: at any scale, for several seeds."""
    for seed in (1, 2, 2013):
        one = World(Options(scale=scale, seed=seed))
        facts = planted_figures(one)
        assert facts["accounts"] == sum(row["accounts"] for row in facts["groups"].values())
        assert min(row["accounts"] for row in facts["groups"].values()) >= 1
        assert len(one.posts) == facts["posts"]
        assert (facts["first_post"], facts["last_post"]) == (
            "2007-03-20",
            "2013-02-23",
        )
        table = {
            row["ministry"]: row["connections"]
            for row in tables(one)["ministries"].to_pylist()
            if row["ministry"] == row["other"]
        }
        assert sorted(table, key=table.get, reverse=True)[:3] == ["I&M", "EZ", "DEF"]


def test_the_published_figures_are_the_report_s():
    f = figures(1)
    assert (f.members.sum(), f.civil_servants, f.linked.sum(), f.starts.sum()) == (6817, 6807, 1109, 159)
    assert f.members.tolist() == [row[2] for row in MINISTRIES]
    assert f.linked.tolist() == [row[3] for row in MINISTRIES]
    assert (f.profiles, f.connections, f.at_least_two) == (47692, 74821, 11597)
    assert (f.posts, f.hashtags, f.mentions, f.at_start) == (687811, 237075, 422153, 232346)
    assert (f.sample_hashtags, f.sample_mentions, f.sample_at_start) == (13180, 57200, 46800)


def test_nobody_shares_a_handle_or_an_id():
    accounts = world().accounts
    assert len({h.lower() for h in accounts.handle}) == len(accounts.handle) == len(set(accounts.ids.tolist()))
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,15}", h) for h in accounts.handle)
    assert len(set(world().people.slug)) == len(world().people.slug)
    assert not any(a & b for a, b in combinations([set(accounts.missing), {h.lower() for h in accounts.handle}], 2))


def test_a_renamed_account_keeps_its_id_and_its_old_handle_leads_nowhere():
    service = Service(World(Options(scale=SCALE, faults=frozenset({"renamed"}))))
    accounts = world().accounts
    account, handle = accounts.ids[6], accounts.handle[6]

    def ask(path: str) -> dict:
        return json.loads(service.x("", path, f"Bearer {TOKEN}")[0][2])

    assert ask(f"/2/users/by?usernames={handle}")["data"][0]["id"] == str(account)
    page = ask(f"/2/users/{account}/tweets?max_results=5&expansions=author_id")
    renamed = next(user for user in page["includes"]["users"] if user["id"] == str(account))["username"]
    assert renamed != handle
    assert "data" not in ask(f"/2/users/by?usernames={handle}")
    assert ask(f"/2/users/by?usernames={renamed}")["data"][0]["id"] == str(account)
    assert ask(f"/2/users?ids={account}")["data"][0]["username"] == renamed


@pytest.mark.parametrize("wrong", [["--scale", "0.001"], ["--faults", "onzin"]])
def test_a_mistake_on_the_command_line_is_one_clear_line(wrong, tmp_path):
    command = [sys.executable, "-m", "fixtures.world", "serve", "--port-file", str(tmp_path / "ports"), *wrong]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
