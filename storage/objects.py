"""Buckets of Amazon S3 and its like: opened, and what goes wrong as one line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from storage.errors import UserError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

RETRY: Any = {"max_retries": 8, "retry_timeout": timedelta(seconds=60)}


def needed(setting: str) -> None:
    """Raise UserError, which names the *setting*, if the library is not installed."""
    try:
        import obstore  # noqa: F401
    except ImportError as error:
        raise UserError(f"{setting}: {error}; run `pip install 'sneeuwbal[s3]'`") from error


def server(endpoint: str | None) -> str | None:
    """The address of the S3 server that a study names, or the environment; None: Amazon's."""
    return endpoint or os.environ.get("AWS_ENDPOINT_URL")


def bucket(setting: str, address: str, endpoint: str | None) -> ObjectStore:
    """The prefix s3://bucket/prefix of the server at *endpoint*. Raise UserError."""
    needed(setting)
    from obstore.store import S3Store

    at = server(endpoint)
    config: Any = {"endpoint": at} if at else {}
    plain: Any = {"allow_http": bool(at and at.startswith("http:"))}
    with asked(address):
        return S3Store.from_url(address, config=config, client_options=plain, retry_config=RETRY)


@contextmanager
def asked(address: str) -> Iterator[None]:
    """Turn errors of the store at *address* into one line, UserError; FileNotFoundError stays what it is."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError, ValueError) as error:
        raise UserError(f"{address}: {why(str(error))}") from error


KEY = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write archive = 'ID:SECRET' into secrets.toml"
FIXES: Iterable[tuple[str, str]] = (
    ("RequestTimeTooSkewed", "this machine's clock differs from the store's; set both by NTP"),
    ("NoSuchBucket", "there is no such bucket; create it"),
    ("169.254.169.254", f"no access key; {KEY}"),
    ("SignatureDoesNotMatch|InvalidAccessKeyId|ExpiredToken|InvalidToken", f"the access key is refused; {KEY}"),
    ("AccessDenied|403 Forbidden|401 Unauth", "access denied; let the key list, read and write here"),
    ("PermanentRedirect|AuthorizationHeaderMalformed", "the bucket is in another region; set AWS_REGION"),
    (
        "error sending request|Could not connect|HTTP error|time.?out|5\\d\\d [A-Z]",
        "no answer; is it running, and reachable from here?",
    ),
)


def why(text: str) -> str:
    """The reason and the fix, in one line, of an error with the message *text*."""
    for pattern, fix in FIXES:
        if re.search(pattern, text):
            return fix
    return re.sub(r"^Generic \w+ error: ", "", text.split("\n")[0])[:200]
