"""The share of posts with hashtags, with mentions, or beginning with a mention (Table 6)."""

from __future__ import annotations

import math
from typing import Any, Literal

import pandas as pd

from analysis.queries import Database, published, query, timeline_posts, with_parameters

Profile = Literal["study2013", "tcat", "4cat"]
Retweets = Literal["all", "without", "originals"]

# Counting rules by tool. 2013: entities and text as delivered. DMI-TCAT: a retweet has its original's
# entities and mentions its author. 4CAT: a retweet has both its own and its original's. In these two tools the
# text of a retweet begins with RT.
CONDITIONS: dict[str, dict[str, str]] = {
    "study2013": {
        "hashtags": "len(hashtags) > 0",
        "mentions": "len(mentions) > 0",
        "begins_with_mention": "starts_with(text, '@')",
    },
    "tcat": {
        "hashtags": "len(CASE WHEN kind = 'retweet' THEN coalesce(full_hashtags, hashtags) ELSE hashtags END) > 0",
        "mentions": "kind = 'retweet' OR len(mentions) > 0",
        "begins_with_mention": "kind <> 'retweet' AND starts_with(text, '@')",
    },
    "4cat": {
        "hashtags": "len(hashtags) > 0 OR (kind = 'retweet' AND len(full_hashtags) > 0)",
        "mentions": "len(mentions) > 0 OR (kind = 'retweet' AND len(full_mentions) > 0)",
        "begins_with_mention": "kind <> 'retweet' AND starts_with(text, '@')",
    },
}
POSTS: dict[str, str] = {"all": "TRUE", "without": "kind <> 'retweet'", "originals": "kind = 'original'"}
LABELS = {
    "hashtags": "posts with hashtags",
    "mentions": "posts with @mentions",
    "begins_with_mention": "posts beginning with @",
}


def table(
    db: Database,
    profile: Profile = "study2013",
    retweets: Retweets = "all",
    comparison: str | None = None,
    accounts: str | None = None,
) -> pd.DataFrame:
    """Table 6: a row each for hashtags, mentions and posts that begin with @, over the distinct posts.

    Columns: kind, what, count, posts, share (per cent); with a *comparison* (the name of a sample set) also
    sample_count, sample_posts, sample_share, difference (share - sample_share, points), low and high (its 95%
    confidence interval: two independent proportions, Newcombe's method); and published_count,
    published_share, published_sample if the study has them. *accounts*: see analysis.queries.timeline_posts.
    """
    source, accounts = timeline_posts(db, accounts)
    ours = _counts(db, source, profile, retweets)
    rows = pd.DataFrame({"kind": list(LABELS), "what": list(LABELS.values())})
    rows["count"] = [ours[kind] for kind in LABELS]
    rows["posts"] = ours["posts"]
    rows["share"] = _per_cent(rows["count"], rows["posts"])
    if comparison is not None:
        theirs = _counts(db, "(SELECT * FROM sample_posts WHERE sample = ?)", profile, retweets, comparison)
        rows["sample_count"] = [theirs[kind] for kind in LABELS]
        rows["sample_posts"] = theirs["posts"]
        rows["sample_share"] = _per_cent(rows["sample_count"], rows["sample_posts"])
        rows["difference"] = rows["share"] - rows["sample_share"]
        rows["low"], rows["high"] = zip(*(interval(*row) for row in _pairs(rows)), strict=True)
    for key in ("count", "share", "sample"):
        values = [published(db, f"shares.{kind}.{key}") for kind in LABELS]
        if any(value is not None for value in values):
            rows[f"published_{key}"] = values
    return with_parameters(
        rows, profile=profile, retweets=retweets, comparison=comparison, accounts=accounts,
        definition=CONDITIONS[profile], source=published(db, "source"),
    )  # fmt: skip


def _counts(db: Database, source: str, profile: str, retweets: str, *values: Any) -> dict[str, int]:
    """The number of posts, and of those with each property."""
    counts = ", ".join(f"count(*) FILTER ({condition}) AS {kind}" for kind, condition in CONDITIONS[profile].items())
    row = query(db, f"SELECT count(*) AS posts, {counts} FROM {source} WHERE {POSTS[retweets]}", values).iloc[0]
    return {str(kind): int(count) for kind, count in row.items()}


def _per_cent(counts: pd.Series[Any], posts: pd.Series[Any]) -> pd.Series[Any]:
    """Shares in per cent; NaN without posts."""
    return 100 * counts / posts.where(posts > 0)


def _pairs(rows: pd.DataFrame) -> list[tuple[int, int, int, int]]:
    return list(rows[["count", "posts", "sample_count", "sample_posts"]].itertuples(index=False, name=None))


def interval(count: int, posts: int, other_count: int, other_posts: int, level: float = 0.95) -> tuple[float, float]:
    """The confidence interval of the difference of two independent shares, in points; NaN if one has no posts.

    Newcombe's hybrid score interval (Newcombe 1998, method 10), of Wilson's intervals of both; by hand, as the library
    that has it takes longer to import than all shares to count.
    """
    if not posts or not other_posts:
        return float("nan"), float("nan")
    one, low, high = _wilson(count, posts, level)
    other, other_low, other_high = _wilson(other_count, other_posts, level)
    below, above = math.hypot(one - low, other_high - other), math.hypot(high - one, other - other_low)
    return 100 * (one - other - below), 100 * (one - other + above)


def _wilson(count: int, posts: int, level: float) -> tuple[float, float, float]:
    """A share, and its confidence interval (Wilson 1927)."""
    from statistics import NormalDist

    z, share = NormalDist().inv_cdf((1 + level) / 2), count / posts
    middle = share + z**2 / (2 * posts)
    spread = z * math.sqrt(share * (1 - share) / posts + z**2 / (4 * posts**2))
    return share, (middle - spread) / (1 + z**2 / posts), (middle + spread) / (1 + z**2 / posts)
