"""Whatever comes from a platform or a file is data: it fills no memory, leads nowhere, and drives no terminal."""

from __future__ import annotations

import gzip
import ipaddress
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import httpcore
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.bluesky import collector as bluesky
from collectors.mastodon import collector as mastodon
from collectors.profiles import collector as profiles
from collectors.wire.address_policy import PrivateAddress, is_private, named, public
from collectors.wire.transports import PublicOnly
from collectors.x import collector as x
from jobs.logs import plain
from jobs.query import connect
from storage.records import BadBody, Failure, Page, Request, Target
from storage.tables import database
from tests.loopback import Raw
from tests.rehearsal import sneeuwbal
from tests.served import FastWire, Server, run

# ---- places that strangers must not send us to --------------------------------------------------------------------

LOOPBACK = ["127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1",
            "0.0.0.0", "0", "localhost", "localhost.", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[0:0:0:0:0:0:0:1]"]  # fmt: skip
PRIVATE = ["10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]",
           "[::ffff:10.0.0.1]", "224.0.0.1", "255.255.255.255", "printer.local", "db.internal", "intranet"]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK + PRIVATE)
def test_no_spelling_of_a_private_address_is_connected_to(host: str) -> None:
    """By its name, or once it is looked up: httpx's door refuses before it knocks."""
    name = host.strip("[]")
    if is_private(f"http://{host}/"):
        return
    with pytest.raises((PrivateAddress, httpcore.ConnectError)) as actual:
        PublicOnly().connect_tcp(name, 9, timeout=2)
    assert "refused" not in str(actual.value).lower()  # nobody asked at port 9


@given(st.ip_addresses(v=4))
def test_an_address_in_an_address_is_what_it_holds(address: ipaddress.IPv4Address) -> None:
    """Mapped, translated (NAT64) and 6to4 addresses are public only if the address inside is."""
    inside = int(address)
    spelt = [f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | inside)),
             str(ipaddress.IPv6Address((0x2002 << 112) | (inside << 80)))]  # fmt: skip
    if not public(str(address)):
        assert not any(public(one) for one in spelt)
    else:
        assert public(spelt[0])


class Door(PublicOnly):
    """Counts what would have been connected to."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[str] = []
        self._inner = self  # type: ignore[assignment]

    def connect_tcp(self, host: str, port: int, *rest: Any, **more: Any) -> Any:
        if rest and not more:  # the inner call
            self.tried.append(host)
            raise httpcore.ConnectError("nobody there")
        return super().connect_tcp(host, port, **more)


def test_a_name_is_looked_up_once_and_only_public_answers_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time (DNS rebinding) gets no second time."""
    asked: list[str] = []

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        found = ["93.184.215.14", "10.0.0.1"] if len(asked) == 1 else ["127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    door = Door()
    with pytest.raises(httpcore.ConnectError, match="nobody there"):
        door.connect_tcp("rebinding.example", 443, timeout=1)
    assert asked == ["rebinding.example"]
    assert door.tried == ["93.184.215.14"]
    with pytest.raises(PrivateAddress, match="allow_private"):
        door.connect_tcp("rebinding.example", 443, timeout=1)
    door.all = True
    with pytest.raises(httpcore.ConnectError, match="nobody there"):
        door.connect_tcp("rebinding.example", 443, timeout=1)
    assert door.tried == ["93.184.215.14", "rebinding.example"]


def _all_names_lead_here(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".example") else host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_a_server_whose_name_leads_inside_is_refused_and_allowed_by_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mastodon servers and Bluesky's own servers are named by strangers; the study can allow them."""
    _all_names_lead_here(monkeypatch)
    with Server(lambda path: (200, {}, {})) as server:
        port = server.address.rpartition(":")[2]
        options = {"hosts": {"inside.example": f"http://inside.example:{port}"}}
        found = run(tmp_path / "a", "mastodon", mastodon.collector, options, [("user", "ann@inside.example")])
        assert found.states["user", "ann@inside.example"] == ("absent", "refused: private-address")
        options = {"plc_url": f"http://plc.example:{port}"}
        did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
        found = run(tmp_path / "b", "bluesky", bluesky.collector, options, [("follow_records", did)])
        assert found.states["follow_records", did] == ("absent", "refused: private-address")
        assert not server.asked
        wire = FastWire()
        wire.private = True
        options = {"hosts": {"inside.example": f"http://inside.example:{port}"}, "allow_private": True}
        run(tmp_path / "c", "mastodon", mastodon.collector, options, [("user", "ann@inside.example")], wire=wire)
        assert server.asked


def test_what_the_study_names_need_not_be_public() -> None:
    hosts = {"a.example": "10.0.0.3:80", "b.example": "http://b.example", "c.example": "localhost:1"}
    urls = {
        "base_url": "http://api.intern.example:81/x",
        "plc_url": "https://plc.directory",
        "pds_url": "http://[::1]:2",
    }
    options = {**urls, "hosts": hosts}
    assert named(options) == {"api.intern.example", "::1", "10.0.0.3", "localhost"}
    assert named({"base_url": None, "hosts": None}) == frozenset()


# ---- too much -----------------------------------------------------------------------------------------------------


class Endless(Raw):
    """A server whose every answer is 10 GB, as announced, or endless; counts what went out."""

    def __init__(self, expected: bool) -> None:
        self.expected, self.sent = expected, 0
        super().__init__(self._say)

    def _say(self, link: socket.socket) -> None:
        with link:
            request = link.recv(65536)
            if b"/robots.txt" in request:
                link.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            length = b"Content-Length: 10737418240\r\n" if self.expected else b""
            try:
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + b"\r\n")
                while self.sent < 10 << 30:
                    self.sent += link.send(b'[1,2,3,"' + b"x" * (1 << 16))
            except OSError:
                return


@pytest.mark.parametrize("expected", [True, False], ids=["expected", "untold"])
@pytest.mark.parametrize("name", ["x", "mastodon", "profiles"])
def test_a_page_of_ten_gigabytes_is_cut_off_and_reported(name: str, expected: bool, tmp_path: Path) -> None:
    """One state, `too-large`; no more is read than the limit and what lies in the sockets, nor held."""
    server = Endless(expected)
    made = {
        "x": (x.collector, {"base_url": f"http://{server.address}"}, ("timeline", "12")),
        "mastodon": (mastodon.collector, {"hosts": {"m.example": server.address}}, ("user", "a@m.example")),
        "profiles": (profiles.collector, {"hosts": {"p.example": f"http://{server.address}"}, "autothrottle": False},
                     ("profile", "https://p.example/in/a")),
    }  # fmt: skip
    collector, options, request = made[name]
    before = psutil.Process().memory_info().rss
    found = run(tmp_path, name, collector, options, [request], secret="s3cret" if name == "x" else None, limit=2)
    server.socket.close()
    (failure,) = [page for page in found.pages if isinstance(page, Failure)][:1]
    assert failure.reason == "too-large"
    assert server.sent < 100 << 20
    assert psutil.Process().memory_info().rss - before < 300 << 20
    assert sum(path.stat().st_size for path in (tmp_path / "archive").iterdir()) < 1 << 20


def test_a_line_of_a_stream_without_end_is_cut_off(tmp_path: Path) -> None:
    """The sample stream is read line by line: a line that does not end is no reason to keep all of it."""
    server = Endless(False)
    before = psutil.Process().memory_info().rss
    found = run(tmp_path, "x", x.collector, {"base_url": f"http://{server.address}", "sets": {"s": 10}},
                [("sample", "s")], secret="s3cret", limit=1)  # fmt: skip
    server.socket.close()
    assert {page.reason for page in found.pages if isinstance(page, Failure)} == {"too-large"}
    assert server.sent < 100 << 20
    assert psutil.Process().memory_info().rss - before < 300 << 20


COLLECTORS = {"x": (x.collector, "timeline"), "mastodon": (mastodon.collector, "user"),
              "bluesky": (bluesky.collector, "user"), "profiles": (profiles.collector, "profile")}  # fmt: skip
BOMBS: dict[str, Callable[[], bytes]] = {  # made when they are needed: every process of the tests reads this module
    "gzip": lambda: gzip.compress(b"[" + b" " * (200 << 20) + b"]", 9),
    "gzip in many members": lambda: gzip.compress(b"[" * (1 << 20)) * 200,
    "deep": lambda: gzip.compress(b"[" * 5_000_000),
    "deep objects": lambda: gzip.compress(b'{"a":' * 1_000_000),
    "deep html": lambda: gzip.compress(
        b"<div>" * 500_000 + b"<script type='application/ld+json'>" + b"[" * 500_000
    ),
    "entities": lambda: gzip.compress(b'<!DOCTYPE h [<!ENTITY a "' + b"a" * 9999 + b'"><!ENTITY b "' + b"&a;" * 9999
                                      + b'">]><html><body>' + b"&b;" * 9999),
}  # fmt: skip


@cache
def _bomb(name: str) -> bytes:
    return BOMBS[name]()


@pytest.mark.parametrize("name", COLLECTORS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_do_not_go_off_in_a_parser(name: str, bomb: str) -> None:
    """Each is quarantined or empty, soon, and never more than the decoded limit is in memory."""
    collector, kind = COLLECTORS[name]
    request = Request(Target(name, kind, "https://p.example/in/a" if name == "profiles" else "12"), "")
    headers = (
        ("Content-Encoding", "gzip"),
        ("Content-Type", "text/html" if name == "profiles" else "application/json"),
    )
    page = Page((request,), "https://p.example/in/a", 200, headers, _bomb(bomb), FastWire().now())
    before = psutil.Process().memory_info().rss
    assert len(list(collector.outcome(page))) == 1
    assert len(list(collector.parse(page))) < 5
    assert psutil.Process().memory_info().rss - before < 500 << 20


def test_other_encodings_are_not_unpacked() -> None:
    """Neither one that nobody knows nor one that the body is not in: such bodies are kept as received."""
    for encoding, why in (
        ("br", None),
        ("zstd", None),
        ("gzip, br", None),
        ("x-bzip2", "encoding"),
        ("sdch", "encoding"),
    ):
        request = Request(Target("x", "timeline", "12"), "")
        page = Page((request,), "u", 200, (("Content-Encoding", encoding),), b"\x1b\x00\x00" * 9, FastWire().now())
        with pytest.raises(BadBody, match=why):
            page.content()


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "data:text/html,x",
                                   "javascript:alert(1)", "//127.0.0.1:1/", "http://[::1]:1/"])  # fmt: skip
def test_redirects_to_other_schemes_and_inside_lead_nowhere(place: str, tmp_path: Path) -> None:
    """The redirect is what was answered; nothing of the place is read."""
    inside = "root:x:0:0"
    with Server(lambda path: (302, {"Location": place}, b"") if "robots" not in path else (404, {}, b"")) as server:
        made = {
            "mastodon": (mastodon.collector, {"hosts": {"m.example": server.address}}, ("user", "a@m.example")),
            "profiles": (profiles.collector, {"hosts": {"p.example": server.url}, "autothrottle": False},
                         ("profile", "https://p.example/in/a")),
            "x": (x.collector, {"base_url": server.url}, ("timeline", "12")),
        }  # fmt: skip
        for name, (collector, options, request) in made.items():
            found = run(tmp_path / name, name, collector, options, [request], secret="s3cret", limit=2)
            assert {getattr(page, "status", 302) for page in found.pages if "robots" not in page.url} <= {302}, name
            assert not [page for page in found.pages if isinstance(page, Page) and inside.encode() in page.body]


# ---- queries and terminals ----------------------------------------------------------------------------------------

ESCAPES = ["COPY (SELECT 1) TO '{0}/out.csv'", "COPY posts TO '{0}/out.parquet' (FORMAT parquet)",
           "SELECT * FROM read_csv('/etc/passwd')", "FROM '/etc/passwd'", "FROM read_text('/etc/passwd')",
           "SELECT * FROM read_blob('/etc/hostname')", "SELECT * FROM glob('/etc/*')", "FROM read_json('{0}/x.json')",
           "FROM read_parquet('{0}/x.parquet')", "FROM sniff_csv('/etc/passwd')", "FROM read_csv('http://127.0.0.1:9/x')",
           "ATTACH '{0}/other.duckdb' AS other", "ATTACH ':memory:' AS other; CREATE TABLE other.t (i INT)",
           "INSTALL httpfs", "LOAD httpfs", "LOAD '{0}/evil.duckdb_extension'", "EXPORT DATABASE '{0}/all'",
           "IMPORT DATABASE '{0}/all'", "SET enable_external_access=true", "PRAGMA enable_external_access=true",
           "RESET enable_external_access", "SET lock_configuration=false", "SET temp_directory='{0}/spill'",
           "SET allowed_directories=['/etc']", "SET allow_unsigned_extensions=true", "SET secret_directory='{0}'",
           "SET python_enable_replacements=true", "SELECT getenv('HOME')", "SELECT * FROM frame",
           "CREATE SECRET (TYPE http, BEARER_TOKEN 'x')", "INSERT INTO base.study VALUES ('a', 'b')",
           "CREATE TABLE base.t (i INT)", "DROP VIEW posts", "CREATE OR REPLACE VIEW posts AS SELECT 1"]  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a database, in which somebody has names that drive terminals and spreadsheets."""
    place = tmp_path_factory.mktemp("published")
    (place / "sneeuwbal.toml").write_text('[study]\nname = "Test\x1b"\n'.replace("\x1b", "\\u001b[31m"))
    db = database.open_private(place / "study.duckdb")
    db.execute("INSERT INTO base.current_accounts (account_id, platform, handle, name) VALUES"
               " ('=1+1', 'x', '@cmd', ?), ('-2', 'x', '+3', ?)", [HOSTILE, "\u202eevil\u2066\x9b31m\x07"])  # fmt: skip
    database.close_private(db)
    return place


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\r\x08\x7f"


@pytest.mark.parametrize("query", ESCAPES)
def test_a_query_reaches_no_file_and_no_network(query: str, published: Path, tmp_path: Path) -> None:
    """Each is refused, and leaves nothing; the database is as it was."""
    frame = 1  # noqa: F841 (a query must not see it)
    before = (published / "study.duckdb").read_bytes()
    with connect(published) as db, pytest.raises(duckdb.Error):
        db.execute(query.format(tmp_path)).fetchall()
    assert list(tmp_path.iterdir()) == []
    assert (published / "study.duckdb").read_bytes() == before


def _drives(text: str) -> list[str]:
    return [
        one for one in text if (ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 or one in "\u202e\u2066"
    ]


def test_no_command_sends_a_terminal_what_a_stranger_wrote(published: Path) -> None:
    """Status, doctor, queries as a table, and mistakes."""
    for words in (("sql", "FROM accounts"), ("status",), ("doctor",), ("sql", f"SELECT '{HOSTILE}' FROM nonsense"),
                  ("network", "actors"), ("collect", HOSTILE.replace("\x00", "")), ("load",), ("plan",)):  # fmt: skip
        done = sneeuwbal("--study", published, "--log", "lines", *words)
        assert _drives(done.stdout + done.stderr) == [], words
    assert _drives(HOSTILE)


def test_a_spreadsheet_runs_no_cell(published: Path) -> None:
    """In CSV a text that begins like a formula gets a quotation mark before it."""
    done = sneeuwbal("--study", published, "sql", "SELECT account_id, handle FROM accounts", "--format", "csv")
    assert sorted(done.stdout.splitlines()[1:]) == ['"\'-2","\'+3"', '"\'=1+1","\'@cmd"']


@given(st.text())
def test_plain_text_stays_and_is_plain(text: str) -> None:
    """Whatever comes in, nothing that drives a terminal goes out, and what is left is in its order."""
    assert _drives(plain(text)) == []
    rest = iter(text)
    assert all(one in rest for one in plain(text))
