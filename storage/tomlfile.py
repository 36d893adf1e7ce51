"""A TOML file read into a pydantic model: all mistakes at once, each with its key, line and fix."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from storage.errors import UserError

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


class Table(BaseModel):
    """A table of a settings file: frozen, strictly typed, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Mistake(NamedTuple):
    """One mistake in a file: its place, and a message with the fix."""

    loc: Loc
    message: str


Checks = Callable[[dict[str, Any]], Iterable[Mistake]]


def read(path: Path, model: type[M], checks: Checks | None = None) -> M:
    """The settings of *path* as a *model*; raise UserError with every mistake that pydantic or *checks* find."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return parse(text, model, path.name, checks)


def parse(text: str, model: type[M], name: str, checks: Checks | None = None) -> M:
    """Like read(), from the *text* of a file called *name*."""
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise UserError(f"{name} is not TOML: nested too deeply; compare docs/study-file.md") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name} is not TOML: {error}; compare docs/study-file.md") from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise UserError(f"{name}: a number in it is too long; compare docs/study-file.md") from None
    found: list[Mistake] = []
    settings: M | None = None
    try:
        settings = model.model_validate(tuples(data))
    except ValidationError as error:
        found += mistakes(error, model)
    found += checks(data) if checks else ()
    if found or settings is None:
        raise UserError(_message(found, text, name))
    return settings


def mistakes(error: ValidationError, model: type[BaseModel], at: Loc = ()) -> list[Mistake]:
    """The mistakes of a ValidationError of *model*, whose table is at *at* in the file."""
    found = error.errors(include_url=False, include_context=False)
    inner = {item["loc"][:-1] for item in found}
    return [
        Mistake(
            (*at, *(part for part in item["loc"] if part != "[key]")),
            _explain(item["type"], item["msg"], item["input"], item["loc"], model),
        )
        for item in found
        if item["type"] != "too_short" or item["loc"] not in inner  # too short for its wrong items
    ]


def tuples(value: Any) -> Any:
    """*value* with its lists as tuples, as the strict, frozen models want them."""
    if isinstance(value, Mapping):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value


def nearest(word: str, words: Iterable[str]) -> str:
    """A clause with the word that was probably meant, or the possible words."""
    known = sorted(words)
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    if close:
        return f"did you mean {next(name for name in known if name.lower() == close[0])!r}?"
    return "it can be " + ", ".join(known) if known else "there are none"


def _explain(kind: str, message: str, value: Any, loc: Loc, model: type[BaseModel]) -> str:
    """One clause with the mistake and its fix."""
    if kind == "extra_forbidden":
        table = _model_at(model, loc[:-1])
        if new := getattr(table, "RENAMED", {}).get(loc[-1]):
            return f"is called {new} now"
        return f"unknown key; {nearest(str(loc[-1]), keys(table) if table else ())}"
    if kind == "too_short":
        return "is empty; name at least one, or leave it out"
    if kind == "missing":
        return "is missing; add it"
    message = re.sub(r"^(Value error, |Input )", "", message)
    if kind == "string_pattern_mismatch" and (field := keys(_model_at(model, loc[:-1]) or model).get(str(loc[-1]))):
        example = field.examples[0] if field.examples else field.default
        message = f"should be written like {example!r}"
    if isinstance(value, Mapping):
        return message  # of a whole table: the message is complete
    shown = repr(list(value) if isinstance(value, tuple) else value)
    return f"{message}, not {shown if len(shown) < 60 else shown[:57] + '...'}"


def _model_at(model: type[BaseModel] | None, loc: Loc) -> type[BaseModel] | None:
    """The model of the table at *loc* below *model*; None if there is none."""
    for part in loc:
        if model is None:
            return None
        if isinstance(part, str) and (field := keys(model).get(part)):
            model = model_in(field.annotation)
    return model


def keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of *model* by their key in the file: `from` is a keyword in Python."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model inside a type such as tuple[Model, ...] or dict[str, Model] | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := model_in(part))), None)


def _message(found: list[Mistake], text: str, name: str) -> str:
    """All mistakes, in the order of the file."""
    where = lines(text)
    ordered = sorted({(_line(where, item.loc), _dotted(item.loc), item.message) for item in found})
    listed = [f"line {line}, {key}: {message}" if line else f"{key}: {message}" for line, key, message in ordered]
    if len(listed) == 1:
        return f"{name}, {listed[0]}"
    return f"{name} has {len(listed)} mistakes:\n" + "\n".join(f"  {line}" for line in listed)


def _dotted(loc: Loc) -> str:
    """*loc* in TOML's notation: published.groups."I&M".profiles, schedule[0].cron."""
    out = ""
    for part in loc:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            bare = part if re.fullmatch(r"[\w-]+", part, re.ASCII) else f'"{part}"'
            out += f".{bare}" if out else bare
    return out or "the file"


def _line(where: Mapping[Loc, int], loc: Loc) -> int:
    """The line of *loc*, or of the nearest table around it; 0 if unknown."""
    return next((where[loc[:end]] for end in range(len(loc), 0, -1) if loc[:end] in where), 0)


_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""", re.ASCII)


def lines(text: str) -> dict[Loc, int]:
    """The line of each key and table header of a TOML *text* (tomllib gives none)."""
    found: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    for number, line in enumerate(text.splitlines(), 1):
        if (header := _HEADER.match(line)) and "=" not in header[2].split('"')[0]:
            path = _parts(header[2])
            if header[1] == "[[":
                counts[path] = counts.get(path, -1) + 1
                table = (*path, counts[path])
            else:
                table = _inside(path, counts)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(table + _parts(key[1]), number)
    return found


def _parts(key: str) -> Loc:
    """The parts of a dotted key, unquoted by tomllib itself; () if it is invalid."""
    try:
        value: Any = tomllib.loads(f"{key} = 0")
    except ValueError:
        return ()
    path: list[str] = []
    while isinstance(value, dict):
        path += value
        value = value[path[-1]]
    return tuple(path)


def _inside(path: Loc, counts: Mapping[Loc, int]) -> Loc:
    """*path* of a [table] below a [[list of tables]], with the number of the newest item inserted."""
    for end in range(len(path), 0, -1):
        if path[:end] in counts:
            return (*path[:end], counts[path[:end]], *path[end:])
    return path


# ---- writing: a commented file with every key of a model ---------------------------------------------------


def written(header: str, model: type[BaseModel], values: Mapping[str, Any], live: bool = True) -> str:
    """The table *header* with every key of *model*: *values*, else defaults; examples are commented out.

    With *live* False the whole table is commented out.
    """
    out = [f"# {(model.__doc__ or '').strip().splitlines()[0]}", header if live else f"# {header}"]
    for name, field in keys(model).items():
        value = values.get(name, None if field.is_required() else field.get_default())
        example = value is None or value == {}
        if example:
            value = field.examples[0] if field.examples else _EXAMPLES.get(_plain(field.annotation), "...")
        line = f"{'# ' if example or not live else ''}{name} = {literal(value)}"
        out.append(f"{line:<40}  # {field.description}")
    return "\n".join(out) + "\n"


_EXAMPLES: dict[Any, Any] = {int: 100, float: 10.0, date: date(2013, 2, 23), bool: True}


def _plain(annotation: Any) -> Any:
    """The first plain type inside a type such as Annotated[int, ...] | None."""
    return annotation if annotation in _EXAMPLES else next(map(_plain, get_args(annotation)), None)


def literal(value: Any) -> str:
    """*value* in TOML's notation."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | int | float):
        return str(value)
    if isinstance(value, Mapping):
        keys_ = [key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key) for key in value]
        return (
            "{ " + ", ".join(f"{key} = {literal(item)}" for key, item in zip(keys_, value.values(), strict=True)) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
