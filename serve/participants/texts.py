"""What the pages say: a study's own information and consent text, versioned by digest, and our words around them."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from markdown_it import MarkdownIt

from storage.errors import UserError

Language = Literal["en", "nl"]
LANGUAGES: tuple[Language, ...] = ("en", "nl")
FOLDER = "consent"
BLANK = re.compile(r"\[\[.*?\]\]", re.S)  # what the researcher fills in


class Text(msgspec.Struct, frozen=True):
    """The information and the consent text in one language."""

    information: str
    consent: str

    @property
    def whole(self) -> str:
        """Both, as the archive keeps them."""
        return f"{self.information}\n\n{self.consent}"

    @property
    def version(self) -> str:
        """SHA-256 of both."""
        return hashlib.sha256(self.whole.encode()).hexdigest()


def text_of(study: Path, language: Language, domains: Sequence[str] = ()) -> Text:
    """The study's text in *language*. Raise UserError if it is missing, empty, has blanks, or names no *domains*."""
    parts = []
    for name in ("information", "consent"):
        path = study / FOLDER / f"{name}.{language}.md"
        try:
            part = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read ({error})") from error
        if blank := BLANK.search(part):
            line = part.count("\n", 0, blank.start()) + 1
            raise UserError(f"{path}, line {line}: {blank[0][:60]} is still blank; fill it in")
        if not part.strip():
            raise UserError(f"{path}: is empty; write the text that participants read")
        parts.append(part)
    made = Text(*parts)
    if missing := [name for name in domains if name.casefold() not in made.whole.casefold()]:
        raise UserError(
            f"{study / FOLDER / f'information.{language}.md'}: does not say that the study asks for {missing[0]}, as "
            "[participants] domains does; name it there"
        )
    return made


def begin(study: Path, domains: Sequence[str] = ()) -> list[Path]:
    """Write templates of the texts that are missing, with the *domains* that the study names; return their paths."""
    folder = study / FOLDER
    folder.mkdir(exist_ok=True)
    made = []
    for template in sorted((Path(__file__).parent / "templates").glob("*.md")):
        path = folder / template.name
        if not path.exists():
            besides = words("nl" if template.name.endswith(".nl.md") else "en")["besides"]
            named = besides.format(domains=", ".join(domains)) if domains else ""
            path.write_text(template.read_text("utf-8").replace("{further}", named), "utf-8")
            made.append(path)
    return made


def rendered(text: str) -> str:
    """Markdown as HTML; HTML in it is shown as text, headings begin at the third level."""
    made = MarkdownIt("commonmark", {"html": False}).render(text)
    return re.sub(r"(</?h)([1-4])(?=>)", lambda found: f"{found[1]}{int(found[2]) + 2}", made)


@cache
def words(language: Language) -> Mapping[str, str]:
    """Our words in *language*."""
    path = Path(__file__).parent / "words.toml"
    found: Mapping[str, str] = tomllib.loads(path.read_text("utf-8"))[language]
    return found
