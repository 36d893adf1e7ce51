"""Outcomes of X's answers: pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collectors.base import Absent, Done, Later, Outcome, OutOfCredit, Refused, Split
from collectors.parsing import lenient
from collectors.parsing.lenient import Count
from collectors.wire.retry_after import retry_after
from collectors.x.errors import FAILED, TOKENS, about, blames, named, problems_of, reason_of, wrong_vocabulary
from collectors.x.limits import REACH, REACH_WITHOUT_REPLIES, SEARCH_DAYS
from collectors.x.models import UNREADABLE, Meta, PostItem, Problem, UserItem, well_formed
from collectors.x.retry_after import limited
from storage.records import Page, Request, Target

LOOKUPS = {"user": "username", "user_id": "id", "post": "id"}  # kinds requested in batches, and the id of an item
ID = re.compile(r"[0-9]{1,19}")
POSTS = ("timeline", "search", "post")  # kinds whose pages are of posts; others are of users
WELL_FORMED = {"user": re.compile(r"[A-Za-z0-9_]{1,15}"), "user_id": ID, "post": ID}
LAST = "last"  # in `Page.asked` of the last page of a stream (`collectors.x.stream`)
NEAR = 0.98  # share of a timeline's reach: deleted posts count towards the platform's limit but are not delivered


class _Item(msgspec.Struct):
    id: Any = None
    username: Any = None


class Answer(msgspec.Struct):
    """The parts of an answer that determine its outcomes, if not everything in it can be read."""

    data: list[_Item] | _Item | None = None
    meta: Meta | None = None
    errors: list[Problem] | None = None


class _Claim(msgspec.Struct):
    tweet_count: Count | None = None
    post_count: Count | None = None


class _Claimant(msgspec.Struct):
    id: str
    public_metrics: _Claim | None = None


class _Claimants(msgspec.Struct):
    users: list[_Claimant] = []


class WithClaims(msgspec.Struct):
    """The claims of the accounts included with a timeline."""

    includes: _Claimants | None = None


def outcome(page: Page) -> Iterator[Outcome]:
    """Yield what became of each target of *page*; of what is not to be had with the platform's own words."""
    found = list(_outcomes(page))
    problems = problems_of(page) if any(isinstance(one, Absent) for one in found) else []
    for one in found:
        if isinstance(one, Absent):
            detail = _detail(about(problems, one.target.key)) or ""
            one = Absent(one.target, one.why, detail, platform="x")
        yield one


def _outcomes(page: Page) -> Iterator[Outcome]:
    status = page.status
    if status == 200:
        yield from _answered(page)
    elif status == 429:
        yield from _limited(page)
    elif status == 402:
        yield from (OutOfCredit(target, _message(page)) for target in page.targets)
    elif status == 401:
        yield from (Refused(target, _message(page)) for target in page.targets)
    elif 400 <= status < 500:
        yield from _rejected(page)
    else:  # 5xx, and a redirect, which is not followed
        until = retry_after(page)
        yield from (Later(target, f"HTTP {status}", until) for target in page.targets)


def _detail(problem: Problem | None) -> str | None:
    detail = (problem.detail or problem.message or problem.title) if problem else "left out of the answer"
    return detail if isinstance(detail, str) else None


# ---- 200 ----------------------------------------------------------------------------------------------------


def _answered(page: Page) -> Iterator[Outcome]:
    if page.kind == "sample":
        yield _streamed(page, page.requests[0])
        return
    answer = _read(page)
    if answer is None:
        yield from (Later(target, "HTTP 200 without a readable answer") for target in page.targets)
    elif page.kind in LOOKUPS:
        yield from _looked_up(page, answer)
    else:
        yield _walked(page, page.requests[0], answer)


def _streamed(page: Page, request: Request) -> Outcome:
    """A page of the stream: its place in the set is its cursor, and the last one is marked."""
    posts = posts_of(page)
    if page.asked.get(LAST):
        return Done(request.target, None, posts)
    if not posts:
        return Later(request.target, "the stream brought no posts")
    return Done(request.target, str(request.position + posts), posts)


def posts_of(page: Page) -> int:
    """The number of posts on a page of the stream."""
    return sum(b'"data"' in line for line in _content(page).splitlines())


def _content(page: Page) -> bytes:
    try:
        return page.content()
    except UNREADABLE:
        return b""


def _read(page: Page) -> Any:
    """The answer (PostPage, UserPage or Answer), if it can be read at all."""
    content = _content(page)
    if (whole := well_formed(content, PostItem if page.kind in POSTS else UserItem)) is not None:
        return whole
    try:
        return lenient.read(content, Answer)[0]
    except UNREADABLE:
        return None


def _items(answer: Any) -> list[Any]:
    data = answer.data
    return data if isinstance(data, list) else [] if data is None else [data]


def _looked_up(page: Page, answer: Any) -> Iterator[Outcome]:
    """The outcome of each target of a batch: found, absent for the reason given, or left out without a reason."""
    name = LOOKUPS[page.kind]
    found = {str(getattr(item, name)).lower() for item in _items(answer)}
    failed = next((one for one in answer.errors or [] if str(one.type).endswith(FAILED)), None)
    for target in page.targets:
        if target.key.lower() in found:
            yield Done(target, items=1)
            continue
        problem = about(answer.errors or [], target.key) or failed
        reason = reason_of(problem) if problem else "unknown"
        yield Absent(target, reason) if reason else Later(target, str(_detail(problem)))


def _walked(page: Page, request: Request, answer: Any) -> Outcome:
    """One page of a timeline, a follow list or a search."""
    target, items = request.target, _items(answer)
    token = answer.meta.next_token if answer.meta else None
    next_ = token if isinstance(token, str) else None
    if not items and not next_ and answer.errors:
        problem = about(answer.errors, target.key) or answer.errors[0]
        reason = reason_of(problem)
        return Absent(target, reason) if reason else Later(target, str(_detail(problem)))
    if page.kind not in ("timeline", "search"):
        return _on(target, next_, len(items))
    ids = [int(item.id) for item in items if ID.fullmatch(str(item.id))]
    newest = str(max(ids)) if ids else ""
    if ids and ID.fullmatch(request.since) and min(ids) <= int(request.since):
        return Done(target, None, len(items), newest, reached=True)
    if page.kind == "search" and not next_ and ID.fullmatch(request.since) and _posted(request.since) < _reach_of(page):
        why = f"truncated: a search reaches back {SEARCH_DAYS} days, and not to the old mark"
        return Done(target, None, len(items), newest, complete=False, why=why)
    if next_ or page.kind == "search":
        return _on(target, next_, len(items), newest)
    total, reach = request.position + len(items), _reach(page)
    if _cut_short(page, total, reach):
        return Done(target, None, len(items), newest, complete=False, why=f"truncated at {total} posts")
    return Done(target, None, len(items), newest, reached=bool(request.since))


def _posted(id_: str) -> datetime:
    """The time of a post: the upper bits of its id count milliseconds since 4 November 2010."""
    return datetime.fromtimestamp(((int(id_) >> 22) + 1_288_834_974_657) / 1000, UTC)


def _reach_of(page: Page) -> datetime:
    return page.fetched_at - timedelta(days=SEARCH_DAYS)


def _on(target: Target, next_: str | None, items: int, newest: str = "") -> Done:
    """The next page of the walk, or its end. A cursor that leads to itself would never end."""
    if next_ and next_ == target.cursor:
        return Done(target, None, items, newest, complete=False, why="the list repeats its cursor", stuck=True)
    return Done(target, next_ or None, items, newest)


def _reach(page: Page) -> int:
    excluded = parse_qs(urlsplit(page.url).query).get("exclude", [""])[0]
    return REACH_WITHOUT_REPLIES if "replies" in excluded else REACH


def _cut_short(page: Page, total: int, reach: int) -> bool:
    """Whether a timeline that ends here ends at the platform's reach. Near it, the account's claim decides."""
    if total < NEAR * reach:
        return False
    claim = _claimed(page) if reach == REACH else None
    return claim is None or claim > total


def _claimed(page: Page) -> int | None:
    """The number of posts claimed by the account of this timeline, if given."""
    try:
        includes = lenient.read(page.content(), WithClaims)[0].includes
    except UNREADABLE:
        return None
    for user in includes.users if includes else []:
        if user.id == page.key and user.public_metrics:
            claim = user.public_metrics
            return claim.tweet_count if claim.post_count is None else claim.post_count
    return None


# ---- 4xx ----------------------------------------------------------------------------------------------------


def _message(page: Page) -> str:
    """The platform's own words for a refusal, short."""
    problems = problems_of(page)
    words = [str(problem.detail or problem.message or problem.title) for problem in problems[-1:]]
    return " ".join([f"HTTP {page.status}", *words])[:300]


def _limited(page: Page) -> Iterator[Outcome]:
    capped = any(str(problem.type).endswith("usage-capped") for problem in problems_of(page))
    for request in page.requests:
        if capped:
            yield OutOfCredit(request.target, _message(page))
        else:
            until, free = limited(page, request)
            yield Later(request.target, "rate limit", until, free=free, whole_kind=True)


def _rejected(page: Page) -> Iterator[Outcome]:
    """400, 403, 404 and the like: due to client, vocabulary, cursor, one invalid name, or the target."""
    problems, message = problems_of(page), _message(page)
    types = {str(problem.type).rpartition("/")[2] for problem in problems}
    if not problems:
        yield from (Later(target, f"HTTP {page.status} without an answer of the API") for target in page.targets)
    elif types & {"client-forbidden", "unsupported-authentication", "oauth1-permissions"}:
        yield from (Refused(target, message) for target in page.targets)
    elif "usage-capped" in types:
        yield from (OutOfCredit(target, message) for target in page.targets)
    elif wrong_vocabulary(page):
        yield from (Later(target, "vocabulary", page.fetched_at) for target in page.targets)
    elif page.targets[0].cursor and page.status == 400 and any(blames(problem, TOKENS) for problem in problems):
        yield from (Later(target, "the cursor has expired", page.fetched_at, restart=True) for target in page.targets)
    elif len(page.requests) > 1:
        yield from _spoilt(page, problems)
    else:
        yield _alone(page, page.targets[0], problems, message)


def _spoilt(page: Page, problems: list[Problem]) -> Iterator[Outcome]:
    """A batch that failed because of one name: that one is requested alone, the others again together."""
    blamed = set().union(*(named(problem) for problem in problems))
    bad = {target for target in page.targets if target.key.lower() in blamed}
    bad = bad or {target for target in page.targets if not WELL_FORMED[page.kind].fullmatch(target.key)}
    for target in page.targets:
        if not bad or target in bad:
            yield Split(target, _message(page))
        else:
            yield Later(target, "another name spoilt the batch", page.fetched_at, free=True)


def _alone(page: Page, target: Target, problems: list[Problem], message: str) -> Outcome:
    reason = next((reason for problem in problems if (reason := reason_of(problem))), None)
    if reason:
        return Absent(target, reason)
    if page.status == 400:
        malformed = page.kind in WELL_FORMED and not WELL_FORMED[page.kind].fullmatch(target.key)
        return Absent(target, "unknown") if malformed or about(problems, target.key) else Later(target, message)
    return Later(target, message) if page.status == 404 else Absent(target, "refused")
