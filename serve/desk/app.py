"""The pages of the desk."""

from __future__ import annotations

import hmac
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from jobs import decide, schedule
from jobs.context import read_study
from jobs.query import chart, within, write_csv
from jobs.status import progress, status
from serve.desk.access import COOKIE, HOURS, Access, Password, Person, named
from serve.desk.pages import ASSETS, EXAMPLE, picture, rendered
from serve.loads import Loads
from serve.web import application
from storage.errors import UserError

MAX_BODY = 256 << 10
SECONDS, ROWS, ROWS_OF_FILE = 20.0, 500, 100_000  # limits of a query
REPORT = "report.html"
# the report's own policy, in the page, allows its one script by digest; a figure opened alone may run none
OF_REPORT = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)

Form = Mapping[str, Any]
Handler = Callable[[Request, Person, Form], Response]


def desk(directory: Path, access: Access, url: str) -> Starlette:
    """The application that researchers see at *url*: the study in *directory*, for the people *access* knows."""
    return _Desk(directory, access, url).app


class _Desk:
    def __init__(self, directory: Path, access: Access, url: str) -> None:
        self.directory, self.access, self.origin = directory, access, urlsplit(url)
        self.waiting: dict[bool, decide.Waiting] = {}
        self._reading = Lock()
        self.loads = Loads(directory)
        pages: list[tuple[str, str, Handler]] = [
            ("/", "GET", self.state),
            ("/live", "GET", self.live),
            ("/load", "POST", self.load),
            ("/schedule", "GET", self.jobs),
            ("/schedule", "POST", self.change_job),
            ("/report/", "GET", self.report),
            ("/report/{path:path}", "GET", self.report),
            ("/sql", "GET", self.ask),
            ("/sql", "POST", self.answer),
            ("/decide", "GET", self.queues),
            ("/decide/{queue}", "GET", self.queue),
            ("/decide/{queue}/{item}", "GET", self.queue),
            ("/decide/{queue}/{item}", "POST", self.decided),
            ("/leave", "POST", self.leave),
        ]
        routes = [Route(path, self._known(handler), methods=[method]) for path, method, handler in pages]
        routes += [Route("/login", self.login, methods=["GET", "POST"]), Route("/static/{name}", self.asset)]
        self.app = application(routes, url, max_body=MAX_BODY)

    def _known(self, handler: Handler) -> Callable[[Request], Any]:
        """*handler* for those who are known; its forms must come from its own pages."""

        async def answer(request: Request) -> Response:
            person = self.access.person(request)
            if person is None:
                if isinstance(self.access, Password):
                    return RedirectResponse("/login", 303)
                return Response("The reverse proxy names nobody.", 403, media_type="text/plain")
            form: Form = {}
            if request.method == "POST":
                form = await request.form(max_files=0, max_fields=20)
                sent = str(form.get("token", "")).encode("utf-8", "replace")
                if not self._own(request) or not hmac.compare_digest(sent, person.token.encode()):
                    return self._page(person, "error.html.j2", 403, why="This form is old, or not of this page.")
            try:
                return await run_in_threadpool(handler, request, person, form)
            except UserError as error:
                return self._page(person, "error.html.j2", 400, why=str(error))

        return answer

    def _own(self, request: Request) -> bool:
        """Whether a form was sent from a page of this host, as far as the browser says."""
        origin = request.headers.get("origin")
        near = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        return near and (origin is None or urlsplit(origin).netloc == request.headers.get("host"))

    def _page(self, person: Person | None, template: str, code: int = 200, **values: Any) -> Response:
        leaves = isinstance(self.access, Password)
        return rendered(template, code, person=person, leaves=leaves, **values)

    # ---- entering ----------------------------------------------------------------------------------------------

    async def login(self, request: Request) -> Response:
        """The form for the password, and what is sent with it."""
        access, why = self.access, None
        if not isinstance(access, Password):
            return RedirectResponse("/", 303)
        if request.method == "POST":
            form = await request.form(max_files=0, max_fields=20)
            name, password = named(str(form.get("name", ""))), str(form.get("password", ""))
            address = request.client.host if request.client else ""
            if not self._own(request):
                why = "This form is not of this page."
            elif access.waits(address):
                return self._page(None, "login.html.j2", 429, why="Too many tries; wait five minutes.")
            elif name is None:
                why = "Fill in your name; it may not begin with = + - or @."
            elif (key := await run_in_threadpool(access.enter, address, password, name)) is None:
                why = "The password is wrong."
            else:
                found = RedirectResponse("/", 303)
                secure = self.origin.scheme == "https"
                found.set_cookie(COOKIE, key, HOURS * 3600, httponly=True, samesite="strict", secure=secure)
                return found
        return self._page(None, "login.html.j2", 403 if why else 200, why=why)

    def leave(self, request: Request, person: Person, form: Form) -> Response:
        """End the session."""
        if isinstance(self.access, Password):
            self.access.leave(request)
        found = RedirectResponse("/login", 303)
        found.delete_cookie(COOKIE)
        return found

    async def asset(self, request: Request) -> Response:
        """The style and the script."""
        path = ASSETS.get(request.path_params["name"])
        return FileResponse(path) if path else Response("Not found.", 404, media_type="text/plain")

    # ---- state, schedule, report -------------------------------------------------------------------------------

    def state(self, request: Request, person: Person, form: Form) -> Response:
        """The state of the study."""
        state = status(read_study(self.directory))
        return self._page(person, "state.html.j2", state=state, progress=progress(state), loads=self.loads)

    def live(self, request: Request, person: Person, form: Form) -> Response:
        """The part of the state that changes while something runs."""
        state = status(read_study(self.directory), changes=False)
        return self._page(person, "live.html.j2", state=state, progress=progress(state), loads=self.loads)

    def load(self, request: Request, person: Person, form: Form) -> Response:
        """Load now: what was collected, given and decided becomes what can be queried."""
        self.loads.ask()
        return RedirectResponse("/", 303)

    def jobs(self, request: Request, person: Person, form: Form) -> Response:
        """The schedule."""
        study = read_study(self.directory)
        jobs = list(schedule.states(study))
        return self._page(person, "schedule.html.j2", jobs=jobs, runs=schedule.running(study))

    def change_job(self, request: Request, person: Person, form: Form) -> Response:
        """Pause, resume or trigger a job."""
        study, name, action = read_study(self.directory), str(form.get("job")), form.get("action")
        if action == "trigger":
            schedule.trigger(study, name)
        elif action in ("pause", "resume"):
            schedule.pause(study, name, action == "pause")
        return RedirectResponse("/schedule", 303)

    def report(self, request: Request, person: Person, form: Form) -> Response:
        """The newest report and its files."""
        name = request.path_params.get("path", "")
        folder = (self.directory / "reports" / "latest").resolve()
        if not name:
            if (folder / REPORT).is_file():
                return RedirectResponse(f"/report/{REPORT}", 303)
            return self._page(person, "error.html.j2", 404, why="There is no report yet; run `sneeuwbal report`.")
        path = (folder / name).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            return self._page(person, "error.html.j2", 404, why="The newest report has no such file.")
        script = "; script-src 'unsafe-inline'" if name == REPORT else ""
        return FileResponse(path, headers={"content-security-policy": OF_REPORT + script})

    # ---- SQL ---------------------------------------------------------------------------------------------------

    def ask(self, request: Request, person: Person, form: Form) -> Response:
        """The form for a query."""
        return self._page(person, "sql.html.j2", query=EXAMPLE, limits=(SECONDS, ROWS, ROWS_OF_FILE))

    def answer(self, request: Request, person: Person, form: Form) -> Response:
        """The rows of a query as a table with a chart, or as a file."""
        query, limits = str(form.get("query", "")), (SECONDS, ROWS, ROWS_OF_FILE)
        file = form.get("as") == "csv"
        try:
            found = within(self.directory, query, seconds=SECONDS, rows=ROWS_OF_FILE if file else ROWS)
        except UserError as error:
            return self._page(person, "sql.html.j2", 400, query=query, limits=limits, why=str(error))
        if file:
            out = io.BytesIO()
            write_csv(found.rows.to_reader(), out)
            headers = {"content-disposition": 'attachment; filename="query.csv"'}
            return Response(out.getvalue(), media_type="text/csv", headers=headers)
        drawn = picture(chart(found.rows))
        return self._page(person, "sql.html.j2", query=query, limits=limits, found=found, drawn=drawn)

    # ---- queues ------------------------------------------------------------------------------------------------

    def _waiting(self, candidates: bool) -> decide.Waiting:
        with self._reading:
            known = self.waiting.get(candidates)
            if known is None or known.stamp != decide.stamp(self.directory):
                known = self.waiting[candidates] = decide.Waiting(self.directory, candidates=candidates)
            return known

    def queues(self, request: Request, person: Person, form: Form) -> Response:
        """The queues with what is left in each, and the agreement of coders."""
        waiting = self._waiting(False)
        rows = [
            (queue, len(waiting.left(queue.name, person.name)), len(waiting.left(queue.name, person.name, alone=True)),
             decide.agreement(self.directory, queue.name))
            for queue in decide.queues(self.directory)
        ]  # fmt: skip
        return self._page(person, "queues.html.j2", rows=rows)

    def queue(self, request: Request, person: Person, form: Form) -> Response:
        """An item with its evidence: the one asked for, else the first that is left."""
        queue, options = self._queue(request)
        waiting = self._waiting("candidates" in options)
        left = waiting.left(queue.name, person.name, alone="alone" in options)
        own = [one for one in decide.made(self.directory, queue.name) if one.by == person.name]
        wanted = request.path_params.get("item")
        if wanted and wanted not in waiting.items[queue.name]:
            raise UserError("this item waits no longer: the database is a newer one")
        item = waiting.items[queue.name][wanted] if wanted else (left[0] if left else None)
        return self._page(
            person, "queue.html.j2", queue=queue, item=item, left=len(left), query=urlencode(options), options=options,
            following=_following(left, item),
            shown=decide.evidence(self.directory, queue.name, item) if item else None,
            mine=next((one for one in own if item is not None and one.id == item.id), None),
            last=own[-1] if own else None, titles=waiting.items[queue.name],
            reasons=decide.reasons(self.directory, queue.name)[:9] if any(one.reason for one in queue.choices) else [],
        )  # fmt: skip

    def decided(self, request: Request, person: Person, form: Form) -> Response:
        """Write a decision, or undo it, and go on."""
        queue, options = self._queue(request)
        id_, decision = request.path_params["item"], str(form.get("decision", ""))
        back = f"/decide/{queue.name}"
        if decision == "undo":
            decide.undo(self.directory, queue.name, id_, person.name)
            there = id_ in self._waiting("candidates" in options).items[queue.name]
            back += f"/{id_}" if there else ""
        else:
            item = self._waiting("candidates" in options).items[queue.name].get(id_)
            if item is None:
                raise UserError("this item waits no longer: the database is a newer one")
            left = self._waiting("candidates" in options).left(queue.name, person.name, alone="alone" in options)
            decision, _, known = decision.partition(":")
            reason = " ".join((known or str(form.get("reason", ""))).split()).lstrip("=+-@")
            decide.decide(self.directory, queue.name, item, decision, person.name, reason)
            following = _following(left, item)
            back += f"/{following}" if following else ""
        return RedirectResponse(f"{back}?{urlencode(options)}" if options else back, 303)

    def _queue(self, request: Request) -> tuple[decide.Queue, dict[str, str]]:
        queue = decide.QUEUES.get(request.path_params["queue"])
        if queue is None:
            raise UserError("there is no such queue")
        return queue, {name: "1" for name in ("alone", "candidates") if name in request.query_params}


def _following(left: list[decide.Item], item: decide.Item | None) -> str | None:
    """The item after *item* among those *left*, the first after the last; None without another."""
    ids = [one.id for one in left]
    place = ids.index(item.id) if item is not None and item.id in ids else -1
    return next((id_ for id_ in [*ids[place + 1 :], *ids] if item is None or id_ != item.id), None)
