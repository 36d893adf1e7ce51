"""Analysis modules import fast: what only some of their functions need is imported by those."""

import subprocess
import sys

from tests.conftest import ROOT

HEAVY = ("igraph", "networkx", "scipy", "statsmodels")


def test_no_module_of_analysis_imports_a_heavy_library() -> None:
    paths = [path for path in (ROOT / "analysis").rglob("*.py") if path.name != "notebook.py"]  # which is marimo's
    names = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths)
    code = f"import sys, {', '.join(names)}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.split() == []
