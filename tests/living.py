"""A small world that lives: each day its accounts post, edit, delete, follow, unfollow, rename, go and come back.

It speaks X's API v2 as far as timelines and following lists go, and writes down what can be seen of each day.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.loopback import Answer, Received

FIRST_DAY = datetime(2026, 3, 6, tzinfo=UTC)  # a Friday; a month from it has a change to summer time
MOST_POSTS = 3
GONE = "https://api.twitter.com/2/problems/resource-not-found"


@dataclass
class Message:
    """One post, or one version of it: on X an edit is a post of its own that names the first."""

    number: int
    text: str
    day: int
    first: int | None = None


@dataclass
class Person:
    """One account; *posts* and *following* newest first."""

    number: int
    handle: str
    state: str = "live"  # live | suspended | gone
    posts: list[Message] = field(default_factory=list)
    following: list[int] = field(default_factory=list)
    unmarked: bool = False  # it was away when its timeline was to be read to the end: that is done when it is back


class Living:
    """The world. Timelines are read daily, to their very end on Sundays; follow lists as `follows_on` says.

    What it logs is what a reader who looks on those days can know: (day seen, what, ...).
    """

    def __init__(self, size: int, seed: int) -> None:
        self.dice, self.day, self.last_post = random.Random(seed), 0, 1_000
        self.people = [Person(n, f"synthetic_{n}") for n in range(size)]
        for person in self.people:
            others = [n for n in range(size) if n != person.number]
            person.following = others if person.number == 0 else self.dice.sample(others, size // 3)
        self.follows: list[tuple[int, str, str, str]] = []  # (day, opened or closed, follower, followed)
        self.renames: list[tuple[int, str, str, str]] = []  # (day, account, before, after)
        self.states: list[tuple[int, str, str]] = []  # (day, account, its new state)
        self.posts: set[tuple[str, str]] = set()  # (post, account)
        self.edits: list[tuple[int, str, str, str]] = []  # (day, post, before, after)
        self.deletions: list[tuple[int, str]] = []  # (day, post)
        self._shown = {person.number: self._list(person) for person in self.people}
        self._renamed: dict[int, str] = {}  # whose new handle nobody has seen yet: their old one
        self._edited: dict[int, list[tuple[Message, Message]]] = {}
        self._deleted: dict[int, list[Message]] = {}
        self._post()

    @property
    def whole(self) -> bool:
        """Whether timelines are read to their end today."""
        return weekday(self.day) == 6

    def live_through(self) -> None:
        """One more day, and the log of it."""
        self.day += 1
        for person in self.people[1:]:
            self._change(person)
        self._post()
        for person in self.people:
            if person.state == "live":
                self._look(person, self.whole or person.unmarked)
            person.unmarked = person.state != "live" and (self.whole or person.unmarked)

    def _change(self, person: Person) -> None:
        chance = self.dice.random()
        if person.state != "live":
            if person.state == "suspended" and chance < 0.25:
                self._turn(person, "live")
        elif chance < 0.04:
            self._turn(person, self.dice.choice(["suspended", "gone"]))
        elif chance < 0.12:
            self._renamed.setdefault(person.number, person.handle)
            person.handle = f"renamed_{person.number}_{self.day}"
        elif chance < 0.35 and person.following:
            person.following.remove(self.dice.choice(person.following))
        elif chance < 0.60:
            strangers = [p.number for p in self.people if p is not person and p.number not in person.following]
            if strangers:
                person.following.insert(0, self.dice.choice(strangers))
        elif chance < 0.75 and person.posts:
            self._delete(person, self.dice.choice(person.posts))
        elif chance < 0.90 and person.posts:
            self._edit(person, person.posts[0])

    def _turn(self, person: Person, state: str) -> None:
        person.state = state
        self.states.append((self.day, str(person.number), state))

    def _delete(self, person: Person, post: Message) -> None:
        person.posts.remove(post)
        if (str(post.number), str(person.number)) in self.posts:
            self._deleted.setdefault(person.number, []).append(post)

    def _edit(self, person: Person, post: Message) -> None:
        """The newest post gets a new version; the platform shows only that."""
        self.last_post += 1
        edited = Message(self.last_post, f"{post.text}, edited", self.day, post.first or post.number)
        person.posts[0] = edited
        self._edited.setdefault(person.number, []).append((post, edited))

    def _post(self) -> None:
        for person in self.people:
            for _ in range(self.dice.randint(0, MOST_POSTS) if person.state == "live" else 0):
                self.last_post += 1
                person.posts.insert(0, Message(self.last_post, f"synthetic post {self.last_post}", self.day))
            if person.state == "live":
                self.posts |= {(str(post.number), str(person.number)) for post in person.posts}

    def _look(self, person: Person, whole: bool) -> None:
        """What can be seen of somebody who is there today, and not before."""
        account = str(person.number)
        shown = follows_on(self.day) or (person.posts and (whole or person.posts[0].day == self.day))
        if shown and (old_name := self._renamed.pop(person.number, "")):
            self.renames.append((self.day, account, old_name, person.handle))
        for old, new in self._edited.pop(person.number, []):
            self.edits.append((self.day, str(new.number), old.text, new.text))
        if whole:
            self.deletions += [(self.day, str(post.number)) for post in self._deleted.pop(person.number, [])]
        if follows_on(self.day):
            now, before = self._list(person), self._shown[person.number]
            self.follows += [(self.day, "opened" if n in now else "closed", account, str(n)) for n in now ^ before]
            self._shown[person.number] = now

    def _list(self, person: Person) -> set[int]:
        """Whom the list of *person* shows: nobody who is suspended or gone."""
        return {n for n in person.following if self.people[n].state == "live"}

    # ---- what it answers

    def answer(self, request: Received) -> Answer:
        """X's answer for a timeline or a following list."""
        _, _, _, number, what = request.path.split("/")
        person = self.people[int(number)]
        if person.state != "live":
            word = "User has been suspended" if person.state == "suspended" else "Could not find user with id"
            title = "Forbidden" if person.state == "suspended" else "Not Found Error"
            fields = {"value": number, "detail": f"{word}: [{number}].", "title": title, "resource_type": "user",
                    "parameter": "id", "resource_id": number, "type": GONE}  # fmt: skip
            return Answer(200, {"errors": [fields]})
        if what == "following":
            shown = [self.people[n] for n in person.following if self.people[n].state == "live"]
            return self._page(request, [self._user(other) for other in shown], {})
        since = int(request.query.get("since_id", 0))
        posts = [self._item(post, number) for post in person.posts if post.number > since]
        return self._page(request, posts, {"users": [self._user(person)]})

    @staticmethod
    def _item(post: Message, author: str) -> dict[str, object]:
        at = FIRST_DAY + timedelta(days=post.day, seconds=post.number % 30_000)
        history = [str(number) for number in (post.first, post.number) if number]
        return {"id": str(post.number), "text": post.text, "author_id": author, "edit_history_tweet_ids": history,
                "created_at": f"{at:%Y-%m-%dT%H:%M:%S.000Z}"}  # fmt: skip

    def _page(self, request: Received, items: list[dict], includes: dict) -> Answer:
        start, size = int(request.query.get("pagination_token", 0)), int(request.query.get("max_results", 10))
        shown = items[start : start + size]
        meta: dict[str, object] = {"result_count": len(shown)}
        if start + size < len(items):
            meta["next_token"] = str(start + size)
        return Answer(200, {"data": shown, "includes": includes, "meta": meta} if shown else {"meta": meta})

    def _user(self, person: Person) -> dict[str, object]:
        return {"id": str(person.number), "name": f"Synthetic {person.number}", "username": person.handle}


def weekday(day: int) -> int:
    """Monday is 0."""
    return (FIRST_DAY + timedelta(days=day)).weekday()


def follows_on(day: int) -> bool:
    """Whether follow lists are read on *day*."""
    return weekday(day) in (0, 2, 4, 6)
