"""A study without the live network: replayed from an archive, or rehearsed against a simulated world."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from collectors.engine.run import Report
from collectors.wire.exchange import Replay
from jobs.collect import Progress, silent, stopping
from jobs.context import DECISIONS, Say, open_study, program
from jobs.run import waves
from jobs.secrets import NEVER_COPIED
from storage import children
from storage.errors import Partial, UserError
from storage.locks import lock
from study.study_file import FILE, Study

TOKEN = "rehearsal-token"  # noqa: S105 (the simulated world's, on loopback)


def _module(name: str) -> tuple[str, ...]:
    """The command line that runs a module like `-m`, after the `import sneeuwbal` that an installation needs for it."""
    return sys.executable, "-c", f"import runpy, sneeuwbal; runpy.run_module('{name}', None, '__main__', True)"


WORLD, SURVEY = _module("fixtures.world"), _module("fixtures.survey")
TODAY = (*_module("fixtures.today"), "--theme", "journalists")
STORE = re.compile(r"^[ \t]*\[[ \t]*store[ \t]*\].*?(?=^[ \t]*\[|\Z)", re.M | re.S)
STARTING = 600  # seconds for the world to start


def replay(
    directory: Path, archive: Path, into: Path, *, progress: Progress = silent, say: Say = print
) -> tuple[Study, list[Report]]:
    """Run the whole job of the study in *directory* again with the answers of *archive*; return the new study

    and the report of each collector's last run. The study is made in *into*; no report is made. Raise UserError.
    """
    if not (directory / FILE).is_file():
        raise UserError(f"{directory / FILE}: a replay needs the archive's study file; give its study with --study")
    if (into / FILE).exists():
        raise UserError(f"{into}: a study already exists; choose another directory with --into")
    text = without_store(directory / FILE)
    into.mkdir(parents=True, exist_ok=True)
    into.chmod(0o700)
    for path in directory.iterdir():
        wanted = path.name in {FILE, DECISIONS} or path.suffix in {".toml", ".csv", ".txt"}
        if path.is_file() and wanted and path.name not in NEVER_COPIED:
            shutil.copy2(path, into / path.name)
    (into / FILE).write_text(text, "utf-8")
    study = open_study(into)
    wire = Replay(archive, into / ".replay.sqlite")
    try:
        with stopping() as stop:
            return study, waves(study, lambda name: wire, stop, progress=progress, say=say)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{into / '.replay.sqlite'}{suffix}").unlink(missing_ok=True)


def without_store(file: Path) -> str:
    """The study file without [store]: replays and reproductions have stores of their own. Raise UserError."""
    Study.load(file.parent)  # it can be read
    text = file.read_text("utf-8-sig")
    left = STORE.sub("", text)
    kept = tomllib.loads(text)
    kept.pop("store", None)
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(left) == kept:
            return left
    raise UserError(f"{file}: a replay leaves [store] out and cannot here; write it as a table under the line [store]")


@contextmanager
def rehearsal(folder: Path, scale: float, seed: int, *, faults: bool = False) -> Iterator[dict[str, int]]:
    """Run a simulated world within the block, with a study of it in *folder*; yield the world's ports by name.

    The answers of a synthetic survey lie beside the study file: survey.csv, and survey-codebook.csv.
    """
    _new(folder)
    with tempfile.TemporaryDirectory() as place, world(scale, seed, Path(place) / "ports.json", faults) as ports:
        words = ["study", "--scale", str(scale), "--seed", str(seed), "--ports", str(Path(place) / "ports.json")]
        subprocess.run([*WORLD, *words, str(folder)], check=True)  # noqa: S603
        subprocess.run([*SURVEY, str(folder)], check=True)  # noqa: S603
        yield ports


@contextmanager
def rehearsal_by_consent(folder: Path, scale: float, seed: int) -> Iterator[dict[str, int]]:
    """The same, with the lists of the start contacts given by them: they are invited, and have used their links."""
    _new(folder)
    options = ["--scale", str(scale), "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as place, socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))  # not listening: nobody else gets the port, and the pages can
        participants = f"http://127.0.0.1:{kept.getsockname()[1]}"
        ports, links = Path(place) / "ports.json", Path(place) / "links.csv"
        with world(scale, seed, ports, more=["--participants", participants]) as found:
            _run([*WORLD, "study", *options, "--ports", str(ports), "--participants", participants, str(folder)])
            _run([*SURVEY, str(folder)])
            _run([*program(folder), "invite", str(found["invited"]), "--output", str(links)])
            with _pages(folder, kept.getsockname()):
                _run([*WORLD, "take-part", *options, str(links)])
            yield found


@contextmanager
def _pages(folder: Path, address: tuple[str, int]) -> Iterator[None]:
    """Serve the pages for participants within the block, at *address*; afterwards no load that they began runs."""
    words = [*program(folder), "serve", "participants"]
    child = subprocess.Popen(words, env=children.environment())  # noqa: S603
    try:
        _wait(child, lambda: _listens(address))
        yield
    finally:
        child.terminate()
        child.wait()
        with lock(folder, "load", wait=True):
            pass


def _listens(address: tuple[str, int]) -> bool:
    with socket.socket() as one:
        return one.connect_ex(address) == 0


def _wait(child: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """Wait until *child* is ready. Raise Partial if it ends before."""
    until = time.monotonic() + STARTING
    while not ready():
        if child.poll() is not None or time.monotonic() > until:
            raise Partial("the simulated world did not start; see the message above")
        time.sleep(0.05)


@contextmanager
def rehearsal_of_today(folder: Path, scale: float, seed: int) -> Iterator[Callable[[], None]]:
    """Run a simulated Mastodon and Bluesky within the block, with a study of them in *folder*.

    Yield a function that prints the planted members that the study found, missed, or was wrong about.
    """
    _new(folder)
    words = [*TODAY, "--scale", str(scale), "--seed", str(seed)]
    serving = [*words, "--serve", "--study", str(folder)]
    child = subprocess.Popen(serving, env=children.environment(), stdout=subprocess.PIPE)  # noqa: S603
    assert child.stdout is not None
    try:
        if not child.stdout.readline():
            raise Partial("the simulated world did not start; see the message above")
        yield lambda: _run([*words, "--compare", str(folder)])
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()


def _run(words: Sequence[str]) -> None:
    subprocess.run(words, env=children.environment(), check=True)  # noqa: S603


def _new(folder: Path) -> None:
    """Create *folder* for a study. Raise UserError if it has one."""
    if (folder / FILE).exists():
        raise UserError(f"{folder}: a study already exists; choose another directory with --dir")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def environment() -> dict[str, str]:
    """The environment of a run on the simulated world; the run ends with this process."""
    return children.environment(more={"SNEEUWBAL_X_BEARER_TOKEN": TOKEN})


@contextmanager
def world(
    scale: float, seed: int, port_file: Path, faults: bool = False, more: Sequence[str] = ()
) -> Iterator[dict[str, int]]:
    """Run a simulated world within the block, with *more* on its command line; yield its ports by name."""
    options = [*["--faults"] * faults, *more]
    command = [*WORLD, "serve", "--scale", str(scale), "--seed", str(seed),
               "--port-file", str(port_file), "--token", TOKEN, *options]  # fmt: skip
    child = subprocess.Popen(command, env=children.environment())  # noqa: S603
    try:
        _wait(child, port_file.exists)
        yield json.loads(port_file.read_text())
    finally:
        child.terminate()
        child.wait()
