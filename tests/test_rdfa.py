"""RDFa: the elements that say nothing are left out before the library reads a page."""

from __future__ import annotations

import pytest
import rdflib
from extruct.utils import parse_xmldom_html
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyRdfa import Options, pyRdfa
from rdflib.compare import to_isomorphic

from collectors.profiles.jsonld import Document, _rdfa_only, types
from tests.conftest import examples

NAMES = st.sampled_from(["schema:name", "schema:url", "name", "og:title", "worksFor"])
LINKS = st.sampled_from(["https://example.org/a", "#me", "/in/b", "_:x"])
RDFA = {
    "property": NAMES, "typeof": st.sampled_from(["Person", "schema:Organization"]), "rel": NAMES, "rev": NAMES,
    "about": LINKS, "resource": LINKS, "href": LINKS, "src": LINKS, "content": st.just("inhoud"), "class": st.just("x"),
    "vocab": st.just("https://schema.org/"), "prefix": st.just("schema: https://schema.org/"), "lang": st.just("nl"),
    "datatype": st.sampled_from(["", "xsd:date"]), "inlist": st.just(""),
}  # fmt: skip


@st.composite
def rdfa_pages(draw: st.DrawFn) -> str:
    """A page of nested elements with RDFa's attributes here and there."""

    def element(depth: int) -> str:
        chosen = draw(st.lists(st.sampled_from(sorted(RDFA)), max_size=3, unique=True))
        said = "".join(f' {name}="{draw(RDFA[name])}"' for name in chosen)
        below = "".join(element(depth - 1) for _ in range(draw(st.integers(0, 3)))) if depth else ""
        tag = draw(st.sampled_from(["div", "span", "a", "b"]))
        return f"<{tag}{said}>tekst {depth}{below}</{tag}> staart<!-- x -->"

    return (
        f'<html vocab="https://schema.org/"><head><title>t</title></head><body>{element(4)}{element(3)}</body></html>'
    )


IN_A_TABLE = """<html vocab="https://schema.org/"><body typeof="Person"><table rel="worksFor"><tr><td{}>
    <b property="name">tekst</b></td><td property="description">2009</td></tr></table></body></html>"""


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@example(IN_A_TABLE.format(' property="member" typeof="Person"'))
@example(IN_A_TABLE.format(' rel="member"'))
@given(rdfa_pages())
def test_rdfa_is_the_same_without_the_elements_that_say_nothing(page: str) -> None:
    """The whole page, read by the library, is the peer."""

    def read(text: str, mark: str = "no mark") -> object:
        page = parse_xmldom_html(text, encoding="UTF-8")
        options = Options(embedded_rdf=False, space_preserve=True, vocab_expansion=False)
        found = pyRdfa(options, base="https://example.org/p").graph_from_DOM(page, rdflib.Graph(), rdflib.Graph())
        graph = rdflib.Graph()
        for triple in found:
            graph.add(tuple(rdflib.BNode(part[len(mark) :]) if part.startswith(mark) else part for part in triple))
        return to_isomorphic(graph)

    assert read(*_rdfa_only(page)) == read(page)


JOBS = {
    "no names": """<div property="worksFor" typeof="Organization"><span property="name">Verzonnen Media</span>
        <div property="member" typeof="OrganizationRole"><time property="startDate">{year}</time></div></div>""",
    "names of the page's own": """<div property="worksFor" resource="_:b{year}" typeof="Organization">
        <span property="name">Verzonnen Media</span>
        <div property="member" resource="_:role{year}" typeof="OrganizationRole">
        <time property="startDate">{year}</time></div></div>""",
    "no elements": """<div rel="worksFor"><p><span property="name">Verzonnen Media</span></p>
        <div rel="member"><time property="startDate">{year}</time></div></div>""",
}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_jobs_at_one_employer_are_in_the_order_of_the_page(job: str) -> None:
    years = [str(year) for year in (2009, 2001, 2012, 1998, 2005, 2003)]  # by chance, right once in 720 times
    jobs = "".join(job.format(year=year) for year in years)
    page = f'<div vocab="https://schema.org/" typeof="Person"><b property="name">Testa Verzonnen</b>{jobs}</div>'
    document = Document(page.encode(), "text/html", "https://example.org/p")
    (person,) = (node for node in document.nodes if types(node) == {"Person"})
    assert [job["member"][0]["startDate"] for job in person["worksFor"]] == [[year] for year in years]


def test_texts_and_addresses_are_those_of_the_page() -> None:
    page = (
        '<div vocab="https://schema.org/" prefix="order: https://example.org/" typeof="Person">'
        '<b property="name">urn:order:x</b><a property="url" href="urn:order:000001">_:y</a></div>'
    )
    document = Document(page.encode(), "text/html", "https://example.org/p")
    (person,) = (node for node in document.nodes if types(node) == {"Person"})
    assert (person["@id"], person["name"], person["url"]) == ("_:000000", ["urn:order:x"], ["urn:order:000001"])
