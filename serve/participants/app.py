"""The pages for participants."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serve.web import application


def face(url: str) -> Starlette:
    """The application that participants see at *url*."""
    return application([Route("/", _start)], url)


async def _start(request: Request) -> PlainTextResponse:
    return PlainTextResponse("To take part, open the link of your invitation.")
