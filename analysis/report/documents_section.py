"""The section on coverage searches and screening; and the head of a report with nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.report.blocks import Fact, Picture, Section
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.section_parts import table
from analysis.report.tables import Table

LIMITS = (
    (
        "A search finds what an interface lists on that day: documents that were never listed, or were removed, are "
        "missing."
    ),
    "A document counts once, even if several searches found it; an interface may give only a part of its text.",
)


def documents(found: Findings, _: Words) -> Section:
    """Results of searches, the flow of documents, agreement of coders, and coverage over time."""
    count = found.flow.set_index("step")["documents"]
    said = [_("{searches} searches identified {records} records of {documents} documents.").format(
        searches=_.number(len(found.saturation)), records=_.number(count["identified"]),
        documents=_.number(count["documents"]))]  # fmt: skip
    if count["screened"]:
        said.append(_("{screened} were screened, {included} are included.").format(
            screened=_.number(count["screened"]), included=_.number(count["included"])))  # fmt: skip
    if found.document_months.attrs["undated"]:
        said.append(_("{count} documents have no date and are in no month.").format(
            count=_.number(found.document_months.attrs["undated"])))  # fmt: skip
    parts: list[Picture | Table] = [
        Picture("flow", _("The flow of documents in boxes; the numbers are in the table.")),
        table(found, _, "flow", "The flow of documents", found.flow, "flow", columns=("what", "documents")),
        table(found, _, "saturation", "Yield of each search", found.saturation, "saturation"),
    ]
    if len(found.document_months):
        parts.append(Picture("documents", _("Documents found and included, by month of publication.")))
    if len(found.exclusions):
        parts.append(table(found, _, "exclusions", "Why documents were excluded", found.exclusions, "exclusions"))
    if len(found.agreement):
        parts.append(_agreement(found, _))
    return Section("documents", _("Coverage searches"), tuple(said), tuple(parts))


def _agreement(found: Findings, _: Words) -> Table:
    alpha, text = found.agreement.attrs["alpha"], _("Krippendorff's alpha over all coders: {alpha}.")
    note = "" if pd.isna(alpha) else text.format(alpha=_.number(alpha, 2))
    return table(found, _, "agreement", "Agreement of the coders", found.agreement, "agreement", percent=("agree",),
                 note=note)  # fmt: skip


def brief(found: Findings, _: Words) -> Iterator[tuple[str, str]]:
    """The findings in a sentence."""
    if found.searched:
        count = found.flow.set_index("step")["documents"]
        yield _("{searches} searches found {documents} documents; {included} are included.").format(
            searches=_.number(len(found.saturation)), documents=_.number(count["documents"]),
            included=_.number(count["included"])), "documents"  # fmt: skip


def facts(found: Findings, _: Words) -> Iterator[Fact]:
    """What heads a report on documents."""
    if found.searched:
        count = found.flow.set_index("step")["documents"]
        names = {"documents": "documents found", "screened": "documents screened", "included": "documents included"}
        yield Fact(_("searches"), _.number(len(found.saturation)))
        yield from (Fact(_(name), _.number(count[step])) for step, name in names.items())
