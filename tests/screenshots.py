"""Pictures of every section of the demo's report, for docs/images/report: `make screenshots`."""

from __future__ import annotations

import io
import itertools
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from PIL import Image

from fixtures import survey
from tests.browser import Watched, chromium, opened, playing
from tests.conftest import ROOT
from tests.rehearsal import recorded_study, sneeuwbal
from tests.reports import report
from tests.test_rounds import study_of

INTO = ROOT / "docs" / "images" / "report"
TODAY = ROOT / "docs" / "images" / "today"
STILL = "nav{position:static!important}main>section{padding-bottom:2rem}"  # room around, nothing over it
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


def demo(place: Path) -> dict[str, Path]:
    """The report of a simulated world at scale 0.05 with its survey, and one of a study of two rounds for changes."""
    study, pages = recorded_study(place / "study"), {}
    answers, codebook = survey.write(study)
    done = sneeuwbal("--study", study, "import", "survey", answers, "--codebook", codebook, token=None)
    assert done.returncode == 0, done.stderr
    for name, one in (("", study), ("changes", study_of(place / "rounds"))):
        found, made = report(one, place / f"report-{name}")
        found.db.close()
        pages[name] = made.page
    return pages


def today(place: Path) -> dict[str, Path]:
    """The report of the study of today as `rehearse` plays it."""
    done = sneeuwbal("rehearse", "--study", "today", "--dir", place / "study", "--hide-progress", token=None)
    assert done.returncode == 0, done.stderr
    return {"": place / "study" / "reports" / "latest" / "report.html"}


def pictures(pages: dict[str, Path], into: Path, keep: Collection[str] = ()) -> None:
    """A picture a section and size, each from the page that is named after it or else from the one without a name.

    Only those whose names are in *keep*, if it holds any.
    """
    into.mkdir(parents=True, exist_ok=True)
    for old in into.iterdir():
        old.unlink()
    with playing() as play, chromium(play) as browser:
        for (size, options), (only, page) in itertools.product(SIZES.items(), pages.items()):
            with opened(browser, page, **options) as watched:
                watched.page.add_style_tag(content=STILL)
                for section in watched.page.locator("main > section").all():
                    name = section.locator("h2").get_attribute("id")
                    if only == (name if name in pages else "") and (not keep or f"{size}-{name}" in keep):
                        picture = Image.open(io.BytesIO(_picture(watched, section, options["viewport"]["width"])))
                        picture.convert("RGB").save(into / f"{size}-{name}.webp", "WEBP", quality=60, method=6)
                assert not watched.outside
                assert not watched.errors


def _picture(watched: Watched, section: Any, width: int) -> bytes:
    """*section* as PNG, in a window it fits into, so that nothing is drawn anew while the picture is taken."""
    section.scroll_into_view_if_needed()
    for live in section.locator("[data-network]").all():
        network = live.get_attribute("data-network")
        watched.page.locator(f"#figure-{network}").scroll_into_view_if_needed()
        ready = f"[data-network={network}][data-ready]"
        watched.page.locator(ready).wait_for(state="attached", timeout=30_000)
    box = section.bounding_box()
    watched.page.set_viewport_size({"width": width, "height": int(box["height"]) + 40})
    section.scroll_into_view_if_needed()
    watched.page.wait_for_timeout(1500)
    for stage in section.locator("[data-network] .stage").all():
        stage.and_(watched.page.locator("[data-drawn]")).wait_for(state="attached", timeout=30_000)
    taken: bytes = section.screenshot(type="png")
    watched.page.set_viewport_size({"width": width, "height": 900})
    return taken


def main() -> None:
    """Make the pictures of the demo's report, or of the report given."""
    if len(sys.argv) > 1:
        pictures({"": Path(sys.argv[1])}, INTO)
        return
    with tempfile.TemporaryDirectory() as place:
        pictures(demo(Path(place)), INTO)
        pictures(today(Path(place) / "today"), TODAY, ("desktop-overview", "desktop-snowball"))


if __name__ == "__main__":
    main()
