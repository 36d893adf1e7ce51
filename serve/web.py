"""What both faces need: security headers, a limit on bodies, errors logged without content, and the server."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

log = logging.getLogger("sneeuwbal.serve")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
MAX_BODY = 16 << 20


def application(
    routes: Sequence[BaseRoute],
    url: str,
    *,
    max_body: int = MAX_BODY,
    exception_handlers: dict[int | type[Exception], ExceptionHandler] | None = None,
) -> Starlette:
    """An application that answers for the host of *url* only, with HEADERS (a route's own win) and bounded bodies."""
    hosts = [urlsplit(url).hostname or "localhost"]
    handlers = dict(exception_handlers or {})
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Guard, max_body=max_body, failed=handlers.pop(Exception, _failed)),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        ],
        exception_handlers=handlers,
    )


async def _failed(request: Request, error: Exception) -> Response:
    return PlainTextResponse("An error on our side; nothing was kept. Try again later.", 500)


class Guard:
    """Adds HEADERS to every answer, refuses bodies over *max_body* bytes, and logs refusals and errors without content.

    *failed* makes the answer to a request that ended in an error.
    """

    def __init__(self, app: ASGIApp, max_body: int, failed: Any) -> None:
        self.app, self.max_body, self.failed = app, max_body, failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        size, begun = 0, False
        stated = dict(scope["headers"]).get(b"content-length", b"0")

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.max_body:
                raise HTTPException(413)
            return message

        async def guarded(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there),
                ]
                if message["status"] >= 400 and scope["method"] == "POST":
                    message["headers"].append((b"connection", b"close"))  # or the rest of its body would be read
                if message["status"] >= 400:
                    log.warning("refused: %s, status %s", scope["method"], message["status"])
            await send(message)

        if not stated.isdigit() or int(stated) > self.max_body:
            await PlainTextResponse("too large", 413)(scope, receive, guarded)
            return
        try:
            await self.app(scope, limited, guarded)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]  # its message may hold what somebody sent
            log.error("%s in %s, line %s", type(error).__name__, where.filename, where.lineno)
            if begun:
                raise ConnectionAbortedError from None
            response = await self.failed(Request(scope), error)
            await response(scope, receive, guarded)


def serve(app: Starlette, host: str, port: int, *, forwarded: bool = True) -> None:
    """Serve *app* until SIGINT or SIGTERM. Addresses are not logged, as they hold invitations.

    *forwarded*: a proxy on this machine may say who asks; without, the address is that of the connection.
    """
    uvicorn.run(
        app, host=host, port=port, access_log=False, server_header=False, log_level="warning", proxy_headers=forwarded
    )
