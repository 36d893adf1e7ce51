"""The sampling rules of the study file: ties, rules, and the columns that a rule may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

TIES = ("connections", "following", "followers", "mentions", "replies", "reposts", "lists")
COUNTS = {
    "connections": "connected_with_members", "following": "followed_by_members", "followers": "follows_members",
    "mentions": "mentioned_by_members", "replies": "replied_to_by_members", "reposts": "reposted_by_members",
    "lists": "listed_with_members",
}  # fmt: skip
POST_TIES = ("mentions", "replies", "reposts")  # ties shown by the posts on a timeline
ORDER = "wave, via_count DESC, actor_id"
WORDS = {"seeds": "is_seed", "members": "member", "everyone": "TRUE"}

# name: (type, meaning)
COLUMNS: Mapping[str, tuple[str, str]] = {
    "actor_id": ("VARCHAR", "the person: the id of one of their profiles, else of one of their accounts"),
    "profile_id": ("VARCHAR", "the profile; NULL for people known by accounts only"),
    "platform": ("VARCHAR", "of the profile, or of the first of the accounts"),
    "handle": ("VARCHAR", "of the first of the accounts"),
    "name": ("VARCHAR", "as shown"),
    "bio": ("VARCHAR", "the account's description, or the profile's headline"),
    "wave": ("INTEGER", "number of steps from the seeds"),
    "is_seed": ("BOOLEAN", "whether they are a seed"),
    "member": ("BOOLEAN", "whether they belong to the population"),
    "group_name": ("VARCHAR", "their group; NULL unless a member"),
    "organisation": ("VARCHAR", "their organisation; NULL unless a member"),
    "employer": ("VARCHAR", "employer as written, of the position that counts"),
    "followers": ("BIGINT", "as claimed by the account; NULL if no answer has it"),
    "following": ("BIGINT", "as claimed by the account; NULL if no answer has it"),
    "posts": ("BIGINT", "as claimed by the account; NULL if no answer has it"),
    "language": ("VARCHAR", "most frequent language of their posts read so far; NULL without posts"),
    "opted_out": ("BOOLEAN", "whether all their accounts opted out; such people are never admitted"),
    "via_count": ("BIGINT", "number of admitted people who lead to them (profiles: of lists with them)"),
    "connected_with_members": ("BIGINT", "number of members they are connected with"),
    "followed_by_members": ("BIGINT", "number of admitted members who follow them"),
    "follows_members": ("BIGINT", "number of admitted members they follow"),
    "mentioned_by_members": ("BIGINT", "number of admitted members who mention them"),
    "replied_to_by_members": ("BIGINT", "number of admitted members who reply to them"),
    "reposted_by_members": ("BIGINT", "number of admitted members who repost them"),
    "listed_with_members": ("BIGINT", "number of members on the same lists, among lists kept by admitted people"),
}


class Rules(msgspec.Struct, frozen=True):
    """The sampling rules of the study file."""

    seeds: Mapping[str, Sequence[str]]  # by collector
    kinds: Mapping[str, Mapping[str, str]]  # collector -> kind -> type of its key (collectors.base.Kind.of)
    paths: Mapping[str, Mapping[str, str]] = {}  # collector -> seed -> the table or organisation that names it
    followers_of: Mapping[
        str, tuple[str, Sequence[str]]
    ] = {}  # collector -> a kind; accounts whose followers are seeds
    sets: Mapping[str, Sequence[str]] = {}  # comparison sets by collector
    waves: int = 1
    admit: str = "members"
    accounts_of: str = "members"
    max_profiles: int | None = None
    honour_opt_outs: bool = True
    queries: Mapping[str, Mapping[str, Sequence[str]]] = {}  # collector -> kind -> searches
    fetched: Sequence[str] = ()  # searches whose documents are fetched, as ID/VERSION
    finding: Mapping[str, Mapping[str, Sequence[str]]] = {}  # the same, for queries that find seeds: [seeds]
    along: Sequence[str] = ("connections",)
    ties: Mapping[str, Mapping[str, Sequence[str]]] = {}  # collector -> kind that is read -> the ties it shows
    timelines: Mapping[str, Sequence[str]] = {}  # collector -> kinds of an account that yield posts
    by_id: Mapping[str, str] = {}  # collector -> the kind that looks up an account by id
    checked: Sequence[str] = ()  # collectors whose lists do not show every opt-out, so accounts are looked up first
    lists_of: str | None = None  # None: of everyone admitted, as long as waves are left
    timelines_of: str | None = None  # None: of everyone admitted
    max_actors: int | None = None
    max_per_wave: int | None = None
    order: str = ORDER
    design: str = "all"
    k: int = 1
    seed: int = 1

    @property
    def account_ties(self) -> tuple[str, ...]:
        """The ties between accounts that the study follows."""
        return tuple(tie for tie in self.along if tie != "connections")


def condition(rule: str) -> str:
    """*rule* as an SQL condition over the candidates."""
    return f"({WORDS.get(rule, rule)}\n)"
