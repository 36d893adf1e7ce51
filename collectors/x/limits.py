"""The costs of each kind of target of X: batch, page, requests and USD, dated.

Limits are per 15 minutes with an app's bearer token (with a user's token: the second column); the study file may set
others under `[collectors.x.limits]`. Sources, read in November 2026: stored copies of X's documents ("rate limits",
"pricing"), not the live pages; for the batch and page maxima X's OpenAPI files 2.166 and 2.167.
"""

from __future__ import annotations

from collections.abc import Mapping

from collectors.base import Kind, Limit
from storage.sampling.rules import POST_TIES

QUARTER = 900  # seconds

# USD per item delivered, pay per use since February 2026. De-duplicated per UTC day; failed requests are free; at most
# 3 million posts a month.
POST, USER, FOLLOW = 0.005, 0.010, 0.010

#: requests per 15 minutes: (with an app's token, with a user's token); None: not offered
REQUESTS: Mapping[str, tuple[int, int | None]] = {
    "user": (300, 900),  # GET /2/users/by
    "user_id": (300, 900),  # GET /2/users
    "timeline": (10_000, 900),  # GET /2/users/:id/tweets
    "following": (300, 300),  # GET /2/users/:id/following
    "followers": (300, 300),  # GET /2/users/:id/followers
    "search": (450, 300),  # GET /2/tweets/search/recent
    "list_members": (900, 900),  # GET /2/lists/:id/members
    "post": (3_500, 5_000),  # GET /2/tweets
    "sample": (50, None),  # GET /2/tweets/sample/stream; connections; 50 as for the filtered stream (2023 docs)
}


def _limit(kind: str) -> Limit:
    return Limit(REQUESTS[kind][0], QUARTER)


KINDS: Mapping[str, Kind] = {
    "user": Kind(batch=100, limit=_limit("user"), price=USER, of="handle", yields="accounts", bytes=250.0),
    "timeline": Kind(page=100, limit=_limit("timeline"), price=POST, paged=True, of="account", yields="posts",
                     ties=POST_TIES, bytes=150.0),
    "following": Kind(page=1000, limit=_limit("following"), price=FOLLOW, paged=True, of="account", yields="follows",
                      ties=("following",), bytes=110.0),
    "followers": Kind(page=1000, limit=_limit("followers"), price=FOLLOW, paged=True, of="account", yields="follows",
                      ties=("followers",), bytes=110.0),
    "sample": Kind(page=500, limit=_limit("sample"), price=POST, of="set", yields="posts", stream=True, bytes=150.0),
    "search": Kind(page=100, limit=_limit("search"), price=POST, paged=True, of="query", yields="posts",
                   seeds="searches", bytes=150.0),
    "list_members": Kind(page=100, limit=_limit("list_members"), price=USER, paged=True, of="query", yields="accounts",
                         seeds="lists", bytes=110.0),
    "user_id": Kind(batch=100, limit=_limit("user_id"), price=USER, yields="accounts"),
    "post": Kind(batch=100, limit=_limit("post"), price=POST, yields="posts"),
}  # fmt: skip

#: how far back a timeline reaches: in posts, and in posts with exclude=replies (docs.x.com, "timelines", November 2026)
REACH, REACH_WITHOUT_REPLIES = 3200, 800
#: how far back recent search reaches (docs.x.com, "recent search", November 2026)
SEARCH_DAYS = 7
