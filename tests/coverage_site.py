"""The one server of the coverage tests: answers built as the documentation of each interface shows them.

RFC 4287, RSS 2.0, jsonfeed.org, sitemaps.org, the SRU of KOOP (repository.overheid.nl/sru, records in gzd), Discourse
(docs.discourse.org), the capture indexes of Wayback and Common Crawl, Media Cloud and SearXNG. Sites and people are
invented.
"""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.served import Answer

LONG = "De ambtenaar die twittert is nog altijd een uitzondering, zegt het rapport dat vandaag in Den Haag verscheen."
RSS = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<rss version="2.0"><channel><title>Verzonnen Courant</title><link>https://courant.example/</link>
<item><title>Ambtenaren &lt;b&gt;in&lt;/b&gt; de caf\xe9s &amp;amp; tuinen</title>
 <link>https://courant.example/a?utm_source=rss&amp;id=1</link><guid>1</guid>
 <pubDate>Wed, 06 Feb 2013 09:30:00 +0100</pubDate><description>{LONG}</description></item>
<item><title>Ambtenaar zonder datum</title><link>https://courant.example/b#top</link><guid>1</guid><pubDate>eergisteren</pubDate></item>
<item><title>Ambtenaar uit de toekomst</title><link>https://courant.example/c</link>
 <pubDate>Tue, 06 Feb 2113 09:30:00 GMT</pubDate></item>
<item><title>Ambtenaar zonder adres</title><guid isPermaLink="false">x7</guid></item>
<item><title>Over het weer</title><link>https://courant.example/weer</link></item>
</channel></rss>""".encode("latin-1")
ATOM = b"""<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title>
<link rel="next" href="/atom?page=2"/><entry><title type="text">1 &lt; 2 &amp;amp; 3</title>
<id>tag:blog.example,2013:1</id>
<link href="https://blog.example/1"/><updated>2013-02-07T08:00:00Z</updated></entry>"""  # cut off
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1", "title": "Blad",
    "items": [
        {"id": "1", "url": "https://blad.example/ambtenaren", "title": "Ambtenaren", "content_html": f"<p>{LONG}</p>",
         "date_published": "2013-02-08T10:00:00+01:00"},
        {"id": "8", "url": "http://kopie.example/x/", "title": "Ambtenaren", "content_text": f" {LONG} "},
        {"id": 7, "url": "https://blad.example/2", "title": ["geen titel"]},
        "geen object",
    ],
}  # fmt: skip
INDEX = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>{0}/map1.xml.gz</loc><lastmod>2013-02-01</lastmod></sitemap>
<sitemap><loc>{0}/old.xml</loc><lastmod>2001-01-01</lastmod></sitemap><sitemap><loc>{0}/map2.xml</loc></sitemap>
</sitemapindex>"""
MAP = """<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>https://site.example/ambtenaar-1</loc>
<lastmod>2020-01-01</lastmod></url><url><loc>https://site.example/n?a=1&b=2</loc><news:news><news:publication>
<news:name>Site</news:name></news:publication><news:publication_date>2013-02-09</news:publication_date>
<news:title>Ambtenaar in het nieuws</news:title></news:news></url></urlset>"""
GZD = """<sru:record><sru:recordData><gzd:gzd><gzd:originalData><overheidwetgeving:meta><overheidwetgeving:owmskern>
<dcterms:identifier>kst-{0}</dcterms:identifier><dcterms:title>Kamerstuk {0}</dcterms:title>
<dcterms:creator>Tweede Kamer</dcterms:creator>
<dcterms:modified>2013-03-01</dcterms:modified></overheidwetgeving:owmskern>
<overheidwetgeving:owmsmantel><dcterms:date>2013-02-20</dcterms:date></overheidwetgeving:owmsmantel>
</overheidwetgeving:meta></gzd:originalData><gzd:enrichedData>
<gzd:preferredUrl>https://zoek.officielebekendmakingen.nl/kst-{0}.html</gzd:preferredUrl></gzd:enrichedData></gzd:gzd>
</sru:recordData></sru:record>"""
SRU = """<?xml version="1.0" encoding="UTF-8"?><sru:searchRetrieveResponse
xmlns:sru="http://docs.oasis-open.org/ns/search-ws/sruResponse" xmlns:gzd="http://standaarden.overheid.nl/sru"
xmlns:dcterms="http://purl.org/dc/terms/" xmlns:overheidwetgeving="http://standaarden.overheid.nl/wetgeving/">
<sru:version>2.0</sru:version><sru:numberOfRecords>{0}</sru:numberOfRecords><sru:records>{1}</sru:records>
</sru:searchRetrieveResponse>"""
DIAGNOSTIC = """<sru:searchRetrieveResponse xmlns:sru="http://docs.oasis-open.org/ns/search-ws/sruResponse"><sru:diagnostics>
<d:diagnostic xmlns:d="http://docs.oasis-open.org/ns/search-ws/diagnostic"><d:message>Query syntax error</d:message>
</d:diagnostic></sru:diagnostics></sru:searchRetrieveResponse>"""


def hits(*ids: int, more: bool) -> dict[str, Any]:
    """A page of a forum's search."""
    posts = [{"id": n, "topic_id": n, "post_number": n, "created_at": "2013-02-10T10:00:00.000Z",
              "username": "verzonnen", "blurb": "een ambtenaar &amp; meer"} for n in ids]  # fmt: skip
    topics = [{"id": n, "slug": f"draad-{n}", "title": f"Draad {n}"} for n in ids]
    return {"posts": posts, "topics": topics, "grouped_search_result": {"more_full_page_results": more, "error": None}}


CAPTURES = [
    ["original", "timestamp"], ["http://courant.example:80/ambtenaar?utm_source=x", "20130206093000"],
    ["https://courant.example/ambtenaar", "20130207093000"], [7, "20130207093000"],
]  # fmt: skip
CRAWLS = [
    {"id": "CC-MAIN-2013-20", "cdx-api": "{0}/cc1", "from": "2013-05-18T05:00:00", "to": "2013-05-26T05:00:00"},
    {"id": "CC-MAIN-2013-48", "cdx-api": "{0}/cc2"},
    {"id": "later", "cdx-api": "{0}/cc3", "from": "2014-01-01T00:00:00"},
    {"id": "without an index"},
]  # fmt: skip
STORIES = {
    "stories": [
        {"id": "a", "title": "Ambtenaar op Twitter", "publish_date": "2013-02-06", "media_name": "courant.example",
         "url": "https://courant.example/op-twitter", "language": "nl"},
        {"id": "b", "title": None, "publish_date": None, "url": "https://courant.example/zonder-datum"},
        {"id": "c", "title": "Zonder adres"},
    ],
    "pagination_token": "verder",
}  # fmt: skip
RESULTS = {
    "results": [{"url": "https://blog.example/gevonden", "title": "Gevonden", "content": "een ambtenaar",
                 "publishedDate": "2013-02-08T00:00:00", "engines": ["een"]}],
    "unresponsive_engines": [["twee", "timeout"]],
}  # fmt: skip
COUNCIL = {  # API.md of ontola/openbesluitvorming
    "results": [
        {"entityId": "document:notubiz:gemeente:verzonnen:1", "entityType": "Document", "organization": "Verzonnen",
         "sortDate": "2012-12-31 23:00:00", "title": "Raadsvoorstel ambtenaren", "summary": "De <b>ambtenaar</b> ...",
         "downloadUrl": "https://raad.verzonnen.example/1.pdf", "pageCount": 12},
        {"entityId": "meeting:notubiz:gemeente:verzonnen:2", "entityType": "Meeting", "title": "Raadsvergadering",
         "sortDate": "2013-02-07 19:00:00", "organization": "Verzonnen"},
        {"entityType": "Document", "title": "Zonder nummer"},
    ],
    "totalCount": 4, "totalIsApproximate": False, "hasMore": True,
}  # fmt: skip


HERE: list[str] = []  # the server's own address, once it stands


def indexes(path: str, query: dict[str, str]) -> Answer:
    """What indexes of captures and search engines answer."""
    match path:
        case "/cdx" if "resumeKey" in query:
            return 200, {}, [CAPTURES[0], ["https://courant.example/tweede", "20130301000000"]]
        case "/cdx":
            return 200, {}, [*CAPTURES, [], ["nl,courant)/b 2013!"]]
        case "/collinfo.json":
            return 200, {}, [{name: value.format(*HERE) for name, value in one.items()} for one in CRAWLS]
        case "/cc1" if query["page"] == "0":
            return 200, {}, b'{"url": "https://courant.example/crawl-1", "timestamp": "20130520000000"}\n{"url":'
        case "/cc1":
            return 400, {}, {"message": "Page 1 invalid: First Page is 0, Last Page is 0"}
        case "/cc2":
            return 404, {}, {"message": "No Captures found for: courant.example/*"}
        case "/stories":
            return 200, {}, STORIES if "pagination_token" not in query else {"stories": [], "pagination_token": None}
        case "/raad/api/search":
            return 200, {}, COUNCIL if "offset" not in query else {**COUNCIL, "results": [], "hasMore": False}
        case "/map1.xml.gz":
            return 200, {"Content-Type": "application/octet-stream"}, gzip.compress(MAP.encode())
        case "/map2.xml":
            return 200, {"Content-Type": "text/xml"}, MAP.encode()
        case "/searx/search":
            return 200, {}, RESULTS if query["pageno"] == "1" else {"results": []}
    return 404, {}, b"weg"


def site(path: str) -> Answer:
    """What the server answers."""
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    match parts.path:
        case "/moved":
            return 301, {"Location": "/rss"}, b""
        case "/rss":
            return 200, {"Content-Type": "application/rss+xml"}, RSS
        case "/atom":
            return 200, {"Content-Type": "application/atom+xml"}, ATOM if not query else ATOM.replace(b"rel=", b"was=")
        case "/feed.json":
            return 200, {}, JSON_FEED
        case "/sitemap.xml":
            return 200, {"Content-Type": "text/xml"}, INDEX.format(*HERE).encode()
        case "/sru" if query["query"] == "(":
            return 200, {"Content-Type": "text/xml"}, DIAGNOSTIC.encode()
        case "/sru":
            start = int(query["startRecord"])
            found = [GZD.format(number) for number in range(start, min(start + 2, 4))]
            return 200, {"Content-Type": "text/xml"}, SRU.format(3, "".join(found)).encode()
        case "/forum/search.json":
            return 200, {}, hits(1, 2, more=True) if query["page"] == "1" else hits(3, more=False)
        case "/forum/latest.json":
            topics = [
                {"id": 9, "slug": "nieuw", "title": "Ambtenaar op het forum", "created_at": "2013-02-11T10:00:00Z"}
            ]
            return 200, {}, {"topic_list": {"topics": topics}}
        case "/forum/t/nieuw/9.json":
            posts = [{"id": n, "topic_id": 9, "post_number": n, "created_at": "2013-02-11T10:00:00Z",
                      "cooked": f"<p>bericht {n}</p>"} for n in (1, 2)]  # fmt: skip
            return (
                200,
                {},
                {"id": 9, "slug": "nieuw", "title": "Nieuw", "post_stream": {"posts": posts, "stream": [1, 2]}},
            )
    return indexes(parts.path, query)
