"""Pictures of every section of the demo's report, for docs/images/report: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser import chromium, opened, playing
from tests.conftest import ROOT
from tests.rehearsal import small_study
from tests.reports import report

INTO = ROOT / "docs" / "images" / "report"
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


def demo(place: Path) -> Path:
    """The report of a simulated world at scale 0.05."""
    found, made = report(small_study(place / "study"), place / "report")
    found.db.close()
    return made.page


def pictures(page: Path, into: Path) -> None:
    """A picture a section and size."""
    into.mkdir(parents=True, exist_ok=True)
    with playing() as play, chromium(play) as browser:
        for size, options in SIZES.items():
            with opened(browser, page, **options) as watched:
                watched.page.add_style_tag(content="nav{position:static!important}")
                sections = watched.page.locator("main > section")
                for number in range(sections.count()):
                    section = sections.nth(number)
                    name = section.locator("h2").get_attribute("id")
                    section.scroll_into_view_if_needed()
                    for live in section.locator("[data-network]").all():
                        network = live.get_attribute("data-network")
                        watched.page.locator(f"#figure-{network}").scroll_into_view_if_needed()
                        ready = f"[data-network={network}][data-ready]"
                        watched.page.locator(ready).wait_for(state="attached", timeout=30_000)
                    watched.page.wait_for_timeout(1200)
                    section.screenshot(path=into / f"{size}-{name}.jpg", type="jpeg", quality=60)
                assert not watched.outside
                assert not watched.errors


def main() -> None:
    """Make the pictures of the demo's report, or of the report given."""
    if len(sys.argv) > 1:
        pictures(Path(sys.argv[1]), INTO)
        return
    with tempfile.TemporaryDirectory() as place:
        pictures(demo(Path(place)), INTO)


if __name__ == "__main__":
    main()
