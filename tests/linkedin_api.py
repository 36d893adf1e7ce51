"""LinkedIn's OAuth and Member Snapshot API on loopback, as its documents describe them, with invented members.

The same members' exports, in LinkedIn's own columns, to compare with. Documents of November 2026: see
docs/collectors/linkedin-members.md.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import msgspec

from tests.loopback import Answer, Received

CLIENT, SECRET, REDIRECT = "86invented", "geheim-van-de-app", "http://127.0.0.1:9/terug"
VERSION, ROWS = "202312", 3  # rows of a page
AUTHORIZED = 1_790_000_000_000  # epoch milliseconds: 21 September 2026
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Member(msgspec.Struct):
    """An invented member, with the data that LinkedIn has on them."""

    number: int
    data: dict[str, list[dict[str, str]]]
    inside: bool = True  # the EEA
    registered: bool = True  # LinkedIn has begun to prepare the data
    waits: int = 0  # answers without data, before the data are prepared
    revoked: bool = False

    @property
    def url(self) -> str:
        """The address of their profile."""
        return f"https://www.linkedin.com/in/lid-{self.number}"


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
        found.append(Member(number, {"PROFILE": [profile], "POSITIONS": positions, "CONNECTIONS": connections}))
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
    "POSITIONS": ["Company Name", "Title", "Description", "Location", "Started On", "Finished On"],
    "CONNECTIONS": ["First Name", "Last Name", "URL", "Email Address", "Company", "Position", "Connected On"],
}


class LinkedIn:
    """The server's state, and its script. *faults* are answers given first, to any request of the API."""

    def __init__(self, people: list[Member], faults: tuple[Answer, ...] = (), refreshes: bool = True) -> None:
        self.people, self.faults, self.refreshes = {one.number: one for one in people}, list(faults), refreshes
        self.tokens: dict[str, int] = {}  # valid access tokens
        self.refresh: dict[str, int] = {}
        self.expired: set[str] = set()
        self._codes: dict[str, tuple[int, str, str]] = {}  # code -> member, redirect, challenge
        self._made = 0

    def __call__(self, request: Received) -> Answer:
        """The answer to *request*."""
        if request.path == "/oauth/v2/accessToken":
            return self._token({name: values[0] for name, values in parse_qs(request.body.decode()).items()})
        if request.path in ("/oauth/v2/authorization", "/oauth/native-pkce/authorization"):
            return self._authorize(request.query)
        if self.faults:
            return self.faults.pop(0)
        return self._api(request)

    # ---- OAuth

    def issue(self, number: int) -> dict[str, Any]:
        """A token answer for a member who consented."""
        self._made += 1
        access, refresh = f"AQ-geheim-{number}-{self._made}", f"AQ-ververs-{number}-{self._made}"
        self.tokens[access] = number
        answer: dict[str, Any] = {
            "access_token": access,
            "expires_in": 5_184_000,
            "scope": "r_dma_portability_3rd_party",
        }
        if self.refreshes:
            self.refresh[refresh] = number
            answer |= {"refresh_token": refresh, "refresh_token_expires_in": 31_536_000}
        return answer

    def expire(self, access: str) -> None:
        """End an access token."""
        self.expired.add(access)
        del self.tokens[access]

    def _authorize(self, query: dict[str, str]) -> Answer:
        """The login page: the test says who logs in (`login`), and whether they allow (`refuse`)."""
        if query.get("client_id") != CLIENT or query.get("redirect_uri") != REDIRECT:
            return Answer(400, b"the redirect_uri does not match")
        member = self.people[int(query["login"])]
        back = {"state": query.get("state", "")}
        if query.get("refuse"):
            back |= {"error": "user_cancelled_authorize", "error_description": "The user cancelled the authorization"}
        elif not member.inside:
            back |= {"error": "unauthorized_scope_error", "error_description": "not available in your location"}
        else:
            self._made += 1
            code = f"code-{self._made}"
            self._codes[code] = (member.number, query["redirect_uri"], query.get("code_challenge", ""))
            back["code"] = code
        return Answer(302, b"", {"Location": f"{REDIRECT}?{urlencode(back)}"})

    def _token(self, form: dict[str, str]) -> Answer:
        if form.get("client_id") != CLIENT:
            return Answer(401, {"error": "invalid_client"})
        if form.get("grant_type") == "refresh_token" and form.get("client_secret") == SECRET:
            number = self.refresh.get(form.get("refresh_token", ""))
            if number is None or self.people[number].revoked:
                return Answer(400, {"error": "invalid_grant", "error_description": "The refresh token is invalid"})
            kept = {name: value for name, value in self.issue(number).items() if not name.startswith("refresh_token")}
            return Answer(200, kept)
        member, redirect, stated = self._codes.pop(form.get("code", ""), (-1, "", ""))
        known = form.get("client_secret") == SECRET or bool(stated)
        proven = stated in ("", challenge(form.get("code_verifier", "")))
        if member < 0 or form.get("redirect_uri") != redirect or not known or not proven:
            return Answer(400, {"error": "invalid_request", "error_description": "Unable to retrieve access token"})
        return Answer(200, self.issue(member))

    # ---- the API

    def _api(self, request: Received) -> Answer:
        if request.headers.get("linkedin-version") != VERSION:
            return _error(426, "Requested version is not active", "NONEXISTENT_VERSION")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.expired:
            return _error(401, "The token used in the request has expired", "EXPIRED_ACCESS_TOKEN", 65602)
        if token not in self.tokens:
            return _error(401, "Invalid access token", "INVALID_ACCESS_TOKEN", 65600)
        member = self.people[self.tokens[token]]
        if member.revoked:
            return _error(
                401, "The token used in the request has been revoked by the user", "REVOKED_ACCESS_TOKEN", 65601
            )
        if not member.inside:
            return _error(403, "Not enough permissions to access: memberSnapshotData.FINDER-criteria.202312",
                          "ACCESS_DENIED", 100)  # fmt: skip
        if request.path == "/rest/memberAuthorizations" and request.query.get("q") == "memberAndApplication":
            key = {"developerApplication": "urn:li:developerApplication:1", "member": f"urn:li:person:{member.number}"}
            it = {"memberComplianceAuthorizationKey": key, "regulatedAt": AUTHORIZED, "memberComplianceScopes": ["DMA"]}
            return Answer(200, {"elements": [it] if member.registered else []})
        if request.path == "/rest/memberSnapshotData" and request.query.get("q") == "criteria":
            return self._snapshot(member, request.query)
        return _error(404, f"No virtual resource found for: {request.path}", "RESOURCE_NOT_FOUND")

    def _snapshot(self, member: Member, query: dict[str, str]) -> Answer:
        domain, start = query.get("domain", ""), int(query.get("start", 0))
        rows = member.data.get(domain, [])[start * ROWS : (start + 1) * ROWS]
        if member.waits:
            member.waits -= 1
            rows = []
        if not rows:
            return _error(404, "No data found for this memberId", "NOT_FOUND")
        href = "/rest/memberSnapshotData?count=10&domain={}&q=criteria&start={}"
        links = [{"type": "application/json", "rel": "next", "href": href.format(domain, start + 1)}]
        paging = {"start": start, "count": 10, "links": links if len(rows) == ROWS else [], "total": 1}
        return Answer(200, {"paging": paging, "elements": [{"snapshotData": rows, "snapshotDomain": domain}]})


def _error(status: int, message: str, code: str, number: int = 0) -> Answer:
    return Answer(status, {"status": status, "serviceErrorCode": number, "code": code, "message": message})


def challenge(verifier: str) -> str:
    """The code challenge of *verifier* (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
