"""Row shares of retweets, answers, mentions, quotes and follows between groups, as published for parliaments."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from analysis import share_matrix
from tests import studies

PARTIES = {"a1": "A", "a2": "A", "a3": "A", "b1": "B", "b2": "B", "c1": ["C", "B"]}


def test_shares_by_hand() -> None:
    """Four retweets of A: three inside, one of a member of both B and C, who counts in both."""
    with studies.empty() as db:
        studies.people(db, PARTIES)
        studies.accounts(db, [*PARTIES, "o"])
        pairs = [("a1", "a2"), ("a1", "a2"), ("a2", "a3"), ("a3", "c1"), ("b1", "a1"), ("a1", "o"), ("o", "a1")]
        studies.posts(db, [{"account_id": one, "kind": "retweet", "retweeted_account": other} for one, other in pairs])
        studies.insert(db, "links", [  # a1 has a second account: what one retweets of oneself is between nobody
            {"profile_id": "p-a1", "account_id": "own", "platform": "x", "decision": "accepted"}])  # fmt: skip
        studies.accounts(db, ["own"])
        studies.insert(db, "posts", [
            {"post_id": "99", "platform": "x", "kind": "retweet", "timeline_of": "own", "account_id": "own",
             "retweeted_account": "a1", "hashtags": [], "mentions": []}])  # fmt: skip
        found = share_matrix.table(db)
        assert list(found["kind"].unique()) == ["retweet"]
        square = share_matrix.matrix(found, "retweet")
        assert square.loc["A"].to_dict() == {"A": pytest.approx(3 / 5), "B": pytest.approx(1 / 5), "C": 1 / 5}
        assert square.loc["B"].to_dict() == {"A": 1, "B": 0, "C": 0}
        assert square.loc["C"].isna().all()
        row = found.set_index(["group_name", "other"]).loc[("A", "A")]
        assert (row["count"], row["senders"], row["receivers"]) == (3, 2, 2)


def test_every_kind_counts_as_one_by_one() -> None:
    dice = np.random.default_rng(3)
    people = {f"u{at}": "ABCD"[at % 4] for at in range(20)}
    ids = list(people)
    with studies.empty() as db:
        studies.people(db, people)
        studies.accounts(db, ids)
        follows = sorted({(str(a), str(b)) for a, b in dice.choice(ids, (120, 2)) if a != b})
        studies.follows(db, follows)
        sent = [(str(a), str(b)) for a, b in dice.choice(ids, (200, 2))]
        ways = {"reply": "reply_to_account", "retweet": "retweeted_account"}
        rows = [{"account_id": a, "kind": kind, ways[kind]: b} for kind in ways for a, b in sent]
        rows += [{"account_id": a, "mentions": [{"handle": f"h_{b}", "account_id": None}]} for a, b in sent]
        studies.posts(db, rows)
        found = share_matrix.table(db)
    pairs = {
        "follow": follows,
        **{kind: [one for one in sent if one[0] != one[1]] for kind in ("retweet", "reply", "mention")},
    }
    assert set(found["kind"]) == set(pairs)
    for kind, of in pairs.items():
        expected = Counter((people[a], people[b]) for a, b in of)
        mine = found[found["kind"] == kind].set_index(["group_name", "other"])
        assert mine["count"].to_dict() == {pair: expected[pair] for pair in product("ABCD", repeat=2)}
        assert np.allclose(mine["share"].groupby("group_name").sum(), 1)
