"""The problems in X's answers, in any form: their subject and meaning."""

from __future__ import annotations

import re

import msgspec

from collectors.parsing import lenient
from collectors.x.models import UNREADABLE, Problem
from storage.records import Page

TOKENS = {"pagination_token", "next_token"}
# Problems with a field, and with X itself: not about the existence of a target (OpenAPI 2.166 and 2.167)
FIELDS = ("not-authorized-for-field", "field-unauthorized", "field-hydration-failure")
FAILED = ("internal-error",)
WORDS = {"tweet.fields", "post.fields", "expansions"}


def problems_of(page: Page) -> list[Problem]:
    """The problems in an answer, including the answer itself if it is one; none if it is not JSON."""
    try:
        answer, _ = lenient.read(page.content(), Problem)
    except UNREADABLE:
        return []
    found = [answer] if answer.title or answer.detail or answer.type else []
    return _nested(answer) + found


def _nested(problem: Problem) -> list[Problem]:
    try:
        return msgspec.convert(problem.errors or [], list[Problem])
    except msgspec.ValidationError:
        return []


def reason_of(problem: Problem) -> str | None:
    """The reason why *problem*'s subject is not available; None if it gives none."""
    text, type_ = problem.text, str(problem.type)
    if type_.endswith(FIELDS):  # a field is missing; its owner exists
        return None
    if "suspended" in text:
        return "suspended"
    if "deactivated" in text:
        return "deactivated"
    if type_.endswith("not-authorized-for-resource") or "protected" in text:
        return "protected"
    if type_.endswith("resource-not-found") or problem.title == "Not Found Error":
        return "unknown" if "username" in str(problem.parameter) else "gone"
    if type_.endswith(("resource-unavailable", "disallowed-resource")):
        return "refused"
    return None


def about(problems: list[Problem], key: str) -> Problem | None:
    """The problem that names *key*."""
    key = key.lower()
    for problem in problems:
        if key in (str(problem.value).lower(), str(problem.resource_id).lower()) or key in named(problem):
            return problem
    return None


def named(problem: Problem) -> set[str]:
    """The values in square brackets of a problem's text, without the list of allowed ones."""
    text = _blame(problem)
    return {value.strip().lower() for piece in re.findall(r"\[([^\]]*)\]", text) for value in piece.split(",")}


def blames(problem: Problem, words: set[str]) -> bool:
    """Whether *problem* names one of *words* (parameters, or fields in their values) as the error."""
    listed = problem.parameters if isinstance(problem.parameters, dict) else {}
    found = {*re.findall(r"[\w.]+", _blame(problem)), str(problem.parameter), *listed}
    return any(one == word or one.startswith(word + ".") for word in words for one in found)


def _blame(problem: Problem) -> str:
    """A problem's text without the list of allowed values."""
    return " ".join(str(word) for word in (problem.detail, problem.message) if word).partition("is not one of")[0]


def wrong_vocabulary(page: Page) -> bool:
    """Whether X rejected requested field names: a 400 that names one of them."""
    if page.status != 400 or "expansions=" not in page.url:
        return False
    return any(blames(problem, WORDS) for problem in problems_of(page))
