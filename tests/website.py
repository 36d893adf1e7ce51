"""A small web server on loopback for the crawling tests: answers by path, and remembers what was asked and when."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = tuple[int, dict[str, str], bytes]
Answers = dict[str, Answer | Callable[[http.server.BaseHTTPRequestHandler], Answer | None]]


class Site(http.server.ThreadingHTTPServer):
    """Serves *answers* (path -> answer, or a function of the handler); other paths are 404."""

    daemon_threads = True
    request_queue_size = 256
    block_on_close = False

    def __init__(
        self, answers: dict[str, Answer | Callable[[http.server.BaseHTTPRequestHandler], Answer | None]]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[tuple[float, str, dict[str, str]]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that hangs up is part of the tests


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((time.monotonic(), self.path, {k.lower(): v for k, v in self.headers.items()}))
        answer = self.server.answers.get(self.path, (404, {}, b"none"))
        if callable(answer):
            answer = answer(self)
        if answer is None:
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not {"Content-Length", "Transfer-Encoding"} & headers.keys():
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(answers: Answers) -> Iterator[Site]:
    """A running Site."""
    site = Site(answers)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
