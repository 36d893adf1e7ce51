"""A replication package on disk: its manifest of checksums and its RO-Crate description.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1): a folder with `ro-crate-metadata.json`, which describes each file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storage.archive.manifest import checksum
from storage.errors import UserError

METADATA, MANIFEST = "ro-crate-metadata.json", "manifest-sha256.txt"
# the context of 1.1 has no term for a checksum; this one is from 1.2
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "http://schema.org/sha256"}]
FORMATS = {
    ".csv": "text/csv", ".parquet": "application/vnd.apache.parquet", ".html": "text/html", ".json": "application/json",
    ".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf", ".md": "text/markdown",
    ".toml": "application/toml", ".txt": "text/plain", ".duckdb": "application/vnd.duckdb", ".gz": "application/warc",
    ".gexf": "application/gexf+xml", ".graphml": "application/graphml+xml",
}  # fmt: skip


def files(folder: Path) -> Iterator[Path]:
    """The files below *folder*, without its manifest, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise UserError(f"{path}: is a link; a package has files only")
        if path.is_file() and path != folder / MANIFEST:
            yield path


def describe(folder: Path, about: Mapping[str, Any], at: datetime) -> None:
    """Write the RO-Crate description of the files in *folder*. *about*: name, description, license, version, actor."""
    parts = [path for path in files(folder) if path.name != METADATA]
    graph: list[dict[str, Any]] = [
        {"@id": METADATA, "@type": "CreativeWork", "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
         "about": {"@id": "./"}},
        {"@id": about["license"], "@type": "CreativeWork", "name": f"Licence: {about['license']}"},
        {"@id": "./", "@type": "Dataset", "name": about["name"], "description": about["description"],
         "mentions": {"@id": "#made"},
         "datePublished": at.isoformat(timespec="seconds"), "license": {"@id": about["license"]},
         "hasPart": [*({"@id": quote(_id(folder, path))} for path in parts), {"@id": MANIFEST}]},
        {"@id": "#sneeuwbal", "@type": "SoftwareApplication", "name": "sneeuwbal", "version": about["version"]},
        {"@id": MANIFEST, "@type": "File", "name": "Checksums of every other file", "encodingFormat": "text/plain"},
        {"@id": "#made", "@type": "CreateAction", "name": "Creation of this package", "result": {"@id": "./"},
         "instrument": {"@id": "#sneeuwbal"}, "endTime": at.isoformat(timespec="seconds")},
    ]  # fmt: skip
    for path in parts:
        one = {"@id": quote(_id(folder, path)), "@type": "File", "name": path.name, "sha256": checksum(path),
               "contentSize": str(path.stat().st_size)}  # fmt: skip
        if known := FORMATS.get(path.suffix):
            one["encodingFormat"] = known
        graph.append(one)
    text = json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")


def _id(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def seal(folder: Path) -> str:
    """Write the manifest of *folder*; return its own checksum, to be published with the package."""
    lines = [f"{checksum(path)}  {_id(folder, path)}\n" for path in files(folder)]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
    return checksum(folder / MANIFEST)


def verify(folder: Path) -> int:
    """Check every file of a package against its manifest; return their number. Raise UserError for a wrong one."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{folder}: not a package of sneeuwbal: no {MANIFEST}")
    expected: dict[str, str] = {}
    for number, line in enumerate(manifest.read_text("utf-8", "replace").splitlines(), 1):
        digest, mark, name = line.partition("  ")
        if not mark or len(digest) != 64 or name in expected:
            raise UserError(f"{manifest}, line {number}: not a checksum and name; get the package again")
        expected[name] = digest
    there = {_id(folder, path): path for path in files(folder)}
    for name in sorted(expected.keys() | there.keys()):
        if name not in there:
            raise UserError(f"{folder / name}: is missing; get the package again")
        if name not in expected:
            raise UserError(f"{folder / name}: is not in the manifest; remove it, or get the package again")
        if checksum(there[name]) != expected[name]:
            raise UserError(f"{folder / name}: was changed: its checksum differs from the manifest")
    return len(expected)
