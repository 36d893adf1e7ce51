"""One simulated world on loopback for the tests of the whole job, and runs of the command line against it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from jobs.replay import TOKEN, world
from tests.conftest import ROOT
from tests.forked import Forked, Running

SCALE, SEED = "0.02", "2013"


def sneeuwbal(
    *arguments: str | Path, token: str | None = TOKEN, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, in a process of its own."""
    if any(not name.startswith("SNEEUWBAL_") for name in environment):  # may be for the interpreter itself
        return subprocess.run(_words(arguments), **_options(token, environment), capture_output=True, check=False)
    done = start(*arguments, token=token, **environment)
    out, err = done.communicate()
    return subprocess.CompletedProcess(list(map(str, arguments)), done.wait(), out, err)


def start(*arguments: str | Path, token: str | None = TOKEN, before: str = "", **environment: str) -> Running:
    """Start the command line, in a process that runs the code *before* first."""
    return _forked().start(list(map(str, arguments)), _environment(token, environment), before)


@cache
def _forked() -> Forked:
    return Forked()


def archived(study: Path) -> int:
    return sum(path.stat().st_size for path in (study / "archive").glob("*") if path.exists())


def killed(process: Running | subprocess.Popen[Any], study: Path, grown: int | None) -> bool:
    """Kill *process* once the archive has grown by so many bytes, or (None) while it loads; False if it ended first."""
    start = archived(study)
    while process.poll() is None:
        if (study / ".load").exists() if grown is None else archived(study) - start >= grown:
            break
        time.sleep(0.002)
    if process.poll() is not None:
        return False
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, "a child outlived its parent"
    return True


def _words(arguments: tuple[str | Path, ...]) -> list[str]:
    return [sys.executable, "-m", "sneeuwbal", *map(str, arguments)]


def _options(token: str | None, more: dict[str, str]) -> dict[str, Any]:
    return {"cwd": ROOT, "text": True, "env": _environment(token, more)}


def _environment(token: str | None, more: dict[str, str]) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if "TOKEN" not in k}
    if token:
        environment["SNEEUWBAL_X_BEARER_TOKEN"] = token
    return environment | more


class World:
    """A served world: makes studies that are led to it."""

    def __init__(self, ports: Path, scale: str) -> None:
        self.ports, self.scale = ports, scale

    def study(self, folder: Path) -> Path:
        """A new study directory *folder*."""
        folder.mkdir(parents=True)
        words = ["study", "--scale", self.scale, "--seed", SEED, "--ports", str(self.ports), str(folder)]
        subprocess.run([sys.executable, "-m", "fixtures.world", *words], cwd=ROOT, check=True)
        return folder

    def truth(self, folder: Path) -> Path:
        """What the world knows, as Parquet files in *folder*."""
        words = ["truth", "--scale", self.scale, "--seed", SEED, str(folder)]
        subprocess.run([sys.executable, "-m", "fixtures.world", *words], cwd=ROOT, check=True)
        return folder


def recorded_study(folder: Path, scale: str = "0.05", min_degree: int = 8, hashtags: int = 15) -> Path:
    """A study of the world at *scale*, recorded without sockets and loaded; thresholds that suit it."""
    for command in ("record", "study"):
        words = [sys.executable, "-m", "fixtures.world", command, "--scale", scale, "--seed", SEED, str(folder)]
        subprocess.run(words, cwd=ROOT, check=True)
    file = folder / "sneeuwbal.toml"
    text = file.read_text("utf-8")
    for key, value in (("min_degree", min_degree), ("hashtag_threshold", hashtags)):
        text = re.sub(rf"(?m)^{key} = \d+", f"{key} = {value}", text)
    file.write_text(text, "utf-8")
    done = sneeuwbal("--study", folder, "load", token=None)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@contextmanager
def served(scale: str = SCALE, *, faults: bool = False, more: Sequence[str] = ()) -> Iterator[World]:
    """A world served within the block, with *more* on its command line."""
    with tempfile.TemporaryDirectory() as place:
        ports = Path(place) / "ports.json"
        with world(float(scale), int(SEED), ports, faults, more):
            yield World(ports, scale)
