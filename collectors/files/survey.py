"""Survey answers: SPSS, Stata, CSV with a codebook, and exports of LimeSurvey and Qualtrics.

A file is one survey, named after it. A respondent is `SURVEY-NUMBER`, also for `forget`. Addresses, names
and places that survey tools record of respondents never reach the archive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from collectors.importing.chunks import PIECE, Piece, Unreadable, cursor, open_bytes, places
from collectors.importing.file_collector import FileCollector, guarded, name_of, place
from collectors.parsing.cells import fault
from collectors.parsing.coerce import decode, get, record, text
from storage import csvfile
from storage.errors import UserError
from storage.privacy.declared import Personal
from storage.records import Page, Quarantine, Record, Request, SurveyAnswer, SurveyVariable
from storage.structs import ready

SYSTEM, USER, NOT_ASKED = "system", "user", "not asked"  # kinds of missing answers
LIMESURVEY = ({"id", "lastpage"}, {"response id", "last page"}, {"antwoord id", "laatste pagina"})
QUALTRICS = "ResponseId"
NOT_SHOWN = "N/A"  # what LimeSurvey writes if a question was not shown to a respondent
# personal data that survey tools add about respondents
DROPPED = {
    "ipaddress", "ip address", "ipaddr", "ip-adres", "recipientlastname", "recipientfirstname", "recipientemail",
    "externalreference", "externaldatareference", "locationlatitude", "locationlongitude", "refurl", "referrer url",
    "token", "access code", "firstname", "lastname", "email", "email address",
}  # fmt: skip
CODEBOOK = ("variable", "label", "code", "answer", "missing")
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
FEW = 100  # maximum distinct texts of a choice variable; each then occurs 5 times or more on average
PERSONAL = Personal(fields={"respondent": "id", "texts": "texts"})
_encode = msgspec.json.Encoder().encode
Cells = Mapping[str, Any]


class Variable(msgspec.Struct):
    """A variable of the codebook; *missing*: its codes for missing answers, or `low..high`."""

    name: str
    label: str = ""
    kind: str = ""  # choice | number | date | text; "": derived from its values
    answers: dict[str, str] = {}  # by code
    missing: list[str] = []

    def is_missing(self, code: str) -> bool:
        """Whether *code* is declared as missing."""
        for one in self.missing:
            low, dots, high = one.partition("..")
            if code == one or (dots and NUMBER.fullmatch(code) and float(low) <= float(code) <= float(high)):
                return True
        return False


class Source(msgspec.Struct):
    """A survey in a file: rows with their places in the file, or why they cannot be read."""

    variables: list[Variable]
    rows: Iterable[tuple[int, Cells, str]]
    respondent: str = ""  # the column with their numbers, if the format defines it
    not_asked: str = ""


ready(Variable)


# ---- cutting ------------------------------------------------------------------------------------------------


def cut(path: Path, request: Request, options: Mapping[str, Any]) -> Generator[Piece]:
    """The codebook, then groups of respondents, one per line."""
    (done,) = places(request.target.cursor, 1)
    source = _source(path)(path, options)
    rows = list(source.rows)
    number = _respondent(source, options)
    variables = [one for one in source.variables if one.name != number and one.name.casefold() not in DROPPED]
    for one in variables:
        one.kind = one.kind or _kind(one, (cells.get(one.name) for _, cells, wrong in rows if not wrong))
    lines = [] if done else [_encode({"variable": msgspec.to_builtins(one), "ordinal": at})
                             for at, one in enumerate(variables, 1)]  # fmt: skip
    size, first, last, seen = sum(map(len, lines)), 0, done, set[str]()
    for last, cells, wrong in rows:
        line = _line(last, cells, wrong, number, variables, source.not_asked, seen)
        if "respondent" in line:
            line["respondent"] = f"{survey_of(name_of(request.target.key))}-{line['respondent']}"
        if last <= done:
            continue
        lines.append(_encode(line))
        size, first = size + len(lines[-1]), first or last
        if size >= PIECE:
            yield _piece(lines, first, cursor(last))
            lines, size, first = [], 0, 0
    yield _piece(lines, first or 1, "")


def _piece(lines: Sequence[bytes], first: int, after: str) -> Piece:
    return Piece(b"".join(line + b"\n" for line in lines), after, first, len(lines), "row")


def _respondent(source: Source, options: Mapping[str, Any]) -> str:
    """The column with respondent numbers; empty: their positions in the file."""
    wanted = str(options.get("respondent") or source.respondent)
    names = {one.name.casefold(): one.name for one in source.variables}
    if wanted and wanted.casefold() not in names:
        raise Unreadable(f"no column {wanted} numbers the respondents; the columns are {', '.join(names)}"[:500])
    return names.get(wanted.casefold(), "")


def _line(
    line: int, cells: Cells, wrong: str, number: str, variables: Sequence[Variable], not_asked: str, seen: set[str]
) -> dict[str, Any]:
    """A respondent: codes by variable, reasons of missing answers, and free texts."""
    key = slug(_code(cells.get(number)) or "") if number else str(line)
    if not wrong and (not key or len(key) > 31):
        wrong = f"{number}: not the number of a respondent"
    if not wrong and key in seen:
        wrong = f"{number}: respondent {key} is there twice"
    if wrong:
        return {"line": line, "wrong": wrong}
    seen.add(key)
    codes, texts, missing = {}, {}, {}
    for one in variables:
        code = _code(cells.get(one.name))
        if code is None:
            missing[one.name] = SYSTEM
        elif code == not_asked:
            missing[one.name] = NOT_ASKED
        elif one.kind == "text":
            texts[one.name] = code
        else:
            codes[one.name] = code
            if one.is_missing(code):
                missing[one.name] = USER
    return {"line": line, "respondent": key, "codes": codes, "missing": missing, "texts": texts}


def _code(value: Any) -> str | None:
    """A value as text, whole numbers without `.0`; None for an empty one."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        value = int(value)
    return value.isoformat() if isinstance(value, date) else text(str(value).strip())


def _kind(variable: Variable, values: Iterable[Any]) -> str:
    """The kind of a variable, from its codes and values."""
    if any(not variable.is_missing(code) for code in variable.answers):
        return "choice"
    known = [code for code in map(_code, values) if code is not None and code != NOT_SHOWN]
    if all(NUMBER.fullmatch(code) or variable.is_missing(code) for code in known):
        return "number"
    distinct = len(set(known))
    return "choice" if distinct <= FEW and distinct * 5 <= len(known) else "text"


def slug(name: str) -> str:
    """*name* with letters, digits, `_` and `-` only."""
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-")


def survey_of(file: str) -> str:
    """The name of the survey in *file*: the file's, without extensions, at most 32 letters."""
    return slug(file.partition(".")[0])[:32] or "survey"


# ---- SPSS and Stata -----------------------------------------------------------------------------------------


def _source(path: Path) -> Callable[[Path, Mapping[str, Any]], Source]:
    return _packaged if path.name.lower().endswith((".sav", ".zsav", ".por", ".dta")) else _csv


def _packaged(path: Path, options: Mapping[str, Any]) -> Source:
    """A file of a statistics package, which contains its codebook."""
    try:
        import pyreadstat
    except ImportError as error:
        raise UserError(f"{path.name}: SPSS and Stata files need pyreadstat: install sneeuwbal[survey]") from error
    ending = path.suffix.lower()
    readers: dict[str, tuple[Any, dict[str, bool]]] = {
        ".dta": (pyreadstat.read_dta, {"user_missing": True}), ".por": (pyreadstat.read_por, {}),
    }  # fmt: skip
    read, kept = readers.get(ending, (pyreadstat.read_sav, {"user_missing": True}))
    try:
        columns, meta = read(str(path), output_format="dict", **kept)
    except Exception as error:  # pyreadstat raises various types for a broken file
        raise Unreadable(f"cannot be read as {ending}: {error}") from error
    tagged = {name: list(tags) for name, tags in meta.missing_user_values.items()}  # Stata's .a to .z
    variables = [
        Variable(
            name, text(str(meta.column_names_to_labels.get(name) or "")) or "",
            answers={_code(code) or "": str(label) for code, label in meta.variable_value_labels.get(name, {}).items()},
            missing=[*tagged.get(name, ()), *map(_range, meta.missing_ranges.get(name, ()))],
        )
        for name in meta.column_names
    ]  # fmt: skip
    for one in variables:
        dated = next((value for value in columns[one.name] if value is not None), None)
        one.kind = "date" if isinstance(dated, date) else ""
    filled = zip(*(columns[name] for name in meta.column_names), strict=True)
    rows = ((at, dict(zip(meta.column_names, row, strict=True)), "") for at, row in enumerate(filled, 1))
    return Source(variables, rows)


def _range(of: Mapping[str, Any]) -> str:
    low, high = (_code(of[end]) or "" for end in ("lo", "hi"))
    return low if low == high else f"{low}..{high}"


# ---- CSV ----------------------------------------------------------------------------------------------------


def _csv(path: Path, options: Mapping[str, Any]) -> Source:
    """A table with a separate codebook, or the export of a survey tool."""
    encoding, delimiter = str(options.get("encoding") or ""), str(options.get("delimiter") or "")
    found = csvfile.table(lambda: open_bytes(path), path.name, encoding, delimiter)
    rows = (
        (row.line, dict(zip(found.columns, row.cells, strict=False)), row.wrong)
        for row in found.rows if row.wrong or any(cell.strip() for cell in row.cells)
    )  # fmt: skip
    folded = {name.casefold() for name in found.columns}
    labels: Mapping[str, Any] = {}
    source = Source([], rows)
    if QUALTRICS in found.columns:
        (_, labels, _), ids, *_rest = [*(next(rows, (0, {}, "")) for _ in range(2))]
        if not str(ids[1].get(QUALTRICS) or "").startswith("{"):
            raise Unreadable("the third line of a Qualtrics export holds ImportIds; export it as CSV again")
        source.respondent = QUALTRICS
    elif any(names <= folded for names in LIMESURVEY):
        source.respondent = next(
            name for name in found.columns if name.casefold() in ("id", "response id", "antwoord id")
        )
        source.not_asked = NOT_SHOWN
    elif not options.get("codebook") and not options.get("respondent"):
        raise Unreadable(
            "not an export of LimeSurvey or Qualtrics; give --codebook FILE, or --respondent COLUMN with numbers of "
            "respondents"
        )
    source.variables = [Variable(name, text(str(labels.get(name) or "")) or "") for name in found.columns if name]
    if given := options.get("codebook"):
        _described(source.variables, Path(str(given)))
    return source


def _described(variables: Sequence[Variable], path: Path) -> None:
    """Add the codebook *path* to *variables*: a row per code, or per variable without codes."""
    _columns, rows = csvfile.records(path, ("variable",))
    of = {one.name.casefold(): one for one in variables}
    for line, row in rows:
        row = {name.strip().casefold(): cell.strip() for name, cell in row.items()}
        if unknown := [name for name in row if name not in (*CODEBOOK, "kind")]:
            raise UserError(f"{path}: unknown column {unknown[0]}; the columns are {', '.join(CODEBOOK)}, kind")
        if (one := of.get(row["variable"].casefold())) is None:
            raise UserError(f"{path}, line {line}: no column {row['variable']} in the answers")
        one.label, one.kind = row.get("label") or one.label, row.get("kind") or one.kind
        if one.kind not in ("", "choice", "number", "date", "text"):
            raise UserError(f"{path}, line {line}: kind is {one.kind!r}; give choice, number, date or text")
        if code := row.get("code"):
            one.answers[code] = row.get("answer") or code
            one.missing += [code] if row.get("missing", "").casefold() not in ("", "0", "no", "nee", "false") else []


# ---- reading ------------------------------------------------------------------------------------------------


def read(page: Page) -> Iterator[Record]:
    """The variables and answers of a piece."""
    for index, raw in enumerate(page.content().split(b"\n")):
        if raw.strip():
            yield from guarded(place(page, index), raw, lambda raw=raw: _row(page, record(decode(raw))))  # type: ignore[misc]


def _row(page: Page, it: Mapping[str, Any]) -> Iterator[Record]:
    survey = survey_of(name_of(page.key))
    if "variable" in it:
        one = msgspec.convert(it["variable"], Variable)
        yield SurveyVariable(survey, one.name, int(it["ordinal"]), one.label or None, one.kind, tuple(one.answers),
                             tuple(one.answers.values()), tuple(one.missing))  # fmt: skip
        return
    if it.get("wrong"):
        yield Quarantine(f"{place(page)}:{it.get('line')}", str(it["wrong"]))
        return
    codes, missing, texts = (record(get(it, name) or {}) for name in ("codes", "missing", "texts"))
    for variable in dict.fromkeys(chain(codes, missing, texts)):
        code, wrote = text(codes.get(variable)), text(texts.get(variable))
        if wrong := fault(code):
            yield Quarantine(f"{place(page)}:{it.get('line')}", f"{variable}: {wrong}", str(code))
        yield SurveyAnswer(survey, str(it["respondent"]), variable, code, wrote, text(missing.get(variable)))


collector = FileCollector("survey", cut, read, personal=PERSONAL)
