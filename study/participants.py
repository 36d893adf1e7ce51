"""The table [participants] of the study file: how people take part."""

from __future__ import annotations

from pydantic import Field

from storage.tomlfile import Table


class Participants(Table):
    """People who take part by invitation (docs/taking-part.md)."""

    url: str = Field(
        "http://127.0.0.1:8417",
        pattern=r"^https?://[^/\s?#]+$",
        description="Address at which participants see `sneeuwbal serve participants`: that of the reverse proxy.",
    )
    collectors: tuple[str, ...] | None = Field(
        None, examples=[["a-collector"]],
        description="Collectors by which people may take part; default: all that offer it.",
    )  # fmt: skip
    domains: tuple[str, ...] = Field(
        (), examples=[["EDUCATION", "SKILLS"]],
        description="What participants give besides profile, positions and connections, as the platform calls it.",
    )  # fmt: skip
