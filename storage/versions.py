"""The versions of Python, sneeuwbal and its dependencies that a study is made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, requires, version

TOOLS = ("dev", "bench")  # extras whose packages do not affect results


def own() -> str:
    """The running version of sneeuwbal."""
    return version("sneeuwbal")


def versions() -> dict[str, str]:
    """The installed version of each package, optional ones if installed."""
    from packaging.requirements import Requirement

    found = {"python": platform.python_version(), "sneeuwbal": own()}
    for wanted in map(Requirement, requires("sneeuwbal") or ()):
        if wanted.marker is not None and any(f'extra == "{tool}"' in str(wanted.marker) for tool in TOOLS):
            continue
        try:
            found[wanted.name] = version(wanted.name)
        except PackageNotFoundError:
            continue
    return found
