"""Units of the archive read by many workers: processes of this machine, or any `concurrent.futures.Executor`.

A worker that dies costs the units it had at work, which are read again, and nothing else: each attempt writes into a
folder of its own, and only that of an attempt whose result arrived is used.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from pathlib import Path

import msgspec

from storage.errors import UserError
from storage.tables.parse_worker import Keep, Parser, Result, Unit, begin_worker, spill
from storage.versions import own

Parsers = Mapping[str, str | Parser]
Progress = Callable[[int, int], None]


def spill_all(
    units: list[Unit],
    parsers: Parsers,
    work: Path,
    workers: int,
    keep: Keep,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> tuple[Path, list[Result]]:
    """Read every unit; return the directory with a folder of columns per unit, below *work*, and the results.

    *workers* processes read them (1: this process), or *executor*, whose workers need *work* and the archive under
    the same paths. A segment that was cut at a wrong place is read again in one piece. Raise UserError if workers
    cannot read.
    """
    spilled, attempts = (work.absolute() / name for name in ("spilled", "attempts"))
    for folder in (spilled, attempts):
        folder.mkdir(exist_ok=True)
    total, results = sum(unit.end - unit.start for unit in units), []
    for one in _each(units, parsers, attempts, workers, keep, executor):
        _take(one, attempts, spilled)
        results.append(one)
        if progress is not None:
            progress(sum(done.unit.end - done.unit.start for done in results), total)
    for path in sorted({one.unit.path for one in results if not one.landed}):
        pieces = sorted((one for one in results if one.unit.path == path), key=lambda one: one.unit.start)
        for piece in pieces:
            shutil.rmtree(spilled / f"{piece.unit.number:06d}")
            results.remove(piece)
        first, last = pieces[0].unit, pieces[-1].unit
        results.append(spill(msgspec.structs.replace(first, end=last.end), parsers, str(attempts), keep))
        _take(results[-1], attempts, spilled)
    return spilled, results


def _take(result: Result, attempts: Path, spilled: Path) -> None:
    try:
        (attempts / result.folder).rename(spilled / f"{result.unit.number:06d}")
    except FileNotFoundError as error:
        raise UserError(f"{attempts}: a worker wrote into another directory of this name; {SHARE}") from error


SHARE = "workers on other machines need the study's directory under the same path, on a shared file system"


def _each(
    units: list[Unit], parsers: Parsers, attempts: Path, workers: int, keep: Keep, executor: Executor | None
) -> Iterator[Result]:
    if executor is None and (workers == 1 or len(units) < 2):
        yield from (spill(unit, parsers, str(attempts), keep) for unit in units)
        return
    left = {unit.number: unit for unit in units}
    while left:
        before = len(left)
        with nullcontext(executor) if executor is not None else _processes(min(workers, before)) as pool:
            waiting = [pool.submit(spill, unit, dict(parsers), str(attempts), keep, own()) for unit in left.values()]
            try:
                for future in as_completed(waiting):
                    if (result := _result(future, attempts, executor is not None)) is not None:
                        del left[result.unit.number]
                        yield result
            finally:
                for future in waiting:
                    future.cancel()
        if len(left) == before:
            raise UserError("load: workers die before they have read anything; is there enough memory?")
        executor = None  # it is broken, if anything is left


def _processes(number: int) -> Executor:
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit DuckDB's threads
    return ProcessPoolExecutor(number, spawn, initializer=begin_worker)


def _result(future: Future[Result], attempts: Path, elsewhere: bool) -> Result | None:
    """The result of *future*; None if its worker died. Raise UserError for what a worker lacks, perhaps *elsewhere*."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except CancelledError as error:
        raise UserError("load: the executor ended before its work was done; nothing is published") from error
    except ImportError as error:
        raise UserError(
            f"load: a worker lacks what it needs ({error}); install there what is installed here"
        ) from error
    except (FileNotFoundError, PermissionError) as error:
        if not elsewhere:
            raise
        where = error.filename or attempts
        raise UserError(f"{where}: a worker cannot use it ({error.strerror or error}); {SHARE}") from error
