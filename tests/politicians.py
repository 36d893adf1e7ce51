"""True links of US, French and British politicians (2013-2026), as people and accounts of a study."""

import csv
from pathlib import Path

import duckdb
import yaml

try:
    Loader = yaml.CSafeLoader
except AttributeError:
    Loader = yaml.SafeLoader

FRENCH = (
    ("regardscitoyens__deputes.csv", "Assemblée nationale", "Député"),
    ("regardscitoyens__deputes_2012-2017.csv", "Assemblée nationale", "Député"),
    ("regardscitoyens__deputes_2017-2022.csv", "Assemblée nationale", "Député"),
    ("regardscitoyens__senateurs.csv", "Sénat", "Sénateur"),
)
Person = tuple[str, str, str, str | None, str, str]  # country, key, name, place, employer, title
Bearer = tuple[str, str, str | None, str | None]  # id, handle, name, description


def american(real: Path) -> tuple[list[Person], dict[str, Bearer]]:
    people, true = [], {}
    for one in yaml.load((real / "unitedstates__legislators-current.yaml").read_text("utf-8"), Loader):
        name, term = one["name"], one["terms"][-1]
        title = "Senator" if term["type"] == "sen" else "Representative"
        shown = name.get("official_full") or f"{name['first']} {name['last']}"
        people.append(("us", one["id"]["bioguide"], shown, None, "Congress", title))
    for one in yaml.load((real / "unitedstates__legislators-social-media.yaml").read_text("utf-8"), Loader):
        social = one.get("social", {})
        if social.get("twitter"):
            number = str(social.get("twitter_id") or f"us-{social['twitter']}")
            true[one["id"]["bioguide"]] = (number, social["twitter"], None, None)
    return people, true


def french(real: Path) -> tuple[list[Person], dict[str, Bearer], dict[str, list[str]]]:
    """People of all four tables, one by slug; the last table that has someone tells; and their web addresses."""
    people, true, sites = {}, {}, {}
    for file, employer, title in FRENCH:
        with (real / file).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                key = row["slug"]
                if key in people:
                    continue
                people[key] = ("fr", key, row["nom"], None, employer, title)
                true[key] = (
                    row["twitter_id"],
                    row["twitter"].lstrip("@"),
                    row["twitter_name"],
                    row["twitter_description"],
                )
                sites[key] = [url for url in row["sites_web"].split("|") if url]
    return list(people.values()), true, sites


def british(real: Path) -> tuple[list[Person], dict[str, Bearer]]:
    people, true = [], {}
    with (real / "resulumit__mps.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            key = f"{row['name']}, {row['constituency']}"
            people.append(("uk", key, row["name"], row["constituency"], "House of Commons", "MP"))
            if row["screen_name"]:
                handle = row["screen_name"]  # a spreadsheet rounded the ids (1.19E+18)
                true[key] = (f"uk-{handle}", handle, None, None)
    return people, true


def everybody(real: Path) -> tuple[list[Person], dict[str, Bearer], dict[str, list[str]]]:
    us, us_true = american(real)
    fr, fr_true, sites = french(real)
    uk, uk_true = british(real)
    return [*us, *fr, *uk], {**us_true, **fr_true, **uk_true}, sites


def study_of(people: list[Person], bearers: list[Bearer]) -> duckdb.DuckDBPyConnection:
    """What `candidates` looks at: nobody is linked yet."""
    db = duckdb.connect()
    db.execute(
        "CREATE TABLE members (profile_id VARCHAR, name VARCHAR, location VARCHAR, employer VARCHAR,"
        " title VARCHAR, organisation VARCHAR, group_names VARCHAR[], record_id VARCHAR);"
        "CREATE TABLE accounts (account_id VARCHAR, platform VARCHAR, handle VARCHAR, name VARCHAR,"
        " description VARCHAR, location VARCHAR, url VARCHAR, record_id VARCHAR);"
        "CREATE TABLE links (profile_id VARCHAR, account_id VARCHAR, platform VARCHAR);"
        "CREATE TABLE link_candidates (profile_id VARCHAR, account_id VARCHAR, platform VARCHAR, decision VARCHAR)"
    )
    rows = [
        (key, name, place, employer, title, None, None, f"r-{key}") for _, key, name, place, employer, title in people
    ]
    db.executemany("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    seen = {
        number: (number, "x", handle, name, text, None, None, f"r-{number}") for number, handle, name, text in bearers
    }
    db.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(seen.values()))
    return db
