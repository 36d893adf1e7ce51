"""Crawling against bare Scrapy: CPU a page of all our processes, and pages a second at a simulated 5 ms fsync.

    python benchmarks/crawl.py [PAGES]

A server in a process of its own gives 17 KB pages rendered beforehand. `bare` is a Scrapy spider with the same
settings that drops what it gets; `crawl` is `collectors.wire.scrapy_parent` alone; `collect` is the whole loop with
archive and frontier. Each runs once with few and once with many pages; the difference is the cost of a page.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
HOST = "netwerk.example"
FEW = 200
OPTIONS = {"autothrottle": False, "concurrency": 16, "timeout": 30.0}


def serve(ports, body) -> None:
    """Answer every request with *body*, robots.txt with rules."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
    page, robots = head % len(body) + body, head % 26 + b"User-agent: *\nDisallow: /x\n"[:26]

    class Server(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            for each in data.split(b"\r\n\r\n")[:-1]:
                self.transport.write(robots if b" /robots.txt " in each[:40] else page)

    async def forever():
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=512)
        ports.put(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(forever())


def bare(port: int, pages: int, plain: bool = False) -> None:
    """Scrapy alone."""
    import scrapy
    from scrapy.crawler import CrawlerProcess

    class Bare(scrapy.Spider):
        name = "bare"

        async def start(self):
            for number in range(pages):
                yield scrapy.Request(f"http://127.0.0.1:{port}/in/{number}", dont_filter=True)

        def parse(self, response):
            pass

    settings = {
        "ROBOTSTXT_OBEY": True, "CONCURRENT_REQUESTS": 16, "CONCURRENT_REQUESTS_PER_DOMAIN": 16, "RETRY_ENABLED": False,
        "COOKIES_ENABLED": False, "TELNETCONSOLE_ENABLED": False, "HTTPERROR_ALLOW_ALL": True, "LOG_LEVEL": "CRITICAL",
        "DOWNLOAD_DELAY": 0,
    }  # fmt: skip
    if plain:
        from collectors.wire.scrapy_child import scrapy_settings

        ours = scrapy_settings(OPTIONS, True)
        del ours["DOWNLOAD_HANDLERS"], ours["DNS_RESOLVER"]
        middlewares = {k: v for k, v in ours["DOWNLOADER_MIDDLEWARES_BASE"].items() if isinstance(k, str)}
        middlewares["scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware"] = 100
        settings = {**ours, "DOWNLOADER_MIDDLEWARES_BASE": middlewares}
    process = CrawlerProcess(settings)
    process.crawl(Bare)
    process.start()


def slim(port: int, pages: int) -> None:
    """Scrapy alone, with everything off that we switch off."""
    bare(port, pages, plain=True)


def requests(port: int, pages: int):
    """Requests and their URLs."""
    from storage.records import Request, Target

    for number in range(pages):
        url = f"http://127.0.0.1:{port}/in/{number}"
        yield Request(Target("profiles", "profile", url), "w"), url


def crawl(port: int, pages: int) -> None:
    """Our crawl, its answers dropped."""
    from collectors.base import Settings
    from collectors.wire.exchange import Wire
    from collectors.wire.scrapy_parent import crawl

    wire = Wire()
    came = sum(1 for _ in crawl(requests(port, pages), Settings({**OPTIONS, "allow_private": True}), wire))
    assert came == pages + 1, came
    wire.close()


def collect(port: int, pages: int) -> None:
    """The whole loop: frontier, crawl, archive, at a simulated 5 ms fsync."""
    from datetime import UTC, datetime

    from collectors.base import Settings
    from collectors.engine.run import collect
    from collectors.profiles.collector import collector
    from collectors.wire.exchange import Wire
    from storage.frontier.sqlite import Frontier

    os.fsync = lambda handle: time.sleep(0.005)
    with tempfile.TemporaryDirectory() as folder:
        frontier = Frontier(Path(folder) / "state.sqlite")
        with frontier.transaction():
            frontier.add((request for request, _ in requests(port, pages)), datetime.now(UTC))
        wire = Wire()
        settings = Settings({**OPTIONS, "allow_private": True}, None, wire)
        report = collect(Path(folder), "profiles", collector, settings, frontier=frontier)
        assert report.answers == pages + 1, report
        wire.close()


def cost(name: str, port: int, pages: int) -> tuple[float, float]:
    """CPU and wall seconds of one run in a process of its own, its children included."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, __file__, name, str(port), str(pages)], check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main(pages: int) -> None:
    """Print the table."""
    ports = multiprocessing.Queue()
    server = multiprocessing.Process(
        target=serve, args=(ports, os.urandom(6400).hex().encode() + b" " * 4200), daemon=True
    )
    server.start()
    port = ports.get()
    base = None
    print(f"{pages} pages of 17 KB\n{'':10}{'CPU ms/page':>12}{'ratio':>8}{'pages/s':>10}{'server':>9}")
    for name in ("bare", "slim", "crawl", "collect"):
        few, few_wall = cost(name, port, FEW)
        busy = _cpu(server.pid)
        many, wall = cost(name, port, pages)
        each = (many - few) / (pages - FEW) * 1000
        base = base or each
        share = (_cpu(server.pid) - busy) / wall
        print(f"{name:10}{each:12.3f}{each / base:8.2f}{(pages - FEW) / (wall - few_wall):10.0f}{share:9.0%}")
    server.terminate()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        {"bare": bare, "slim": slim, "crawl": crawl, "collect": collect}[sys.argv[1]](
            int(sys.argv[2]), int(sys.argv[3])
        )
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
