"""A secret that comes back in every way a server, a library or a crash can say it is nowhere in stored data or output.

Every answer says two words in the same ways: the token, and a control that is no secret. The search must find the
control and not the token, so it can fail.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import duckdb
import psutil
import pytest

from collectors.mastodon import collector as mastodon
from collectors.profiles import collector as profiles
from collectors.x import collector as x
from jobs import logs, notify
from jobs.secrets import known_secrets
from storage.archive import reader as archive
from storage.journal import Journal
from storage.records import Page
from tests.conftest import ROOT
from tests.loopback import Raw
from tests.rehearsal import sneeuwbal
from tests.served import FastWire, pages, run

TOKEN = "AAAAcanary/Tok+en%2Fx90=="
CONTROL = "BBBBsinger/Tok+en%2Fx90=="  # said whenever the token is said, and no secret
VARIABLE = "SNEEUWBAL_X_BEARER_TOKEN"
MODES = [f"{status}-{form}" for status in (200, 400, 401, 403, 404, 429, 500, 503)
         for form in ("plain", "gzip")] + ["200-torn", "200-members", "302", "cut", "garbage", "gone"]  # fmt: skip


def spelt(word: str) -> list[str]:
    """Ways to encode *word*, implemented independently."""
    whole = base64.b64encode(word.encode()).decode()
    user = base64.b64encode(f"user:{word}".encode()).decode()
    quoted = quote(word, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), quoted)
    return [word, quoted, quote(word), lower, json.dumps(word)[1:-1], word.replace("/", "\\/"), whole, user]


def sought(word: str) -> list[bytes]:
    """What must not be found of *word*: what is said, and of the Base64 the part that no neighbour changes."""
    *said, whole, user = spelt(word)
    return [one.encode() for one in (*{one for one in said if len(one) > 8}, whole[:28], user[8:34])]


class Echo(Raw):
    """A server that says both words in the way of its `mode`."""

    def __init__(self) -> None:
        self.mode, self.asked, self.hold = "200-plain", 0, threading.Event()
        self.hold.set()
        super().__init__(self._say)

    def _say(self, link: socket.socket) -> None:
        with link:
            request = b""
            while b"\r\n\r\n" not in request:
                try:
                    piece = link.recv(65536)
                except ConnectionResetError:
                    return
                if not piece:
                    return
                request += piece
            if b"/robots.txt" in request:
                link.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            self.asked += 1
            self.hold.wait()
            link.sendall(self.said(redirected=b"/elsewhere" in request))

    def said(self, redirected: bool = False) -> bytes:
        """The answer of the mode."""
        both = [*spelt(TOKEN), *spelt(CONTROL)]
        if self.mode == "gone":
            return b""
        if self.mode == "garbage":
            return f"{TOKEN} {CONTROL} is no HTTP\r\n\r\n".encode()
        status, _, form = self.mode.partition("-")
        errors = [{"title": f"not for {one}", "detail": one, "type": f"about:{one}"} for one in both]
        fields = {"errors": errors, "html": "<p>".join(both),
                "error": " ".join(both), "meta": {"next_token": f"{TOKEN} {CONTROL}"}}  # fmt: skip
        body = json.dumps(fields).encode() + "\n".join(both).encode() * (form == "members")
        lines = [f"X-Echo-{n}: {one}" for n, one in enumerate(both)]
        lines += [f"Set-Cookie: id={TOKEN}{CONTROL}", f"WWW-Authenticate: Bearer {TOKEN}"]
        if self.mode == "302" and not redirected:
            lines += [f"Location: /elsewhere/{quote(TOKEN, safe='')}/{quote(CONTROL, safe='')}?access_token={TOKEN}"]
        elif self.mode == "302":
            status = "200"
        if form in ("gzip", "torn", "members"):
            lines.append("Content-Encoding: gzip")
            body = gzip.compress(body)
            body = body[:-30] if form == "torn" else body
            body += gzip.compress(f"{TOKEN} {CONTROL}".encode()) if form == "members" else b""
        length = len(body) + (5000 if self.mode == "cut" else 0)
        status = "200" if self.mode == "cut" else status
        head = [f"HTTP/1.1 {status} {TOKEN}", "Content-Type: application/json", f"Content-Length: {length}", *lines]
        return "\r\n".join([*head, "Connection: close", "", ""]).encode() + body


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """The server."""
    made = Echo()
    yield made
    made.socket.close()


@pytest.fixture(scope="module")
def collected(echo: Echo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which every client met every mode, and what all libraries logged of it at DEBUG."""
    study = tmp_path_factory.mktemp("secrets") / "study"
    study.mkdir()
    (study / "sneeuwbal.toml").write_text('[study]\nname = "Echo"\n[seeds]\nx = ["nobody"]\n')
    actual = io.StringIO()
    before = {name: logging.getLogger(name).level for name in ("", "httpx", "httpcore", "urllib3", "tweepy")}
    os.environ[VARIABLE] = TOKEN
    try:
        logs.setup(study, "json", actual)
        for name in before:
            logging.getLogger(name).setLevel(logging.DEBUG)
        _everything(study, echo)
    finally:
        del os.environ[VARIABLE], os.environ[logs.VARIABLE]
        logs.setup(study, None)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
    (study / "log.jsonl").write_text(actual.getvalue())
    return study


def _everything(study: Path, echo: Echo) -> None:
    clients = {
        "x": (x.collector, {"base_url": f"http://{echo.address}"}, "timeline", "{}"),
        "mastodon": (mastodon.collector, {"hosts": {"m.example": echo.address}, "token_host": "m.example"}, "user",
                     "a{}@m.example"),
        "profiles": (profiles.collector, {"hosts": {"p.example": f"http://{echo.address}"}, "autothrottle": False},
                     "profile", "https://p.example/in/a{}"),
    }  # fmt: skip
    for name, (collector, options, kind, key) in clients.items():
        for number, mode in enumerate(MODES):
            echo.mode, asked = mode, echo.asked
            wire = FastWire(datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=number))
            run(study, name, collector, options, [(kind, key.format(1000 + number))], secret=TOKEN, wire=wire,
                secrets=[TOKEN], limit=2)  # fmt: skip
            assert echo.asked > asked, (name, mode)


def held(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below *folder*: file names, files, decompressed members, unpacked bodies however torn, and rows."""
    for path in sorted(folder.rglob("*")):
        yield f"the name of {path.name}", path.name.encode()
        if not path.is_file():
            continue
        yield path.name, path.read_bytes()
        if ".warc.gz" in path.name:
            yield path.name, b"".join(content for _, _, content in archive.members(path))
            for entry in archive.read(path):
                if isinstance(entry, Page):
                    yield path.name, _unpacked(entry.body)
        elif path.suffix == ".sqlite":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                yield path.name, "\n".join(db.iterdump()).encode()
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as db:
                tables = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base'"
                for (table,) in db.execute(tables).fetchall():
                    yield f"{path.name}, {table}", repr(db.execute(f"FROM base.{table}").fetchall()).encode()


def _unpacked(body: bytes) -> bytes:
    out = b""
    while body[:2] == b"\x1f\x8b":
        reader = zlib.decompressobj(wbits=47)
        out, body = out + reader.decompress(body), reader.unused_data
    return out


def places(word: str, what: Iterator[tuple[str, bytes]]) -> set[str]:
    """Where *word* stands, however it is spelt."""
    words = sought(word)
    return {place for place, content in what if any(one in content for one in words)}


def test_no_client_error_or_redirect_brings_it_into_archive_state_or_log(collected: Path) -> None:
    """Every client met every mode; the control is in all three, the token in none."""
    came = [page for page in pages(collected) if isinstance(page, Page) and page.requests]
    for name in ("x", "mastodon", "profiles"):
        own = [page for page in came if page.requests[0].target.collector == name]
        assert {200, 401, 403, 429, 500, 503} <= {page.status for page in own}, name
        assert [page for page in own if page.status == 302 or "/elsewhere/" in page.url], name
    assert places(TOKEN, held(collected)) == set()
    found = places(CONTROL, held(collected))
    assert "log.jsonl" in found
    assert "state.sqlite" in found
    assert {name for name in ("x", "mastodon", "profiles") if any(place.startswith(name) for place in found)} == {
        "x", "mastodon", "profiles"
    }  # fmt: skip


def test_the_search_finds_a_secret_that_is_not_cut(echo: Echo, tmp_path: Path) -> None:
    """The same without the cutting: it is in the archive and the state."""
    echo.mode = "200-gzip"
    options = {"base_url": f"http://{echo.address}"}
    run(tmp_path / "study", "x", x.collector, options, [("timeline", "12")], secret=TOKEN, limit=1)
    found = places(TOKEN, held(tmp_path / "study"))
    assert any(".warc.gz" in place for place in found)
    assert "state.sqlite" in found


def test_nor_into_tables_reports_packages_backups_or_the_terminal(collected: Path, tmp_path: Path) -> None:
    """By the commands, whose output is searched too."""
    key = {"SNEEUWBAL_PSEUDONYM_KEY": str(tmp_path / "key")}
    said = ""
    for words in (("load",), ("status",), ("status", "--json"), ("report", "--format", "svg"), ("doctor",), ("verify",),
                  ("package", "--with-archive", "--format", "none", tmp_path / "package"),
                  ("backup", tmp_path / "backup"), ("sql", "FROM answers"), ("sql", "FROM quarantine")):  # fmt: skip
        done = sneeuwbal("--study", collected, "--log", "lines", *words, token=TOKEN, **key)
        assert "Traceback" not in done.stderr, done.stderr
        said += done.stdout + done.stderr
    assert places(TOKEN, held(collected)) | places(TOKEN, held(tmp_path)) == set()
    assert places(TOKEN, iter([("terminal", said.encode())])) == set()
    found = places(CONTROL, held(collected)) | places(CONTROL, held(tmp_path))
    assert {"study.duckdb, answers", "study.duckdb, quarantine"} & found
    assert places(CONTROL, iter([("terminal", said.encode())]))


def test_a_secret_is_what_a_key_file_holds_and_never_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key"
    monkeypatch.setenv("SNEEUWBAL_PSEUDONYM_KEY", str(key))
    assert str(key) not in set(known_secrets(tmp_path))  # not made yet
    key.write_text("0123456789abcdef\n")
    assert "0123456789abcdef" in set(known_secrets(tmp_path))
    monkeypatch.setenv("MY_TOKEN_FILE", str(key))
    assert str(key) not in set(known_secrets(tmp_path))


CRASH = """
import os, sys, threading, warnings
import cli, commands.status
text = os.environ["{variable}"] + " https://me:{password}@proxy.example/?access_token=abcdef123"
def broken(*_, **more):
    def thread(): raise OSError("in a thread " + text)
    warnings.warn("warned of " + text)
    started = threading.Thread(target=thread); started.start(); started.join()
    raise RuntimeError("broken at " + text)
commands.status.status = broken
sys.argv += ["status"]
cli.entry()
"""


@pytest.mark.parametrize("form", [[], ["--log", "json"]])
def test_a_crash_tells_everything_but_secrets(tmp_path: Path, form: list[str]) -> None:
    """Tracebacks, of threads too, and warnings pass the filter; passwords in addresses are cut, known or not."""
    (tmp_path / "sneeuwbal.toml").write_text('[study]\nname = "Crash"\n')
    code = CRASH.format(variable=VARIABLE, password="unknown-pass")
    environment = {**os.environ, VARIABLE: TOKEN, "HTTPS_PROXY": "http://me:proxy-pass@proxy.example:3128"}
    done = subprocess.run([sys.executable, "-c", code, "--study", str(tmp_path), *form], cwd=ROOT, env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 1
    for expected in ("RuntimeError", "OSError", "warned of", "broken at REDACTED", "in a thread REDACTED"):
        assert expected in said
    assert not [one for one in (TOKEN, "unknown-pass", "proxy-pass", "abcdef123") if one in said]


def test_no_process_has_it_among_its_arguments(echo: Echo, tmp_path: Path) -> None:
    """Neither the command nor the crawling child, while both work."""
    study = tmp_path / "study"
    study.mkdir()
    (study / "sneeuwbal.toml").write_text(
        f'[study]\nname = "Echo"\n[seeds]\nprofiles = ["https://p.example/in/a"]\n'
        f'[collectors.profiles]\nhosts = {{ "p.example" = "http://{echo.address}" }}\n'
    )
    echo.mode, asked = "404-plain", echo.asked
    echo.hold.clear()
    words = [sys.executable, "-m", "sneeuwbal", "--study", str(study), "run", "--no-report"]
    with subprocess.Popen(words, cwd=ROOT, env={**os.environ, VARIABLE: TOKEN}, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        while echo.asked == asked and process.poll() is None:
            echo.hold.wait(0.05)
        family = psutil.Process(process.pid)
        arguments = [one.cmdline() for one in (family, *family.children(recursive=True))]
        echo.hold.set()
    assert len(arguments) > 1
    assert "run" in arguments[0]
    assert not [one for line in arguments for one in line if TOKEN in one]


def test_nor_is_it_reported_by_a_webhook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message says which job failed and how, not why."""
    found: list[object] = []
    monkeypatch.setattr(notify, "_webhook", lambda where, what: found.append(dict(what)))
    monkeypatch.setenv("SNEEUWBAL_WEBHOOK", f"https://chat.example/{TOKEN}")
    monkeypatch.setenv(VARIABLE, TOKEN)
    (tmp_path / "sneeuwbal.toml").write_text('[study]\nname = "Webhook"\n')
    now = datetime(2026, 11, 24, tzinfo=UTC)
    Journal(tmp_path).end(Journal(tmp_path).write("job", now, now, "running"), now, 2)
    notify.ended(tmp_path, "Webhook", "job", 2)
    assert found
    assert TOKEN not in json.dumps(found)


def test_a_password_in_the_study_file_is_refused(tmp_path: Path) -> None:
    """It belongs elsewhere: the study file is copied, published, and read into the database."""
    (tmp_path / "sneeuwbal.toml").write_text(
        '[study]\nname = "P"\n[collectors.x]\nbase_url = "https://me:secret-pass@x.example"\n'
    )
    done = sneeuwbal("--study", tmp_path, "plan")
    assert done.returncode == 2
    assert "collectors.x.base_url" in done.stderr
    assert "secret-pass" not in done.stderr


WARNS = """
import json, sys, warnings
import cli, commands.status
def warned(*_, **more):
    import numpy
    numpy.array([]).mean()  # numpy warns, in the name of its caller
    warnings.warn_explicit("a layout of a library", UserWarning, json.__file__, 1)
    import subprocess
    subprocess.run([sys.executable, "-c", "import warnings; warnings.warn('from a process it started')"])
    return "nothing"
sys.path.insert(0, sys.argv.pop(1))
commands.status.status = warned
sys.argv += ["status"]
cli.entry()
"""


@pytest.mark.parametrize("form", [[], ["--log", "lines"]])
def test_warnings_of_libraries_are_detail_for_the_log(tmp_path: Path, form: list[str]) -> None:
    (tmp_path / "sneeuwbal.toml").write_text('[study]\nname = "Warns"\n')
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run([sys.executable, "-c", WARNS, str(tmp_path), "--study", str(tmp_path), *form], cwd=ROOT,
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip
    for expected in ("a layout of a library", "from a process it started"):
        assert (expected in done.stderr) == bool(form)
