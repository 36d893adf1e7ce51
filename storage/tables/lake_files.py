"""Where the data files of a lake lie: a directory, or a prefix of a bucket."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import duckdb

from storage import objects
from storage.errors import UserError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

ERASING = ".erasing"  # there while an erasure is not complete: it survives a kill between its steps
SETTING = "[store] tables_data"


class Directory:
    """A directory that readers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = f"{folder.resolve()}/"

    def allow(self, db: duckdb.DuckDBPyConnection) -> None:
        """Let *db* read there: it may."""

    def begin(self) -> bool:
        """Make it, if it is not there; return whether it is empty."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return not any(self._folder.iterdir())

    def names(self) -> list[str]:
        """All files in it."""
        return sorted(str(path) for path in self._folder.rglob("*") if path.is_file())

    def erasing(self) -> bool:
        """Whether an erasure has begun, and not ended."""
        return (self._folder / ERASING).exists()

    def begin_erasing(self) -> str:
        """Note that an erasure has begun; return a line about what will be left of deleted files, if anything will."""
        (self._folder / ERASING).touch()
        return ""

    def end_erasing(self) -> None:
        """Note that it has ended."""
        (self._folder / ERASING).unlink(missing_ok=True)


class Bucket:
    """A prefix of a bucket, s3://bucket/prefix, of Amazon S3 or its like."""

    def __init__(self, address: str, endpoint: str | None) -> None:
        self._address, self._endpoint = address, endpoint
        self.path = f"{address}/"

    @cached_property
    def _store(self) -> ObjectStore:
        self._key()
        return objects.bucket(SETTING, self._address, self._endpoint)

    def _key(self) -> tuple[str, str]:
        key, secret = (os.environ.get(name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
        if not (key and secret):
            raise UserError(f"{self._address}: no access key; {objects.KEY}")
        return key, secret

    def allow(self, db: duckdb.DuckDBPyConnection) -> None:
        """Give *db* the access key, for this prefix. Raise UserError if there is none."""
        key, secret = self._key()
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        words = {"SCOPE": self._address, "KEY_ID": key, "SECRET": secret, "REGION": region}
        if token := os.environ.get("AWS_SESSION_TOKEN"):
            words["SESSION_TOKEN"] = token
        if server := objects.server(self._endpoint):
            parts = urlsplit(server)
            words |= {"ENDPOINT": parts.netloc + parts.path.rstrip("/"), "URL_STYLE": "path"}
            words["USE_SSL"] = str(parts.scheme == "https").lower()
        given = ", ".join(f"{name} '{value.replace(chr(39), chr(39) * 2)}'" for name, value in words.items())
        db.execute(f"CREATE SECRET tables_data (TYPE s3, {given})")

    def begin(self) -> bool:
        """Whether it is empty. Raise UserError if it cannot be listed."""
        import obstore

        with objects.asked(self._address):
            found = obstore.list_with_delimiter(self._store)
        return not (found["objects"] or found["common_prefixes"])

    def names(self) -> list[str]:
        """All objects in it."""
        import obstore

        with objects.asked(self._address):
            return sorted(self.path + one["path"] for some in obstore.list(self._store) for one in some)

    def erasing(self) -> bool:
        """Whether an erasure has begun, and not ended."""
        import obstore

        with suppress(FileNotFoundError), objects.asked(self._address):
            obstore.head(self._store, ERASING)
            return True
        return False

    def begin_erasing(self) -> str:
        """Note that an erasure has begun; return a line about what will be left of deleted files, if anything will."""
        import obstore

        with objects.asked(self._address):
            put = obstore.put(self._store, ERASING, b"")
        return (
            f"{self.path}: the bucket keeps what is deleted; delete all noncurrent versions" if put["version"] else ""
        )

    def end_erasing(self) -> None:
        """Note that it has ended."""
        import obstore

        with objects.asked(self._address):
            obstore.delete(self._store, ERASING)
