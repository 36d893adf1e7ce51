"""Chromium or Chrome over a report: no network, no console error, or the test says which."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
APPLICATIONS = ("Chromium", "Google Chrome", "Microsoft Edge")  # of macOS
PLAYWRIGHT = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
MISSING = "no Chromium or Chrome was found: install one (apt install chromium, or: playwright install chromium)"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def executable(home: Path | None = None) -> str | None:
    """A Chromium or Chrome of this machine: on the path, an application of macOS, or one that Playwright installed."""
    home = home or Path.home()
    for name in NAMES:
        if found := shutil.which(name):
            return found
    for name in APPLICATIONS:
        for folder in (Path("/Applications"), home / "Applications"):
            if (path := folder / f"{name}.app" / "Contents" / "MacOS" / name).is_file():
                return str(path)
    own = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    for place in [Path(own)] if own else [home / ".cache/ms-playwright", home / "Library/Caches/ms-playwright"]:
        for pattern in PLAYWRIGHT:
            if paths := sorted(path for path in place.glob(pattern) if os.access(path, os.X_OK)):
                return str(paths[-1])
    return None


def needed() -> None:
    """Skip the tests of the calling module where there is no browser; in CI fail instead."""
    if executable() is None:
        if os.environ.get("SNEEUWBAL_CI"):
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING, allow_module_level=True)


@contextmanager
def playing() -> Iterator[Any]:
    """Playwright; only one at a time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        yield play


@contextmanager
def chromium(play: Any, *flags: str) -> Iterator[Any]:
    """A headless browser with a profile of its own, and further *flags*."""
    browser = play.chromium.launch(executable_path=executable(), args=[*FLAGS, *flags])
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
