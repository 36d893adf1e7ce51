"""The invented platform of tests/stranger on loopback, and a site whose profiles link to its accounts.

Canarella is to be forgotten, Stille is an opt-out, Weggaan has closed her account, and Buiten has no profile but is
repeated. Everybody is invented.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import Answer, Received

SITE, HUB = "gids.example", "spil"
NAME, TEXT = "Canarella van Nergens", "een geheel eigen zin over gele vogels"
PEOPLE = {
    "canarella": ("v-77", "kanarie", NAME, "vogelvriendin in de volière"),
    "jan": ("v-2", "janproef", "Jan Proef", "hallo"),
    "truus": ("v-3", "truustoets", "Truus Toets", "ook hallo"),
    "stille": ("v-4", "stille", "Stille Willem", "liever niet"),
}
OUTSIDER = ("v-9", "buiten", "Bert Buiten", "van elders")
MISSING = ("weggaan", "weg")  # a profile, and the account that it had
CANARIES = ("v-77", "kanarie", NAME, TEXT, "vogelvriendin", "s-771", "in/canarella")
HEEDS = {"v-77": ("v-2",), "v-2": ("v-77", "v-3", "v-9"), "v-3": ("v-77", "v-2")}
STUDY = """[study]
name = "Dorp"
[seeds]
profiles = ["http://gids.example/in/spil"]
[snowball]
admit = "seeds"
accounts_of = "everyone"
[analysis]
min_degree = 1
hashtag_threshold = 0
[collectors.profiles]
autothrottle = false
hosts = {{ "gids.example" = "{site}" }}
[collectors.dorpsplein]
base_url = "{plein}"
"""
SEEDED = """[study]
name = "Klein"
[seeds]
dorpsplein = ["janproef", "truustoets"]
[collectors.dorpsplein]
base_url = "{plein}"
"""


def villager(uid: str) -> dict[str, Any]:
    """An account."""
    number, nick, label, about = next(one for one in (*PEOPLE.values(), OUTSIDER) if one[0] == uid)
    heeded = sum(uid in heeds for heeds in HEEDS.values())
    return {"uid": number, "nick": nick, "label": label, "about": about, "town": "Nergenshuizen", "heeded_by": heeded,
            "quiet": nick == "stille"}  # fmt: skip


def saying(sid: str, by: str, text: str, **more: Any) -> dict[str, Any]:
    """A post."""
    return {"sid": sid, "by": villager(by), "at": f"2026-01-0{sid[-1]}T12:00:00Z", "text": text, **more}


def sayings(uid: str) -> list[dict[str, Any]]:
    """The posts of an account, newest first."""
    own = saying("s-771", "v-77", TEXT, tags=["vogels"])
    if uid == "v-77":
        return [own]
    if uid == "v-2":
        return [
            saying("s-25", uid, "", again=own),
            saying("s-24", uid, "", again=saying("s-91", "v-9", "woorden van elders", tags=["vogels", "werk"])),
            saying("s-23", uid, "@truustoets dat vind ik ook", named=[villager("v-3")], answers=sayings("v-3")[0]),
            saying("s-22", uid, f"zie https://dorpsplein.example/@kanarie: {TEXT}", named=[villager("v-77")]),
            saying("s-21", uid, "iets dat niemand raakt", tags=["werk"]),
        ]  # fmt: skip
    return [saying("s-31", "v-3", "een bericht van Truus", tags=["werk"])] if uid == "v-3" else []


class Village:
    """What the platform and the site say. *lost*: ids that are not to be had any more; *asked*: the paths."""

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.hurried = False  # whether the limit was met once

    def platform(self, request: Received) -> Answer:
        """An answer of the platform."""
        parts = request.path.strip("/").split("/")
        if parts[-1] == "sayings" and not self.hurried:
            self.hurried = True
            return Answer(429, {}, {"Retry-After": "1"})
        known = {one["nick"]: one["uid"] for one in map(villager, [one[0] for one in (*PEOPLE.values(), OUTSIDER)])}
        uid = known.get(parts[0].removeprefix("@")) if len(parts) == 1 else parts[1]
        if uid is None or uid in self.lost:
            return Answer(404, {"why": "gone"})
        if parts[0] == "sayings":
            every = [
                one
                for person in known.values()
                for expected in sayings(person)
                for one in (expected, expected.get("again"))
            ]
            found = [one for one in every if one and one["sid"] == uid and one["by"]["uid"] not in self.lost]
            return Answer(200, {"sayings": found[:1]}) if found else Answer(404, {"why": "gone"})
        if len(parts) < 3:
            return Answer(200, {"villagers": [villager(uid)]})
        items = sayings(uid) if parts[2] == "sayings" else [villager(one) for one in HEEDS.get(uid, ())]
        start = int(request.query.get("from", 0))
        more = {"next": str(start + 2)} if start + 2 < len(items) else {}
        return Answer(200, {parts[2].replace("heeds", "villagers"): items[start : start + 2], **more})

    def page(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """A profile, or the hub's list."""
        slug = handler.path.split("/")[2]
        named = {**{one: expected[1:3] for one, expected in PEOPLE.items()}, MISSING[0]: (MISSING[1], "Wea Weggaan")}
        nick, name = named.get(slug, ("", "Spil Spilstra"))
        person: dict[str, Any] = {"@context": "https://schema.org", "@type": "Person", "name": name,
                                  "url": f"http://{SITE}/in/{slug}"}  # fmt: skip
        if handler.path.endswith("/connections"):
            person["knows"] = [{"@type": "Person", "url": f"http://{SITE}/in/{one}"} for one in named]
        else:
            person["worksFor"] = {"@type": "Organization", "name": "Ministerie van Economische Zaken"}
            person["sameAs"] = [f"https://dorpsplein.example/@{nick}"] if nick else []
        body = f'<title>{slug}</title><script type="application/ld+json">{json.dumps(person)}</script>'
        return 200, {"Content-Type": "text/html; charset=utf-8"}, body.encode()


def site(village: Village) -> dict[str, Any]:
    """The answers of the site, by path."""
    slugs = (HUB, MISSING[0], *PEOPLE)
    return {f"/in/{slug}{end}": village.page for slug in slugs for end in ("", "/connections")}
