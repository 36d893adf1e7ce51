"""Object storage for the sealed segments of an archive: Amazon S3 and its like, or a folder (`file://`).

The store has each sealed segment as one object, its SHA-256 as `sums/NAME`, and STUDY, which says whose archive it is.
An object is created once; only erasing replaces one. What is read is cached in the folder `.cache`, of bounded size.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

import msgspec

from storage import objects
from storage.errors import UserError
from storage.structs import ready

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SEALED = ".warc.gz"
CACHE, STUDY, SUMS = ".cache", "STUDY", "sums"
BLOCK = 4 * 1024 * 1024  # bytes read, and cached, at once
STALE = 3600.0  # seconds after which a file that is being written into the cache is a killed process's
SKEW = 5.0  # seconds that a machine's clock may differ from the store's: entries are ordered by their times


class Where(msgspec.Struct):
    """The file STORE: where the sealed segments of this folder lie."""

    address: str  # s3://bucket/prefix or file:///folder
    study: str
    endpoint: str | None = None  # of another S3 server than Amazon's
    upload_every: float = 600  # seconds until an open segment is sealed and uploaded
    cache_bytes: int = 2_000_000_000
    machine: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex[:8])


ready(Where)


class Remote:
    """The store of the archive in *folder*."""

    def __init__(self, folder: Path, where: Where) -> None:
        self.folder, self.where, self.cache = folder, where, folder / CACHE
        self._objects: dict[str, tuple[int, str]] = {}  # size and version (a hash of the ETag), by name
        self._folder = Path(unquote(urlsplit(where.address).path)) if where.address.startswith("file:") else None
        self._spare = 0  # bytes to write into the cache before it is measured again
        self._store = self._opened()

    def _opened(self) -> ObjectStore:
        if self._folder is not None:
            objects.needed("[store] archive")
            from obstore.store import LocalStore

            with self._asked():
                return LocalStore(self._folder, mkdir=True)
        return objects.bucket("[store] archive", self.where.address, self.where.endpoint)

    def _asked(self) -> AbstractContextManager[None]:
        return objects.asked(self.where.address)

    # ---- reading

    def names(self) -> list[str]:
        """The sealed segments in the store; what others have replaced leaves the cache."""
        import obstore

        with self._asked():
            found = obstore.list_with_delimiter(self._store)["objects"]
        named = {one["path"]: (one["size"], _version(one)) for one in found}
        self._objects = {name: about for name, about in named.items() if name.endswith(SEALED)}
        valid = {f"{name}.{version}" for name, (_, version) in self._objects.items()}
        for path in self._cached():
            with suppress(FileNotFoundError):
                if path.name.startswith("."):  # being written
                    superseded = path.stat().st_mtime < time.time() - STALE
                else:
                    superseded = path.name.rpartition("@")[0] not in valid
                if superseded:
                    path.unlink()
        return list(self._objects)

    def about(self, name: str) -> tuple[int, str]:
        """Size and version of a segment. Raise FileNotFoundError if it is not in the store."""
        import obstore

        if name not in self._objects:
            with self._asked():
                one = obstore.head(self._store, name)
            self._objects[name] = one["size"], _version(one)
        return self._objects[name]

    def open(self, name: str) -> BinaryIO:
        """A segment of the store, read by ranges, and from the cache."""
        size, version = self.about(name)
        whole = self.cache / f"{name}.{version}@whole"
        with suppress(FileNotFoundError):
            if whole.stat().st_size == size:  # else cut off by a crash
                return whole.open("rb")
        return io.BufferedReader(_Ranged(self, f"{name}.{version}", name, size), 1 << 17)

    def block(self, key: str, name: str, start: int, length: int) -> bytes:
        """The *length* bytes of an object from *start*, by way of the cache. Raise UserError for fewer."""
        import obstore

        path = self.cache / f"{key}@{start:011d}"
        with suppress(FileNotFoundError):
            found = path.read_bytes()
            if len(found) == length:  # else cut off by a crash
                os.utime(path)  # what was used last is removed last
                return found
        with self._asked():
            got = bytes(obstore.get_range(self._store, name, start=start, length=length))
        if len(got) != length:
            self._objects.pop(name, None)  # it may have been replaced meanwhile
            why = f"{len(got):,} bytes from {start:,} instead of {length:,}; run the command again"
            raise UserError(f"{self.where.address}/{name}: {why}")
        if length <= self.where.cache_bytes:
            part = self.cache / f".{os.getpid()}-{threading.get_ident()}-{path.name}"
            with suppress(OSError):  # the disk is full, or another process made room
                self._room(length)
                try:
                    part.write_bytes(got)
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
        return got

    def _cached(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return list(self.cache.iterdir())
        return []

    def _room(self, size: int) -> None:
        """Make room in the cache: what was used longest ago goes."""
        self.cache.mkdir(mode=0o700, exist_ok=True)
        self._spare -= size
        if self._spare >= 0:
            return
        held = []
        for path in self._cached():
            with suppress(FileNotFoundError):
                about = path.stat()
                held.append((about.st_mtime, about.st_size, path))
        left = self.where.cache_bytes - size - sum(one[1] for one in held)
        for _, freed, path in sorted(held):
            if left >= 0:
                break
            path.unlink(missing_ok=True)
            left += freed
        self._spare = min(left, self.where.cache_bytes // 16)

    # ---- checksums

    def sums(self) -> dict[str, str]:
        """The recorded SHA-256 of each segment."""
        import obstore

        with self._asked():
            paths = [one["path"] for one in obstore.list_with_delimiter(self._store, SUMS)["objects"]]
            with ThreadPoolExecutor(8) as pool:
                texts = list(pool.map(lambda path: bytes(obstore.get(self._store, path).bytes()).decode(), paths))
        pairs = (text.strip().split("  ", 1) for text in texts)
        return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}

    def note(self, name: str, digest: str) -> None:
        """Record the SHA-256 of a segment."""
        self._put(f"{SUMS}/{name}", f"{digest}  {name}\n".encode())

    def digest(self, name: str) -> str:
        """The SHA-256 of what the store has, read from it."""
        import obstore

        found = hashlib.sha256()
        with self._asked():
            for chunk in obstore.get(self._store, name).stream():
                found.update(chunk)
        return found.hexdigest()

    # ---- writing

    def _put(self, name: str, content: bytes | Path, *, create: bool = False) -> Any:
        import obstore

        with self._asked():
            mode: Any = "create" if create else "overwrite"
            put = obstore.put(self._store, name, content, mode=mode, use_multipart=False)
            if self._folder is not None:  # obstore does not sync
                synced(self._folder / name)
        return put

    def create(self, path: Path, digest: str) -> None:
        """Upload a sealed segment whose SHA-256 is *digest*, and its checksum.

        Raise UserError if the store has another one of that name.
        """
        from obstore.exceptions import AlreadyExistsError

        try:
            self._put(path.name, path, create=True)
        except UserError as error:
            if not isinstance(error.__cause__, AlreadyExistsError):
                raise
            if self.digest(path.name) != digest:  # else uploaded before a kill
                why = "has another segment of this name; rename the one here"
                raise UserError(f"{self.where.address}: {why}: {path}") from error
        self.note(path.name, digest)
        self._objects.pop(path.name, None)

    def keep(self, path: Path) -> None:
        """Move an uploaded segment into the cache."""
        size, version = self.about(path.name)
        with suppress(FileNotFoundError):  # another process did
            if size <= self.where.cache_bytes:
                self._room(size)
                os.utime(path)
                path.replace(self.cache / f"{path.name}.{version}@whole")
            else:
                path.unlink()

    def replace(self, name: str, fresh: Path, digest: str) -> str:
        """Put the file *fresh* in place of a segment; return its version, if the bucket keeps earlier ones."""
        self.note(name, digest)  # first: after a kill, the checksum says that the segment is not the new one
        before = self.about(name)[1]
        put = self._put(name, fresh)
        self._objects.pop(name, None)
        for path in self.cache.glob(f"*{name}.{before}@*"):  # and what is being written
            path.unlink(missing_ok=True)
        return str(put["version"] or "")

    def sweep(self) -> None:
        """Remove what killed uploads left in a folder (`NAME#1`), as obstore lists none of it.

        No one may upload meanwhile.
        """
        for path in self._folder.rglob("*#*") if self._folder else ():
            if re.fullmatch(r".*#\d+", path.name):
                path.unlink(missing_ok=True)

    # ---- whose it is

    def check(self) -> None:
        """Check that this study may write here, and the clock. Raise UserError."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        study = self.folder.parent.resolve()
        if self._folder is not None and self._folder.is_relative_to(study):
            raise UserError(f"{self.where.address}: inside the study; choose a folder outside {study}")
        try:
            owner = self._owner()
        except FileNotFoundError:
            with self._asked():
                listed = obstore.list_with_delimiter(self._store)
            if listed["objects"] or listed["common_prefixes"]:
                raise UserError(f"{self.where.address}: not empty, and no archive; choose an empty prefix") from None
            try:
                self._put(STUDY, self.where.study.encode(), create=True)
            except UserError as error:
                if not isinstance(error.__cause__, AlreadyExistsError):  # another machine was first
                    raise
            owner = self._owner()
        if owner != self.where.study:
            why = f"has the archive of the study {owner!r}, not of {self.where.study!r}; choose another prefix"
            raise UserError(f"{self.where.address}: {why}")
        probe = f"machines/{self.where.machine}"
        self._put(probe, f"{self.folder.resolve()}\n".encode())
        with self._asked():
            off = time.time() - obstore.head(self._store, probe)["last_modified"].timestamp()
        if not -SKEW <= off <= SKEW + 1:  # its times are in whole seconds
            which = "ahead of" if off > 0 else "behind"
            why = f"this machine's clock is {abs(off):,.0f} s {which} the store's; set both by NTP"
            raise UserError(f"{self.where.address}: {why}")

    def _owner(self) -> str:
        """The study whose archive it is. Raise FileNotFoundError if it is nobody's."""
        import obstore

        with self._asked():
            return bytes(obstore.get(self._store, STUDY).bytes()).decode("utf-8", "replace")


class _Ranged(io.RawIOBase):
    """An object of a store as a file that is read by blocks."""

    def __init__(self, remote: Remote, key: str, name: str, size: int) -> None:
        self._remote, self._key, self._name, self._size = remote, key, name, size
        self._at, self._block = 0, (-1, b"")

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from any place: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to *offset*."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; 0 at the end."""
        view = memoryview(buffer).cast("B")
        start = self._at - self._at % BLOCK
        if self._at >= self._size:
            return 0
        if self._block[0] != start:
            length = min(BLOCK, self._size - start)
            self._block = (start, self._remote.block(self._key, self._name, start, length))
        part = self._block[1][self._at - start : self._at - start + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)


def _version(about: Any) -> str:
    return hashlib.blake2b(str(about["e_tag"] or about.get("last_modified")).encode(), digest_size=6).hexdigest()


def synced(path: Path) -> None:
    """Sync the file *path*, and its folder."""
    for place in (path, path.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
