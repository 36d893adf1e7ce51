"""The desk in a browser: a queue by keyboard only, what axe says of every page, on a desktop and a phone."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from jobs import decide
from tests.browser import chromium, needed, playing
from tests.desks import KNOWN, SECRET, desk_study

pytest.importorskip("playwright.sync_api")
needed()

PAGES = ("/", "/schedule", "/sql", "/decide", "/decide/links", "/decide/members", "/decide/documents", "/decide/labels")


@pytest.fixture(scope="module")
def study(replayed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk_study(replayed, tmp_path_factory.mktemp("desk") / "study")


@pytest.fixture(scope="module")
def address(study: Path) -> Iterator[str]:
    import uvicorn

    from serve.desk.access import Password
    from serve.desk.app import desk

    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as where uvicorn binds
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(desk(study, Password(KNOWN), url), log_level="error"))
        thread = Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        yield url
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["desktop", "phone"])
def test_a_coder_works_by_keyboard_and_axe_finds_nothing(study: Path, address: str, size: tuple[int, int]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    name = f"Coder {size[0]}"
    with playing() as play, chromium(play) as browser:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        page, wrong, outside = context.new_page(), [], []
        page.set_default_timeout(60_000)
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda sent: sent.url.startswith((address, "data:")) or outside.append(sent.url))
        page.goto(address)
        assert not violations(axe, page)
        for text in (name, "Tab", SECRET, "Enter"):
            press(page, text)
        page.wait_for_url(f"{address}/")
        page.goto(f"{address}/decide/links")
        title, item = page.locator("main p bdi").first.inner_text(), item_of(page)
        chosen = page.evaluate("document.querySelector('[data-key=a]').value")
        with page.expect_navigation():
            press(page, "a")
            press(page, "Enter")
        (made,) = own(study, "links", name)
        assert (made.id, made.decision) == (item, chosen)
        assert page.locator("main p bdi").first.inner_text() != title
        with page.expect_navigation():
            press(page, "u")
            press(page, "Enter")
        assert (own(study, "links", name), item_of(page)) == ([], item)
        page.goto(f"{address}/decide/documents")
        with page.expect_navigation():
            for text in ("x", "not about it", "Enter"):
                press(page, text)
        with page.expect_navigation():  # the reason has a key from now on
            press(page, "1")
            press(page, "Enter")
        assert [one.reason for one in own(study, "documents", name)] == ["not about it"] * 2
        for path in PAGES:
            page.goto(f"{address}{path}")
            assert not violations(axe, page), path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert page.title() != "owned"
        assert (wrong, outside) == ([], [])
        context.close()


def press(page: Any, text: str) -> None:
    """A key, or text that is typed where the focus is."""
    if len(text) == 1 or text in ("Tab", "Enter"):
        page.keyboard.press(text)
    else:
        page.keyboard.type(text)


def item_of(page: Any) -> str:
    found: str = page.locator(".choices form").first.get_attribute("action")
    return found.rpartition("/")[2]


def own(study: Path, queue: str, name: str) -> list[decide.Made]:
    return [one for one in decide.made(study, queue) if one.by == name]


def violations(axe: Any, page: Any) -> list[Any]:
    found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found.response["violations"]]
