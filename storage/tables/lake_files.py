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
MARK = "LAKE"  # whose place it is: files that its catalogue does not know may be deleted, in folders below it too
SETTING = "[store] tables_data"


class Directory:
    """A directory that readers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = f"{folder.resolve()}/"

    def allow(self, db: duckdb.DuckDBPyConnection) -> None:
        """Let *db* read there: it may."""

    def begin(self) -> None:
        """Make it, if it is not there."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def owner(self) -> str | None:
        """What its mark says; None if it has none."""
        try:
            return (self._folder / MARK).read_text()
        except FileNotFoundError:
            return None

    def claim(self, owner: str) -> None:
        """Mark it as *owner*'s."""
        (self._folder / MARK).write_text(owner)

    def outer(self) -> str | None:
        """The place of another lake that it lies in; None if it lies in none."""
        marks = (parent / MARK for parent in self._folder.resolve().parents)
        return next((str(mark.parent) for mark in marks if mark.is_file()), None)

    def names(self) -> list[str]:
        """All files in it, but for its mark."""
        return sorted(str(path) for path in self._folder.rglob("*") if path.is_file() and path != self._folder / MARK)

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

    def begin(self) -> None:
        """Raise UserError if it cannot be listed."""
        import obstore

        with objects.asked(self._address):
            obstore.list_with_delimiter(self._store)

    def owner(self) -> str | None:
        """What its mark says; None if it has none."""
        import obstore

        with suppress(FileNotFoundError), objects.asked(self._address):
            return bytes(obstore.get(self._store, MARK).bytes()).decode("utf-8", "replace")
        return None

    def claim(self, owner: str) -> None:
        """Mark it as *owner*'s."""
        import obstore

        with objects.asked(self._address):
            obstore.put(self._store, MARK, owner.encode())

    def outer(self) -> str | None:
        """The place of another lake that it lies in; None if it lies in none, as far as the key may read."""
        import obstore

        bucket, *parts = self._address.removeprefix("s3://").split("/")
        store = objects.bucket(SETTING, f"s3://{bucket}", self._endpoint)
        for place in ("/".join(parts[:number]) for number in range(len(parts))):
            with suppress(FileNotFoundError, UserError), objects.asked(self._address):
                obstore.head(store, f"{place}/{MARK}".lstrip("/"))
                return f"s3://{bucket}/{place}"
        return None

    def names(self) -> list[str]:
        """All objects in it, but for its mark."""
        import obstore

        with objects.asked(self._address):
            found = (one["path"] for some in obstore.list(self._store) for one in some)
            return sorted(self.path + name for name in found if name != MARK)

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
