"""Who is followed up, as the study file says: the ties, the rules, and the columns that a rule may ask about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

TIES = ("connections", "following", "followers", "mentions", "replies", "reposts", "lists")
COUNTS = {
    "connections": "connected_with_members", "following": "followed_by_members", "followers": "follows_members",
    "mentions": "mentioned_by_members", "replies": "replied_to_by_members", "reposts": "reposted_by_members",
    "lists": "listed_with_members",
}  # fmt: skip
POST_TIES = ("mentions", "replies", "reposts")  # those that the posts on a timeline show
ORDER = "wave, via_count DESC, actor_id"
WORDS = {"seeds": "is_seed", "members": "member", "everyone": "TRUE"}

# name: (type, meaning)
COLUMNS: Mapping[str, tuple[str, str]] = {
    "actor_id": ("VARCHAR", "a person, by one of their profiles, else by one of their accounts"),
    "profile_id": ("VARCHAR", "the profile; NULL for those known by accounts only"),
    "platform": ("VARCHAR", "of the profile, or of the first of the accounts"),
    "handle": ("VARCHAR", "of the first of the accounts"),
    "name": ("VARCHAR", "as shown"),
    "bio": ("VARCHAR", "the account's description, or the profile's headline"),
    "wave": ("INTEGER", "how many steps from the seeds they were found"),
    "is_seed": ("BOOLEAN", "whether they are a seed themselves"),
    "member": ("BOOLEAN", "whether they belong to the population"),
    "group_name": ("VARCHAR", "their group; NULL unless a member"),
    "organisation": ("VARCHAR", "their organisation; NULL unless a member"),
    "employer": ("VARCHAR", "employer as written, of the position that counts"),
    "followers": ("BIGINT", "as the account claims; NULL where no answer gave it"),
    "following": ("BIGINT", "as the account claims; NULL where no answer gave it"),
    "posts": ("BIGINT", "as the account claims; NULL where no answer gave it"),
    "language": ("VARCHAR", "that most of their posts read so far are in; NULL where none was"),
    "opted_out": ("BOOLEAN", "whether all their accounts ask to be left alone; such people are never admitted"),
    "via_count": ("BIGINT", "how many admitted people lead to them (profiles: on how many lists they are)"),
    "connected_with_members": ("BIGINT", "how many members they are connected with"),
    "followed_by_members": ("BIGINT", "how many admitted members follow them"),
    "follows_members": ("BIGINT", "how many admitted members they follow"),
    "mentioned_by_members": ("BIGINT", "how many admitted members mention them"),
    "replied_to_by_members": ("BIGINT", "how many admitted members reply to them"),
    "reposted_by_members": ("BIGINT", "how many admitted members repost them"),
    "listed_with_members": ("BIGINT", "how many members are on a list with them, of those that admitted people keep"),
}


class Rules(msgspec.Struct, frozen=True):
    """What the study file says about who is followed up."""

    seeds: Mapping[str, Sequence[str]]  # by collector
    kinds: Mapping[str, Mapping[str, str]]  # collector -> kind -> what its key names (collectors.base.Kind.of)
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
    finding: Mapping[str, Mapping[str, Sequence[str]]] = {}  # the same, of queries that find seeds: [seeds]
    along: Sequence[str] = ("connections",)
    ties: Mapping[str, Mapping[str, Sequence[str]]] = {}  # collector -> kind that is read -> the ties it shows
    timelines: Mapping[str, Sequence[str]] = {}  # collector -> kinds of an account that yield posts
    by_id: Mapping[str, str] = {}  # collector -> the kind that looks an account up by its id
    checked: Sequence[str] = ()  # collectors whose lists do not show every opt-out: looked up before admission
    lists_of: str | None = None  # None: of everybody who is admitted, as long as there are waves left
    timelines_of: str | None = None  # None: of everybody who is admitted
    max_actors: int | None = None
    max_per_wave: int | None = None
    order: str = ORDER
    design: str = "all"
    k: int = 1
    seed: int = 1

    @property
    def account_ties(self) -> tuple[str, ...]:
        """The ties between accounts that the study goes along."""
        return tuple(tie for tie in self.along if tie != "connections")


def condition(rule: str) -> str:
    """*rule* as an SQL condition over the candidates."""
    return f"({WORDS.get(rule, rule)}\n)"
