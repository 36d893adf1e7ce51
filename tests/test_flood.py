"""A real server under many requests, and one without end: refused without content, and the honest are served."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import uvicorn

from jobs import invitations
from jobs.invitations import Keys
from serve.limits import Limit
from serve.participants import app
from serve.web import MAX_BODY
from storage.privacy.pseudonyms import VARIABLE
from study.study_file import Study
from tests.test_taking_part import begun

MANY, WORKERS, MOST = 1000, 4, 120  # requests; connections; what an address may ask in a minute


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """A study whose pages are served, in a minute that does not end."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    monkeypatch.setattr(app, "Limit", partial(Limit, clock=lambda: 0.0))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as where uvicorn binds
        made = begun(tmp_path / "study", f"http://127.0.0.1:{listening.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(app.face(made), log_level="error", access_log=False))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        yield made
        server.should_exit = True
        serving.join()


def ask(study: Study, path: str, address: str, number: int = 1) -> list[int]:
    """The statuses of *number* requests from *address*, as fast as one connection gives them."""
    link = http.client.HTTPConnection(study.participants.url.removeprefix("http://"), timeout=600)
    found = []
    for _ in range(number):
        link.request("GET", path, headers={"X-Forwarded-For": address})
        answer = link.getresponse()
        answer.read()
        found.append(answer.status)
    link.close()
    return found


def test_a_thousand_requests_at_once_are_refused_and_the_honest_is_served(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    link = f"/i/{Keys(study).token(invitations.invite(study, 1, 30)[0])}"
    guess = "/i/pgeraden.1.zq-geheim"
    with ThreadPoolExecutor(WORKERS) as pool:
        floods = [pool.submit(ask, study, guess, "10.0.0.1", MANY // WORKERS) for _ in range(WORKERS)]
        assert ask(study, link, "10.0.0.2") == [200]
        answered = Counter(status for flood in floods for status in flood.result())
    assert answered == {410: MOST, 429: MANY - MOST}
    assert ask(study, link, "10.0.0.2") == [200]
    refused = [record.getMessage() for record in caplog.records if record.name == "sneeuwbal.serve"]
    assert Counter(refused) == {
        "refused: GET, status 410": MOST,
        "refused: GET, status 429": MANY - MOST,
    }


def test_two_gigabytes_are_refused_while_they_are_read(study: Study) -> None:
    """Stated beforehand, at once; in pieces without an end, after the most that is read and what buffers hold."""
    host, port = study.participants.url.removeprefix("http://").split(":")
    head = f"POST /i/x/donate/linkedin HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port)), timeout=600) as link:
        link.sendall(f"{head}Content-Length: {2 << 30}\r\n\r\n".encode())
        assert link.recv(12) == b"HTTP/1.1 413"
    token = Keys(study).token(invitations.invite(study, 1, 30)[0])
    session = http.client.HTTPConnection(host, int(port), timeout=600)
    session.request("GET", f"/i/{token}")
    page = session.getresponse()
    proof = re.findall(r'"page": "(\w+)"', page.read().decode())[0]
    head += f"Cookie: {page.headers['set-cookie'].partition(';')[0]}\r\nX-Page: {proof}\r\n"
    read = endless(host, int(port), head.replace("/i/x/", f"/i/{token}/"))
    assert MAX_BODY <= read < 4 * MAX_BODY
    assert endless(host, int(port), head) < 4 * MAX_BODY  # an invitation that there is not
    assert ask(study, "/", "10.0.0.3") == [200]


def endless(host: str, port: int, head: str) -> int:
    """How many bytes of 2 GB in pieces the server lets itself be sent."""
    sent, piece = 0, b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with socket.create_connection((host, port), timeout=600) as link:
        link.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            while sent < 2 << 30:
                link.sendall(piece)
                sent += 1 << 20
        except OSError:  # the server has closed it
            pass
    return sent
