"""A scripted HTTP server on loopback: real sockets, and answers as a test writes them."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec


class Received(msgspec.Struct):
    """What a client asked."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


class Answer(msgspec.Struct):
    """What it gets. A body that is not bytes is sent as JSON; *cut*: promise more bytes than are sent."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = {}
    cut: int = 0


Script = Callable[[Received], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of a test's server."""


class Raw:
    """A server of bare sockets, for answers that no library would send: *answer* has each connection to itself."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._answer, self.socket = answer, socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self.socket.accept()
            except OSError:  # closed
                return
            Thread(target=self._answer, args=(link,), daemon=True).start()


class Loopback:
    """A running server: its URL, and the requests it got."""

    def __init__(self, script: Script, port: int = 0) -> None:
        self.script, self.asked = script, list[Received]()
        self._server = _Server(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self, body: bytes = b"") -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(parts.path, query, headers, self.command, body)
                loopback.asked.append(request)
                self._send(loopback.script(request))

            def do_POST(self) -> None:
                self.do_GET(self.rfile.read(int(self.headers.get("content-length") or 0)))

            def _send(self, answer: Answer) -> None:
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
                self.send_response(answer.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) + answer.cut))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = self.close_connection or bool(answer.cut)

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@contextmanager
def serve(script: Script) -> Iterator[Loopback]:
    """A server that answers as *script* says, as long as the context lasts."""
    server = Loopback(script)
    try:
        yield server
    finally:
        server.close()


def in_turn(*answers: Answer) -> Script:
    """A script that gives *answers* one after the other, whatever is asked."""
    waiting = iter(answers)
    return lambda request: next(waiting)
