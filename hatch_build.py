"""What the wheel holds beside its folders: `cli.py` and `scheduler.py`, which an editable install finds here."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Files(BuildHookInterface):  # type: ignore[type-arg]
    """Adds them to a wheel that is no editable one (`force-include` would copy them there too)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before *version* ("standard", "editable") is built."""
        if version == "standard":
            build_data["force_include"] |= {name: f"sneeuwbal/app/{name}" for name in ("cli.py", "scheduler.py")}
