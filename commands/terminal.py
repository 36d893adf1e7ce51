"""Shared by commands: options, the progress line, printing of checks, and output without control characters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from jobs.logs import plain
from storage.errors import Partial

if TYPE_CHECKING:
    from jobs.collect import Progress, Report
    from jobs.doctor import Check

WHOLE = click.option("--whole", is_flag=True, help="With --again: page through every list to its end instead of "
                     "stopping at the newest known item.")  # fmt: skip
BEFORE = click.option("--finished-before", "before", metavar="TIME", help="With --again: only targets finished before "
                      "this time (resumes an interrupted pass).")  # fmt: skip
HIDE = click.option("--hide-progress", is_flag=True, help="Hide the progress line.")


def formats(known: Sequence[str]) -> Callable[[Any], Any]:
    """The option --format: those of the *known* formats of figures' files that are wanted, as `formats`."""
    return click.option(
        "--format", "formats", type=click.Choice([*known, "none"]), multiple=True, default=known, callback=_wanted,
        help="Format of the figures' files; repeat it for several. none: their data only, which is faster.",
        show_default=True,
    )  # fmt: skip


def _wanted(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> list[str]:
    wanted = [one for one in given if one != "none"]
    if wanted and "none" in given:
        raise click.UsageError(f"--format none leaves out every format: take it away, or --format {wanted[0]}")
    return wanted


def progress(hide: bool) -> Progress:
    """A progress line on a terminal; nothing in a pipe or if hidden."""
    from jobs.collect import silent

    if hide or not sys.stderr.isatty():
        return silent
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)

    @contextmanager
    def line(name: str) -> Iterator[Callable[[Report], None]]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Bar(*columns, console=console, transient=True) as bar:
            task = bar.add_task(name)
            yield lambda report: bar.update(
                task,
                description=f"{name}: {report.answers:,} answers, {report.items:,} items, {report.failures:,} failures",
            )

    return line


def show(checks: Iterable[Check]) -> None:
    """Print each of *checks* as it is made. Raise Partial (exit code 3) if one failed."""
    failed = 0
    for check in checks:
        mark = "warn" if check.passed is None else "ok  " if check.passed else "FAIL"
        click.echo(f"{mark}  {check.name}: {check.found}")
        failed += check.passed is False
    if failed:
        raise Partial(f"{failed} problem{'s' * (failed > 1)}")


class Plain:
    """A text stream that removes secrets and control characters; its buffer passes data unchanged."""

    def __init__(self, stream: TextIO, cut: Callable[[str], str]) -> None:
        self._stream, self._cut = stream, cut

    def write(self, text: str) -> int:
        """Write *text*, cleaned."""
        self._stream.write(self._cut(plain(text)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write *lines*, cleaned."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def plain_output(cut: Callable[[str], str]) -> Iterator[None]:
    """Clean standard output, and *cut* it, within the block."""
    before = sys.stdout
    sys.stdout = cast("TextIO", Plain(before, cut))
    try:
        yield
    finally:
        if isinstance(cast("Any", sys.stdout), Plain):
            sys.stdout = before
