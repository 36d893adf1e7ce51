"""What is installed is pinned by hash, and nothing asks the network for being imported."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

BLOCKED = """
import socket, sys
def refuse(*_, **__): raise SystemExit(f"the network was asked by {sys._getframe(1).f_code.co_filename}")
for name in ("connect", "connect_ex", "sendto"): setattr(socket.socket, name, refuse)
for name in ("getaddrinfo", "gethostbyname", "create_connection", "create_server"): setattr(socket, name, refuse)
import importlib
for module in sys.argv[1:]: importlib.import_module(module)
print(len(sys.argv) - 1, "modules")
"""
ROOMS = ("analysis", "collectors", "commands", "fixtures", "serve", "storage", "study")


def _pins() -> dict[str, list[str]]:
    """The pinned releases, each with its hashes."""
    text = (ROOT / "requirements.txt").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split(" --hash=") for line in text.splitlines() if line.strip()]
    return {line[0].strip(): [one.strip() for one in line[1:]] for line in lines}


def test_every_requirement_is_pinned_with_its_hashes() -> None:
    """One release each, by SHA-256; what pyproject.toml asks for is among them."""
    pins = _pins()
    assert len(pins) > 100
    for pin, hashes in pins.items():
        assert re.match(r"^[A-Za-z0-9_.-]+==[^ ]+", pin), pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), pin
    names = {Requirement(pin).name.lower().replace("_", "-") for pin in pins}
    asked = re.findall(r'^    "([A-Za-z0-9_.-]+)[><=]', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert {name.lower().replace("_", "-") for name in asked} <= names


@pytest.mark.parametrize("wrong", [["socket.getaddrinfo('x', 1)"], []])
def test_no_module_asks_the_network_for_being_imported(wrong: list[str]) -> None:
    """Each, in a process in which no socket can be used; one that did would be reported."""
    modules = ["cli", "study", "scheduler"]
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if path.name not in ("__main__.py",) and "/js/" not in str(path):
                modules.append(name.removesuffix(".__init__"))
    code = BLOCKED + "\n".join(wrong)
    done = subprocess.run([sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is not bool(wrong), done.stderr
    assert f"{len(modules)} modules" in done.stdout
