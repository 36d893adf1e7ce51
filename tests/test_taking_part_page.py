"""Taking part in a browser: the export is read there only, rows are struck, and what is struck is sent nowhere."""

from __future__ import annotations

import io
import socket
import struct
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import uvicorn

from fixtures.linkedin import CLIENT, SECRET, LinkedIn
from fixtures.loopback import Loopback, serve
from jobs import invitations
from jobs.invitations import Keys
from jobs.run import load
from serve.participants.app import face
from storage import consents
from storage.participants import Tokens
from storage.privacy.pseudonyms import VARIABLE
from study.study_file import Study
from tests.browser import chromium, needed, playing
from tests.contents import contents
from tests.linkedin_api import members
from tests.test_taking_part import DOMAINS, PEOPLE, begun, exported, quiet, records, sung

pytest.importorskip("playwright.sync_api")
needed()

WAIT = 60_000
DESKTOP, PHONE = {"viewport": {"width": 1280, "height": 900}}, {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playing() as play, chromium(play) as running:
        yield running


@pytest.fixture
def platform() -> Iterator[Loopback]:
    """LinkedIn's interface, on loopback."""
    with serve(LinkedIn(members(3))) as running:
        yield running


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: Loopback) -> Iterator[Study]:
    """A study whose pages are served, and whose application LinkedIn knows."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as where uvicorn binds
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert isinstance(platform.script, LinkedIn)
        platform.script.redirect = f"{url}/connected"
        ways = f'[collectors.linkedin-members]\nclient_id = "{CLIENT}"\nbase_url = "{platform.url}"\n'
        made = begun(tmp_path / "study", url, f'{ways}oauth_url = "{platform.url}/oauth"', DOMAINS)
        secret = made.directory / "secrets.toml"
        secret.touch(0o600)
        secret.write_text(f'linkedin-members = "{SECRET}"\n')
        server = uvicorn.Server(uvicorn.Config(face(made), log_level="error", access_log=False))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        yield made
        server.should_exit = True
        serving.join()


class Visit:
    """Somebody with an invitation in front of a browser."""

    def __init__(self, browser: Any, study: Study, **options: Any) -> None:
        invitation = invitations.invite(study, 1, 30)[0]
        self.context = browser.new_context(locale="en-GB", **options)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(f"{request.method} {request.url}"))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.link = f"{study.participants.url}/i/{Keys(study).token(invitation)}"
        self.page.goto(self.link)

    def choose(self, content: Path | bytes, name: str = "export.zip") -> None:
        file = str(content) if isinstance(content, Path) else {"name": name, "mimeType": "", "buffer": content}
        self.page.locator("input[type=file]").set_input_files(file)

    def said(self) -> str:
        """What the page says of a file that it does not take."""
        status = self.page.locator(".donation .status", has_text="Nothing was sent")
        status.wait_for(timeout=WAIT)
        return str(status.inner_text())

    def axe(self) -> list[tuple[str, list[str]]]:
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = axe.run(self.page, options={"runOnly": rules}).response["violations"]
        return [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]

    def narrow(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.fixture
def visit(browser: Any, study: Study) -> Iterator[Visit]:
    one = Visit(browser, study, **DESKTOP)
    yield one
    one.context.close()


def test_by_keyboard_alone_rows_are_struck_the_rest_is_sent_and_withdrawn(
    browser: Any, study: Study, tmp_path: Path
) -> None:
    """On a phone. The struck row is in no byte of the study; the records are those of an import without it."""
    visit = Visit(browser, study, **PHONE)
    page = visit.page
    assert visit.axe() == []
    assert visit.narrow()
    visit.choose(exported(tmp_path / "export.zip"))
    page.locator(".look h3:focus").wait_for(timeout=WAIT)
    assert visit.axe() == []
    assert visit.narrow()
    assert "secret@example.org" not in page.content()
    assert page.locator("main b, main script:not([type='application/json'])").count() == 0

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.locator(f"{selector}:focus").count():
                return
        raise AssertionError(f"{selector} cannot be reached by keyboard")

    tab_to("[id='search-Connections.csv']")
    page.keyboard.type("kanarie")
    page.get_by_text("1 rows found; 4 of 4 rows will be sent").wait_for(timeout=WAIT)
    tab_to("tbody input")
    page.keyboard.press("Space")
    page.get_by_text("1 rows found; 3 of 4 rows will be sent").wait_for(timeout=WAIT)
    tab_to("[id='search-Profile.csv']")
    tab_to("[aria-label='Profile.csv']")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_text("0 of 1 rows will be sent").wait_for(timeout=WAIT)
    tab_to("[id='search-Education.csv']")
    page.keyboard.type("qzx")
    tab_to("tbody input")
    page.keyboard.press("Space")
    page.get_by_text("1 rows found; 1 of 2 rows will be sent").wait_for(timeout=WAIT)
    tab_to(".send")
    page.keyboard.press("Enter")
    page.get_by_text("Tick first that you agree").wait_for(timeout=WAIT)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert not [one for one in visit.asked if one.startswith("POST")]
    page.keyboard.press("Enter")
    page.locator("h2:focus", has_text="receipt").wait_for(timeout=WAIT)
    assert visit.axe() == []
    code = page.locator(".code").inner_text()
    assert len([one for one in visit.asked if one.startswith("POST")]) == 1
    assert not [one for one in visit.asked if study.participants.url not in one]
    load(study, say=quiet)
    assert sung(study) == []
    names = {row[2] for row in records(study)["profiles"]}
    assert names == {None, *(f"{first} {last}" for first, last, *_ in PEOPLE[:3])}
    assert len(records(study)["connections"]) == 3
    with duckdb.connect(str(study.directory / "study.duckdb"), read_only=True) as db:
        assert db.execute("SELECT employer, title, started FROM base.positions JOIN base.profiles USING (content)"
                          " WHERE own").fetchall() == [("Ministerie van Fictie", "Adviseur", "2020-01")]  # fmt: skip
        assert db.execute("SELECT ordinal, fields->>'School Name' FROM profile_details").fetchall() == [
            (0, "Hogeschool Nergens; ,")
        ]

    page.goto(f"{study.participants.url}/withdraw")
    assert visit.axe() == []
    tab_to("#code")
    page.keyboard.type(code.lower())
    page.keyboard.press("Enter")
    page.get_by_text("Your consent is withdrawn").wait_for(timeout=WAIT)
    assert visit.errors == []
    visit.context.close()
    load(study, say=quiet)
    left = [path.name for path in study.directory.rglob("*") if path.is_file()
            for _, content in contents(path) if b"testa-voorbeeld" in content]  # fmt: skip
    assert left == []


def _zip(*entries: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return packed.getvalue()


def test_an_account_is_connected_and_withdrawn_by_keyboard_alone(study: Study, visit: Visit) -> None:
    """On a desktop. The platform's own page, where a member logs in and allows it, is passed over."""
    page = visit.page
    page.route("**/oauth/v2/authorization*", lambda route: route.continue_(url=f"{route.request.url}&login=1"))
    page.locator("[name=address]").first.focus()
    page.keyboard.type("no address")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("[name=address]:invalid").count() == 1  # the browser says so, and sends nothing
    assert not [one for one in visit.asked if one.startswith("POST")]
    page.locator("[name=address]").first.fill("https://www.linkedin.com/in/lid-1")
    page.keyboard.press("Enter")
    code = page.locator(".code").inner_text(timeout=WAIT)
    assert visit.axe() == []
    assert visit.narrow()
    ((_, act),) = consents.acts(study.directory, [])
    token = Tokens(study.directory, act.consent.collector).get(act.consent.id)
    assert token is not None
    assert token.owner == "https://www.linkedin.com/in/lid-1"
    page.get_by_role("link", name="Withdraw").click()
    page.locator("#code").fill(code)
    page.keyboard.press("Enter")
    page.get_by_text("Your consent is withdrawn").wait_for(timeout=WAIT)
    assert Tokens(study.directory, act.consent.collector).keys() == []
    assert visit.errors == []


def test_what_is_no_export_gets_one_clear_sentence_and_nothing_is_sent(visit: Visit, tmp_path: Path) -> None:
    good = exported(tmp_path / "export.zip").read_bytes()
    bomb = _zip(("Connections.csv", bytes(32 << 20)))
    lying = bomb.replace(struct.pack("<I", 32 << 20), struct.pack("<I", 1000))  # says that it is small
    flipped = bytearray(good)
    flipped[good.index(b"Testa")] ^= 1
    cases = {
        "This is not an export": [
            _zip(), _zip(("watched.csv", b"a,b\n1,2\n")), _zip(("Connections.csv", b"a,b\n1,2\n")),
        ],
        "damaged": [b"PK\x05\x06", good[:-30], good[: len(good) // 2] + good[-300:], bytes(flipped), b"%PDF-1.7" * 99],
        "was not opened": [_zip(("../Connections.csv", b"x")), _zip(("/etc/Connections.csv", b"x")), bomb, lying,
                           _zip(("C:\\Connections.csv", b"x"))],
    }  # fmt: skip
    for sentence, contents_ in cases.items():
        for number, content in enumerate(contents_):
            visit.page.locator(".donation .status").evaluate("one => one.textContent = ''")
            visit.choose(content)
            assert sentence in visit.said(), f"{sentence} {number}"
    huge = tmp_path / "Connections.csv"
    with huge.open("wb") as file:
        file.truncate(2 << 30)
    visit.choose(huge)
    assert "too large" in visit.said()
    assert visit.page.locator(".look").is_hidden()
    assert not [one for one in visit.asked if one.startswith("POST")]
    assert visit.errors == []


def test_a_translated_export_with_semicolons_is_read_and_said_in_dutch(visit: Visit) -> None:
    visit.page.goto(f"{visit.link}?lang=nl")
    text = "Opmerking:\r\n\r\nVoornaam;Achternaam;URL;E-mailadres;Bedrijf;Functie;Verbonden op\r\n"
    text += 'Zoë;Tëst;;zoe@example.org;"A; B";Chef zoe@example.org;1 mei 2020\r\nte;weinig\r\n;;;;;;\r\n'
    visit.choose(text.encode("cp1252"), "connections.csv")
    visit.page.locator(".look h3:focus").wait_for(timeout=WAIT)
    assert visit.page.locator("html").get_attribute("lang") == "nl"
    cells = visit.page.locator("tbody td").all_inner_texts()
    assert [cell.strip() for cell in cells[1:]] == ["Zoë", "Tëst", "", "A; B", "Chef", "1 mei 2020"]
    assert "1 regels waren niet te lezen" in visit.page.locator(".tables").inner_text()
    visit.page.get_by_role("button", name="Vinkje weg bij alle gevonden rijen").click()
    visit.page.locator(".agree").check()
    visit.page.locator(".send").click()
    visit.page.get_by_text("Er is geen rij over").wait_for(timeout=WAIT)
    assert visit.axe() == []
    assert visit.errors == []
