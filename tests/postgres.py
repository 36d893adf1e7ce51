"""A PostgreSQL server for tests: started once, as an ordinary user, on a socket and a port of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "a-password"


def initdb() -> Path | None:
    """Where the server's programs are; None if PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    where = str(found[-1]) if found else shutil.which("initdb")
    return Path(where) if where else None


class Server:
    """A running server; connections by socket need no password, those by TCP do."""

    def __init__(self, place: Path, programs: Path, settings: str) -> None:
        self.place, self.programs, self.settings, self._names = place, programs, settings, count()
        self._as: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(place, "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        (place / "password").write_text(PASSWORD)
        self.documented = yaml.safe_load((ROOT / "docs" / "compose.yaml").read_text())["services"]["postgres"]
        self._do("initdb", "-D", place / "data", "-U", "pg", "--auth-local=trust", "--pwfile", place / "password",
                 "--no-sync", *self.documented["environment"]["POSTGRES_INITDB_ARGS"].split())  # fmt: skip
        self.start()

    def _do(self, program: str, *words: str | Path) -> None:
        done = subprocess.run(
            [*self._as, self.programs / program, *words], cwd=self.place, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"{self.documented['command'].removeprefix('postgres ')} -p {self.port} -c listen_addresses=127.0.0.1"
        options += f" -c unix_socket_directories={self.place} {self.settings}"
        self._do(
            "pg_ctl", "-D", self.place / "data", "-w", "-t", "120", "-l", self.place / "log", "-o", options, "start"
        )

    def stop(self) -> None:
        self._do("pg_ctl", "-D", self.place / "data", "-w", "-t", "120", "-m", "immediate", "stop")

    def database(self) -> str:
        """The address of a new database."""
        name = f"study{next(self._names)}"
        self._do("createdb", "-h", self.place, "-p", str(self.port), "-U", "pg", name)
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql://pg@/{name}?host={self.place}&port={self.port}"


@contextmanager
def serving(settings: str = "-c fsync=off") -> Iterator[Server]:
    """A server until the end of the block."""
    programs = initdb()
    assert programs is not None, "PostgreSQL is not installed (Debian: postgresql)"
    place = Path(tempfile.mkdtemp(prefix="sneeuwbal-pg-"))
    place.chmod(0o755)
    server = Server(place, programs.parent, settings)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(place)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this session; skip if PostgreSQL is not installed, except in CI."""
    if initdb() is None and "SNEEUWBAL_CI" not in os.environ:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with serving() as server:
        yield server
