"""A study in Python: `sneeuwbal.open("mystudy")`. Each method is a command, and imports what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.context import Say, open_study
from study import study_file

if TYPE_CHECKING:
    from concurrent.futures import Executor

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
    """A study in its directory: collect, load, query, report.

    *say* receives each line of output; *progress* a collector's counts after each answer. Every method may
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
        """Collect, load, link and admit, in waves until nothing is due; return the report of each collector's last run.

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
        """Fetch what is due into the archive, with one collector or all; return the report of each run.

        *limit* bounds the answers; *again* fetches finished targets again, *failed* those that failed.
        """
        from jobs.collect import collect

        return collect(self.settings, only=collector, kinds=kinds, limit=limit, again=again, failed=failed,
                       progress=self._progress, say=self._say)  # fmt: skip

    def load(
        self, *, fresh: bool = False, archives: Sequence[Path] = (), executor: Executor | None = None
    ) -> LoadReport | None:
        """Derive the tables from the archive and publish them; None if there is no archive yet.

        *executor* parses, on other machines too if they share the study's directory; by default a process per core.
        """
        from jobs.run import load

        return load(self.settings, fresh=fresh, archives=archives, executor=executor, say=self._say)

    def admit(self) -> dict[str, int]:
        """Queue the targets that the sampling rules select; return the number of new ones by collector and kind."""
        from jobs.run import admit

        return admit(self.settings)

    def import_files(self, form: str, *paths: Path | str, **options: Any) -> tuple[Report, LoadReport | None]:
        """Read exports, captures or tables of format *form* and load them; *options* as in `sneeuwbal import`."""
        from jobs.run import import_files

        files = [Path(path) for path in paths]
        return import_files(self.settings, form, files, options, progress=self._progress, say=self._say)

    def query(self, text: str, parameters: Any = None) -> pd.DataFrame:
        """The rows of one SQL query on the published database, *parameters* bound to its ? or $name."""
        from jobs.query import query

        return query(self.directory, text, parameters)

    def report(
        self, *, public: bool = False, compare: Study | None = None, formats: Sequence[str] = ("svg", "pdf", "png")
    ) -> Path:
        """Make the report of the published data, without drawing if *formats* is empty; return the path of its page."""
        from jobs.report import report

        other = compare.settings if compare else None
        return report(self.settings, public=public, compare=other, formats=formats, say=self._say)

    def figure(self, name: str, path: Path | str, *, public: bool = False, language: str | None = None) -> Path:
        """Draw the figure *name* of the report into *path* (.svg, .pdf or .png), and save its data next to it."""
        from jobs.report import figure

        return figure(self.settings, name, Path(path), public=public, language=language)

    def network(self, name: str = "actors", **options: Any) -> tuple[Network | nx.Graph[Any], pd.DataFrame]:
        """The network *name* and the table of its communities; *options* as in `jobs.network.network`."""
        from jobs.network import network

        return network(self.settings, name, **options)

    def plan(self, **guesses: float) -> pd.DataFrame:
        """The estimated cost by collector and kind: requests, hours, usd, megabytes and the assumption, a row each."""
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
        """The checks that archive, state and database are consistent."""
        from jobs.verify import verify_study

        return list(verify_study(self.settings))

    def recover(self) -> dict[str, int]:
        """Rebuild the state from the archive; return the number of targets by collector."""
        from jobs.verify import recover

        return recover(self.settings)

    def backup(self, target: Path | str) -> backup.Report:
        """Copy the study to the new directory *target*, even while it runs; return what was copied."""
        from jobs.backup import backup

        return backup(self.settings, Path(target))

    def package(
        self,
        folder: Path | str,
        *,
        with_archive: bool = False,
        formats: Sequence[str] = ("svg", "pdf", "png"),
    ) -> Path:
        """Make a replication package in *folder*, with pseudonyms unless *with_archive*; return it.

        Its report is drawn in *formats*, or not at all if they are none.
        """
        from jobs.package import package

        return package(self.settings, Path(folder), with_archive=with_archive, formats=formats, say=self._say)

    def forget(self, who: str, *, backups: Sequence[Path] = ()) -> Removal:
        """Remove a person (an address, handle or id) permanently, without confirmation; return what was removed."""
        from jobs.forget import forget

        return forget(self.settings, who, backups=backups, say=self._say)

    def retain(self) -> None:
        """Remove what is deleted on its platform or passed its retention period."""
        from jobs.retain import retain

        retain(self.settings, say=self._say)

    def compliance(self) -> list[Report]:
        """Look up stored items and remove those deleted; return the reports of the look-ups."""
        from jobs.retain import compliance

        return compliance(self.settings, progress=self._progress, say=self._say)
