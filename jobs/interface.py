"""A study in Python: `sneeuwbal.open("mystudy")`. Each method is a command; what a method needs is imported by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.context import Say, open_study
from study import study_file

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

    from analysis.graphs.network import Network
    from collectors.engine.run import Report
    from jobs.collect import Progress
    from jobs.doctor import Check
    from jobs.forget import Removal
    from storage import backup
    from storage.tables.load import LoadReport


class Study:
    """A study in its directory, to be collected, loaded, queried and reported on.

    *say* takes each line that a job has to say; *progress* a collector's counts after each answer. Every method may
    raise the exceptions of `storage.errors`.
    """

    def __init__(
        self, directory: Path | str = ".", *, say: Say = print, progress: Callable[[Report], None] | None = None
    ) -> None:
        self.settings: study_file.Study = open_study(Path(directory))
        self.directory = self.settings.directory
        self._say = say
        self._progress: Progress = lambda name: nullcontext(progress or (lambda report: None))

    def __repr__(self) -> str:
        return f"<study {self.settings.study.name!r} in {self.directory}>"

    def run(
        self, collector: str | None = None, *, kinds: Sequence[str] = (), again: bool = False, whole: bool = False
    ) -> list[Report]:
        """Collect, load, link and admit, in waves until nothing is due; return how each collector's last run ended.

        *again*: fetch finished targets again, up to the newest item already seen; *whole*: to the end of every list.
        """
        from jobs.run import run

        return run(self.settings, only=collector, kinds=kinds, again=again, whole=whole, progress=self._progress,
                   say=self._say)  # fmt: skip

    def collect(
        self,
        collector: str | None = None,
        *,
        kinds: Sequence[str] = (),
        limit: int | None = None,
        again: bool = False,
        failed: bool = False,
    ) -> list[Report]:
        """Fetch what is due into the archive, with one collector or all; return how each run ended.

        *limit* bounds the answers; *again* fetches finished targets again, *failed* those that failed.
        """
        from jobs.collect import collect

        return collect(self.settings, only=collector, kinds=kinds, limit=limit, again=again, failed=failed,
                       progress=self._progress, say=self._say)  # fmt: skip

    def load(self, *, fresh: bool = False, archives: Sequence[Path] = ()) -> LoadReport | None:
        """Derive the tables from the archive and publish them; None if there is no archive yet."""
        from jobs.run import load

        return load(self.settings, fresh=fresh, archives=archives, say=self._say)

    def admit(self) -> dict[str, int]:
        """Queue the targets that the sampling rules select; return how many are new, by collector and kind."""
        from jobs.run import admit

        return admit(self.settings)

    def import_files(self, form: str, *paths: Path | str, **options: Any) -> tuple[Report, LoadReport | None]:
        """Read exports, captures or tables of format *form* and load them; *options* as of `sneeuwbal import`."""
        from jobs.run import import_files

        files = [Path(path) for path in paths]
        return import_files(self.settings, form, files, options, progress=self._progress, say=self._say)

    def query(self, text: str, parameters: Any = None) -> pd.DataFrame:
        """The rows of one SQL query on what is published, *parameters* bound to its ? or $name."""
        from jobs.query import query

        return query(self.directory, text, parameters)

    def report(self, *, public: bool = False, beside: Study | None = None) -> Path:
        """Make the report of what is published; return the path of its page."""
        from jobs.report import report

        return report(self.settings, public=public, beside=beside.settings if beside else None, say=self._say)

    def figure(self, name: str, path: Path | str, *, public: bool = False, language: str | None = None) -> Path:
        """Draw the figure *name* of the report into *path* (.svg, .pdf or .png), its data beside it."""
        from jobs.report import figure

        return figure(self.settings, name, Path(path), public=public, language=language)

    def network(self, name: str = "actors", **options: Any) -> tuple[Network | nx.Graph[Any], pd.DataFrame]:
        """The network *name* and the table of its communities; *options* as of `jobs.network.network`."""
        from jobs.network import network

        return network(self.settings, name, **options)

    def plan(self, **guesses: float) -> pd.DataFrame:
        """What the study will take, a row a collector and kind: requests, hours, usd, megabytes, and why."""
        from jobs.plan import guesses_with, plan

        return plan(self.settings, guesses_with(guesses))

    def status(self, *, since: datetime | None = None) -> dict[str, Any]:
        """The state of the study as plain values: targets, running, due, runs, spent, changed, problems."""
        from jobs.status import status

        return status(self.settings, since=since)

    def doctor(self) -> list[Check]:
        """The checks of the installation and of the study."""
        from jobs.doctor import checks

        return list(checks(self.directory))

    def verify(self) -> list[Check]:
        """The checks whether archive, state and database are consistent."""
        from jobs.verify import verify_study

        return list(verify_study(self.settings))

    def recover(self) -> dict[str, int]:
        """Rebuild the state from the archive; return the targets by collector."""
        from jobs.verify import recover

        return recover(self.settings)

    def backup(self, target: Path | str) -> backup.Report:
        """Copy the study to the new directory *target*, even while it runs; return what was copied."""
        from jobs.backup import backup

        return backup(self.settings, Path(target))

    def package(self, folder: Path | str, *, with_archive: bool = False) -> Path:
        """Make a replication package in *folder*, without persons unless *with_archive*; return it."""
        from jobs.package import package

        return package(self.settings, Path(folder), with_archive=with_archive, say=self._say)

    def forget(self, who: str, *, backups: Sequence[Path] = ()) -> Removal:
        """Remove a person (an address, handle or id) from everything, for good and without asking; return what went."""
        from jobs.forget import forget

        return forget(self.settings, who, backups=backups, say=self._say)

    def retain(self) -> None:
        """Remove what is gone on its platform, and what passed its retention period."""
        from jobs.retain import retain

        retain(self.settings, say=self._say)

    def compliance(self) -> list[Report]:
        """Look up what is held, and remove what is gone; return how the look-ups ended."""
        from jobs.retain import compliance

        return compliance(self.settings, progress=self._progress, say=self._say)
