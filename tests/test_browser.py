"""The browser of the tests is found wherever it stands, and its absence is said, or fails in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import browser
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "place",
    [
        "bin/google-chrome",
        "Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        ".cache/ms-playwright/chromium-1/chrome-linux/chrome",
        "Library/Caches/ms-playwright/chromium-2/chrome-mac/Chromium.app/Contents/MacOS/Chromium",
    ],
)
def test_any_chromium_is_found(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.touch(0o755)
    assert browser.executable(tmp_path) == str(path)


@pytest.mark.parametrize("ci", ["", "1"])
def test_without_one_the_tests_are_left_out_and_it_is_said_or_ci_fails(ci: str, tmp_path: Path) -> None:
    if any(Path(folder, f"{name}.app").exists() for folder in ("/Applications",) for name in browser.APPLICATIONS):
        pytest.skip("this machine has a browser that cannot be hidden")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {
        "PATH": str(tmp_path),
        "HOME": str(tmp_path),
        "SNEEUWBAL_CI": ci,
        "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path),
    }
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_report_page.py"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert browser.MISSING in done.stdout
    assert ("LEFT OUT" in done.stdout) is not bool(ci)
    assert (done.returncode in (0, 5)) is not bool(ci)
