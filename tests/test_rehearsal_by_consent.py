"""The 2013 study as it could run today: invitations, donations and OAuth instead of a research account's lists."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from analysis.populations import selection
from fixtures.world.members import GUESTS
from fixtures.world.truth import figures
from fixtures.world.world import Options, World
from jobs.replay import TOKEN, rehearsal_by_consent
from storage.consents import Consents
from storage.privacy.pseudonyms import VARIABLE
from tests.rehearsal import sneeuwbal

SCALE, SEED = 0.01, 2013


def test_whoever_took_part_gives_the_published_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also who withdrew and came back; of the guests, who refused or withdrew, nothing is left."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    world = World(Options(scale=SCALE, seed=SEED))
    known, (heads, tails) = figures(world), world.people.connected
    shown = {*tails.tolist(), *heads[tails < known["start_contacts"]].tolist()}  # on the list of another
    with rehearsal_by_consent(tmp_path / "study", SCALE, SEED):
        done = sneeuwbal("--study", tmp_path / "study", "run", "--no-report", token=TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(tmp_path / "study" / "study.duckdb"), read_only=True) as db:
        found = selection(db).set_index("figure")["computed"]
        names = ("start_contacts", "profiles", "connections", "connected_with_two", "members", "accounts", "posts",
                 "first_post", "last_post")  # fmt: skip
        assert {name: found[name] for name in names} == {name: known[name] for name in names}
        assert found["sum_of_rows"] == known["rows"]
        starts = known["start_contacts"]
        standing = "SELECT collector, count(*) FROM consents WHERE withdrawn_at IS NULL GROUP BY 1 ORDER BY 1"
        assert db.execute(standing).fetchall() == [
            ("linkedin", starts - starts // 3),
            ("linkedin-members", starts // 3),
        ]
        assert db.execute("SELECT people FROM participation WHERE kind = 'invited'").fetchall() == [
            (starts + GUESTS + 1,)
        ]
        gone = [one.id for one in Consents(tmp_path / "study").archived().consents.values() if one.withdrawn_at]
        assert len(gone) == 4
        left = (
            "SELECT count(*) FROM answers WHERE list_bool_or(list_transform($1, lambda id: contains(key || via, id)))"
        )
        assert db.execute(left, [gone]).fetchall() == [(0,)]
        paths = "SELECT count(DISTINCT key) FROM discoveries WHERE tie = 'connections'"
        assert db.execute(paths).fetchall() == [(len(shown),)]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "study" / "inbox").glob("*"))
    assert kept == b""
