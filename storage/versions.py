"""What a study is worked on with: the versions of Python, of sneeuwbal and of all that it stands on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

TOOLS = ("dev", "bench")  # extras whose packages have no part in a result


def own() -> str:
    """The version of sneeuwbal that runs."""
    return version("sneeuwbal")


def versions() -> dict[str, str]:
    """Version by package, as installed here; of optional packages those that are."""
    found = {"python": platform.python_version(), "sneeuwbal": own()}
    for wanted in map(Requirement, requires("sneeuwbal") or ()):
        if wanted.marker is not None and any(f'extra == "{tool}"' in str(wanted.marker) for tool in TOOLS):
            continue
        try:
            found[wanted.name] = version(wanted.name)
        except PackageNotFoundError:
            continue
    return found
