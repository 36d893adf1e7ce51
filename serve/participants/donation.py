"""A donation as the browser sends it: checked against what may be given, and written as files of an export."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from storage.privacy.declared import Donation
from storage.structs import ready

MOST_ROWS, MOST_TEXT = 100_000, 32_000
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    """A table of a donation."""

    columns: list[str]
    rows: list[list[str]]
    made: datetime | None = None  # when the platform wrote the file


class Donated(msgspec.Struct, forbid_unknown_fields=True):
    """A donation: the text agreed to, and the tables by file name."""

    agreed: Literal[True]
    version: str
    language: Literal["en", "nl"]
    tables: dict[str, Sent]
    address: str = ""  # of the participant's own page


ready(Donated)


def read(body: bytes) -> Donated:
    """The donation in *body*; raise ValueError."""
    return msgspec.json.decode(body, type=Donated)


def files(donated: Donated, offer: Donation) -> dict[str, tuple[bytes, datetime | None]]:
    """The donated tables as CSV files, with their dates, by name.

    Raise ValueError for files, columns or shapes that *offer* does not have.
    """
    if not donated.tables:
        raise ValueError("nothing was given")
    cut = re.compile(offer.cut)
    files = {name: (one, offer.files.get(name, ())) for name, one in donated.tables.items()}
    if donated.address:
        if not stated(donated.address, offer.address):
            raise ValueError("not the address of a page")
        name, column = offer.address_in
        columns = offer.files[name]
        one = donated.tables.get(name, Sent(list(columns[:2]), [["", ""]]))
        with_address = [[*row, donated.address.strip()] for row in one.rows]
        files[name] = (Sent([*one.columns, column], with_address, one.made), (*columns, column))
    made = {name: (_file(one, columns, cut), one.made) for name, (one, columns) in files.items()}
    empty = {name: (_written(columns, []), None) for name, columns in offer.files.items()}  # as an importer may need it
    return {**empty, **made}


def stated(address: str, pattern: str) -> bool:
    """Whether *address* may be the one of a participant's own page, asked for with *pattern* ("": not asked)."""
    fine = len(address) <= MOST_TEXT and not CONTROL.search(address)
    return bool(pattern) and fine and re.fullmatch(pattern, address) is not None


def _file(sent: Sent, allowed: tuple[str, ...], cut: re.Pattern[str]) -> bytes:
    columns = sent.columns
    if not allowed or not set(columns) <= set(allowed) or len(set(columns)) < len(columns):
        raise ValueError("a file or column that was not asked for")
    if not set(allowed[:2]) <= set(columns) or not 0 < len(sent.rows) <= MOST_ROWS:
        raise ValueError("not a table of an export")
    if sent.made and not 1980 <= sent.made.year <= 2107:  # what a ZIP file can say
        raise ValueError("not a date of a file")
    for row in sent.rows:
        if len(row) != len(columns) or any(len(cell) > MOST_TEXT or CONTROL.search(cell) for cell in row):
            raise ValueError("not a row of an export")
    return _written(columns, [[cut.sub("", cell) for cell in row] for row in sent.rows])


def _written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerows([columns, *rows])
    return made.getvalue().encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
