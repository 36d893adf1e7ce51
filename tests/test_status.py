"""Status reports health by its exit code, also for machines; no log contains a secret; failures are reported once."""

import io
import json
import logging
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import notify
from jobs.logs import REDACTED, Redact, setup
from storage.frontier.sqlite import Frontier
from storage.journal import Journal
from storage.records import Follow, Position, Profile
from storage.tables.load import load
from tests.pages import PARSERS, at, page, write
from tests.rehearsal import sneeuwbal

NOW = datetime.now(UTC)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir(mode=0o700)
    (folder / "sneeuwbal.toml").write_text("[study]\nname = 'Test \"1\"'\n[[schedule]]\nname='a'\ncron='0 3 * * *'\n")
    return folder


def _status(study: Path, *more: str) -> tuple[int, dict]:
    done = sneeuwbal("--study", study, "status", "--json", *more)
    return done.returncode, json.loads(done.stdout)


def _end(study: Path, run: str, status: str) -> None:
    frontier = Frontier(study / "state.sqlite")
    frontier.start_run(run, "x", NOW + timedelta(seconds=int(run)))
    if status != "running":
        frontier.end_run(run, status, "why", 1, 1, NOW)
    frontier.close()


def test_the_exit_code_is_the_health_of_the_study(study: Path) -> None:
    code, actual = _status(study)
    assert (code, actual["healthy"], actual["problems"]) == (0, True, [])
    for run, (status, expected) in enumerate(
        {"out of credit": 4, "refused": 3, "running": 3, "complete": 0, "interrupted": 0}.items()
    ):
        _end(study, str(run), status)
        code, actual = _status(study)
        assert (code, actual["exit_code"], actual["healthy"]) == (expected, expected, expected == 0), status
    with sqlite3.connect(study / "state.sqlite") as db:
        db.execute("INSERT INTO kinds (id, collector, kind) VALUES (1, 'x', 'user')")
        db.execute("INSERT INTO targets (kind, key, state, why) VALUES (1, 'k', 'failed', 'status 500')")
    db.close()
    assert _status(study)[1]["problems"] == ["1 x user failed: status 500"]


def test_jobs_their_last_ends_and_a_dead_daemon_are_reported(study: Path) -> None:
    journal = Journal(study)
    journal.end(journal.write("a", NOW, NOW, "running"), NOW, 2)
    code, actual = _status(study)
    (job,) = actual["jobs"]
    assert (job["job"], job["code"], job["last"]) == ("a", 2, "failed")
    assert code == 3
    assert actual["problems"] == [
        "job a: failed (exit code 2)",
        "the schedule is not running; start `sneeuwbal schedule run`",
    ]


def test_a_snapshot_is_complete_when_every_list_was_walked_to_its_end_or_is_absent(study: Path) -> None:
    whole = [page(n, [], kind="following", key=str(n), walk=f"w{n}") for n in range(3)]
    gone = page(4, [], kind="following", key="4", walk="w4", status=404)
    half = page(5, [], kind="following", key="5", walk="w5", next="c2")
    write(study / "archive", [*whole, gone])
    load(study, PARSERS)
    (row,) = _status(study)[1]["snapshots"]
    assert (row["lists"], row["complete"], row["snapshot"]) == (4, 4, at(0).isoformat())
    write(study / "archive", [half], name="more")
    load(study, PARSERS)
    (row,) = _status(study)[1]["snapshots"]
    assert (row["lists"], row["complete"], row["snapshot"]) == (5, 4, None)


def test_what_changed_is_counted_since_the_newest_runs_or_a_day(study: Path) -> None:
    def walk(number: int, members: str):
        found = [Follow("toy", "anna", member, "following") for member in members]
        return page(number, found, kind="following", key="anna", walk=f"toy/following/anna/{number}", run=f"r{number}")

    def profile(number: int, employer: str):
        found = [Profile("p", "toy", name="Anna"), Position("p", 0, employer)]
        return page(number, found, kind="profile", key="p", walk=f"toy/profile/p/{number}", run=f"r{number}")

    write(study / "archive", [walk(1, "ab"), walk(2, "bc"), walk(3, "c"), profile(4, "RWS"), profile(5, "IND")])
    load(study, PARSERS)
    assert _status(study)[1]["changes"] == {}, "no run was noted, so there is no last time"
    assert _status(study, "--since", at(0).isoformat())[1]["changes"] == {"employer": 2, "follow": 3}
    frontier = Frontier(study / "state.sqlite")
    for collector, run, minutes in (("toy", "r2", 2.5), ("x", "r3", 4), ("x", "old", 1)):
        frontier.start_run(run, collector, at(minutes))
        frontier.end_run(run, "complete", "", 1, 1, at(minutes))
    frontier.close()
    actual = _status(study)[1]
    assert (actual["changes_since"], actual["changes"]) == (at(2.5).isoformat(), {"employer": 2, "follow": 1})
    assert _status(study, "--no-changes")[1]["changes"] == {}
    assert "2 employers begun or left, 1 follow edges" in sneeuwbal("--study", study, "status").stdout
    assert sneeuwbal("--study", study, "status", "--since", "yesterday").returncode == 2


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux shows who holds a file")
def test_superseded_pictures_that_readers_hold_are_reported_and_bounded_by_the_readers(study: Path) -> None:
    write(study / "archive", [page(1, [Follow("x", "1", "1", "following")])], name="first")
    load(study, PARSERS)
    code = (
        "import duckdb, sys; db = duckdb.connect(sys.argv[1], read_only=True); print(1, flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, str(study / "study.duckdb")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        assert _status(study)[1]["superseded"] == []
        size = (study / "study.duckdb").stat().st_size
        for number in range(2, 5):  # three times superseded, one picture held
            write(study / "archive", [page(number, [Follow("x", "1", str(number), "following")])], name=f"n{number}")
            load(study, PARSERS)
            assert _status(study)[1]["superseded"] == [{"bytes": size, "processes": [reader.pid]}]
        assert f"kept open by readers (process {reader.pid})" in sneeuwbal("--study", study, "status").stdout
        assert reader.stdin is not None
        reader.stdin.close()
        reader.wait()
    assert _status(study)[1]["superseded"] == []


def test_the_file_for_prometheus_is_in_its_format(study: Path, tmp_path: Path) -> None:
    _end(study, "1", "refused")
    sneeuwbal("--study", study, "status", "--prometheus", tmp_path / "s.prom")
    lines = (tmp_path / "s.prom").read_text().splitlines()
    assert 'sneeuwbal_healthy{study="Test \\"1\\""} 0' in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert {line.split("{")[0] for line in lines if not line.startswith("#")} <= set(names)


secrets = st.text("abcdefXYZ0189-_.", min_size=12, max_size=30)


@given(secrets, st.sampled_from(["{}", "Authorization: Bearer {}", "GET /?access_token={}&x=1", '{{"token": "{}"}}']))
def test_no_library_can_log_a_secret(secret: str, text: str) -> None:
    record = logging.LogRecord("httpx", logging.INFO, "", 1, "asked %s for %s", (text.format(secret), "it"), None)
    known = Redact([secret] if text == "{}" else [])
    assert known.filter(record)
    assert secret not in record.getMessage()
    assert REDACTED in record.getMessage()


def test_tracebacks_and_json_are_redacted_too(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNEEUWBAL_X_TOKEN", "verysecretindeed")
    (study / "secrets.toml").write_text("x = 'another-secret'\n")
    monkeypatch.setenv("SNEEUWBAL_LOG", "")
    stream = io.StringIO()
    setup(study, "json", stream)
    try:
        try:
            raise ValueError("no entry with verysecretindeed and another-secret")
        except ValueError:
            logging.getLogger("some.library").exception("it broke: %s", "verysecretindeed")
    finally:
        setup(study, None)
    actual = json.loads(stream.getvalue())
    assert "ValueError" in actual["traceback"]
    assert "verysecretindeed" not in stream.getvalue()
    assert "another-secret" not in stream.getvalue()


def test_a_failure_is_reported_once_and_the_recovery_too(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SNEEUWBAL_WEBHOOK", f"http://127.0.0.1:{server.server_port}/")
    journal = Journal(study)
    for code in (0, 2, 2, 3, 0, 4):
        journal.end(journal.write("a", NOW, NOW, "running"), NOW, code)
        notify.ended(study, "Test", "a", code)
    server.shutdown()
    server.server_close()
    assert [(one["code"], one["failed"]) for one in found] == [(2, True), (3, False), (4, True)]
    assert found[0]["text"] == "sneeuwbal, study Test: job a failed with exit code 2"
    monkeypatch.setenv("SNEEUWBAL_WEBHOOK", "http://127.0.0.1:9/")
    assert notify.ended(study, "Test", "a", 2) is False
