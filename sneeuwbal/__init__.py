"""Snowball-sample people and their public timelines into one DuckDB file: `study = sneeuwbal.open("mystudy")`.

The packages (`collectors`, `storage`, `analysis`, `jobs` ...) are top-level in a checkout, and below
`sneeuwbal/app` in an installed wheel, to keep site-packages clean. Importing this package makes
them importable, for plug-ins too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.engine.run import Report
    from jobs.interface import Study

__all__ = ["init", "open", "replay"]

_app = Path(__file__).with_name("app")
_home = str(_app if _app.is_dir() else Path(__file__).parents[1])
if _home not in sys.path:
    sys.path.insert(0, _home)


def open(
    directory: Path | str = ".", *, say: Callable[[str], None] = print, progress: Callable[[Report], None] | None = None
) -> Study:
    """The study in *directory*, in Python. Raise storage.errors.UserError.

    *say* receives each line of output; *progress* a collector's counts after each answer.
    """
    from jobs.interface import Study

    return Study(directory, say=say, progress=progress)


def init(
    directory: Path | str,
    name: str = "My study",
    contact: str = "",
    *,
    platforms: Sequence[str] = (),
    population: str = "",
    groups: str = "",
) -> Path:
    """Write a commented study file into *directory*, made if needed; return its path.

    With *platforms* a short one for these, and a list of organisations with the nouns *population* and *groups*.
    """
    from jobs.context import Begun, create

    return create(Path(directory), Begun(name, contact, tuple(platforms), population, groups))


def replay(recording: Path | str, into: Path | str, *, say: Callable[[str], None] = print) -> Study:
    """Run the whole job of the study in *recording* again from its archive, without a network; return the new study.

    It is made in the directory *into*, without a report.
    """
    from jobs.interface import Study
    from jobs.replay import replay

    replay(Path(recording), Path(recording) / "archive", Path(into), say=say)
    return Study(into, say=say)
