"""`sneeuwbal rehearse`: a whole study against a simulated world, over real sockets on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from storage.errors import Partial, UserError

TOKEN = "rehearsal-token"  # noqa: S105 (the simulated world's, on loopback)
STARTING = 600  # seconds that the world may take to stand


@click.command()
@click.option(
    "--scale", type=click.FloatRange(0.01, 20.0), default=0.02, show_default=True, help="1 is the study of 2013."
)
@click.option("--dir", "folder", type=click.Path(path_type=Path), required=True, help="The study directory to make.")
@click.option("--seed", default=2013, show_default=True, help="Seed of the world.")
@click.option("--faults", is_flag=True, help="The world fails now and then: 429, 5xx, cut and slow answers.")
@click.option("--no-report", is_flag=True, help="Leave the report out.")
@click.option("--hide-progress", is_flag=True, help="No progress line.")
def command(scale: float, folder: Path, seed: int, faults: bool, no_report: bool, hide_progress: bool) -> None:
    """Run a whole study against a simulated world (its people are invented), started as a child process."""
    from study.study_file import FILE

    if (folder / FILE).exists():
        raise UserError(f"{folder}: there is a study already; choose another directory with --dir")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with tempfile.TemporaryDirectory() as place, world(scale, seed, Path(place) / "ports.json", faults) as ports:
        click.echo(f"the simulated world stands at {', '.join(str(port) for port in ports.values())}")
        _world(
            "study", "--scale", str(scale), "--seed", str(seed), "--ports", str(Path(place) / "ports.json"), str(folder)
        )
        options = ["--hide-progress"] * hide_progress + ["--no-report"] * no_report
        run = [sys.executable, "-m", "cli", "--study", str(folder), "run", *options]
        code = subprocess.run(run, env={**os.environ, "SNEEUWBAL_X_BEARER_TOKEN": TOKEN}).returncode  # noqa: S603
    sys.exit(code)


@contextmanager
def world(
    scale: float, seed: int, port_file: Path, faults: bool = False, more: Sequence[str] = ()
) -> Iterator[dict[str, int]]:
    """A simulated world that stands as long as the block, told *more* on its command line; gives its ports by name."""
    options = [*["--faults"] * faults, *more]
    command = [sys.executable, "-m", "fixtures.world", "serve", "--scale", str(scale), "--seed", str(seed),
               "--port-file", str(port_file), "--token", TOKEN, *options]  # fmt: skip
    child = subprocess.Popen(command)  # noqa: S603
    try:
        until = time.monotonic() + STARTING
        while not port_file.exists():
            if child.poll() is not None or time.monotonic() > until:
                raise Partial("the simulated world did not start; see its message above")
            time.sleep(0.05)
        yield json.loads(port_file.read_text())
    finally:
        child.terminate()
        child.wait()


def _world(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "fixtures.world", *arguments], check=True)  # noqa: S603
