"""What every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real recorded data beside the checkout; skip without it."""
    folder = ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no recorded real data beside the checkout")
    return folder
