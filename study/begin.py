"""The files that `init` writes: a full study file, or a short one for some platforms with its organisations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, create_model

from storage.errors import UserError
from storage.linking.bio_words import TRADES
from storage.privacy.declared import hooks_of
from storage.sampling.rules import COUNTS, TIES
from storage.tomlfile import literal, model_in, nearest, written
from study.installed import installed, query_keys
from study.nouns import Language, language_of, nouns
from study.settings import Seeds
from study.study_file import FILE, Study

LIST = "organisations.toml"
TIMELINE = ("account", "posts")  # the object and the yield of a kind


class Begun(NamedTuple):
    """What a new study is about: *platforms* are collectors; *members* and *groups* as typed."""

    name: str = "My study"
    contact: str = ""
    platforms: tuple[str, ...] = ()
    members: str = ""
    groups: str = ""
    language: Language | None = None  # None: that of the nouns


def files(begun: Begun) -> dict[str, str]:
    """The text of each file of the study *begun*, by name. Raise UserError for a platform that is not installed."""
    if not begun.platforms:
        return {FILE: template(begun.name, begun.contact)}
    platforms = able()
    for name in begun.platforms:
        if name not in platforms:
            raise UserError(f"--for: no platform {name!r} is installed; {nearest(name, platforms)}")
    language = begun.language or language_of(begun.members, begun.groups)
    found = nouns(begun.members or "members", begun.groups or "groups", language)
    words = found.get("en") or found[language]
    text = "".join(_study(begun, {name: platforms[name] for name in begun.platforms}, language, words))
    return {FILE: text, LIST: _list(found, words["groups"])}


def able() -> dict[str, Any]:
    """The installed collectors that a study can start from, by name: those that read accounts or profiles by name."""
    loaded = {name: point.load() for name, point in installed().items()}
    return {
        name: one
        for name, one in loaded.items()
        if any(spec.of in ("profile", "handle") for spec in one.kinds.values())
    }


def _study(begun: Begun, platforms: Mapping[str, Any], language: Language, words: Mapping[str, str]) -> Iterator[str]:
    """The parts of the study file."""
    specs = {name: dict(one.kinds) for name, one in platforms.items()}
    every = [spec for kinds in specs.values() for spec in kinds.values()]
    shown = {tie for spec in every for tie in spec.ties if spec.of in ("list", "account")}
    along = [tie for tie in ("connections", "following") if tie in shown] or [tie for tie in TIES if tie in shown][:1]
    posts = {kind for kinds in specs.values() for kind, spec in kinds.items() if (spec.of, spec.yields) == TIMELINE}
    sources = ["positions"] * any(spec.yields == "profiles" for spec in every)
    sources += ["bio", "fields", "links", "domain"] * any(spec.yields == "accounts" for spec in every)
    counted = [COUNTS[tie] for tie in along if tie != "connections"]
    admit = " OR ".join(["member", *(f"{column} >= 3" for column in counted)]) if counted else "members"

    yield f"# A study of {words['members']} by {words['group']}; all other keys: docs/study-file.md\n\n"
    yield f"[study]\nname = {literal(begun.name)}\ncontact = {literal(begun.contact)}"
    yield "  # an e-mail or web address for server operators\n"
    yield f"language = {literal(language)}  # of the report: en or nl\n"
    yield f"\n[population]  # what makes someone a member: docs/membership.md\nfrom = {literal(sources)}\n"
    yield f'\n[organisations]\nfile = "{LIST}"  # the {words["groups"]}: fill it in\n'
    yield "\n[seeds]  # where to start: names or addresses, in quotes, with commas between them\n"
    yield from (f"{name} = []  # {hooks_of(one).seed_form}\n" for name, one in platforms.items())
    queries = [key for name, one in platforms.items() for key in query_keys(name, one)]
    yield f"# queries can find seeds too (docs/study-file.md): {', '.join(queries)}\n" if queries else ""
    yield from _snowball(along, admit, bool(posts))
    for name, one in platforms.items():
        hooks = hooks_of(one)
        secret = f"  # needs a token: SNEEUWBAL_{name.upper().replace('-', '_')}_BEARER_TOKEN"
        yield f"\n[collectors.{name}]{secret if hooks.needs_secret else ''}\n"
    if any(spec.price for spec in every):
        yield "\n[budget]  # `sneeuwbal plan` estimates the cost\nusd = 50.0  # a run stops there\n"
    if posts:
        yield "\n[[schedule]]  # jobs for `sneeuwbal schedule`\n"
        yield f'name = "timelines"\ntask = "collect"\nkinds = {literal(sorted(posts))}\ninterval = {{ hours = 6 }}\n'
    yield '\n[[schedule]]\nname = "snowball"\ncalendar = { weeks = 1, time = "03:00" }\n'


def _snowball(along: list[str], admit: str, posts: bool) -> Iterator[str]:
    yield "\n[snowball]  # docs/sampling.md\n"
    if not along:
        yield "waves = 0  # these platforms show no ties to follow\n"
        return
    yield f"along = {literal(along)}\nwaves = 2\nadmit = {literal(admit)}  # the start of the next wave\n"
    if along != ["connections"]:
        yield 'timelines_of = "members"\n' * posts
        yield "max_actors = 5000  # an upper bound; more people are left out\n"


def _list(found: Mapping[Language, Mapping[str, str]], groups: str) -> str:
    """The skeleton of the list of organisations."""
    lines = "".join(f"{each} = {literal(words)}\n" for each, words in found.items())
    return f"""# The {groups} of the study and their organisations; all keys: docs/organisations.md

# trades = ["media"]  # if these people are usually of one of {", ".join(sorted((*TRADES, "politics")))}

[population]  # the report's nouns for members and groups; check the forms
{lines}
# Remove the # and fill in your own, a table for each:
# [[group]]
# id = "Example"  # its short name
# name = "The Example"
# domains = ["example.org"]  # handles at this domain, and pages that link back, are evidence
# handles = ["desk@social.example.org"]  # its own accounts, not of a person; bios that name them are evidence

# [[organisation]]  # part of a group, with a name of its own
# name = "The Example on Sunday"
# group = "Example"
# aliases = ["Sunday Example"]
"""


def template(name: str = "My study", contact: str = "") -> str:
    """A commented study file with every key: its default, or an example behind a # where it has none."""
    parts = ["# A study for sneeuwbal: every key with its default. Values after a # are examples.\n"]
    for section, model in sections().items():
        if section == "collectors":
            parts += [written(f"[collectors.{each}]", model, {}) for each in ("profiles", "x")]
        elif section in ("schedule", "comparison", "searches"):
            parts.append(written(f"[[{section}]]", model, {}, live=False))
        else:
            values = {"name": name, "contact": contact} if section == "study" else {}
            parts.append(written(f"[{section}]", model, values))
    return "\n".join(parts)


def sections() -> dict[str, type[BaseModel]]:
    """The model of each section of the study file."""
    found = {name: model_in(field.annotation) for name, field in Study.model_fields.items()}
    return {name: model for name, model in found.items() if model} | {"seeds": seeds_model()}


def seeds_model() -> type[Seeds]:
    """The section [seeds]: a list and a file for each collector that reads typed seeds, and for each query."""
    fields: dict[str, Any] = {}
    for name, point in installed().items():
        collector = point.load()
        keys = {name: f"Seeds, each {hooks_of(collector).seed_form}."} if hooks_of(collector).page_of else {}
        for key in query_keys(name, collector):
            what = key.removeprefix(f"{name}_").replace("_", " ")
            keys[key] = f"Queries that find seeds: {what}, as the guide of {name} says."
        for key, meaning in keys.items():
            file = Field(None, description="Text file with such seeds, one per line.", examples=[f"{key}.txt"])
            fields |= {key: (tuple[str, ...], Field((), description=meaning)), f"{key}_file": (str | None, file)}
    return create_model("Seeds", __base__=Seeds, __doc__=Seeds.__doc__, **fields)
