"""What both faces need: security headers, a limit on bodies, errors logged without content, and the server."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
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
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Guard, max_body=max_body),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        ],
        exception_handlers={Exception: _failed, **(exception_handlers or {})},
    )


async def _failed(request: object, error: Exception) -> PlainTextResponse:
    return PlainTextResponse("An error on our side; nothing was kept. Try again later.", 500)


class Guard:
    """Adds HEADERS to every answer, refuses bodies over *max_body* bytes, and logs refusals without content."""

    def __init__(self, app: ASGIApp, max_body: int) -> None:
        self.app, self.max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        size = 0
        stated = dict(scope["headers"]).get(b"content-length", b"0")

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.max_body:
                raise HTTPException(413)
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there),
                ]
                if message["status"] >= 400:
                    log.warning("refused: %s, status %s", scope["method"], message["status"])
            await send(message)

        if not stated.isdigit() or int(stated) > self.max_body:
            await PlainTextResponse("too large", 413, {"connection": "close"})(scope, receive, guarded)
            return
        await self.app(scope, limited, guarded)


def serve(app: Starlette, host: str, port: int, *, forwarded: bool = True) -> None:
    """Serve *app* until SIGINT or SIGTERM. Addresses are not logged, as they hold invitations.

    *forwarded*: a proxy on this machine may say who asks; without, the address is that of the connection.
    """
    uvicorn.run(
        app, host=host, port=port, access_log=False, server_header=False, log_level="warning", proxy_headers=forwarded
    )
