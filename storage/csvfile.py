"""Text and CSV files with any encoding, delimiter and line ending.

The encoding is that of a byte-order mark, UTF-16 if every second byte is zero, else UTF-8. Lines that are not
UTF-8 are read in the one encoding that charset-normalizer finds for all their words; Windows-1252 if several fit
equally, as in browsers. Bytes that fit no encoding become U+FFFD; callers count such values.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from storage.errors import UserError

BLOCK = 1 << 20
MAX_LINE = 16 << 20  # bytes; longer lines are rejected
MAX_ROW = 100  # lines of one row: more means an unclosed quotation mark
PREAMBLE = 50  # lines above the header at most
LOST = "\ufffd"
DELIMITERS = ",;\t|"
EVIDENCE = 1 << 20  # bytes of distinct words given to the detector
# legacy encodings of office programs, likeliest first
ENCODINGS = (
    "cp1252",
    "mac_roman",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp850",
    "gb18030",
    "cp932",
    "big5",
    "cp949",
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_WORD = re.compile(rb"[^\s,;|\"]*[\x80-\xff][^\s,;|\"]*")
_SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

Open = Callable[[], BinaryIO]


class Encoding(NamedTuple):
    """How the bytes of a file become text."""

    whole: str = ""  # of the whole file, if it is not ASCII-compatible
    other: str = ""  # of the lines that are not UTF-8
    mostly_utf8: bool = True  # a line that is partly UTF-8 is then damaged UTF-8

    def __str__(self) -> str:
        return self.whole or self.other or "utf-8"


class Row(NamedTuple):
    """A row with the number of its first line; *wrong* is the reason why its cells do not fit the columns."""

    line: int
    cells: list[str]
    text: str
    wrong: str = ""


class Table(NamedTuple):
    """A table: its columns and the rows below them. Blank lines are rows without cells."""

    columns: list[str]
    rows: Iterator[Row]
    encoding: str
    delimiter: str
    above: int = 1  # the line of the header


# ---- encodings ------------------------------------------------------------------------------------------------


def detect(open_: Open) -> Encoding:
    """The encoding of a file, after reading all of it. The stream is closed."""
    with open_() as stream:
        size = valid = broken = 0
        zeros, signs = [0, 0], 0
        words: dict[bytes, None] = {}
        kept, rest = 0, b""
        for block in _as_far(stream):
            if not size and (named := next((name for mark, name in _MARKS if block.startswith(mark)), "")):
                return Encoding(named)
            zeros[0] += block[size % 2 :: 2].count(0)
            zeros[1] += block[1 - size % 2 :: 2].count(0)
            size += len(block)
            signs += len(block) - len(block.translate(None, b"\r\n,;\t"))
            whole, mark, rest = (rest + block).rpartition(b"\n")
            if not mark and len(rest) > MAX_LINE:
                whole, rest = rest, b""
            fine, bad, kept = _weigh(whole, words, kept)
            valid, broken = valid + fine, broken + bad
        fine, bad, kept = _weigh(rest, words, kept)
        valid, broken = valid + fine, broken + bad
    if max(zeros) > max(size / 50, signs / 4) and min(zeros) * 20 <= max(zeros):  # not a stray NUL: each sign has one
        return Encoding("utf-16-le" if zeros[1] > zeros[0] else "utf-16-be")
    return Encoding("", _guess(b" ".join(words)) if broken else "", valid > broken)


def _as_far(stream: BinaryIO) -> Iterator[bytes]:
    """The blocks of *stream*; of a damaged one those before the damage, which is reported when its rows are read."""
    with suppress(ValueError):
        while block := stream.read(BLOCK):
            yield block


def _weigh(block: bytes, words: dict[bytes, None], kept: int) -> tuple[int, int, int]:
    """Count non-ASCII characters in *block*, and bytes that are not UTF-8; add words with such bytes to *words*."""
    if block.isascii():
        return 0, 0, kept
    try:
        return sum(char > "\x7f" for char in block.decode("utf-8")), 0, kept
    except UnicodeDecodeError:
        pass
    valid = broken = 0
    for word in _WORD.findall(block):
        try:
            valid += sum(char > "\x7f" for char in word.decode("utf-8"))
        except UnicodeDecodeError:
            seen = word.decode("utf-8", "replace")
            broken += seen.count(LOST)
            valid += sum(char > "\x7f" and char != LOST for char in seen)
            if word not in words and kept < EVIDENCE:
                words[word] = None
                kept += len(word) + 1
    return valid, broken, kept


def _guess(words: bytes) -> str:
    """The encoding of *words*, none of which is UTF-8."""
    from charset_normalizer import from_bytes

    def rank(encoding: str, chaos: float, coherence: float, said: str) -> tuple[int, float, float, int]:
        return _odd(said), round(chaos, 1), -coherence, ENCODINGS.index(encoding)

    found = [
        rank(name, one.chaos, one.coherence, str(one))
        for one in from_bytes(words, cp_isolation=list(ENCODINGS), threshold=0.5)
        for name in one.could_be_from_charset
        if name in ENCODINGS
    ]
    return ENCODINGS[min(found)[-1]] if found else ENCODINGS[0]


def _odd(said: str) -> int:
    """The number of places where *said* has a sign or capital that no word has: `MŸller`, `Stra§e`, `£ukasz`."""
    count = 0
    for before, char, after in zip(f" {said}", said, f"{said[1:]} ", strict=False):
        if char.isascii():
            continue
        kind = unicodedata.category(char)
        if kind[0] in "SCN":
            count += before.isalpha() or after.isalpha()
        elif kind[0] == "P":
            count += before.isalpha() and after.isalpha() and char != "’"
        else:
            count += char.isupper() and before.isalpha() and after.islower()
    return count


# ---- lines ----------------------------------------------------------------------------------------------------


def lines(open_: Open, name: str, encoding: str = "") -> tuple[str, Iterator[str]]:
    """The encoding of a text file and its lines, without line endings and byte-order mark.

    Raise UserError for an *encoding* that is unknown or does not fit. A line over MAX_LINE
    is cut; readers of rows reject it.
    """
    if encoding:
        _check(open_, name, encoding)
        known = Encoding(encoding)
    else:
        known = detect(open_)
    return str(known), _lines(open_, known)


def _check(open_: Open, name: str, encoding: str) -> None:
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError as error:
        raise UserError(f"{name}: unknown encoding {encoding}; try cp1252, or omit --encoding") from error
    number = 1
    with open_() as stream:
        try:
            while block := stream.read(BLOCK):
                number += decoder.decode(block).count("\n")
            decoder.decode(b"", True)
        except UnicodeDecodeError as error:
            number += error.object[: error.start].count(b"\n")
            raise UserError(f"{name}:{number}: not {encoding}; omit --encoding, or give another") from error


def _lines(open_: Open, known: Encoding) -> Iterator[str]:
    first = True
    with open_() as stream:
        for line in _cut(_utf8(stream, known.whole) if known.whole else iter(lambda: stream.read(BLOCK), b"")):
            text = _text(line, known)
            yield text.lstrip("\ufeff") if first else text
            first = False


def _utf8(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while block := stream.read(BLOCK):
        yield decoder.decode(block).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _cut(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of *blocks*, with any line ending (LF, CRLF, CR)."""
    rest, long = b"", False
    for block in blocks:
        parts = (rest + block).splitlines(keepends=True)
        rest = parts.pop() if parts and not parts[-1].endswith(b"\n") else b""
        for part in parts:
            if not long:
                yield part.rstrip(b"\r\n")
            long = False
        if len(rest) > MAX_LINE and not rest.endswith(b"\r"):
            if not long:
                yield rest[: MAX_LINE + 1]
            rest, long = b"", True
    if rest and not long:
        yield rest.rstrip(b"\r\n")


def _text(line: bytes, known: Encoding) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    damaged = known.mostly_utf8 and not line.decode("utf-8", "ignore").isascii()
    return line.decode("utf-8" if damaged or not known.other else known.other, "replace")


# ---- rows -----------------------------------------------------------------------------------------------------


def rows(found: Iterable[str], delimiter: str = ",", before: int = 0) -> Iterator[Row]:
    """The rows of some lines. An unclosed quotation mark spoils its own line, not those below it."""
    waiting: list[str] = []
    source = iter(found)
    while (line := waiting.pop(0) if waiting else next(source, None)) is not None:
        taken = [line]
        cells, open_ = _cells(taken, delimiter)
        while open_ and len(taken) < MAX_ROW and sum(map(len, taken)) < BLOCK:
            more = waiting.pop(0) if waiting else next(source, None)
            if more is None:
                break
            taken.append(more)
            cells, open_ = _cells(taken, delimiter)
        wrong = ""
        if cells is None:
            taken, waiting = taken[:1], taken[1:] + waiting
            long = len(line) > MAX_LINE >> 2
            wrong = "the line is too long" if long else "the quotation marks do not match"
        yield Row(before + 1, cells or [], "\n".join(taken), wrong)
        before += len(taken)


def _cells(taken: list[str], delimiter: str) -> tuple[list[str] | None, bool]:
    """The cells of the row in the lines *taken*, or None; and whether a quotation mark is still open."""
    if len(taken[0]) > MAX_LINE >> 2:
        return None, False
    try:
        found = list(csv.reader([*(line + "\n" for line in taken[:-1]), taken[-1]], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None, "unexpected end" in str(error)
    return (found[0], False) if len(found) == 1 else (None, False) if found else ([], False)


def table(
    open_: Open, name: str, encoding: str = "", delimiter: str = "", header: Callable[[list[str]], bool] | None = None
) -> Table:
    """The table in a CSV file. Its header is the first line accepted by *header*, else the first with text.

    Raise UserError if the given encoding does not fit. Without a header there are no columns.
    """
    known, found = lines(open_, name, encoding)
    head: list[str] = []
    try:
        head.extend(islice(found, PREAMBLE + MAX_ROW))
    except ValueError as error:  # a damaged stream: yield the rows before it first
        found = _broken(error)
    start = next((index for index, line in enumerate(head) if line.strip()), len(head))
    if start < len(head) and (declared := _SEP.fullmatch(head[start].strip(" \r"))):
        delimiter, start = delimiter or declared[1], start + 1
    scores: list[tuple[tuple[bool, bool, int, int], int, str, Row]] = []
    for order, one in enumerate([delimiter] if delimiter else DELIMITERS):
        sample = [row for row in rows(head[start:], one, start) if any(cell.strip() for cell in row.cells)]
        fits = [row for row in sample[:PREAMBLE] if header and header(_names(row))]
        top = fits[0] if fits else sample[0] if sample else None
        if top is not None:
            same = sum(len(row.cells) == len(top.cells) for row in sample if row.line > top.line)
            scores.append(((bool(fits), len(top.cells) > 1, same, len(top.cells)), -order, one, top))
    if not scores:
        return Table([], iter(()), known, delimiter or ",", 0)
    _, _, chosen, top = max(scores, key=lambda score: score[:2])
    below = top.line + top.text.count("\n")
    columns = _names(top)
    return Table(
        columns, _fitted(rows(chain(head[below:], found), chosen, below), len(columns)), known, chosen, top.line
    )


def _broken(error: ValueError) -> Iterator[str]:
    raise error
    yield


def _names(row: Row) -> list[str]:
    return [" ".join(cell.replace("\ufeff", "").split()) for cell in row.cells]


def _fitted(found: Iterator[Row], width: int) -> Iterator[Row]:
    """*found*, each row with *width* cells or marked as wrong; surplus empty cells at the end are allowed."""
    for row in found:
        if not row.wrong and row.cells and len(row.cells) != width:
            if len(row.cells) > width and not any(cell.strip() for cell in row.cells[width:]):
                row = row._replace(cells=row.cells[:width])
            elif any(cell.strip() for cell in row.cells):
                row = row._replace(wrong=f"{len(row.cells)} cells where {width} are expected")
            else:
                row = row._replace(cells=[])
        yield row


# ---- small files of the study ---------------------------------------------------------------------------------


def text(path: Path) -> str:
    """The text of a small file. Raise UserError if a character cannot be read."""
    try:
        found = "\n".join(lines(lambda: path.open("rb"), path.name)[1])
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    if LOST in found:
        line = found[: found.index(LOST)].count("\n") + 1
        raise UserError(f"{path}, line {line}: a character cannot be read; save the file as UTF-8")
    return found


def records(path: Path, columns: Iterable[str] = ()) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns of a small CSV file and its rows with line numbers; the header is a line with all *columns*, if any.

    Raise UserError, with the line, for a row that does not fit or a character that cannot be read.
    """
    wanted = set(columns)
    try:
        found = table(lambda: path.open("rb"), str(path), header=lambda names: wanted <= set(names))
        rows_ = [row for row in found.rows if row.wrong or any(cell.strip() for cell in row.cells)]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    for row in rows_:
        if row.wrong or LOST in row.text:
            why = row.wrong or "a character cannot be read; save the file as UTF-8"
            raise UserError(f"{path}, line {row.line}: {why}")
    return found.columns, [(row.line, dict(zip(found.columns, row.cells, strict=True))) for row in rows_]
