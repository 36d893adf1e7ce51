"""The desk's templates; every text is escaped, and loses control characters and marks that reorder it."""

from __future__ import annotations

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from jobs.logs import plain
from serve.web import POLICY

HERE = Path(__file__).parent
ASSETS = {path.name: path for path in (HERE / "static").iterdir()}
EXAMPLE = "SELECT group_name, count(*) AS people FROM members GROUP BY ALL ORDER BY people DESC"
PAGE_POLICY = POLICY.replace("img-src 'self'", "img-src 'self' data:")  # a chart is an image in the page


def _shown(value: Any) -> Any:
    """*value* for a page: nothing for None, UTC times to the second, text without what would harm."""
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if value == value else "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return plain(str(value))


def _moment(text: str | None) -> str | None:
    """A moment in ISO 8601 and UTC, to the second."""
    return (text and text[:19].replace("T", " ")) or None


def _href(text: str) -> str | None:
    """*text* if it is an address of the web."""
    return text if text.startswith(("https://", "http://")) else None


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
    trim_blocks=True, lstrip_blocks=True, finalize=_shown,
)  # fmt: skip
_ENVIRONMENT.filters |= {"href": _href, "moment": _moment}


def rendered(template: str, code: int = 200, **values: Any) -> HTMLResponse:
    """A page from *template*."""
    text = _ENVIRONMENT.get_template(template).render(**values)
    return HTMLResponse(text, code, {"content-security-policy": PAGE_POLICY})


def picture(svg: bytes | None) -> str | None:
    """*svg* as the address of an image, in which no script runs."""
    return (svg and "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")) or None
