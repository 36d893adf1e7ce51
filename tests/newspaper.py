"""An invented newspaper on loopback, its copies and its walls: pages of documents as the web has them."""

from __future__ import annotations

import json
from typing import Any

from tests.served import Answer

STORY = (
    "De gemeente Verzonnen laat haar ambtenaren voortaan onder hun eigen naam twitteren, zo besloot de raad gisteren. "
    "Volgens wethouder Zelma Zandloper is dat een proef van een jaar, waarna de raad opnieuw beslist. "
    "De vakbond is er niet gerust op: wie zich verspreekt, staat er alleen voor, zegt een woordvoerder. "
    "In drie andere gemeenten bestaat zo'n regeling al, en daar zijn tot nu toe geen klachten over binnengekomen."
)
COPY = STORY.replace(" zo ", "\n zo  ").replace("zo'n", "zo’n")
OTHER = STORY.replace("twitteren", "bloggen").replace("proef", "regeling voor onbepaalde tijd")


def html(text: str, head: str = "", title: str = "Ambtenaren twitteren", side: str = "") -> bytes:
    """A page with its article between the furniture of a site."""
    half = text.find(". ", len(text) // 2) + 1
    return f"""<!doctype html><html lang="nl-NL"><head><title>{title}</title>{head}</head><body>
<nav><ul><li><a href="/">Voorpagina</a></li><li><a href="/sport">Sport</a></li></ul></nav>
<main><article><h1>{title}</h1><p>{text[:half]}</p><p>{text[half:]}</p></article></main>
<aside><p>{side}</p></aside><footer><p>Alle rechten voorbehouden</p></footer></body></html>""".encode()


def ld(**properties: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@context": "https://schema.org", **properties})}</script>'


ARTICLE = '<meta property="og:type" content="article">'
PAGES: dict[str, Answer] = {
    "/robots.txt": (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /prive/\n"),
    "/een": (200, {}, html(STORY, ld(**{"@type": "NewsArticle", "datePublished": "2013-02-06T08:00:00+01:00"}),
                           side="Lees ook: het weer")),
    "/heruitgave": (200, {}, html(COPY, title="Overgenomen", side="Advertentie")),
    "/betaald": (200, {}, html(STORY[:200], ld(**{"@type": "NewsArticle", "isAccessibleForFree": "False"}))),
    "/toestemming": (302, {"Location": "http://toestemming.example/vraag?terug=x"}, b""),
    "/vraag?terug=x": (200, {}, html("Wij en onze partners plaatsen cookies. " * 20, title="Toestemming")),
    "/oud": (301, {"Location": "/2013/nieuw"}, b""),
    "/2013/nieuw": (200, {}, html(OTHER, ARTICLE)),
    "/weg": (301, {"Location": "/"}, b""),
    "/": (200, {}, html("Het nieuws van vandaag. " * 30, title="Voorpagina")),
    "/rapport.pdf": (200, {"Content-Type": "application/pdf"}, b"%PDF-1.4 niets"),
    "/stil": (200, {"X-Robots-Tag": "noindex"}, html(OTHER)),
    "/leeg": (200, {}, b"<html><head><title>Laden</title></head><body><div id=app></div></body></html>"),
}  # fmt: skip
FOUND = ("een", "betaald", "toestemming", "oud", "weg", "rapport.pdf", "stil", "leeg", "prive/x", "nergens")
OUTCOMES = {
    "een": ("read", None), "betaald": ("paywall", None), "toestemming": ("moved", "http://toestemming.example/vraag?terug=x"),
    "oud": ("read", None), "weg": ("moved", "http://krant.example/"), "rapport.pdf": ("format", "application/pdf"),
    "stil": ("opted-out", None), "leeg": ("empty", None), "prive/x": ("robots", None), "nergens": ("gone", None),
}  # fmt: skip


def feed(*urls: str) -> Answer:
    items = [{"id": url, "url": url, "title": None if "een" in url else f"Over {url.split('/')[3]}"} for url in urls]
    return 200, {}, {"version": "https://jsonfeed.org/version/1.1", "items": items}


# the second entry is not about the search's words
ELSEWHERE = """<?xml version="1.0"?><rss version="2.0"><channel><title>Elders</title>
<item><title>Niets</title><link>http://krant.example/ongelezen</link></item>
<item><title>Wie is Zandloper?</title><link>http://krant.example/een</link><description>Lees.</description></item>
</channel></rss>"""


def site(path: str) -> Answer:
    if path == "/feed":
        return feed(*(f"http://krant.example/{one}" for one in FOUND), "http://kopie.example/heruitgave/?utm_source=x")
    if path == "/elders":
        return 200, {}, ELSEWHERE.encode()
    return PAGES.get(path.replace("heruitgave/?utm_source=x", "heruitgave"), (404, {}, b"weg"))
