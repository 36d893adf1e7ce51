"""Seeds that stand elsewhere than in lists of one platform: a table of people, and the organisations' own accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from storage import csvfile
from storage.linking.organisations import Named, Organisations
from storage.privacy.declared import hooks_of

TABLE, OWN = "people_file", "organisations"  # keys of [seeds]
HANDLES = ("account", "accounts", "handle", "handles")  # columns of accounts of any platform
_SPACE = re.compile(r"[\s,;|]+")


class Found(NamedTuple):
    """A seed of a collector, and where it stands: the path that led to it."""

    collector: str
    seed: str
    path: str


def of_table(path: Path, collectors: Mapping[str, Any]) -> tuple[list[Found], list[int]]:
    """The seeds in a table of people, and the lines in which none of *collectors* (by name) knows an account or page.

    A column named after a collector holds its accounts, one named `handle` or `account` those of any; elsewhere only
    web addresses and @name@server are read. Raise UserError where the table cannot be read.
    """
    found: list[Found] = []
    unread: list[int] = []
    for line, row in csvfile.records(path)[1]:
        here = [one for column, cell in row.items() for text in _SPACE.split(cell.strip()) if text
                for one in _of_cell(column.strip().lower(), text, collectors)]  # fmt: skip
        found += [Found(*one, path.name) for one in here]
        unread += [] if here else [line]
    return list(dict.fromkeys(found)), unread


def of_organisations(listed: Organisations, collectors: Mapping[str, Any]) -> list[Found]:
    """The accounts that the list of organisations names as its own, of *collectors* (by name)."""
    entries: list[tuple[str, Named]] = [(each.name or each.id, each) for each in listed.group]
    entries += [(each.name, each) for each in listed.organisation]
    return list(dict.fromkeys(
        Found(*one, name) for name, each in entries for handle in each.handles
        for one in _of_any(handle, collectors)
    ))  # fmt: skip


def _of_cell(column: str, text: str, collectors: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if column in collectors:
        yield from [(column, text)] if _reads(collectors[column], text) else ()
    elif "://" in text or text.lower().startswith("www."):
        yield from _of_address(text, collectors)
    elif column in HANDLES or re.fullmatch(r"@[^@]+@[^@]+", text):
        yield from _of_any(text, collectors)


def _of_any(text: str, collectors: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """*text* as an account of whichever of the platforms has such names."""
    if "://" in text:
        yield from _of_address(text, collectors)
        return
    accounts = (name for name, one in collectors.items() if hooks_of(one).handle_of)
    yield from ((name, text) for name in accounts if _reads(collectors[name], text))


def _of_address(text: str, collectors: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A web address: the account whose page it is, else a profile."""
    address = text if "://" in text else f"https://{text}"
    read = {name: hooks_of(one).handle_of for name, one in collectors.items()}
    handles = [(name, handle) for name, of in read.items() if of and (handle := of(address))]
    yield from handles or ((name, address) for name, of in read.items() if not of and _profiles(collectors[name]))


def _profiles(collector: Any) -> bool:
    return any(kind.of == "profile" for kind in collector.kinds.values())


def _reads(collector: Any, text: str) -> bool:
    """Whether *collector* takes *text* for an account."""
    page_of = hooks_of(collector).page_of
    return page_of is not None and page_of(text) is not None


def unread_lines(lines: Iterable[int]) -> str:
    """For example: 4, 7 and 9."""
    *others, last = map(str, lines)
    return f"{', '.join(others)} and {last}" if others else last
