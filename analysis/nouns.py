"""The nouns for members and groups from a study's list of organisations, in English and Dutch."""

from __future__ import annotations

import re
from collections.abc import Mapping

NOUNS = {
    "en": {"member": "member", "members": "members", "group": "group", "groups": "groups"},
    "nl": {"member": "lid", "members": "leden", "group": "groep", "groups": "groepen", "article": "de"},
}


class Nouns:
    """Fills {members}, {a_group} and similar fields of a text; other fields are left for `str.format`."""

    def __init__(self, language: str = "en", population: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """*population* has the nouns by language from the organisation list; None: general ones."""
        nouns = {**NOUNS.get(language, NOUNS["en"]), **((population or {}).get(language) or {})}
        self.forms = _dutch(nouns) if language == "nl" else _english(nouns)
        self.forms |= {form[0].upper() + form[1:]: text[:1].upper() + text[1:] for form, text in self.forms.items()}
        self._field = re.compile("{(" + "|".join(self.forms) + ")}")

    def __call__(self, text: str) -> str:
        """*text* with the nouns filled in."""
        return self._field.sub(lambda field: self.forms[field[1]], text)


def _english(nouns: Mapping[str, str]) -> dict[str, str]:
    forms = {name: nouns[name] for name in ("member", "members", "group", "groups")}
    for name in ("member", "group"):
        forms[f"a_{name}"] = f"{'an' if forms[name][:1].lower() in 'aeiou' else 'a'} {forms[name]}"
    return forms


def _dutch(nouns: Mapping[str, str]) -> dict[str, str]:
    """The forms that depend on whether the group's article is de or het."""
    forms = {name: nouns[name] for name in ("member", "members", "group", "groups")}
    group, het = forms["group"], nouns.get("article") == "het"
    other = f"{'ander' if het else 'andere'} {group}"
    return forms | {
        "a_member": f"een {forms['member']}", "a_group": f"een {group}",
        "the_group": f"{'het' if het else 'de'} {group}",
        "each_group": f"{'elk' if het else 'elke'} {group}", "other_group": other, "another_group": f"een {other}",
    }  # fmt: skip


GENERAL = Nouns()  # if no list is known
