"""The section on method and data: filters, coverage, runs, settings, versions, limits."""

from __future__ import annotations

import json
import re

import pandas as pd

from analysis.queries import query
from analysis.report import documents_section, survey_section
from analysis.report.blocks import Section
from analysis.report.findings import Findings
from analysis.report.i18n import Words
from analysis.report.section_parts import table
from analysis.report.tables import Table

RUNS = """
SELECT collector, count(*) AS runs, min(started_at) AS first_start, max(coalesce(ended_at, started_at)) AS last_end,
       string_agg(DISTINCT status, ', ' ORDER BY status) AS status FROM runs GROUP BY collector ORDER BY collector"""

QUARANTINE = """
SELECT collector, kind, place, reason, count(*) AS records FROM quarantine GROUP BY ALL
ORDER BY records DESC, collector, kind, place, reason
LIMIT 50"""

PRIVATE = ("seeds.", "study.contact", "access", "participants", "published.", "budget", "schedule")

OF_PEOPLE = ("snowball.", "population.", "organisations", "analysis.", "minimise.opt_outs")

LIMITS = (
    "Only data that were public, or shown to the research account, could be read: people without a profile, or "
    "with another employer on it, are not in the study.",
    "The seeds are not a random sample; shares do not generalise to all {members}. A network of one hop shows those "
    "near the seeds best.",
    "An account is linked to a profile by evidence, which can be wrong; every link keeps its rule and its source.",
    "The degree filter keeps the well-connected actors. Actors with few ties, and so the periphery, are not shown.",
    "Communities are one good partition among many; the stability over the runs shows how reliable they are.",
    "Posts that were deleted before they were read are missing; timelines are cut where the platform cuts them.",
    "A tie is what the platform shows: following is not agreement, and a connection is not friendship.",
)


# Of a study that has accounts and no profiles, instead of the same lines above.
LIMITS_OF_ACCOUNTS = {
    0: "Only what is public could be read: who has no account, or does not say on it where they belong, is not in the "
    "study.",
    2: "Accounts are taken for {members}' by what they say of themselves, and for one person's by what links them; "
    "both can be wrong, and the view `evidence` keeps every reason.",
}


# Implications and limits of each design of the snowball (docs/sampling.md).
DESIGNS = {
    "all": "Design of the snowball: everyone on a list who satisfies the rule. It is a census of the people who "
    "can be reached along the ties in this number of waves, not a sample: no share in it estimates a share of all "
    "{members}, and people not shown by anyone admitted are missing.",
    "threshold": "Design of the snowball: people shown by at least {k} admitted people. The well-connected are "
    "over-represented by design; peripheral {members} are missing, not absent, and no share estimates a share of "
    "all.",
    "random": "Design of the snowball: {k} people drawn at random from each list. Each name on a list of n is "
    "drawn with probability min(1, {k}/n), and over m lists with 1 − Π(1 − min(1, {k}/nᵢ)), given the earlier "
    "admissions. Weights of 1 over that probability correct for popularity within the waves reached, not for "
    "people on no list.",
    "walk": "Design of the snowball: people visited by {k} random walkers from each seed, one step per wave. Long "
    "walks along mutual ties visit people in proportion to their number of ties (Lovász 1993), which weights of "
    "1/degree correct (Salganik and Heckathorn 2004). Short walks depend on the seeds, and along one-way ties "
    "there is no such formula.",
}
BOUNDED = (
    "A maximum limited the snowball ([snowball] {bounds}): it is not a census of its waves, and its members "
    "depend on the order of admission."
)


def _design(found: Findings, _: Words) -> list[str]:
    """The implications of the design, and its bounds; nothing if the snowball admitted no one."""
    if not found.rolled:
        return []
    whole = found.waves.attrs
    counts = {"max_profiles": whole["beyond"], "max_actors": whole["admitted"], "max_per_wave": whole["largest"]}
    most = {name: found.setting(f"snowball.{name}") for name in counts}
    cut = [name for name, count in counts.items() if most[name] is not None and count >= most[name]]
    said = [_(DESIGNS[found.setting("snowball.design", "all")]).format(k=found.setting("snowball.k", 1))]
    return said + ([_(BOUNDED).format(bounds=", ".join(cut))] if cut else [])


def method(found: Findings, _: Words) -> Section:
    """Filters with counts, coverage, runs, settings, versions, and limitations."""
    public = bool(found.options.least)
    own = LIMITS_OF_ACCOUNTS if found.people and found.of_accounts else {}
    said = [*_design(found, _), *(_(own.get(at, text)) for at, text in enumerate(LIMITS))] if found.people else []
    said += [_(text) for text in documents_section.LIMITS if found.searched]
    said += [_(text) for text in survey_section.LIMITS if found.asked]
    if public and found.people:
        said.append(_(PUBLIC).format(least=found.options.least))
    elif public and found.asked:
        said.append(_(survey_section.HIDDEN).format(least=found.options.least))
    said += _opt_outs(found, _) if found.people else []
    tables = [table(found, _, "coverage", "What was requested, and what was received", _coverage(found), "coverage")]
    if found.people:
        tables.insert(0, table(found, _, "filters", "Every filter, before and after", found.filters, "filters",
                               places={"share": 1}, hundredths=("share",)))  # fmt: skip
    refused = query(found.db, QUARANTINE)
    if len(refused) and not public:
        tables.append(table(found, _, "quarantine", "What could not be parsed", refused, folded=True))
    said += _participation(found, _)
    tables += [
        *_part(found, _),
        *_gaps(found, _),
        table(found, _, "runs", "The runs that collected it", query(found.db, RUNS)),
        table(found, _, "settings", "The settings of the study", _settings(found), folded=True),
        table(found, _, "versions", "The versions of the software", _versions(), folded=True),
    ]
    return Section("method", _("Method and data"), tuple(said), tuple(tables))


PUBLIC = (
    "This report is for publication: persons have pseudonyms that only the study's key can reverse, texts and "
    "handles are left out, and cells of fewer than {least} persons are hidden, with a second one where a total "
    "would reveal the first. The shape of a network can still identify people to those who know it well."
)


OVERRIDDEN = "Opt-outs of people and sites were overridden in this study, for this reason: {reason}"
HONOURED = "Opt-outs of people and sites were honoured."


def _opt_outs(found: Findings, _: Words) -> list[str]:
    """The treatment of opt-outs and its reason, from the study file; nothing if not set."""
    done = found.setting("minimise.opt_outs")
    if done == "override":
        return [_(OVERRIDDEN).format(reason=found.setting("minimise.override_reason", "–"))]
    return [_(HONOURED)] if done == "honour" else []


def _coverage(found: Findings) -> pd.DataFrame:
    frame = found.coverage.drop(columns="summary")
    if "reasons" in frame:
        counts = [{reason(why, found.words): count for why, count in of.items()} for of in frame["reasons"]]
        frame["reasons"] = pd.Series(counts, index=frame.index, dtype=object)
    frame.attrs = found.coverage.attrs
    return frame


CUT = re.compile(r"truncated at (\d+) posts")


def reason(why: str, _: Words) -> str:
    """The reason why something was not read, in words."""
    why = str(why)  # a gap may have none
    cut = CUT.fullmatch(why)
    return _("truncated at {posts} posts").format(posts=_.number(int(cut[1]))) if cut else _(why.replace("_", " "))


def _gaps(found: Findings, _: Words) -> list[Table]:
    """Incomplete lists, by reason, if any."""
    frame = found.gaps
    if frame.empty:
        return []
    if "why" in frame:
        frame = frame.assign(why=[reason(why, _) for why in frame["why"]])
    return [table(found, _, "gaps", "Lists that are not whole", frame, "gaps")]


def _part(found: Findings, _: Words) -> list[Table]:
    """How many people were invited and took part, if any were."""
    frame = found.participation
    return [table(found, _, "participation", "Who took part", frame, "participation")] if len(frame) else []


PARTICIPATION = "{invited} people were invited to take part, {consented} consented, and {withdrawn} withdrew later."


def _participation(found: Findings, _: Words) -> list[str]:
    counts = query(found.db, "SELECT kind, sum(people) AS people FROM participation GROUP BY kind")
    people = dict(zip(counts["kind"], counts["people"].astype(int), strict=True))
    steps = ("invited", "consented", "withdrawn")
    return [_(PARTICIPATION).format(**{one: found.persons(people.get(one, 0)) for one in steps})] if people else []


def _settings(found: Findings) -> pd.DataFrame:
    """The settings that are set, without seeds and contact."""
    rows = query(found.db, "SELECT key AS setting, value FROM study WHERE value IS NOT NULL ORDER BY key")
    private = (*PRIVATE, *(() if found.people else OF_PEOPLE))
    private += ("collectors.",) if found.options.least else ()  # may contain the owner of an export
    kept = ~rows["setting"].str.startswith(private) & ~rows["value"].isin(["[]", "{}", '""'])
    rows = rows[kept].reset_index(drop=True)
    rows["value"] = [str(json.loads(value)) for value in rows["value"]]
    return rows


def _versions() -> pd.DataFrame:
    from storage.versions import versions

    return pd.DataFrame(list(versions().items()), columns=["package", "version"])
