"""Snowball-sample people and their public timelines into one DuckDB file: `study = sneeuwbal.open("mystudy")`.

The rooms (`collectors`, `storage`, `analysis`, `jobs` ...) are top-level packages of a checkout, and lie below
`sneeuwbal/app` in an installed wheel, so that nothing else stands in site-packages. Importing this package makes
them importable, for plug-ins too.
"""

from __future__ import annotations

import sys
from pathlib import Path

_app = Path(__file__).with_name("app")
_home = str(_app if _app.is_dir() else Path(__file__).parents[1])
if _home not in sys.path:
    sys.path.insert(0, _home)
