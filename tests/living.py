"""A small world that lives: each day its accounts post, follow, unfollow, rename, are suspended and vanish.

It speaks X's API v2 as far as timelines and following lists go, and writes down what can be seen of each day.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.loopback import Answer, Request

POSTED_AT = "2026-01-01T00:00:00.000Z"
MOST_POSTS = 3
GONE = "https://api.twitter.com/2/problems/resource-not-found"


@dataclass
class Person:
    """One account; *posts* and *following* newest first."""

    number: int
    handle: str
    state: str = "live"  # live | suspended | gone
    posts: list[int] = field(default_factory=list)
    following: list[int] = field(default_factory=list)


class Living:
    """The world. Account 0, the hub, follows everybody and never changes, so that every rename can be seen."""

    def __init__(self, size: int, seed: int) -> None:
        self.dice, self.day, self.last_post = random.Random(seed), 0, 1_000
        self.people = [Person(n, f"synthetic_{n}") for n in range(size)]
        for person in self.people:
            others = [n for n in range(size) if n != person.number]
            person.following = others if person.number == 0 else self.dice.sample(others, size // 3)
        self.follows: list[tuple[int, str, str, str]] = []  # (day, opened or closed, follower, followed)
        self.renames: list[tuple[int, str, str, str]] = []  # (day, account, before, after)
        self.losses: list[tuple[int, str, str]] = []  # (day, account, why)
        self.posts: set[tuple[str, str]] = set()  # (post, account)
        self._shown = self._edges()
        self._post()

    def live_through(self) -> None:
        """One more day, and the log of it."""
        self.day += 1
        for person in self.people[1:]:
            if person.state == "live":
                self._change(person)
        self._post()
        edges, alive = self._edges(), {str(p.number) for p in self.people if p.state == "live"}
        for edge in sorted(edges ^ self._shown):
            if edge[0] in alive:  # the list of who is suspended cannot be read: what became of it is not known
                self.follows.append((self.day, "opened" if edge in edges else "closed", *edge))
        self._shown = edges

    def _change(self, person: Person) -> None:
        chance = self.dice.random()
        if chance < 0.02:
            person.state = self.dice.choice(["suspended", "gone"])
            self.losses.append((self.day, str(person.number), person.state))
        elif chance < 0.10:
            before, person.handle = person.handle, f"renamed_{person.number}_{self.day}"
            self.renames.append((self.day, str(person.number), before, person.handle))
        elif chance < 0.40 and person.following:
            person.following.remove(self.dice.choice(person.following))
        elif chance < 0.80:
            strangers = [p.number for p in self.people if p is not person and p.number not in person.following]
            if strangers:
                person.following.insert(0, self.dice.choice(strangers))

    def _post(self) -> None:
        for person in self.people:
            if person.state == "live":
                for _ in range(self.dice.randint(0, MOST_POSTS)):
                    self.last_post += 1
                    person.posts.insert(0, self.last_post)
                    self.posts.add((str(self.last_post), str(person.number)))

    def _edges(self) -> set[tuple[str, str]]:
        """What the lists show now: nobody who is suspended or gone."""
        live = {p.number for p in self.people if p.state == "live"}
        return {(str(n), str(other)) for n in live for other in self.people[n].following if other in live}

    # ---- what it answers

    def answer(self, request: Request) -> Answer:
        """X's answer for a timeline or a following list."""
        _, _, _, number, what = request.path.split("/")
        person = self.people[int(number)]
        if person.state != "live":
            word = "User has been suspended" if person.state == "suspended" else "Could not find user with id"
            title = "Forbidden" if person.state == "suspended" else "Not Found Error"
            told = {"value": number, "detail": f"{word}: [{number}].", "title": title, "resource_type": "user",
                    "parameter": "id", "resource_id": number, "type": GONE}  # fmt: skip
            return Answer(200, {"errors": [told]})
        if what == "following":
            shown = [self.people[n] for n in person.following if self.people[n].state == "live"]
            return self._page(request, [self._user(other) for other in shown], {})
        since = int(request.query.get("since_id", 0))
        posts = [
            {"id": str(post), "text": f"synthetic post {post}", "author_id": number, "created_at": POSTED_AT}
            for post in person.posts
            if post > since
        ]
        return self._page(request, posts, {"users": [self._user(person)]})

    def _page(self, request: Request, items: list[dict], includes: dict) -> Answer:
        start, size = int(request.query.get("pagination_token", 0)), int(request.query.get("max_results", 10))
        shown = items[start : start + size]
        meta: dict[str, object] = {"result_count": len(shown)}
        if start + size < len(items):
            meta["next_token"] = str(start + size)
        return Answer(200, {"data": shown, "includes": includes, "meta": meta} if shown else {"meta": meta})

    def _user(self, person: Person) -> dict[str, object]:
        return {"id": str(person.number), "name": f"Synthetic {person.number}", "username": person.handle}
