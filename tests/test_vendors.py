"""Profiles of LinkedIn in the JSON of vendors: one person in every vendor's shape is one profile with two positions."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from collectors import files
from storage.errors import UserError
from storage.records import Position, Profile, Quarantine
from tests.importing import of, parse, walk

KEY = "https://www.linkedin.com/in/testa-voorbeeld"
DATED = ("2020-01", "2017-03", "2019-12")
PROXYCURL = {
    "public_identifier": "testa-voorbeeld", "full_name": "Testa Voorbeeld", "occupation": "Adviseur bij RWS",
    "personal_emails": ["testa@prive.example"], "birth_date": {"day": 1, "month": 2, "year": 1980},
    "experiences": [
        {"starts_at": {"day": 1, "month": 1, "year": 2020}, "ends_at": None, "company": "RWS", "title": "Adviseur"},
        {"starts_at": {"day": 1, "month": 3, "year": 2017}, "ends_at": {"day": 31, "month": 12, "year": 2019},
         "company": "IND", "title": "Jurist"},
    ],
}  # fmt: skip
BRIGHT_DATA = {
    "id": "testa-voorbeeld", "name": "Testa Voorbeeld", "position": "Adviseur bij RWS",
    "about": "mail testa@prive.example",
    "url": "https://nl.linkedin.com/in/testa-voorbeeld", "avatar": "https://media.example/x.jpg",
    "current_company": {"name": "RWS", "company_id": "rws"},
    "experience": [
        {"title": "RWS", "company": "RWS", "positions": [
            {"title": "Adviseur", "subtitle": "RWS", "start_date": "Jan 2020", "end_date": "Present"}]},
        {"title": "Jurist", "company": "IND", "start_date": "Mar 2017", "end_date": "Dec 2019"},
    ],
}  # fmt: skip
APIFY = {
    "linkedinUrl": "https://www.linkedin.com/in/testa-voorbeeld/", "firstName": "Testa", "lastName": "Voorbeeld",
    "fullName": "Testa Voorbeeld", "headline": "Adviseur bij RWS",
    "email": "testa@prive.example", "mobileNumber": "06123",
    "experiences": [
        {"companyName": "RWS", "title": "Adviseur", "jobStartedOn": "1-2020", "jobEndedOn": None,
         "jobStillWorking": True},
        {"companyName": "IND", "title": "Jurist", "jobStartedOn": "2017-03", "jobEndedOn": "2019-12",
         "jobStillWorking": False},
    ],
}  # fmt: skip
CAPTIONS = {
    "linkedinPublicUrl": "https://www.linkedin.com/in/testa-voorbeeld", "fullName": "Testa Voorbeeld",
    "headline": "Adviseur bij RWS",
    "experiences": [
        {"title": "RWS", "subtitle": "Full-time · 6 yrs", "breakdown": True, "subComponents": [
            {"title": "Adviseur", "caption": "Jan 2020 - Present · 6 yrs", "description": [{"type": "text"}]}]},
        {"title": "Jurist", "subtitle": "IND · Full-time", "caption": "Mar 2017 - Dec 2019 · 2 yrs 10 mos",
         "breakdown": False, "subComponents": [{"description": []}]},
    ],
}  # fmt: skip
HARVEST = {
    "publicIdentifier": "testa-voorbeeld", "firstName": "Testa", "lastName": "Voorbeeld",
    "headline": "Adviseur bij RWS", "location": {"linkedinText": "Utrecht"},
    "experience": [
        {"position": "Adviseur", "companyName": "RWS", "startDate": {"month": 1, "year": 2020, "text": "Jan 2020"},
         "endDate": {"text": "Present"}},
        {"position": "Jurist", "companyName": "IND", "startDate": {"text": "Mar 2017"},
         "endDate": {"text": "Dec 2019"}},
    ],
}  # fmt: skip
PDL = {
    "id": "qEnOZ5Oh0poWnQ1luFBfVw_0000", "full_name": "Testa Voorbeeld",
    "linkedin_url": "linkedin.com/in/testa-voorbeeld",
    "headline": "Adviseur bij RWS", "job_title": "adviseur", "work_email": True, "phone_numbers": ["+31 6"],
    "experience": [
        {"company": {"name": "RWS", "size": "10001+"}, "title": {"name": "Adviseur", "role": None},
         "start_date": "2020-01", "end_date": None, "is_primary": True},
        {"company": {"name": "IND"}, "title": {"name": "Jurist"}, "start_date": "2017-03", "end_date": "2019-12"},
    ],
}  # fmt: skip
CORESIGNAL = {
    "full_name": "Testa Voorbeeld", "headline": "Adviseur bij RWS",
    "profile_url": "https://www.linkedin.com/in/testa-voorbeeld",
    "experience": [
        {"position_title": "Adviseur", "company_name": "RWS", "date_from": "January 2020", "date_to": None},
        {"position_title": "Jurist", "company_name": "IND", "date_from": "2017-03-01 00:00:00", "date_to": "2019-12"},
    ],
}  # fmt: skip
SHAPES: dict[str, Any] = {
    "proxycurl": PROXYCURL, "bright-data": BRIGHT_DATA, "apify": APIFY, "captions": CAPTIONS, "harvest": HARVEST,
    "people-data-labs": PDL, "coresignal": CORESIGNAL,
}  # fmt: skip


def dates(found: list[Position]) -> list[tuple[str | None, str | None]]:
    return [((job.started or "")[:7], (job.ended or "")[:7]) for job in found]


@pytest.mark.parametrize("vendor", SHAPES)
def test_one_person_is_the_same_in_every_vendors_shape(tmp_path: Path, vendor: str) -> None:
    one = SHAPES[vendor]
    ways = {
        "a.json": json.dumps(one, indent=2), "b.jsonl": json.dumps(one) + "\n", "c.json": json.dumps([one]),
        "d.json": json.dumps({"status": 200, "data": one}), "e.json": json.dumps({"results": [one]}, indent=1),
        "f.jsonl.gz": json.dumps({"linkedin_profile_url": KEY, "profile": one, "last_updated": "x"}),
    }  # fmt: skip
    for name, text in ways.items():
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        pages = walk("linkedin-json", path)
        found = parse("linkedin-json", pages)
        assert not of(found, Quarantine), (name, found)
        (profile,) = of(found, Profile)
        assert (profile.profile_id, profile.url, profile.name) == (KEY, KEY, "Testa Voorbeeld"), name
        assert profile.headline == "Adviseur bij RWS"
        jobs = of(found, Position)
        result = [(job.profile_id, job.ordinal, job.employer, job.title, job.current) for job in jobs]
        assert result == [(KEY, 0, "RWS", "Adviseur", True), (KEY, 1, "IND", "Jurist", False)], name
        assert dates(jobs)[1] == ("2017-03", "2019-12")
        assert vendor == "apify" or dates(jobs)[0] == ("2020-01", "")  # "1-2020" is kept as it is
        archived = b"".join(page.body for page in pages)
        assert not any(word in archived for word in (b"prive.example", b"06123", b"+31", b"birth", b"media.example"))


def test_what_is_no_profile_is_named_by_its_place_and_none_of_its_text_is_kept(tmp_path: Path) -> None:
    odd = (
        b'{"full_name": "A \\ud83d", "experience": [{"title": 5, "company": {"name": 7}}, null, "x", {"title": "Lid"}]}'
    )
    still = b'{"full_name": "Ben Test", "experience": [{"title": "Lid", "end_date": "heden"}]}'
    lines = [b'{"error": "mail x@y.example"}', b"{kapot x@y.example", json.dumps(PDL).encode(), b"", odd, still]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\r\n".join(lines))
    pages = walk("linkedin-json", path)
    found = parse("linkedin-json", pages)
    assert b"y.example" not in b"".join(page.body for page in pages)
    assert [profile.name for profile in of(found, Profile)] == ["Testa Voorbeeld", "A \ufffd", "Ben Test"]
    assert [job.title for job in of(found, Position)] == ["Adviseur", "Jurist", "Lid", "Lid"]
    assert of(found, Position)[-1].current
    assert [one.place for one in of(found, Quarantine)] == ["a.jsonl:1", "a.jsonl:2"]
    (tmp_path / "b.json").write_text('{"error": "nothing"}')
    with pytest.raises(UserError, match="check the format"):
        files.targets("linkedin-json", [tmp_path / "b.json"], {})
