"""Findings on coverage searches."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from analysis import screening
from analysis.queries import number
from analysis.report.asking import Asking, finding


class Searched(Asking):
    """The findings on documents: results of searches and screening."""

    @cached_property
    def searched(self) -> bool:
        """Whether searches of the study found documents."""
        return number(self.db, "SELECT count(*) FROM base.documents") > 0

    @finding
    def flow(self) -> pd.DataFrame:
        """The flow of documents."""
        return screening.flow(self.db)

    @finding
    def exclusions(self) -> pd.DataFrame:
        """Why documents were excluded; in a report for publication, coders' words on few documents are `other`."""
        frame = screening.reasons(self.db)
        if self.options.least and len(frame):
            named = frame["reason"].where(frame["documents"] >= self.options.least, "other")
            few = frame.groupby(named)["documents"].sum().sort_values(ascending=False).reset_index()
            few.attrs = frame.attrs
            return few
        return frame

    @finding
    def agreement(self) -> pd.DataFrame:
        """The agreement of coders, who are numbered in a report for publication."""
        frame = screening.agreement(self.db)
        if self.options.least:
            coders = {name: str(at) for at, name in enumerate(sorted({*frame["coder"], *frame["other"]}), 1)}
            for column in ("coder", "other"):
                frame[column] = frame[column].map(coders)
        return frame

    @finding
    def document_months(self) -> pd.DataFrame:
        """Documents by month of publication."""
        return screening.by_month(self.db)

    @finding
    def saturation(self) -> pd.DataFrame:
        """The yield of each further search."""
        return screening.saturation(self.db)
