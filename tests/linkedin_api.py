"""Invented members of LinkedIn for `fixtures.linkedin`, and their exports, in LinkedIn's own columns."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

from fixtures.linkedin import MONTHS, Member


def members(count: int = 20) -> list[Member]:
    """*count* members who know one another, and others: no positions, no list, no headline where the number says so."""
    found = []
    for number in range(count):
        profile = {
            "First Name": f"Lid{number}", "Last Name": "Verzonnen", "Maiden Name": "",
            "Address": f"Geheimlaan {number}", "Birth Date": "1 Jan 1980",
            "Headline": "" if number % 5 == 4 else f"Adviseur {number}",
            "Summary": f"Schrijf mij: lid{number}@example.org", "Industry": "", "Zip Code": "1000 AA",
            "Geo Location": "Den Haag", "Twitter Handles": f"[lid_{number}]" if number % 2 else "",
            "Websites": "[COMPANY:https://example.org/a,b,BLOG:example.net]" if number % 3 == 0 else "",
            "Instant Messengers": "",
        }  # fmt: skip
        positions = [
            {"Company Name": f"Ministerie van Fictie {n}", "Title": "Adviseur",
             "Description": f"mail werk{n}@example.org", "Location": "",
             "Started On": f"{MONTHS[n]} 201{n}", "Finished On": "" if n == 0 else "2021"}
            for n in range(number % 5)
        ]  # fmt: skip
        known = [(number + step) % count for step in range(1, 1 + number % 9)]
        connections = [
            {"First Name": f"Lid{other}", "Last Name": "Verzonnen", "Email Address": f"lid{other}@example.org",
             "Company": "" if other % 4 == 1 else f"Gemeente Nergens {other}", "Position": "Adviseur, senior",
             "Connected On": f"{1 + other % 28:02} {MONTHS[other % 12]} 20{10 + other % 10}",
             "URL": f"https://www.linkedin.com/in/lid-{other}" if other % 6 else ""}
            for other in known
        ]  # fmt: skip
        education = [
            {"School Name": f"Hogeschool Nergens {number}-{n}", "Start Date": f"200{n}", "End Date": "",
             "Notes": f"vraag het lid{n}@example.org", "Degree Name": f"Bestuur; bel 06-12345678 of +31 70 123456{n}",
             "Activities": ""}
            for n in range(number % 5)
        ]  # fmt: skip
        skills = [{"Name": f"Vaardigheid {number}-{n}"} for n in range(number % 4)]
        data = {"PROFILE": [profile], "POSITIONS": positions, "CONNECTIONS": connections}
        data |= {"EDUCATION": education, "SKILLS": skills}
        found.append(Member(number, data, f"https://www.linkedin.com/in/lid-{number}"))
    return found


def export(member: Member, folder: Path) -> Path:
    """The member's own export, as LinkedIn makes it."""
    path = folder / f"export-{member.number}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for domain, rows in member.data.items():
            text = io.StringIO(newline="")
            columns = list(rows[0]) if rows else COLUMNS[domain]
            writer = csv.DictWriter(text, columns)
            writer.writeheader()
            writer.writerows(rows)
            packed.writestr(f"{domain.capitalize()}.csv", text.getvalue())
    return path


COLUMNS = {
    "EDUCATION": ["School Name", "Start Date", "End Date", "Notes", "Degree Name", "Activities"],
    "SKILLS": ["Name"],
    "POSITIONS": ["Company Name", "Title", "Description", "Location", "Started On", "Finished On"],
    "CONNECTIONS": ["First Name", "Last Name", "URL", "Email Address", "Company", "Position", "Connected On"],
}
