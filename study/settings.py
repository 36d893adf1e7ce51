"""The tables of the study file; each key is documented by its description."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from storage.sampling.rules import ORDER
from storage.searches import Search as Asked
from storage.tomlfile import Table
from study.field_types import Count, Country, Cron, Day, Order, Rule, Source, Tie, Zone


class About(Table):
    """Name, contact, language and period of the study."""

    name: str = Field(description="Name of the study, the title of the report.")
    comment: str = Field("", description="Free text about the study.")
    contact: str = Field("", description="Contact for server operators: an e-mail or web address, for the user agent.")
    language: Literal["en", "nl"] = Field("en", description="Language of the report.")
    timezone: Zone = Field(
        "Europe/Amsterdam", description="Time zone of days, weekdays and hours; times are stored in UTC."
    )
    load_every: Count = Field(
        900, description="Seconds between loads while scheduled runs collect; 0: load only when they end."
    )
    first_day: Day | None = Field(None, description="First day of the study period.", examples=[date(2012, 1, 1)])
    last_day: Day | None = Field(
        None, description="Last day of the study period, included.", examples=[date(2012, 12, 31)]
    )


class Seeds(Table):
    """Where to start: accounts and profiles. A `_file` has one per line, added to the list of the same name."""

    # the other keys follow from the installed collectors: study.begin.seeds_model
    model_config = ConfigDict(extra="allow")

    people_file: str | None = Field(
        None, description="CSV table of people, a row each, with their accounts or links.", examples=["people.csv"]
    )
    organisations: bool = Field(
        False, description="Begin with the accounts (handles) that the list of organisations names."
    )


class Organisations(Table):
    """The organisations whose members are studied."""

    list: str = Field("nl", description="A built-in list: nl (the Dutch national government).")
    file: str | None = Field(None, description="Your own list instead, in the same format.", examples=["orgs.toml"])
    era: str | None = Field(
        None,
        pattern=r"^(today|\d{4}|\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))$",
        description="Groups as of a year, a day or today; default: the study's last day.",
        examples=["2013"],
    )


def era_day(era: str | None, last_day: date | None) -> date | None:
    """The day meant by *era*; None: today."""
    if era is None:
        return last_day
    return None if era == "today" else date.fromisoformat(era if "-" in era else f"{era}-07-01")


class Population(Table):
    """What makes someone a member (docs/membership.md)."""

    sources: tuple[Source, ...] = Field(
        ("positions",), alias="from", min_length=1,
        description="Evidence that counts: positions, bio, fields, links, domain, list, decisions.",
        examples=[["bio", "fields", "links", "domain"]],
    )  # fmt: skip
    lists: tuple[str, ...] = Field(
        (), description="Lists whose entries are members, if from has list: a starter pack, a list, a table.",
        examples=[["https://bsky.app/starter-pack/example.org/3k2a"]],
    )  # fmt: skip


class Snowball(Table):
    """Sampling rules: seeds, members, everyone, or an SQL condition over the candidates (docs/sampling.md)."""

    along: tuple[Tie, ...] | None = Field(
        None, min_length=1, examples=[["following"]],
        description="Ties to follow: connections, following, followers, mentions, replies, reposts, lists;"
        " default: connections if a collector of the study lists them, else following.",
    )  # fmt: skip
    waves: Count = Field(1, description="Number of waves beyond the seeds.")
    admit: Rule = Field("members", description="Who is admitted, so that their lists are read in the next wave.")
    accounts_of: Rule = Field("members", description="Whose accounts, as linked from profiles, are collected.")
    lists_of: Rule | None = Field(
        None, examples=["members"],
        description="Whose lists along the ties are read, in the last wave too; default: everyone"
        " admitted, while they can lead to a further wave.",
    )  # fmt: skip
    timelines_of: Rule | None = Field(
        None, description="Whose timelines are collected; default: everyone admitted.", examples=["members"]
    )
    max_profiles: int | None = Field(
        None, ge=1, description="Maximum number of profiles besides the seeds.", examples=[100000]
    )
    max_actors: int | None = Field(
        None, ge=1, description="Maximum number of people along ties between accounts, seeds included.", examples=[5000]
    )
    max_per_wave: int | None = Field(None, ge=1, description="Maximum number of them in each wave.", examples=[1000])
    order: Order = Field(ORDER, description="Who is admitted first if a maximum applies.")
    design: Literal["all", "threshold", "random", "walk"] = Field(
        "all",
        description="Who of those selected by the rule is admitted: all; threshold: those shown by at least k"
        " admitted people; random: k drawn from each list; walk: those reached by k random walkers from each seed.",
    )
    k: int = Field(1, ge=1, description="The k of the design.")
    seed: Count = Field(1, description="Seed of the random choices.")


class RateLimit(Table):
    """At most *requests* per *seconds*."""

    requests: int = Field(ge=1, description="Requests in the window.")
    seconds: int = Field(ge=1, description="Length of the window.")


class CollectorTable(Table):
    """Settings of one collector; its own keys are documented with it."""

    model_config = ConfigDict(extra="allow")

    enabled: bool = Field(True, description="Whether `run` collects with it.")
    kinds: tuple[str, ...] | None = Field(
        None,
        examples=[["timeline"]],
        description="Kinds to collect; default: all, but of accounts' lists only those that the ties in"
        " along and the schedule need, if along has such ties.",
    )
    limits: dict[str, RateLimit] = Field(
        {}, description="Rate limits that replace the documented ones, by kind.",
        examples=[{"timeline": {"requests": 900, "seconds": 900}}],
    )  # fmt: skip
    prices: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="USD per item delivered, by kind.", examples=[{"timeline": 0.005}]
    )
    base_url: str | None = Field(
        None, description="Another server with the same interface.", examples=["https://example.org"]
    )
    hosts: dict[str, str] = Field(
        {},
        description="Addresses of hosts, for tests.",
        examples=[{"api.example.org": "127.0.0.1:8000"}],
    )
    timeout: float = Field(30.0, gt=0, description="Seconds to wait for a response.")
    secret_env: str | None = Field(None, description="Environment variable with its secret.", examples=["BEARER_TOKEN"])


class Budget(Table):
    """Limits on the cost of a study; a run that reaches one stops with exit code 4 and keeps the frontier."""

    usd: float | None = Field(None, ge=0, description="US dollars, by the prices of the collectors.", examples=[100.0])
    requests: Count | None = Field(None, description="Requests.", examples=[100000])
    posts: Count | None = Field(None, description="Posts delivered.", examples=[1000000])


class Analysis(Table):
    """Parameters of the analyses (docs/definitions.md); every table and figure shows its parameters."""

    share_profile: Literal["study2013", "tcat", "4cat"] = Field(
        "study2013", description="Counting rules of the shares (Table 6)."
    )
    retweets: Literal["all", "without", "originals"] = Field("all", description="Posts that the shares count.")
    min_degree: Count | Literal["auto"] = Field(
        "auto", description="Minimum ties of an actor in the figure; auto: the lowest, from 2, that leaves at most "
        "1,500 (2013: 51).",
    )  # fmt: skip
    hashtag_threshold: Count | Literal["auto"] = Field(
        "auto", description="Hashtags in the figure are used in more posts than this; auto: the lowest, from 1, that "
        "leaves at most 400 (2013: 100).",
    )  # fmt: skip
    resolution: float = Field(1.0, gt=0, description="Resolution of the communities, as Gephi counts it.")
    seeds: int = Field(20, ge=1, description="Runs of community detection with different seeds; the best is kept.")
    seed: int = Field(1, ge=0, description="First seed of everything random.")
    betweenness_exact_up_to: int = Field(10_000, ge=0, description="Maximum number of nodes for exact betweenness.")
    holiday_country: Country = Field("NL", description="Country of the public holidays.")
    school_regions: tuple[str, ...] = Field(
        (), description="School regions whose holidays are distinguished (NL: Noord, Midden, Zuid; known from 2014)."
    )
    school_holidays: str | None = Field(
        None,
        description="CSV with region,name,first_day,last_day, for other years and countries.",
        examples=["school-holidays.csv"],
    )
    labels: str | None = Field(
        None, description="CSV with handle,label: politician, media ...", examples=["labels.csv"]
    )


class Access(Table):
    """Who else may read the database, and where secrets are kept."""

    group: str | None = Field(None, description="Unix group that may read the database.", examples=["researchers"])
    secrets: Literal["files", "keyring"] = Field(
        "files",
        description="Store of tokens and of the pseudonyms' key: files of mode 0600, or the system's keyring.",
    )


# Programs read an empty or dotted part, and characters with a meaning in addresses, as different places.
BUCKET = r"s3://[^/\s@%?#]+(/\.*[^/\s@%?#.][^/\s@%?#]*)*/?"


class Store(Table):
    """Where state, archive and tables are kept, if several machines share the study (docs/scale.md)."""

    frontier: str | None = Field(
        None, pattern=r"^postgres(ql)?://[^\s]+/[^\s/]+$", examples=["postgresql://me@db.example.org/mystudy"],
        description="A PostgreSQL database for the frontier instead of state.sqlite. The password belongs in PGPASSWORD"
        " or secrets.toml.",
    )  # fmt: skip
    archive: str | None = Field(
        None, pattern=rf"^({BUCKET}|file:///[^\s]+)$", examples=["s3://bucket/mystudy"],
        description="Object storage for the sealed segments of the archive, or a folder that all machines have. The key"
        " belongs in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or as archive = 'ID:SECRET' in secrets.toml.",
    )  # fmt: skip
    endpoint: str | None = Field(
        None, pattern=r"^https?://[^\s@]+$", examples=["https://s3.example.org"],
        description="The S3 server; unset: AWS_ENDPOINT_URL, else Amazon's.",
    )  # fmt: skip
    upload_every: Count = Field(
        600, description="Seconds until an unfinished segment is sealed and uploaded: what a lost machine may lose."
    )
    cache_bytes: Count = Field(
        2_000_000_000, description="Bytes of the archive kept on this machine to be read again (archive/.cache)."
    )
    tables: str | None = Field(
        None, pattern=r"^ducklake:postgres:postgres(ql)?://\S+$",
        examples=["ducklake:postgres:postgresql://me@db.example.org/mytables"],
        description="A PostgreSQL database for the catalogue of the tables in DuckLake, published for many readers. The"
        " password belongs in PGPASSWORD.",
    )  # fmt: skip
    tables_data: str = Field(
        "lake", pattern=rf"^({BUCKET}|[^\s:]([^:]|:[^/])*)$",
        examples=["s3://bucket/mystudy-tables", "/srv/shared/mystudy-tables"],
        description="Object storage for their Parquet files (endpoint and key as for `archive`), or a directory that is"
        " shared by those who read them.",
    )  # fmt: skip


class Dossier(Table):
    """What the dossier says besides what follows from the study; what is left out is a blank there."""

    purpose: str | None = Field(None, description="The question of the study, and what the data are needed for.")
    legal_basis: str | None = Field(
        None, description="Legal basis of the processing.",
        examples=["a task in the public interest, article 6(1)(e) GDPR"],
    )  # fmt: skip
    controller: str | None = Field(
        None, description="Controller: the organisation that is responsible, and its address."
    )
    dpo: str | None = Field(None, description="Data protection officer, with contact.")
    researchers: str | None = Field(None, description="The researchers, and their affiliation.")
    funding: str | None = Field(None, description="Who pays for the study.")
    interests: str | None = Field(None, description="Commercial interests of researchers and funders, or none.")
    ethics: str | None = Field(None, description="Ethical review: board, number and date.")
    systemic_risk: str | None = Field(None, description="The systemic risk studied (article 34 of the DSA).")
    necessity: str | None = Field(None, description="Why these data and this period are needed, and no less.")
    storage: str | None = Field(None, description="Where the data lie: machine, place, encryption, copies.")
    access: str | None = Field(None, description="Who has access, and how it is granted and withdrawn.")
    ends: str | None = Field(None, description="When the data are deleted or handed over, and by which organisation.")
    informed: str | None = Field(None, description="How people are informed (articles 13 and 14 GDPR).")
    results: str | None = Field(None, description="Where and when results appear, free of charge.")


class Interval(Table):
    """A time span: days, weeks and months in `calendar`, hours and minutes in `interval`."""

    months: Count = Field(0, description="Months (calendar).")
    weeks: Count = Field(0, description="Weeks (calendar).")
    days: Count = Field(0, description="Days (calendar).")
    hours: Count = Field(0, description="Hours (interval).")
    minutes: Count = Field(0, description="Minutes (interval).")
    time: str | None = Field(
        None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["03:30"], description="Time of the day (calendar)."
    )


class Job(Table):
    """A recurring job, with one of cron, interval or calendar."""

    name: str = Field(pattern=r"^[\w-]+$", examples=["every-night"], description="Name of the job.")
    task: Literal["run", "collect", "load", "report", "verify", "prune", "retain", "compliance"] = Field(
        "run", description="Command to run."
    )
    collector: str | None = Field(None, description="Only this collector.", examples=["x"])
    kinds: tuple[str, ...] | None = Field(None, description="Only these kinds.", examples=[["timeline"]])
    whole: bool = Field(False, description="Page through timelines to their end again, to find edits and deletions.")
    cron: Cron | None = Field(
        None,
        description="Five cron fields, weekdays by name; day and weekday must both match.",
        examples=["30 3 * * *"],
    )
    interval: Interval | None = Field(None, description="Or a fixed interval.", examples=[{"hours": 6}])
    calendar: Interval | None = Field(
        None, description="Or a calendar interval.", examples=[{"months": 1, "time": "03:30"}]
    )
    timezone: Zone | None = Field(None, description="Time zone of the hours; default: the study's.", examples=["UTC"])
    jitter: Count = Field(0, description="Maximum random delay of each start, in seconds.")
    catch_up: Count = Field(86_400, description="Seconds within which a missed start is made up for, once.")
    overlap: Literal["skip", "wait"] = Field("skip", description="What to do if the previous run is still running.")

    @model_validator(mode="after")
    def _one_clock(self) -> Job:
        """Require exactly one of cron, interval and calendar."""
        if sum(way is not None for way in (self.cron, self.interval, self.calendar)) != 1:
            raise ValueError("should have exactly one of cron, interval and calendar")
        for key, units in (("interval", ("hours", "minutes")), ("calendar", ("days", "weeks", "months"))):
            every: Interval | None = getattr(self, key)
            if every is None:
                continue
            wrong = every.model_fields_set - {*units, *(["time"] if key == "calendar" else [])}
            if wrong:
                raise ValueError(f"{key} takes {' and '.join(units)}, not {', '.join(sorted(wrong))}")
            if not any(getattr(every, unit) for unit in units):
                raise ValueError(f"{key} should be longer than zero: set {' or '.join(units)}")
        return self


class Minimise(Table):
    """What is not kept about people."""

    drop: tuple[Literal["texts", "names", "descriptions", "locations", "coordinates"], ...] = Field(
        (), description="Fields dropped before loading: texts, names, descriptions, locations, coordinates."
    )
    redact_archive: bool = Field(
        False, description="Apply this to the archive too: write only the parts of an answer that the tables need."
    )
    keep_days: dict[str, Count] = Field({}, description="Days to keep rows, by kind.", examples=[{"posts": 730}])
    opt_outs: Literal["honour", "override"] = Field("honour", description="Treatment of opt-outs of people and sites.")
    override_reason: str | None = Field(None, description="Reason for overriding them, shown in the report.")

    @model_validator(mode="after")
    def _reasoned(self) -> Minimise:
        """Require a reason for an override."""
        if self.opt_outs == "override" and not (self.override_reason or "").strip():
            raise ValueError("opt_outs = 'override' should come with an override_reason, which the report shows")
        return self


class Search(Table):
    """A search for documents: a row of the register (docs/coverage.md)."""

    id: str = Field(pattern=r"^[\w-]+$", examples=["papers-2026"], description="Its id in every table.")
    version: int = Field(1, ge=1, description="Its version: increase it if words, place or days change.")
    where: str = Field(description="The interface to query.", examples=["sru"])
    address: str | None = Field(
        None,
        description="The feed, site or server; default: the interface's own.",
        examples=["https://example.org/feed"],
    )
    words: str = Field("", description="The query, in the interface's own syntax.", examples=["snowball"])
    first_day: Day | None = Field(None, description="Only documents from this day.", examples=[date(2012, 1, 1)])
    last_day: Day | None = Field(None, description="Only documents up to this day.", examples=[date(2012, 12, 31)])
    fetch: bool = Field(False, description="Whether to fetch the pages of the documents it finds.")
    why: str = Field("", description="Reason for the search, for readers of the register.")

    @property
    def name(self) -> str:
        """Id and version."""
        return Asked(self.id, self.version).name

    @property
    def key(self) -> str:
        """The key of its target."""
        days = {"first_day": self.first_day, "last_day": self.last_day}
        return Asked(self.id, self.version, self.words.strip(), (self.address or "").strip(), **days).key


class Comparison(Table):
    """A set of posts to compare shares with."""

    name: str = Field(description="Name of the set.")
    source: Literal["stream"] = Field("stream", description="Its source: the platform's sample stream.")
    collector: str = Field("x", description="The collector that reads it.")
    posts: int = Field(100_000, ge=1, description="Number of posts.")
