"""Installed from a wheel, only `sneeuwbal` stands in site-packages, and it does what a checkout does."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PRODUCT = ("analysis", "collectors", "commands", "fixtures", "jobs", "serve", "sneeuwbal", "storage", "study")
FILES = ("cli.py", "scheduler.py")


def _run(*words: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of the tracked files, and the wheel that is built from that sdist."""
    place = tmp_path_factory.mktemp("built")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place / "source" / name)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", place, cwd=place / "source")
    (sdist,) = place.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (source,) = (place / "unpacked").iterdir()
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place, cwd=source)
    return place


def test_an_editable_install_copies_nothing(built: Path) -> None:
    """Its wheel holds the path to the checkout and the metadata: no module is found anywhere but there."""
    (source,) = (built / "unpacked").iterdir()
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel:editable", "-d", built / "editable", cwd=source)
    (wheel,) = (built / "editable").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if ".dist-info/" not in name] == ["_sneeuwbal.pth"]
    assert zipfile.ZipFile(wheel).read("_sneeuwbal.pth").decode() == str(source)


@pytest.fixture(scope="module")
def python(built: Path) -> Path:
    """The Python of a fresh environment in which the wheel is installed, beside the packages of this one."""
    home = built / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    scheme = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", vars=scheme))
    here = [path for path in sys.path if path.endswith("site-packages")]
    (wheel,) = built.glob("*.whl")
    found = home / "bin" / "python"
    # pip of this environment, installing into that one: no index is asked
    _run(sys.executable, "-m", "pip", "--python", found, "install", "--quiet", "--no-deps", "--no-index",
         "--disable-pip-version-check", wheel, cwd=built)  # fmt: skip
    names = {path.name for path in site.iterdir()}
    assert {name.partition("-")[0] for name in names} == {"sneeuwbal"}, names
    assert len(names) == 2, names
    # the libraries, but neither the .pth files there nor what they put on the path: not this checkout
    (site / "zz_libraries.pth").write_text("\n".join(here) + "\n")
    return found


def test_wheel_and_sdist_hold_the_same_product(built: Path) -> None:
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(sdist) as archive:
        source = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    product = {name for name in source if name.partition("/")[0] in PRODUCT or name in FILES}
    wheeled = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("sneeuwbal/")}
    own = {f"sneeuwbal/{name}" for name in ("__init__.py", "__main__.py", "contract.py", "py.typed")}
    assert {name.removeprefix("sneeuwbal/app/") if name not in own else name for name in wheeled} == product


def test_a_study_runs_from_the_wheel(python: Path, tmp_path: Path) -> None:
    """The demo (Scrapy's child, load's workers, the report's) and a query, from a directory that is no checkout."""
    assert "replay" in _run(python, "-m", "sneeuwbal", "--help", cwd=tmp_path)
    where = _run(python, "-c", "import sneeuwbal, jobs.run; print(jobs.run.__file__)", cwd=tmp_path)
    assert str(python.parents[1]) in where
    recording, study = tmp_path / "recording", tmp_path / "study"
    shutil.copytree(ROOT / "fixtures" / "recording", recording)
    command = python.with_name("sneeuwbal")  # the console script
    _run(
        command, "--study", recording, "replay", recording / "archive", "--into", study, "--hide-progress", cwd=tmp_path
    )
    assert (study / "reports" / "latest" / "report.html").is_file()
    posts = _run(python, "-m", "sneeuwbal", "--study", study, "sql", "--format", "csv",
                 "SELECT count(*) AS posts FROM posts", cwd=tmp_path)  # fmt: skip
    assert int(posts.split()[1]) > 100
    _run(python, "-m", "sneeuwbal", "--study", study, "verify", cwd=tmp_path)


def test_a_plug_in_finds_the_contract(python: Path, tmp_path: Path) -> None:
    code = "from sneeuwbal.contract import Kind, Page, Request; from storage.errors import UserError"
    _run(python, "-c", code, cwd=tmp_path)
