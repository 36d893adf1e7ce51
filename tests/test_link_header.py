"""The `Link` header says where the next page is, in every form that RFC 8288 allows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.parsing.link_header import linked
from storage.records import Follow
from tests import test_mastodon as m
from tests.conftest import examples

BASE = "https://social.example/api/v1/accounts/1/following?limit=80"
NEXT = "https://social.example/n?page=2"


@pytest.mark.parametrize(
    "value",
    [
        f'<{NEXT}>; rel="next"',
        f"<{NEXT}>; rel=next",
        f'<{NEXT}>; REL="NEXT"',
        f'<{NEXT}>;rel="prev next"',
        f'<{NEXT}>;\trel\t=\t"next"',
        f'<{NEXT}>; title="a=b"; rel="next"',
        f'<{NEXT}>; title="a, b; rel=\\"prev\\""; rel="next"',
        f"<{NEXT}>; title*=UTF-8''a%2cb; rel=next",
        f'<{NEXT}>; rel="next"; rel="prev"',
        f'<{NEXT}>; crossorigin; rel="next"',
        f'<{NEXT}>; rel="next";',
        f'<{NEXT}>; anchor=""; rel="next"',
        f'</elsewhere>; rel="prev" , <{NEXT}>; rel="next"',
        f'</elsewhere>; title="<x>; rel=next"; rel="prev", <{NEXT}>; rel="next"',
        f', ,<{NEXT}> ; rel = "next"',
        "</n?page=2>; rel=next",
        '<//social.example/n?page=2>; rel="https://a.example/rel next"',
        f'no link at all, <{NEXT}>; rel="next"',
        f"<{NEXT}>; rel='next'",
        f'<{NEXT}>; rel="next',
    ],
)
def test_a_next_link_in_every_form(value: str) -> None:
    assert list(linked([("link", value)], "next", BASE)) == [NEXT]


@pytest.mark.parametrize(
    "value",
    ["", "next", f'<{NEXT}>', f'<{NEXT}>; rel="nextish"', f'<{NEXT}>; rel="prev"; rel="next"', "<; rel=next",
     f'<{NEXT}>; title="rel=next"', f'<{NEXT}>; rev="next"', f'<{NEXT}>; rel="next"; anchor="https://b.example/"',
     '</x>; title="cut off; rel=next', '<https://[>; rel="next"'],
)  # fmt: skip
def test_what_is_no_next_link(value: str) -> None:
    assert list(linked([("Link", value)], "next", BASE)) == []


TOKEN = st.from_regex(r"[a-z][a-z0-9*!#-]{0,5}", fullmatch=True).filter(lambda name: name not in ("rel", "anchor"))
QUOTED = st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=8).map(
    lambda text: '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
)
PARAMETER = st.tuples(TOKEN, st.one_of(st.just(""), QUOTED.map("={}".format), TOKEN.map("={}".format))).map("".join)
SPACE = st.sampled_from(["", " ", "\t", " \t"])


@settings(max_examples=examples(200), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.lists(PARAMETER, max_size=3), st.lists(PARAMETER, max_size=3), st.booleans()), max_size=4),
    SPACE,
    st.booleans(),
)
def test_links_are_found_among_whatever_else_is_said(links: list[tuple[list[str], list[str], bool]], space: str,
                                                     apart: bool) -> None:  # fmt: skip
    """Other parameters before and behind, other links, one header or several: nothing is lost, nothing invented."""
    values, wanted = [], []
    for number, (before, behind, is_next) in enumerate(links):
        rel = ["rel" + space + "=" + space + ('"x Next"' if is_next else "prev")]
        values.append(f"<https://a.example/{number}>" + "".join(f"{space};{space}{p}" for p in before + rel + behind))
        wanted += [f"https://a.example/{number}"] if is_next else []
    headers = [("Link", value) for value in values] if apart else [("LINK", f"{space},{space}".join(values))]
    assert list(linked(headers, "next", BASE)) == wanted


@given(st.text(st.sampled_from('<>;,="\\ \tarelnxt'), max_size=200))
@settings(max_examples=examples(200), deadline=None, database=None)
def test_any_header_is_read_or_says_nothing(value: str) -> None:
    assert all(isinstance(found, str) for found in linked([("link", value * 20)], "next", BASE))


@pytest.mark.parametrize(("claimed", "why"), [(12, ""), (14, "12 of the 14 that the profile claims")])
def test_a_list_is_walked_to_its_end_and_never_called_whole_where_it_is_not(
    tmp_path: Path, claimed: int, why: str
) -> None:
    """Seven pages under links of every form; a list shorter than its account claims says so."""
    here = f"https://{m.HOST}/api/v1/accounts/1/following"
    links = [
        f'<{here}?page=1>; REL="next"',
        f'<{here}?page=2>;\trel=next; title="x"',
        f'<{here}?page=3>; title="a=b"; rel="next"',
        f'<{here}?page=4>;rel="prev next"',
        f'<{here}?page=0>; rel="prev" , <{here}?page=5>; rel="NEXT"',
        f'<{here}?page=4>; rel="prev"',
    ]

    def lists(what: str, query: dict[str, str]) -> Any:
        number = int(query.get("page", 0))
        return 200, [("LINK", links[number])], [m.account(60 + 2 * number), m.account(61 + 2 * number)]

    answer = m.site({"1": m.account(1, following_count=claimed)}, lists)
    found, _ = m.collected(tmp_path, answer, ("following", m.KEY))
    assert len(found.of(Follow)) == 12
    assert found.states["following", m.KEY] == ("done", why)
