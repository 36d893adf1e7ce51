"""The crawl: real Scrapy over real sockets on loopback, and the same Scrapy over a recording."""

import gzip
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from collectors.base import Settings, redirected
from collectors.wire.exchange import NotRecorded, Replay, Wire
from collectors.wire.retry_after import retry_after
from collectors.wire.scrapy_download import ROBOT, robots_text
from collectors.wire.scrapy_parent import BATCH, Child, Job, crawl
from storage.archive import writer as archiving
from storage.errors import Partial
from storage.records import Failure, Page, Request, Target
from tests.website import serving

HOST = "http://netwerk.example"
ROBOTS = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /prive/\n")


def request(url: str) -> Request:
    return Request(Target("profiles", "profile", url), "walk")


def options(site, **more) -> dict:
    return {"hosts": {"netwerk.example": site.address}, "autothrottle": False, "timeout": 60, **more}


def answers(site, urls, wire=None, **more) -> list[Page | Failure]:
    with closing(wire or Wire("run")) as wire:
        return list(crawl(((request(url), url) for url in urls), Settings(options(site, **more)), wire))


def by_key(came) -> dict[str, list[Page | Failure]]:
    found: dict[str, list] = {}
    for answer in came:
        found.setdefault(answer.requests[0].target.key, []).append(answer)
    return found


def close(handler):
    handler.connection.close()


def held(released: threading.Event):
    """An answer that does not come before *released*: the connection is closed then."""
    return lambda handler: released.wait(120) and None


SITE = {
    "/robots.txt": (200, {"Content-Encoding": "gzip"}, gzip.compress(ROBOTS[2])),
    "/in/plain": (200, {"Content-Type": "text/html"}, b"<p>plain"),
    "/in/gzipped": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"<p>gzipped")),
    "/in/chunked": (200, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    "/in/empty": (200, {}, b""),
    "/in/error": (503, {"Retry-After": "7"}, b"<h1>busy"),
    "/in/denied": (999, {}, b"denied"),
    "/in/moved": (301, {"Location": "/in/moved2"}, b"there"),
    "/in/moved2": (302, {"Location": HOST + "/in/plain"}, b""),
    "/in/circle": (302, {"Location": "/in/circle"}, b""),
    "/in/ftp": (301, {"Location": "ftp://netwerk.example/x"}, b""),
    "/in/inside": (302, {"Location": "http://127.0.0.1:1/secret"}, b""),
    "/in/metadata": (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""),
    "/in/local": (302, {"Location": "http://localhost:1/"}, b""),
    "/in/forbidden": (302, {"Location": "/prive/x"}, b""),
    "/in/cut": (200, {"Content-Length": "100"}, b"only this"),
    "/in/cutchunk": (200, {"Transfer-Encoding": "chunked"}, b"ff\r\nonly this"),
    "/in/hangup": close,
    "/in/large": (200, {}, b"x" * 300_000),
}


def test_every_answer_comes_as_it_was_received_and_every_want_once():
    cutting = {"/in/cut", "/in/cutchunk"}

    def cut(answer):
        def send(handler):
            handler.close_connection = True
            return answer

        return send

    site_answers = {path: cut(a) if path in cutting else a for path, a in SITE.items()}
    outside = ["http://does-not-exist.invalid/", "http://10.1.2.3/", "nonsense", "file:///etc/hostname"]
    with serving(site_answers) as site:
        urls = [HOST + path for path in SITE if path != "/robots.txt"] + [
            HOST + "/prive/x",
            HOST + "/in/none",
            *outside,
        ]
        came = answers(site, urls, max_bytes=200_000)
        found = by_key(came)
        reasons = {url.removeprefix(HOST): [a.reason for a in found[url] if isinstance(a, Failure)] for url in urls}
        failed = {path: reason for path, reason in reasons.items() if reason}
        asked = site.asked
    assert failed == {
        "/in/circle": ["other"], "/in/ftp": ["other"], "/in/inside": ["private-address"],
        "/in/metadata": ["private-address"], "/in/local": ["private-address"], "/in/forbidden": ["robots"],
        "/in/cut": ["cut"], "/in/cutchunk": ["cut"], "/in/hangup": ["connection"],
        "/in/large": ["too-large"], "/prive/x": ["robots"], "http://does-not-exist.invalid/": ["dns"],
        "http://10.1.2.3/": ["private-address"], "nonsense": ["other"], "file:///etc/hostname": ["other"],
    }  # fmt: skip
    for url in urls:
        last = [a for a in found[url] if isinstance(a, Failure) or not redirected(a)]
        assert len(last) == 1 or url.endswith("/in/ftp"), url  # answered, and once
        assert all(isinstance(a, Page) and redirected(a) for a in found[url][:-1])
    pages = {url.removeprefix(HOST): [a for a in found[url] if isinstance(a, Page)] for url in urls}
    assert [(p.status, p.url) for p in pages["/in/moved"]] == [
        (301, HOST + "/in/moved"), (302, HOST + "/in/moved2"), (200, HOST + "/in/plain"),
    ]  # fmt: skip
    assert len(pages["/in/circle"]) == 6  # the first, and five redirects
    gzipped = pages["/in/gzipped"][0]
    assert gzipped.body == SITE["/in/gzipped"][2]
    assert gzipped.content() == b"<p>gzipped"
    chunked = pages["/in/chunked"][0]
    assert (chunked.body, chunked.header("transfer-encoding")) == (b"hello world", None)
    assert chunked.header("content-length") == "11"
    assert (pages["/in/error"][0].status, pages["/in/error"][0].header("retry-after")) == (503, "7")
    assert pages["/in/denied"][0].status == 999
    robots = found[HOST + "/robots.txt"]
    assert [(a.requests[0].target.kind, a.requests[0].walk, a.status) for a in robots] == [("robots", "robots", 200)]
    assert "/prive/x" not in [path for _, path, _ in asked]
    assert {headers["host"] for _, _, headers in asked} == {"netwerk.example"}
    assert not any("cookie" in headers or "referer" in headers for _, _, headers in asked)


def test_the_user_agent_names_the_program_and_the_contact():
    with serving({"/robots.txt": ROBOTS}) as site:
        answers(site, [HOST + "/in/a"], contact="onderzoek@voorbeeld.example")
        agents = {headers["user-agent"] for _, _, headers in site.asked}
    assert len(agents) == 1
    assert agents.pop().startswith("sneeuwbal")
    assert "onderzoek@voorbeeld.example" in site.asked[0][2]["user-agent"]


def test_robots_txt_holds_for_all_that_wait_for_it():
    """Scrapy's own middleware lets the second and later of the waiting requests pass."""
    with serving({"/robots.txt": ROBOTS}) as site:
        came = answers(site, [f"{HOST}/prive/{number}" for number in range(30)])
        assert site.paths == ["/robots.txt"]
    assert Counter(a.reason for a in came if isinstance(a, Failure)) == {"robots": 30}


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    st.sampled_from(["\n", "\r\n", "\r", " \r\n\r\n"]),
    st.sampled_from(["", "\ufeff", "\u200b", "<pre>", "# caf\xe9 {end}", "# no rules{end}{end}"]),
    st.sampled_from(
        [
            "User-agent: *",
            "USER-AGENT:*",
            "User-Agent : sneeuwbal",
            "user-agent: * # all",
            "User-agent: Sneeuwbal/1.0",
            "Useragent: 'sneeuwbal'",
        ]
    ),
    st.sampled_from(["/prive", "prive", "https://site.example/prive", " /prive*"]),
)
def test_the_first_rule_of_robots_txt_holds_in_every_encoding(encoding, end, before, agent, path):
    text = before.format(end=end) + agent + end + "Disallow: " + path + end
    rules = Protego.parse(robots_text(text.encode(encoding)))
    assert not rules.can_fetch(HOST + "/prive/x", ROBOT)
    assert rules.can_fetch(HOST + "/in/x", ROBOT)


def test_robots_txt_with_a_byte_order_mark_is_obeyed():
    with serving({"/robots.txt": (200, {}, b"\xef\xbb\xbfUser-agent: *\rDisallow: /\r")}) as site:
        (came,) = [a for a in answers(site, [HOST + "/in/a"]) if a.requests[0].target.kind == "profile"]
        assert site.paths == ["/robots.txt"]
    assert came.reason == "robots"


@pytest.mark.parametrize("robots", [(503, {}, b"Disallow: nothing"), (429, {}, b""), close])
def test_without_knowing_robots_txt_nothing_is_asked(robots):
    """RFC 9309, 2.3.1.4: unreachable means complete disallow; here: not now."""
    with serving({"/robots.txt": robots, "/in/a": (200, {}, b"")}) as site, closing(Wire()) as wire:
        settings = Settings(options(site))
        came = list(crawl(iter([(request(HOST + "/in/a"), HOST + "/in/a")]), settings, wire))
        assert site.paths == ["/robots.txt"]
        assert [a.reason for a in came if a.requests[0].target.kind == "profile"] == ["connection"]
        site.answers["/robots.txt"] = (404, {}, b"User-agent: *\nDisallow: /\n")  # no rules: all is allowed
        came = list(crawl(iter([(request(HOST + "/in/a"), HOST + "/in/a")]), settings, wire))
        assert site.paths == ["/robots.txt", "/robots.txt", "/in/a"]
    assert [a.status for a in came] == [404, 200]


def test_robots_txt_is_disobeyed_only_with_a_reason():
    with serving({"/robots.txt": ROBOTS, "/prive/a": (200, {}, b"")}) as site:
        for robots, status in (({"obey": False}, None), ({"obey": False, "reason": "written permission"}, 200)):
            came = by_key(answers(site, [HOST + "/prive/a"], robots=robots))[HOST + "/prive/a"]
            assert getattr(came[0], "status", None) == status


def test_a_crawl_delay_is_kept_for_its_host_and_a_slow_host_does_not_hold_up_another():
    """The slow host answers its second page only when the other host has been asked for all of its own."""
    rules = (200, {}, b"User-agent: *\nCrawl-delay: 0.1\n")
    pages = {f"/in/{n}": (200, {}, b"") for n in range(200)}
    all_asked = threading.Event()

    def held(handler):
        return (200, {}, b"") if all_asked.wait(120) else (500, {}, b"")

    def last(handler):
        if len(site.asked) == 151:
            all_asked.set()
        return 200, {}, b""

    slow, quick = {**pages, "/in/1": held}, dict.fromkeys(pages, last)
    with serving({"/robots.txt": rules, **slow}) as late, serving({"/robots.txt": ROBOTS, **quick}) as site:
        hosts = {"traag.example": late.address, "netwerk.example": site.address}
        urls = [f"http://traag.example/in/{n}" for n in range(24)] + [f"{HOST}/in/{n}" for n in range(150)]
        came = answers(site, urls, hosts=hosts, concurrency=2, timeout=180)
        assert Counter(getattr(a, "status", None) for a in came) == {200: 176}
        times = [at for at, _, _ in late.asked]
        assert len(times) == 25
        assert len(site.asked) == 151
        assert times[-1] - times[0] >= 0.8 * 24 * 0.1


def test_wants_are_read_as_there_is_room_for_them():
    read = 0

    def requests():
        nonlocal read
        for number in range(1000):
            read += 1
            yield request(f"{HOST}/in/{number}"), f"{HOST}/in/{number}"

    with serving({"/robots.txt": ROBOTS}) as site, closing(Wire()) as wire:
        came = crawl(requests(), Settings(options(site, concurrency=2)), wire)
        window = Child(Job({}, {"concurrency": 2})).window
        for number, _ in enumerate(came, 1):
            assert read <= 2 * window + number
            if number == 300:
                break
        came.close()
        assert read < 1000


def test_the_child_lives_as_long_as_the_wire_serves_many_crawls_and_listens_to_nobody(interpreters):
    with serving({"/robots.txt": ROBOTS}) as site, closing(Wire()) as wire:
        for number in range(3):
            url = f"{HOST}/in/{number}"
            list(crawl(iter([(request(url), url)]), Settings(options(site)), wire))
        assert site.paths == ["/robots.txt", "/in/0", "/in/1", "/in/2"]
        children = crawling(os.getpid())
        assert len(children) == 1
        ends = children[0].net_connections("inet")
        assert psutil.CONN_LISTEN not in {one.status for one in ends}
    assert not children[0].is_running()


def crawling(pid: int) -> list[psutil.Process]:
    return [p for p in psutil.Process(pid).children() if "collectors.wire.scrapy_child" in " ".join(p.cmdline())]


def test_an_answer_that_does_not_come_in_time_is_a_timeout():
    released = threading.Event()
    with serving({"/robots.txt": ROBOTS, "/in/slow": held(released)}) as site:
        (came,) = by_key(answers(site, [HOST + "/in/slow"], timeout=1))[HOST + "/in/slow"]
        released.set()
    assert came.reason == "timeout"


def test_a_child_that_dies_is_reported_and_nothing_hangs(interpreters):
    released = threading.Event()
    with serving({"/robots.txt": ROBOTS, "/in/slow": held(released)}) as site, closing(Wire()) as wire:
        came = crawl(iter([(request(HOST + "/in/slow"), HOST + "/in/slow")]), Settings(options(site)), wire)
        assert next(came).status == 200  # robots.txt
        crawling(os.getpid())[0].kill()
        with pytest.raises(Partial, match="the crawling process ended"):
            next(came)
        released.set()
        url = HOST + "/in/a"
        assert [a.status for a in crawl(iter([(request(url), url)]), Settings(options(site)), wire)] == [
            200,
            404,
        ]


def test_the_child_ends_with_a_parent_that_was_killed():
    script = (
        "import sys\n"
        "from tests.test_crawl import *\n"
        "url = 'http://netwerk.example/in/slow'\n"
        "settings = Settings({'hosts': {'netwerk.example': sys.argv[1]}, 'timeout': 120})\n"
        "for answer in crawl(iter([(request(url), url)]), settings, Wire()): print('up', flush=True)\n"
    )
    released = threading.Event()
    with serving({"/robots.txt": ROBOTS, "/in/slow": held(released)}) as site:
        here = Path(__file__).parent
        parent = subprocess.Popen(
            [sys.executable, "-c", script, site.address, str(here)], cwd=here.parent, stdout=subprocess.PIPE
        )
        assert parent.stdout.readline() == b"up\n"
        (child,) = crawling(parent.pid)
        for signum in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the parent decides
            os.kill(child.pid, signum)
        assert child.is_running()
        parent.kill()
        parent.wait()
        parent.stdout.close()
        psutil.wait_procs([child], timeout=60)
        assert not child.is_running()
        released.set()


def recorded(folder: Path, came) -> None:
    writer = archiving.Writer(folder, "profiles", fsync=False)
    for answer in came:
        writer.append(answer)
    writer.close()


def plain(came):
    """The answers by key, without what a recording adds."""
    replaced = (msgspec.structs.replace(answer, record_id="", run="") for answer in came)
    return {key: [redated(a) for a in some] for key, some in by_key(replaced).items()}


def redated(answer):
    if isinstance(answer, Page):
        return answer.url, answer.status, sorted(answer.headers), answer.body, answer.fetched_at
    return answer.url, answer.reason, answer.detail, answer.failed_at


def test_a_replay_gives_the_recorded_answers_through_the_real_scrapy(tmp_path):
    paths = ["/in/plain", "/in/gzipped", "/in/moved", "/in/circle", "/in/error", "/in/inside", "/prive/x", "/in/none"]
    urls = [HOST + path for path in paths]
    with serving(SITE) as site:
        live = answers(site, urls)
    recorded(tmp_path / "archive", live)
    again = answers(site, urls, Replay(tmp_path / "archive", tmp_path / "index", "again"))
    private = "http://127.0.0.1:1/robots.txt"
    expected = plain(live)
    assert {k: v for k, v in plain(again).items() if k != private} == {
        k: v for k, v in expected.items() if k != private
    }
    assert {a.run for a in again} == {"again"}


def test_a_replay_names_what_was_not_recorded(tmp_path):
    with serving(SITE) as site:
        recorded(tmp_path / "archive", answers(site, [HOST + "/in/plain"]))
    with pytest.raises(NotRecorded, match=r"profiles profile http://netwerk\.example/in/other"):
        answers(site, [HOST + "/in/plain", HOST + "/in/other"], Replay(tmp_path / "archive", tmp_path / "index"))


def test_an_archive_without_robots_txt_replays(tmp_path):
    with serving(SITE) as site:
        live = answers(site, [HOST + "/in/plain"])
    recorded(tmp_path / "archive", [a for a in live if a.requests[0].target.kind == "profile"])
    again = answers(site, [HOST + "/in/plain"], Replay(tmp_path / "archive", tmp_path / "index"))
    assert [a.body for a in again] == [b"<p>plain"]


NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["120"], 120),
        ([" 5 "], 5),
        ([format_datetime(NOW + timedelta(minutes=2), usegmt=True)], 120),
        (["60", format_datetime(NOW + timedelta(seconds=90), usegmt=True)], 90),  # GoToSocial sends both
        (["0"], None),
        (["-5"], None),
        (["99999999999999999999"], None),
        ([format_datetime(NOW - timedelta(hours=1), usegmt=True)], None),
        (["2592000"], None),
        (["soon"], None),
        ([], None),
    ],
)
def test_retry_after_in_both_forms(values, seconds):
    page = Page((request("k"),), "k", 503, tuple(("retry-after", value) for value in values), b"", NOW)
    assert retry_after(page) == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_a_batch_is_smaller_than_the_room():
    assert Child(Job({}, {"concurrency": 1})).window >= 2 * BATCH
