"""Erasure of a person from archive entries: their own data are removed, and replaced by tokens in others' answers.

An object of the person (their account in a list of followers, their post in someone's retweet) keeps only
tokens for its ids, so that it is still counted. Its texts, names and numbers are removed. The rest is unchanged.
"""

from __future__ import annotations

from typing import Any

import msgspec

from storage.archive.reader import Entry, Note
from storage.privacy.erase_bodies import Bodies
from storage.records import BadBody, Failure, Page, Request


class Cutter(Bodies):
    """Erases the people with *names* from entries of the archive."""

    def entry(self, entry: Entry) -> Entry | None:
        """*entry* without the people; the same object if they are not in it; None if it was entirely theirs."""
        left = self._entry(entry)
        if isinstance(left, Page) and left is not entry and self._undeclared:
            self.undeclared.add(left.collector)
        return left

    def _entry(self, entry: Entry) -> Entry | None:
        self._local, self._known, self._field = {}, self._tokens, self.text
        if isinstance(entry, Note):
            self._look_at("")
            return self._note(entry)
        collector = entry.requests[0].target.collector if entry.requests else ""
        self._look_at(entry.collector if isinstance(entry, Page) else collector)
        left = tuple(self._request(request) for request in entry.requests if not self.owns(request))
        given = isinstance(entry, Page) and self.named(collector, str(entry.asked.get("owner", "")))  # their own data
        if given or (entry.requests and not left):
            return None
        url = self._url(entry.url)
        if isinstance(entry, Failure):
            if not entry.requests and url != entry.url:
                return None
            detail = self.text(entry.detail)
            same = (left, url, detail) == (entry.requests, entry.url, entry.detail)
            return entry if same else msgspec.structs.replace(entry, requests=left, url=url, detail=detail)
        return self._page(entry, left, url)

    def _request(self, request: Request) -> Request:
        via = self.whole(request.via)
        return request if via == request.via else msgspec.structs.replace(request, via=via)

    def _page(self, page: Page, left: tuple[Request, ...], url: str) -> Page | None:
        if not page.requests and url != page.url:
            return None
        headers = tuple((name, self.text(value)) for name, value in page.headers)
        asked = {name: self.text(value) if isinstance(value, str) else value for name, value in page.asked.items()}
        body = self.body(page)
        if body is None and (left, url, headers, asked) == (page.requests, page.url, page.headers, page.asked):
            return page
        if body is not None:
            headers = tuple((name, value) for name, value in headers if name.lower() != "content-encoding")
        body = page.body if body is None else body
        return msgspec.structs.replace(page, requests=left, url=url, headers=headers, body=body, asked=asked)

    def body(self, page: Page) -> bytes | None:
        """The body without the people; None if they are not in it. An unreadable body that names them is emptied."""
        try:
            content = page.content()
        except BadBody:
            return b"" if self.finds(page.body.decode("utf-8", "replace")) else None
        if not content:
            return None
        if content.lstrip()[:1] in (b"{", b"["):
            return self._json(content) if self.holds(content) else None
        text = content.decode("utf-8", "surrogateescape")
        if not self.finds(text):
            return None
        cut = self.markup(text) if "<" in text[:2000] else self.table(text)
        return cut.encode("utf-8", "surrogateescape")

    def _note(self, note: Note) -> Note:
        data = dict(note.data)
        if note.kind == "admission":
            data["wants"] = [
                [*row[:4], self.whole(str(row[4])), *row[5:]]
                for row in data.get("wants", ())
                if not self.named(str(row[0]), str(row[2]))
            ]
        data = {key: self._value(value, key) for key, value in data.items()}
        if isinstance(settings := data.get("settings"), dict):
            data["settings"] = {key: self._setting(key, value) for key, value in settings.items()}
        return note if data == note.data else msgspec.structs.replace(note, data=data)

    def _setting(self, key: str, value: Any) -> Any:
        """A setting of the study; seeds are JSON lists of bare names."""
        if not key.startswith("seeds.") or not isinstance(value, str):
            return value
        try:
            seeds = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return self.text(value)
        if not isinstance(seeds, list):
            return value
        left = [seed for seed in seeds if not self.named(key.removeprefix("seeds."), str(seed))]
        return value if left == seeds else msgspec.json.encode(left).decode()
