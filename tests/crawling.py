"""Scrapy's children as forks of the process that starts them: a fresh interpreter takes a second to import Scrapy."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import traceback
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NoReturn

from collectors.wire import scrapy_parent

USED = ("collectors.wire.scrapy_child", "scrapy.downloadermiddlewares.redirect", "scrapy.extensions.throttle",
        "scrapy.pqueues", "scrapy.squeues")  # fmt: skip

START = scrapy_parent.Child._start


class Fork(subprocess.Popen):
    """A child that is a fork, as far as `collectors.wire.scrapy_parent` needs a new interpreter."""

    def _execute_child(self, args: Any, _: Any, preexec: Any, close: Any, pass_fds: Any, cwd: Any, env: Any,
                       startup: Any, flags: Any, shell: Any, *more: Any) -> None:  # fmt: skip
        prepare()
        files = more[:6]
        self.pid = os.fork()
        if not self.pid:
            _crawl(args, env, files[0], files[3], files[5], *pass_fds)
        self._child_created = True
        self._close_pipe_fds(*files)


FORKS = SimpleNamespace(Popen=Fork, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)


def _crawl(words: list[str], environment: dict[str, str], given: int, out: int, err: int, link: int) -> NoReturn:
    """Be the child, to its end."""
    gc.freeze()  # a database among the parent's garbage would end with this process: its threads are not here
    code = 1
    try:
        for number, file in enumerate((given, out, err)):
            os.dup2(file, number)
        os.closerange(3, link)  # nothing of the parent's stays open: its servers end when it closes them
        os.closerange(link + 1, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["-c", *words[4:]]
        sys.stderr = open(2, "w")  # noqa: SIM115
        exec(words[3], {})
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(code)


@cache
def prepare() -> None:
    """Import what children use."""
    from scrapy.utils.versions import get_versions

    for name in USED:
        import_module(name)
    get_versions()  # which is asked for by every crawl, and asks another program once


def fork_crawlers() -> None:
    """Let live crawls of this process have forks for children; a replay's reads SQLite, which bears no fork."""

    def begin(child: scrapy_parent.Child) -> None:
        scrapy_parent.subprocess = FORKS if child.job.wire["live"] else subprocess
        START(child)

    scrapy_parent.Child._start = begin
