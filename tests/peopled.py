"""A handful of people on three loopback servers, one of them to be forgotten: the data of each server.

Canarella has a profile, an account on X and one on Mastodon. The others mention, follow, repeat and copy her; one
bears her name. Everybody is invented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.loopback import Answer, Loopback, Received, serve
from tests.served import Answer as ApiAnswer
from tests.served import Server
from tests.served import serving as serving_api
from tests.test_mastodon import HOST as SERVER
from tests.test_mastodon import account, status
from tests.website import Site, serving

SITE = "netwerk.example"
NAME, MAIL = "Canarella van Nergens", "c.nergens@mail.example"
SLUG, ID, HANDLE, USER = "c-n-77a1", "900900901", "gelevogel77", "kanariegeel"
TEXT = "een geheel eigen zin over gele vogels die nooit iemand anders zou schrijven"
BIO = f"vogelvriendin, schrijf naar {MAIL} of kom langs in de volière"
TOOT = "op deze server zing ik een heel ander lied dan op die andere"
CANARIES = (ID, HANDLE, USER, SLUG, MAIL, TEXT, TEXT[:40], TOOT, "vogelvriendin", "900001")
PEOPLE = {"jan-proef": ("Jan Proef", "100100101", "janproef", "user2"),
          "truus-toets": ("Truus Toets", "100100102", "truustoets", "user3"),
          "naamgenoot": (NAME, "100100103", "dezelfdenaam", "user4")}  # fmt: skip
HUB = "hub-seed"
STUDY = """[study]
name = "Mensen"
[seeds]
profiles = ["http://netwerk.example/in/hub-seed"]
[snowball]
waves = 1
admit = "seeds"
accounts_of = "everyone"
[collectors.profiles]
autothrottle = false
hosts = {{ "netwerk.example" = "{site}" }}
[collectors.x]
base_url = "{x}"
kinds = ["user", "timeline", "following", "user_id", "post"]
[collectors.mastodon]
hosts = {{ "social.example" = "{mastodon}" }}
kinds = ["user", "timeline", "following"]
"""


def _address(slug: str) -> str:
    return f"http://{SITE}/in/{slug}"


def _everyone() -> dict[str, tuple[str, str, str, str]]:
    return {SLUG: (NAME, ID, HANDLE, USER), **PEOPLE}


class People:
    """What the three servers say. *lost*: ids on X (of posts or accounts) that are not to be had any more, and how."""

    def __init__(self) -> None:
        self.lost: dict[str, str] = {}

    # ---- the site

    def page(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """A profile page, or the hub's list."""
        slug = handler.path.split("/")[2]
        if handler.path.endswith("/connections"):
            knows = [
                {"@type": "Person", "url": _address(one), "name": expected[0]} for one, expected in _everyone().items()
            ]
            person: dict[str, Any] = {"@type": "Person", "url": _address(HUB), "knows": knows}
        else:
            name, _, handle, user = _everyone().get(slug, ("Hub Seed", "", "", ""))
            person = {"@type": "Person", "url": _address(slug), "name": name, "jobTitle": "Adviseur",
                      "worksFor": {"@type": "Organization", "name": "Ministerie van Economische Zaken"},
                      "description": f"profiel van {name} {BIO if slug == SLUG else ''}",
                      "sameAs": [f"https://twitter.com/{handle}", f"https://{SERVER}/@{user}"][: 2 * bool(handle)],
                      }  # fmt: skip
        expected = json.dumps({"@context": "https://schema.org", **person})
        links = f'<a href="/in/{SLUG}">{NAME}</a>' if slug == "truus-toets" else ""
        body = f'<title>{slug}</title>{links}<script type="application/ld+json">{expected}</script>'
        return 200, {"Content-Type": "text/html; charset=utf-8"}, body.encode()

    # ---- X

    def user(self, number: str) -> dict[str, Any]:
        """An account of X."""
        name, _, handle, _ = next(expected for expected in _everyone().values() if expected[1] == number)
        return {"id": number, "username": handle, "name": name, "created_at": "2020-01-01T00:00:00.000Z",
                "description": BIO if number == ID else "hallo",
                "public_metrics": {"followers_count": 3, "following_count": 3, "tweet_count": 9}}  # fmt: skip

    def posts(self, number: str) -> list[dict[str, Any]]:
        """The timeline of an account of X."""
        if number == ID:
            return [_post("900001001", number, f"{TEXT} #geel"), _post("900001002", number, f"en nog {TEXT[:40]}")]
        if number == "100100101":
            mention = [{"start": 0, "end": 10, "username": HANDLE, "id": ID}]
            return [
                _post("500001", number, f"RT @{HANDLE}: {TEXT} #geel",
                      referenced_tweets=[{"type": "retweeted", "id": "900001001"}], entities={"mentions": mention}),
                _post("500002", number, f"Hoi!\n@{HANDLE} kijk eens", entities={"mentions": mention}),
                _post("500003", number, f"Zoals iemand zei: {TEXT}, mooi he", lang="nl"),
                _post("500004", number, f"zie http://{SITE}/in/{SLUG} en https://twitter.com/{HANDLE}/status/900001001"),
                _post("500005", number, "iets dat niemand raakt #werk"),
            ]  # fmt: skip
        if number == "100100103":
            return [_post("500011", number, f"ik heet ook {NAME}, toevallig"), _post("500012", number, "gewoon #werk")]
        return [_post("500021", number, "een bericht van Truus #werk")]

    def x(self, request: Received) -> Answer:
        """An answer of X's API v2."""
        parts = request.path.strip("/").split("/")
        if parts[1:] == ["users", "by"] or parts[1:] == ["users"]:
            keys = (request.query.get("usernames") or request.query["ids"]).split(",")
            return self._looked_up(keys, "usernames" in request.query)
        if parts[1:] == ["tweets"]:
            return self._posts_looked_up(request.query["ids"].split(","))
        number = parts[2]
        if number in self.lost:
            return Answer(200, {"errors": [_problem(number, self.lost[number], "user", "id")]})
        if parts[3] == "following":
            others = [
                expected[1]
                for expected in _everyone().values()
                if expected[1] != number and expected[1] not in self.lost
            ]
            return Answer(200, {"data": [self.user(one) for one in others], "meta": {"result_count": len(others)}})
        posts = [one for one in self.posts(number) if one["id"] not in self.lost]
        includes: dict[str, Any] = {"users": [self.user(number)]}
        if any("referenced_tweets" in one for one in posts) and ID not in self.lost:
            includes["tweets"] = [one for one in self.posts(ID)[:1] if one["id"] not in self.lost]
            includes["users"].append(self.user(ID))
        return Answer(200, {"data": posts, "includes": includes, "meta": {"result_count": len(posts)}})

    def _looked_up(self, keys: list[str], by_name: bool) -> Answer:
        known = {(expected[2] if by_name else expected[1]): expected[1] for expected in _everyone().values()}
        found = [self.user(known[key]) for key in keys if key in known and known[key] not in self.lost]
        missing = [_problem(key, self.lost.get(known.get(key, ""), "gone"), "user", "usernames" if by_name else "ids")
                   for key in keys if key not in known or known[key] in self.lost]  # fmt: skip
        return Answer(200, {"data": found} | ({"errors": missing} if missing else {}))

    def _posts_looked_up(self, keys: list[str]) -> Answer:
        all_ = {one["id"]: one for expected in _everyone().values() for one in self.posts(expected[1])}
        gone = {key for key in keys if key in self.lost or key not in all_ or all_[key]["author_id"] in self.lost}
        missing = [_problem(key, self.lost.get(key, "gone"), "tweet", "ids") for key in keys if key in gone]
        found = [all_[key] for key in keys if key not in gone]
        return Answer(200, {"data": found} | ({"errors": missing} if missing else {}))

    # ---- Mastodon

    def _toots(self, number: int) -> list[dict[str, Any]]:
        me = _mastodon(number)
        if number == 1:
            return [status("900001101", me, content=f"<p>{TOOT}</p>")]
        mention = [{"id": "1", "acct": USER, "username": USER, "url": f"https://{SERVER}/@{USER}"}]
        link = f'<a href="https://{SERVER}/@{USER}" class="u-url mention">@<span>{USER}</span></a>'
        return [status(f"70000{number}1", me, reblog=self._toots(1)[0], content=f"<p>{TOOT}</p>"),
                status(f"70000{number}2", me, content=f"<p>dag {link}</p>", mentions=mention),
                status(f"70000{number}3", me, content="<p>niets bijzonders</p>")]  # fmt: skip

    def mastodon(self, path: str) -> ApiAnswer:
        """An answer of a Mastodon server."""
        if "lookup" in path:
            user = path.split("acct=")[1].split("%40")[0]
            return 200, {}, _mastodon(next(n for n in range(1, 5) if _user(n) == user))
        number = int(path.split("/accounts/")[1].split("/")[0].split("?")[0])
        if str(number) in self.lost:
            return 410, {}, {"error": "gone"}
        if "/statuses" in path:
            return 200, {}, self._toots(number)
        if "/following" in path:
            return 200, {}, [_mastodon(n) for n in range(1, 5) if n != number]
        return 200, {}, _mastodon(number)


def _user(number: int) -> str:
    return USER if number == 1 else f"user{number}"


def _mastodon(number: int) -> dict[str, Any]:
    user = _user(number)
    fields = {"username": user, "acct": user, "url": f"https://{SERVER}/@{user}",
            "display_name": NAME if number in (1, 4) else user,
            "note": f"<p>{BIO if number == 1 else 'dag'}</p>"}  # fmt: skip
    return account(number, **fields)


def _post(id_: str, author: str, text: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "author_id": author, "text": text, "created_at": "2026-01-01T12:00:00.000Z", **more}


def _problem(value: str, how: str, what: str, parameter: str) -> dict[str, Any]:
    titles = {"gone": ("Not Found Error", "resource-not-found"), "suspended": ("Forbidden", "resource-not-found"),
              "protected": ("Authorization Error", "not-authorized-for-resource")}  # fmt: skip
    title, type_ = titles[how]
    text = f"User has been suspended: [{value}]." if how == "suspended" else f"Could not find: [{value}]."
    return {"value": value, "resource_id": value, "resource_type": what, "parameter": parameter, "title": title,
            "detail": text, "type": f"https://api.twitter.com/2/problems/{type_}"}  # fmt: skip


class Served:
    """The three servers, running."""

    def __init__(self, people: People, site: Site, x: Loopback, mastodon: Server) -> None:
        self.people, self.site, self.x, self.mastodon = people, site, x, mastodon

    def study(self, folder: Path, more: str = "") -> Path:
        """A study that is led to them; *more* goes at the end of its file."""
        folder.mkdir(mode=0o700)
        where = {"site": self.site.address, "x": self.x.url, "mastodon": self.mastodon.address}
        (folder / "sneeuwbal.toml").write_text(STUDY.format(**where) + more)
        return folder

    def forget_what_was_asked(self) -> None:
        """Begin `asked` anew."""
        for each in (self.site.asked, self.x.asked, self.mastodon.asked):
            each.clear()

    def asked(self) -> list[str]:
        """All that was asked, as text."""
        return [*self.site.paths, *(f"{one.path} {one.query}" for one in self.x.asked), *self.mastodon.paths]


@contextmanager
def peopled() -> Iterator[Served]:
    """The three servers, as long as the block."""
    people = People()
    slugs = [HUB, *_everyone()]
    answers = {f"/in/{slug}{end}": people.page for slug in slugs for end in ("", "/connections")}
    with serving(answers) as site, serve(people.x) as x, serving_api(people.mastodon) as mastodon:
        yield Served(people, site, x, mastodon)
