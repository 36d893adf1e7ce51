"""Debian's Chromium over a report: no network, no console error, or the test says which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def playing() -> Iterator[Any]:
    """Playwright; only one at a time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        yield play


@contextmanager
def chromium(play: Any, *flags: str) -> Iterator[Any]:
    """A headless browser with a profile of its own, and further *flags*."""
    browser = play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    try:
        yield browser
    finally:
        browser.close()


class Watched:
    """A page opened from a file, and what it asked for or complained of."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        """Open the report at *path*; *options* are those of a browser context (viewport, color_scheme ...)."""
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.address = path.resolve().as_uri()
        self.page.goto(self.address)

    def _said(self, message: Any) -> None:
        # what the driver of the software renderer says of its own speed is no fault of the page
        if message.type in ("error", "warning") and "GL Driver Message" not in message.text:
            self.errors.append(message.text)

    @property
    def outside(self) -> list[str]:
        """The requests for anything but the page itself and what it holds."""
        return [url for url in self.requests if not url.startswith((self.address, "data:", "blob:"))]

    def close(self) -> None:
        """Close the page and its profile."""
        self.context.close()


@contextmanager
def opened(browser: Any, path: Path, **options: Any) -> Iterator[Watched]:
    """The report at *path*, watched."""
    watched = Watched(browser, path, **options)
    try:
        yield watched
    finally:
        watched.close()
