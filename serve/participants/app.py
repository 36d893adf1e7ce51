"""The pages of participants: invitation, donation, connected account, withdrawal."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from jobs.intake import unreadable
from jobs.invitations import Keys, new_code
from serve.limits import Limit
from serve.loads import Loads
from serve.participants import donation, texts
from serve.participants.texts import LANGUAGES, Language, rendered, text_of, words
from serve.participants.ways import Connecting, Ways
from serve.web import POLICY, application
from storage import consents
from storage.consents import Act, Consent, Consents, Given, Invitation, new_id
from storage.errors import UserError
from storage.locks import lock
from storage.participants import Token, Tokens, every
from study.study_file import Study

HERE = Path(__file__).parent
COOKIE = "participant"  # cookies are shared by all ports of a host
SAID = {400: "stale", 403: "stale", 404: "missing", 409: "changed", 410: "closed", 429: "slow"}


def face(study: Study, arrived: Callable[[], None] = lambda: None) -> Starlette:
    """The application that participants of *study* see; *arrived* is called for everything that they give or withdraw.

    Raise UserError if a text of the study is missing.
    """
    for language in LANGUAGES:
        text_of(study.directory, language, study.participants.domains)
    pages = _Pages(study, arrived)
    return application(
        [
            Route("/", pages.start),
            Route("/i/{token}", pages.invitation),
            Route("/i/{token}/donate/{collector}", pages.donate, methods=["POST"]),
            Route("/i/{token}/connect/{collector}", pages.connect, methods=["POST"]),
            Route("/connected", pages.connected),
            Route("/withdraw", pages.withdraw, methods=["GET", "POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        study.participants.url,
        exception_handlers={HTTPException: pages.refused, Exception: pages.failed},
    )


@contextmanager
def started(study: Study) -> Iterator[Starlette]:
    """The application, for one process at a time, with loads of what arrives. Raise UserError if a text is missing."""
    with lock(study.directory, "participants"):
        if made := texts.begin(study.directory, study.participants.domains):
            raise UserError(f"written: {', '.join(map(str, made))}; fill in what stands in [[ ]], and start again")
        consents.clear(study.directory)
        _clear_tokens(study.directory)
        loads = Loads(study.directory)
        if any((study.directory / consents.INBOX).glob("c*")):
            loads.ask()
        yield face(study, loads.ask)


def _clear_tokens(directory: Path) -> None:
    """Remove the tokens that a killed process left without a consent that stands, or that cannot be read now."""
    known, inbox = Consents(directory).all().consents, directory / consents.INBOX
    for name, tokens in every(directory).items():
        for key, token in tokens.items():
            waits = key not in known and (inbox / f"{key}{consents.DONATED}").exists()
            if not (token.own or waits) and (key not in known or known[key].withdrawn_at):
                Tokens(directory, name).remove(key)


class _Pages:
    """The pages of one study."""

    def __init__(self, study: Study, arrived: Callable[[], None]) -> None:
        self.study, self._arrived = study, arrived
        self.url = study.participants.url
        self.keys, self.ways, self.book = Keys(study), Ways(study), Consents(study.directory)
        self._giving = threading.Lock()
        self._visits, self._links, self._codes = Limit(120, 60), Limit(30, 600), Limit(10, 600)
        self._jinja = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined
        )

    # ---- pages ----------------------------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """What to do without a link."""
        self._visit(request)
        return self._page(request, "message.html", text="start")

    async def invitation(self, request: Request) -> Response:
        """The information, the consent text, and the ways to take part."""
        invited, given = await self._invited(request)
        language = self._language(request)
        text = text_of(self.study.directory, language, self.study.participants.domains)
        taken = [name for name in self.ways.names if given.of(invited.person, name)]
        offers = {name: one for name, one in self.ways.donations.items() if name not in taken}
        accounts = {name: one for name, one in self.ways.accounts().items() if name not in taken}
        origins = {f"{urlsplit(one.authorize_url).scheme}://{urlsplit(one.authorize_url).netloc}"
                   for one in accounts.values()}  # fmt: skip
        session = request.cookies.get(COOKIE) or secrets.token_urlsafe(24)
        here = f"/i/{request.path_params['token']}"
        page = self._page(
            request, "invitation.html", here=here, information=rendered(text.information),
            consent=rendered(text.consent), version=text.version, offers=offers, accounts=accounts,
            proof=self.keys.page(session), titles=[self.ways.title(name) for name in taken],
            config=lambda name: self._config(name, here, text.version, language, self.keys.page(session)),
        )  # fmt: skip
        page.set_cookie(COOKIE, session, httponly=True, samesite="lax", secure=self.url.startswith("https:"))
        if origins:  # a browser may hold a redirect after a form to the same rule as the form
            page.headers["content-security-policy"] = POLICY.replace(
                "form-action 'self'", f"form-action 'self' {' '.join(sorted(origins))}"
            )
        return page

    async def donate(self, request: Request) -> Response:
        """Take a donation; answer with the code of the receipt."""
        invited, given = await self._invited(request)
        name = request.path_params["collector"]
        offer = self.ways.donations.get(name)
        if offer is None or given.of(invited.person, name):
            raise HTTPException(410)
        self._same_session(request, request.headers.get("x-page", ""))
        if request.headers.get("content-type", "") != "application/json":
            raise HTTPException(400)
        body = await request.body()
        try:
            donated = await run_in_threadpool(donation.read, body)
            files = await run_in_threadpool(donation.files, donated, offer)
        except (ValueError, msgspec.MsgspecError):
            raise HTTPException(400) from None
        names = {*donated.tables, *([offer.address_in[0]] if donated.address else ())}
        consent, code = self._consent(invited, name, ", ".join(sorted(names)), donated.version, donated.language)
        await run_in_threadpool(self._give, consent, files)
        return JSONResponse({"code": code, "covers": consent.covers})

    async def connect(self, request: Request) -> Response:
        """Send the person to the platform to log in."""
        invited, given = await self._invited(request)
        name = request.path_params["collector"]
        if name not in self.ways.accounts() or given.of(invited.person, name):
            raise HTTPException(410)
        form = await request.form()
        self._same_session(request, str(form.get("page", "")))
        language = str(form.get("language"))
        address = str(form.get("address", "")).strip()
        if address and not donation.stated(address, self.ways.accounts()[name].address):
            raise HTTPException(400)
        if form.get("agreed") != "yes" or language not in LANGUAGES:
            raise HTTPException(400)
        version, session = str(form.get("version", "")), request.cookies[COOKIE]
        begun = Connecting(name, invited.person, version, language, session, address)
        return RedirectResponse(self.ways.begin(begun), 303)

    async def connected(self, request: Request) -> Response:
        """Take the platform's answer to a login."""
        self._visit(request)
        begun = self.ways.begun(request.query_params.get("state", ""), request.cookies.get(COOKIE, ""))
        if begun is None:
            raise HTTPException(403)
        given = await run_in_threadpool(self.book.all)
        invited = given.invitations.get(begun.person)
        if invited is None or invited.revoked_at or given.of(begun.person, begun.collector):
            raise HTTPException(410)
        token = await run_in_threadpool(self.ways.token, begun, request.query_params.get("code", ""))
        if token is None:
            return self._page(request, "message.html", 502, text="refused", title=self.ways.title(begun.collector))
        covers = self.ways.covers(begun.collector)
        consent, code = self._consent(invited, begun.collector, covers, begun.version, begun.language)
        await run_in_threadpool(self._give, consent, {}, token)
        return self._page(request, "receipt.html", code=code, covers=covers, language=begun.language)

    async def withdraw(self, request: Request) -> Response:
        """Withdraw with the code of a receipt."""
        self._visit(request)
        session = request.cookies.get(COOKIE) or secrets.token_urlsafe(24)
        said = ""
        if request.method == "POST":
            form = await request.form()
            self._same_session(request, str(form.get("page", "")))
            if not self._codes.allows(_address(request)):
                raise HTTPException(429)
            said = await run_in_threadpool(self._withdrawn, str(form.get("code", ""))[:100])
        page = self._page(request, "withdraw.html", 404 if said == "no_code" else 200, said=said,
                          proof=self.keys.page(session))  # fmt: skip
        page.set_cookie(COOKIE, session, httponly=True, samesite="lax", secure=self.url.startswith("https:"))
        return page

    async def refused(self, request: Request, error: Exception) -> Response:
        """Say in one sentence why a request was refused."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._answer(request, status, SAID.get(status, "failed"))

    async def failed(self, request: Request, error: Exception) -> Response:
        """Say that it is our fault; the error is logged without content."""
        return self._answer(request, 500, "error")

    # ---- steps ----------------------------------------------------------------------------------------------

    def _visit(self, request: Request) -> None:
        if not self._visits.allows(_address(request)):
            raise HTTPException(429)

    async def _invited(self, request: Request) -> tuple[Invitation, Given]:
        """The invitation of the link, and what all gave so far; HTTPException for any other link."""
        self._visit(request)
        token = request.path_params["token"]
        given = await run_in_threadpool(self.book.all)
        invited = self.keys.invited(token, given, datetime.now(UTC))
        if invited is None:
            raise HTTPException(410)
        if not self._links.allows(invited.person):
            raise HTTPException(429)
        return invited, given

    def _same_session(self, request: Request, proof: str) -> None:
        """Refuse what another site, or a page of another session, sent."""
        origin = request.headers.get("origin", self.url)
        session = request.cookies.get(COOKIE, "")
        if origin != self.url or not session or not self.keys.equal(proof, self.keys.page(session)):
            raise HTTPException(403)

    def _consent(
        self, invited: Invitation, collector: str, covers: str, version: str, language: str
    ) -> tuple[Consent, str]:
        """A new consent, and the code of its receipt; HTTPException if the text that was read is not today's."""
        if version != text_of(self.study.directory, "nl" if language == "nl" else "en").version:
            raise HTTPException(409)
        code = new_code()
        made = Consent(new_id("c"), invited.person, collector, covers, version, language, self.keys.receipt(code),
                       consents.moment())  # fmt: skip
        return made, code

    def _give(self, consent: Consent, files: Mapping[str, Any], token: Token | None = None) -> None:
        """Keep what is given. A kill leaves all of it, or nothing but a token, which the next start removes."""
        text = text_of(self.study.directory, "nl" if consent.language == "nl" else "en").whole
        with self._giving:  # the same link may be sent from two windows
            if self.book.all().of(consent.person, consent.collector):
                raise HTTPException(410)
            if token is not None:
                self._tokens(consent).put(consent.id, token)
            consents.give(self.study.directory, Act(consent, text), files, lambda path: self._readable(consent, path))
        self._arrived()

    def _readable(self, consent: Consent, path: Path) -> None:
        if consent.collector in self.ways.donations and unreadable(consent.collector, path):
            raise HTTPException(400)

    def _withdrawn(self, code: str) -> str:
        """Withdraw the consent whose receipt has *code*; what to say."""
        consent = self.keys.consent(code, self.book.all())
        if consent is None:
            return "no_code"
        if consent.withdrawn_at is None:
            consents.take_back(self.study.directory, consent, consents.moment())
        self._tokens(consent).remove(consent.id)
        self._arrived()
        return "withdrawn"

    def _tokens(self, consent: Consent) -> Tokens:
        return Tokens(self.study.directory, consent.collector)

    # ---- how it looks ---------------------------------------------------------------------------------------

    def _config(self, name: str, here: str, version: str, language: Language, proof: str) -> str:
        """What the script of a donation must know, as JSON within HTML."""
        offer = self.ways.donations[name]
        about = {
            "send": f"{here}/donate/{name}", "page": proof, "version": version, "language": language,
            "title": offer.title, "files": offer.files, "headings": offer.headings, "cut": offer.cut,
            "withdraw": f"{self.url}/withdraw", "words": words(language),
        }  # fmt: skip
        return json.dumps(about, ensure_ascii=True).replace("<", "\\u003c")

    def _language(self, request: Request) -> Language:
        """The language asked for: in the address, else by the browser, else the study's."""
        asked = request.query_params.get("lang", "")
        wished = [part.strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
        return next((one for one in (asked, *wished) if one in LANGUAGES), self.study.study.language)

    def _page(self, request: Request, template: str, status: int = 200, /, **content: Any) -> HTMLResponse:
        language: Language = content.pop("language", None) or self._language(request)
        said = words(language)
        made = self._jinja.get_template(template).render(
            study=self.study.study.name, contact=self.study.study.contact, w=said, lang=language, url=self.url,
            path=request.url.path, other="en" if language == "nl" else "nl", **content,
        )  # fmt: skip
        return HTMLResponse(made, status)

    def _answer(self, request: Request, status: int, word: str) -> Response:
        if "/donate/" in request.url.path:
            return JSONResponse({"error": words(self._language(request))[word]}, status)
        headers = {"retry-after": "600"} if status == 429 else {}
        page = self._page(request, "message.html", status, text=word)
        page.headers.update(headers)
        return page


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
