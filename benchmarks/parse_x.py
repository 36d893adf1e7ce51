"""Pages of X a second on one core: outcome and parse of timelines as X delivers them, 100 posts a page.

Beside them tweepy's own objects of the same pages, and `json.loads` alone.

`python -m benchmarks.parse_x [SECONDS]`. Posts are synthetic with all the fields we ask for; the share of retweets,
replies, hashtags and mentions is that of the 2013 study.
"""

import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import tweepy

from collectors.x.collector import collector
from storage.records import Page, Request, Target

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def user(number: int) -> dict[str, object]:
    return {
        "id": str(10**18 + number), "name": f"Synthetic Person {number}", "username": f"synthetic_{number}",
        "description": "An invented person who writes about water, roads and the weather. " * 2,
        "location": "Den Haag", "protected": False, "verified": False, "verified_type": "none",
        "created_at": "2009-05-04T10:11:12.000Z", "url": "https://t.co/abcdefghij",
        "entities": {"url": {"urls": [{"start": 0, "end": 23, "url": "https://t.co/abcdefghij", "display_url": "a.org",
                                       "expanded_url": "https://example.org/synthetic"}]}},
        "public_metrics": {"followers_count": 512, "following_count": 300, "tweet_count": 2048, "listed_count": 9},
    }  # fmt: skip


def post(dice: random.Random, number: int, author: int) -> dict[str, object]:
    other = dice.randrange(500)
    entities: dict[str, object] = {}
    if dice.random() < 0.34:
        entities["hashtags"] = [{"start": 0, "end": 7, "tag": dice.choice(["sneeuw", "overheid", "hnw", "NS"])}]
    if dice.random() < 0.61:
        entities["mentions"] = [{"start": 0, "end": 10, "username": f"synthetic_{other}", "id": str(10**18 + other)}]
    entities["urls"] = [{"start": 80, "end": 103, "url": "https://t.co/abcdefghij", "display_url": "example.org/a",
                         "expanded_url": "https://example.org/articles/2013/02/sneeuw"}]  # fmt: skip
    entities["annotations"] = [{"start": 1, "end": 5, "probability": 0.5, "type": "Place", "normalized_text": "x"}]
    return {
        "id": str(3 * 10**17 + number), "author_id": str(10**18 + author), "conversation_id": str(3 * 10**17 + number),
        "created_at": "2013-01-23T12:34:56.000Z", "lang": "nl", "source": "Twitter Web Client", "entities": entities,
        "text": f"Synthetic post {number} about snow on the rails, é and &amp; as delivered, with some length to it",
        "edit_history_tweet_ids": [str(3 * 10**17 + number)], "possibly_sensitive": False, "reply_settings": "everyone",
        "public_metrics": {"retweet_count": 3, "reply_count": 1, "like_count": 4, "quote_count": 0,
                           "bookmark_count": 0, "impression_count": 0},
    }  # fmt: skip


def page(dice: random.Random, number: int) -> Page:
    data, referenced, users = [], [], {1}
    for n in range(100):
        item = post(dice, number * 1000 + n, 1)
        kind = dice.choices(["", "retweeted", "replied_to"], [0.45, 0.21, 0.34])[0]
        if kind:
            author = dice.randrange(500)
            original = post(dice, 10**9 + number * 1000 + n, author)
            item["referenced_tweets"] = [{"type": kind, "id": original["id"]}]
            referenced.append(original)
            users.add(author)
        data.append(item)
    body = {
        "data": data,
        "includes": {"users": [user(number) for number in sorted(users)], "tweets": referenced},
        "meta": {"result_count": 100, "newest_id": data[0]["id"], "oldest_id": data[-1]["id"], "next_token": "n"},
    }
    headers = (("content-encoding", "gzip"), ("content-type", "application/json"))
    request = Request(Target("x", "timeline", str(10**18 + 1), "c"), "w")
    return Page(
        (request,),
        "https://api.twitter.com/2/users/1/tweets",
        200,
        headers,
        gzip.compress(json.dumps(body).encode()),
        NOW,
    )


def objects(page: Page) -> list[object]:
    """What tweepy makes of a page."""
    body = json.loads(page.content())
    posts = [*body["data"], *body["includes"]["tweets"]]
    return [*map(tweepy.Tweet, posts), *map(tweepy.User, body["includes"]["users"])]


def rate(name: str, work: Callable[[Page], Iterable[object]], pages: list[Page], seconds: float) -> float:
    """Print the rate, and return milliseconds a page."""
    count = records = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for each in pages:
            records += sum(1 for _ in work(each))
        count += len(pages)
    each_ms, found = 1e3 * spent / count, records / count
    print(f"{name}: {count / spent:.0f} pages/s, {found:.0f} records a page, {each_ms:.2f} ms a page")
    return each_ms


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    pages = [page(random.Random(n), n) for n in range(20)]
    size = sum(len(each.content()) for each in pages) / len(pages)
    print(f"{size / 1e3:.0f} kB a page, gzipped {sum(len(p.body) for p in pages) / len(pages) / 1e3:.0f} kB")
    rate("outcome", collector.outcome, pages, seconds)
    ours = rate("parse", collector.parse, pages, seconds)
    theirs = rate("tweepy's objects", objects, pages, seconds)
    least = rate("json.loads", lambda page: [json.loads(page.content())], pages, seconds)
    print(f"parse takes {ours / theirs:.2f} x tweepy's time, {ours / least:.2f} x json.loads'")


if __name__ == "__main__":
    main()
