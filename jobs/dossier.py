"""The dossier: what a data protection officer and an application under article 40 of the DSA ask, from what is there.

Its words are in dossier.toml, by language. A value that only the researchers know is a key of [dossier]; one that is
missing is a blank. Nothing in it is about a person: numbers, names of fields, settings.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from jobs.context import DATABASE, collectors_of, kinds_of
from storage import records
from storage.errors import UserError
from storage.linking.organisations import load_list
from storage.privacy import forgotten
from storage.privacy.declared import RECORDS
from storage.tables import database
from storage.versions import own
from study.study_file import FILE, Study

# the records that the items of a kind become
MADE_OF: Mapping[str, tuple[type, ...]] = {
    "profiles": (records.Profile, records.Position, records.ProfileLink),
    "connections": (records.Connection,),
    "accounts": (records.Account, records.AccountField),
    "follows": (records.Follow,),
    "posts": (records.Post, records.Mention),
    "documents": (records.Document,),
}
COUNTS = ("profiles", "accounts", "members", "connections", "follows", "posts", "documents", "opt_outs", "consents")
SPANS = "SELECT collector, kind, count(*), min(fetched_at), max(fetched_at) FROM answers GROUP BY ALL ORDER BY ALL"


class Heading(msgspec.Struct, frozen=True):
    """The title of the dossier, or of one of its sections."""

    text: str
    level: int = 2


class Statement(msgspec.Struct, frozen=True):
    """A line of a section: what is asked, the answer (None: a blank), and its source."""

    label: str
    text: str | None
    source: str


class Rows(msgspec.Struct, frozen=True):
    """A table."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


Block = Heading | Statement | Rows | str


def write(study: Study, path: Path, *, replace: bool = False) -> int:
    """Write the dossier of *study* to *path* (.md or .docx); return the number of its blanks. Raise UserError."""
    if path.suffix not in (".md", ".docx"):
        raise UserError(f"{path}: write a .md or a .docx")
    if path.exists() and not replace:
        raise UserError(f"{path} exists; choose another name, or --force replaces it")
    words = _words(study.study.language)
    blocks = list(_Dossier(study, words).blocks())
    if path.suffix == ".md":
        path.write_text(markdown(blocks, words), encoding="utf-8")
    else:
        _docx(blocks, words, path)
    return sum(isinstance(one, Statement) and one.text is None for one in blocks)


def _words(language: str) -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))[language]
    return found


class _Dossier:
    """The blocks of a dossier."""

    def __init__(self, study: Study, words: Mapping[str, str]) -> None:
        self.study, self.words, self.given = study, words, study.dossier
        self.collectors = collectors_of(study)
        self.counts: dict[str, int] = {}
        self.spans: list[tuple[str, ...]] = []
        self.overrides: list[str] = []
        if (study.directory / DATABASE).is_file():
            with database.open_readonly(study.directory / DATABASE) as db:
                known = {name for (name,) in db.execute("SELECT view_name FROM duckdb_views()").fetchall()}
                for name in (name for name in COUNTS if name in known):
                    ((number,),) = db.execute(f"SELECT count(*) FROM {name}").fetchall()
                    self.counts[name] = number
                self.spans = [(collector, kind, f"{number:,}", f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")
                              for collector, kind, number, first, last in db.execute(SPANS).fetchall()]  # fmt: skip

    def blocks(self) -> Iterator[Block]:
        """The whole dossier."""
        yield Heading(self.words["title"].format(name=self.study.study.name), 1)
        yield self.words["made"].format(version=own(), day=datetime.now(UTC).date(), file=FILE)
        yield self.words["reading"].format(blank=self.words["blank"])
        for part in (self._who, self._why, self._population, self._data, self._less, self._until, self._secure,
                     self._people, self._article):  # fmt: skip
            yield Heading(self.words[f"h_{part.__name__[1:]}"])
            yield from part()

    # ---- sections

    def _who(self) -> Iterator[Block]:
        yield self._set("name", self.study.study.name, "study.name")
        yield from map(self._own, ("controller", "dpo", "researchers", "funding", "interests", "ethics"))
        yield self._set("contact", self.study.study.contact or None, "study.contact")

    def _why(self) -> Iterator[Block]:
        about = self.study.study
        yield from map(self._own, ("purpose", "legal_basis", "necessity", "systemic_risk"))
        period = f"{about.first_day or '…'} – {about.last_day or '…'}" if about.first_day or about.last_day else None
        yield self._set("period", period, "study.first_day, study.last_day")

    def _population(self) -> Iterator[Block]:
        study, listed = self.study, load_list(self.study.organisation_list)
        names = ", ".join(one.name or one.id for one in listed.group)
        yield self._set("groups", f"{len(listed.group)}: {names}" if names else None, "organisations")
        yield self._set("evidence", ", ".join(study.population.sources), "population.from")
        seeds = [f"{key} {len(value) if isinstance(value, list | tuple) else value}"
                 for key, value in study.seeds.model_dump().items() if value]  # fmt: skip
        yield self._set("seeds", ", ".join(seeds) or None, "seeds")
        rules = study.snowball
        most = {name: getattr(rules, name) for name in ("max_profiles", "max_actors", "max_per_wave")}
        bounds = "; ".join(f"{name} {value:,}" for name, value in most.items() if value is not None)
        yield self._set("sampling", self.words["waves"].format(waves=rules.waves, admit=rules.admit), "snowball")
        yield self._set("bounds", bounds or self.words["none"], "snowball")
        held = ", ".join(f"{name} {number:,}" for name, number in self.counts.items())
        yield self._set("held", held or self.words["nothing"], DATABASE)

    def _data(self) -> Iterator[Block]:
        yield self.words["fields"]
        dropped = set(self.study.minimise.drop)
        rows: list[tuple[str, ...]] = []
        for name, collector in self.collectors.items():
            kinds = kinds_of(self.study, name, collector)
            made = {one for kind in kinds for one in MADE_OF.get(collector.kinds[kind].yields, ())}
            for struct in sorted(made, key=lambda one: one.__name__):
                personal = RECORDS.get(struct, {})
                kept = [one.name for one in msgspec.structs.fields(struct) if personal.get(one.name) not in dropped]
                marked = [f"{one}*" if one in personal else one for one in kept]
                rows.append((name, ", ".join(kinds), struct.__name__, ", ".join(marked)))
        yield Rows(tuple(self.words["columns"].split("|")), rows)
        if domains := self.study.participants.domains:
            yield self._set("further", ", ".join(domains), "participants.domains")
        if self.study.survey.respondent:
            yield self._set("survey", self.words["surveyed"], "survey")
        yield self.words["collected"]
        yield Rows(tuple(self.words["spans"].split("|")), self.spans)

    def _less(self) -> Iterator[Block]:
        less = self.study.minimise
        yield self._set("drop", ", ".join(less.drop) or self.words["none"], "minimise.drop")
        yield self._set("redacted", self.words["yes" if less.redact_archive else "no"], "minimise.redact_archive")
        yield self.words["always"]

    def _until(self) -> Iterator[Block]:
        kept = ", ".join(f"{kind} {days}" for kind, days in self.study.minimise.keep_days.items())
        yield self._set("keep_days", kept or self.words["no_term"], "minimise.keep_days")
        tasks = {job.task: job.name for job in self.study.schedule if job.task in ("retain", "compliance")}
        jobs = ", ".join(f"{task} ({name})" for task, name in tasks.items())
        yield self._set("jobs", jobs or self.words["by_hand"], "schedule")
        yield self._own("ends")

    def _secure(self) -> Iterator[Block]:
        mode = self.study.directory.stat().st_mode & 0o777
        yield self._set("mode", f"{mode:04o}", self.words["directory"])
        yield self._set("group", self.study.access.group or self.words["none"], "access.group")
        yield self._set("secrets", self.words[f"secrets_{self.study.access.secrets}"], "access.secrets")
        yield from map(self._own, ("storage", "access"))
        yield self.words["integrity"]

    def _people(self) -> Iterator[Block]:
        less = self.study.minimise
        outs = self.words[less.opt_outs] + (f": {less.override_reason}" if less.override_reason else "")
        yield self._set("opt_outs", outs, "minimise.opt_outs")
        asked = [name for name, collector in self.collectors.items() if getattr(collector, "oauth", None)]
        yield self._set("consent", ", ".join(asked) or self.words["no_consent"], "collectors")
        path = self.study.directory / forgotten.FILE
        yield self._set("forgotten", self.words["yes" if path.is_file() else "no"], forgotten.FILE)
        yield self._own("informed")
        yield self.words["forget"]

    def _article(self) -> Iterator[Block]:
        yield self.words["article"]
        asked = {"a": "researchers", "b": "interests", "c": "funding", "d": "storage", "e": "necessity",
                 "f": "systemic_risk", "g": "results"}  # fmt: skip
        for letter, key in asked.items():
            yield Statement(f"(8)({letter}) {self.words[f'art_{letter}']}", getattr(self.given, key), f"dossier.{key}")

    def _own(self, key: str) -> Statement:
        """A statement of the researchers."""
        return self._set(key, getattr(self.given, key), f"dossier.{key}")

    def _set(self, label: str, text: str | None, source: str) -> Statement:
        return Statement(self.words[label], text, source)


# ---- writing ----------------------------------------------------------------------------------------------------


def markdown(blocks: list[Block], words: Mapping[str, str]) -> str:
    """*blocks* as Markdown."""
    out = []
    for block in blocks:
        if isinstance(block, Heading):
            out.append(f"{'#' * block.level} {_plain(block.text)}")
        elif isinstance(block, Statement):
            text = f"**[{words['blank']}]**" if block.text is None else _plain(block.text)
            out.append(f"- **{block.label}:** {text} ({words['source']}: `{block.source}`)")
        elif isinstance(block, Rows):
            lines = [block.columns, ("---",) * len(block.columns), *(block.rows or [("–",) * len(block.columns)])]
            out.append("\n".join(f"| {' | '.join(_plain(cell).replace('|', chr(92) + '|') for cell in line)} |"
                                 for line in lines))  # fmt: skip
        else:
            out.append(block)
    return "\n\n".join(out).replace(")\n\n- **", ")\n- **") + "\n"


def _plain(text: str) -> str:
    """*text* on one line, and not as HTML."""
    return " ".join(text.split()).replace("<", "&lt;")


def _docx(blocks: list[Block], words: Mapping[str, str], path: Path) -> None:
    try:
        import docx
    except ImportError:
        raise UserError("a .docx needs python-docx: pip install 'sneeuwbal[dossier]', or write a .md") from None
    document: Any = docx.Document()
    for block in blocks:
        if isinstance(block, Heading):
            document.add_heading(block.text, block.level - 1)
        elif isinstance(block, Statement):
            line = document.add_paragraph(style="List Bullet")
            line.add_run(f"{block.label}: ").bold = True
            line.add_run(f"[{words['blank']}]" if block.text is None else block.text).bold = block.text is None
            line.add_run(f" ({words['source']}: {block.source})").italic = True
        elif isinstance(block, Rows):
            table = document.add_table(1, len(block.columns), "Table Grid")
            for line in (block.columns, *block.rows):
                cells = table.rows[0].cells if line is block.columns else table.add_row().cells
                for cell, text in zip(cells, line, strict=True):
                    cell.text = text
        else:
            document.add_paragraph(block)
    document.save(str(path))
