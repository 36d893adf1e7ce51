"""A heap of files of several formats, read in one go."""

import gzip
import json
from pathlib import Path

from collectors.files.detect import formats_of
from tests.rehearsal import sneeuwbal
from tests.test_files_damage import API, posts, timeline, warc
from tests.test_files_people import HEADER, ROWS, export

FLAT = {"id": "20", "text": "Hallo", "author_id": "7", "author": {"id": "7", "username": "a", "name": "A"}}
CAPTURE = {"item_id": "1", "timestamp_collected": 1620284889000, "source_platform": "twitter.com", "data": {
    "rest_id": "21", "legacy": {
        "user_id_str": "7", "full_text": "Hallo", "created_at": "Thu May 06 07:08:09 +0000 2021"}}}  # fmt: skip


def heap(folder: Path) -> Path:
    folder.mkdir()
    export(folder)
    (folder / "gift").mkdir()
    (folder / "gift" / "Connections.csv").write_text(HEADER + ROWS)
    (folder / "v1.jsonl.gz").write_bytes(gzip.compress(posts(1, 3)))
    (folder / "flat.jsonl").write_text(json.dumps(FLAT))
    (folder / "capture.ndjson").write_text(json.dumps(CAPTURE))
    (folder / "a.warc.gz").write_bytes(warc([(API, 401, b"{}", []), (API, 200, timeline(9), [])]))
    (folder / "mensen.csv").write_text("name;employer\nAnn Een;Acme\n")
    (folder / "register.xml").write_text("<html/>")
    (folder / "foto.jpg").write_bytes(b"\xff\xd8")
    (folder / "other.json").write_text('{"naam": "niets"}')
    return folder


def test_each_file_is_of_one_format_or_refused_in_one_line(tmp_path: Path) -> None:
    found, refused = formats_of([heap(tmp_path / "heap")], {})
    assert {form: sorted(path.name for path in paths) for form, paths in found.items()} == {
        "linkedin": ["Basic_LinkedInDataExport.zip", "gift"], "x-v1": ["v1.jsonl.gz"], "twarc": ["flat.jsonl"],
        "zeeschuimer": ["capture.ndjson"], "warc": ["a.warc.gz"], "table": ["mensen.csv"],
    }  # fmt: skip
    assert sorted(Path(line.partition(":")[0]).name for line in refused) == ["foto.jpg", "other.json", "register.xml"]
    assert not any("\n" in line for line in refused)


def test_a_heap_is_imported_with_one_command(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "sneeuwbal.toml").write_text('[study]\nname = "heap"\n')
    done = sneeuwbal("--study", study, "import", "auto", heap(tmp_path / "heap"), token=None)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr.count("not read") == 3
    asked = sneeuwbal(
        "--study",
        study,
        "sql",
        "--format",
        "csv",
        "SELECT list_sort(list(post_id))::VARCHAR AS ids FROM posts",
        token=None,
    )
    assert "[1, 2, 20, 21, 3, 9]" in asked.stdout, asked.stdout + asked.stderr
