"""The researchers' desk over HTTP: who may enter, what a form may do, and that strangers' texts do nothing."""

import csv
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import html

import cli
from jobs import decide
from jobs.context import open_state, open_study, read_study
from jobs.logs import plain
from jobs.report import labels_of
from jobs.run import load
from jobs.status import progress, status
from serve.desk import app
from serve.desk.access import TRIES, WINDOW, Password, Proxy
from serve.desk.pages import rendered
from serve.loads import Loads
from storage.journal import Journal
from storage.locks import lock
from storage.records import Request, Target
from storage.tables import database
from tests.desks import KNOWN, LABELS, SECRET, client, desk_study, entered, token
from tests.reports import HOSTILE

PAGES = ("/", "/live", "/schedule", "/report/", "/report/report.html", "/sql", "/decide", "/decide/links",
         "/decide/members", "/decide/documents", "/decide/links/nothing")  # fmt: skip
FORMS = ("/load", "/schedule", "/sql", "/decide/links/nothing", "/leave")


@pytest.fixture(scope="module")
def study(replayed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk_study(replayed, tmp_path_factory.mktemp("desk") / "study")


@pytest.fixture(autouse=True)
def undecided(study: Path) -> None:
    for name in ("decisions.csv", "screening.csv"):
        (study / name).unlink(missing_ok=True)
    (study / "labels.csv").write_text(LABELS)


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ---- entering --------------------------------------------------------------------------------------------------


def test_nothing_is_shown_and_nothing_done_without_the_password(study: Path) -> None:
    browser = client(study, follow_redirects=False)
    for page in PAGES:
        assert (browser.get(page).status_code, browser.get(page).headers["location"]) == (303, "/login"), page
    for form in FORMS:
        assert browser.post(form, data={"query": "SELECT 1", "decision": "accepted"}).status_code == 303, form
    wrong = browser.post("/login", data={"name": "An", "password": "not this one, no"})
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (403, False)


def test_an_address_that_fails_too_often_waits(study: Path) -> None:
    clock = [0.0]
    browser = client(study, Password(KNOWN, lambda: clock[0]), follow_redirects=False)
    for number in range(TRIES):
        clock[0] = number * WINDOW / 2
        assert browser.post("/login", data={"name": "An", "password": "not this one, no"}).status_code == 403
    assert browser.post("/login", data={"name": "An", "password": SECRET}).status_code == 429
    clock[0] = (TRIES - 1) * WINDOW / 2 + WINDOW - 1  # since the latest failure
    assert browser.post("/login", data={"name": "An", "password": SECRET}).status_code == 429
    clock[0] += 2
    assert browser.post("/login", data={"name": "An", "password": SECRET}).status_code == 303


def test_a_session_ends_when_it_is_left_and_after_half_a_day(study: Path) -> None:
    clock = [0.0]
    access = Password(KNOWN, lambda: clock[0])
    browser = client(study, access, follow_redirects=False)
    cookie = browser.post("/login", data={"name": "An", "password": SECRET}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert browser.get("/sql").status_code == 200
    kept = dict(browser.cookies)
    browser.post("/leave", data={"token": token(browser)})
    assert client(study, access, cookies=kept, follow_redirects=False).get("/sql").status_code == 303
    browser = entered(study, access=access)
    clock[0] = 12 * 3600 + 1
    assert browser.get("/sql").url.path == "/login"


@pytest.mark.parametrize("name", ["", " ", "=cmd()", "x" * 81])
def test_a_coder_has_a_name(study: Path, name: str) -> None:
    answer = client(study).post("/login", data={"name": name, "password": SECRET})
    assert (answer.status_code, answer.url.path) == (403, "/login")


def test_a_proxy_names_people_from_its_own_address_only(study: Path) -> None:
    access = Proxy("X-Remote-User", "10.0.0.9")
    proxy = client(study, access, client=("10.0.0.9", 1))
    assert proxy.get("/sql").status_code == 403
    assert proxy.get("/sql", headers={"X-Remote-User": "An"}).status_code == 200
    assert proxy.get("/sql", headers=[("X-Remote-User", "An"), ("X-Remote-User", "Ben")]).status_code == 403
    forged = {"X-Remote-User": "An", "X-Forwarded-For": "10.0.0.9"}
    assert client(study, access, client=("10.0.0.8", 1)).get("/sql", headers=forged).status_code == 403
    other = re.findall(r'name="token" value="([^"]+)"', proxy.get("/sql", headers={"X-Remote-User": "An"}).text)[0]
    mine = {"X-Remote-User": "Ben"}
    assert proxy.post("/sql", data={"token": other, "query": "SELECT 1"}, headers=mine).status_code == 403


def test_the_desk_is_never_open(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "short").write_text("kort\n")
    assert cli.main(["--study", str(study), "serve", "desk"]) == 2
    assert "never open" in capsys.readouterr().err
    assert cli.main(["--study", str(study), "serve", "desk", "--password-file", str(tmp_path / "short")]) == 2
    assert "12 characters" in capsys.readouterr().err


def test_a_new_password_is_kept_as_its_hash(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = []
    monkeypatch.setattr("serve.web.serve", lambda *given, **options: served.append((given, options)))
    assert cli.main(["--study", str(study), "serve", "desk", "--new-password"]) == 0
    password = capsys.readouterr().out.splitlines()[0].rpartition(" ")[2]
    path = study / "secrets.toml"
    assert path.stat().st_mode & 0o77 == 0
    assert password not in path.read_text()
    assert cli.main(["--study", str(study), "serve", "desk"]) == 0
    assert served[1][0][1:] == ("127.0.0.1", 8418)
    assert served[1][1] == {"forwarded": False}  # the proxy is known by the address of its connection
    from starlette.testclient import TestClient

    browser = TestClient(served[1][0][0], base_url="http://127.0.0.1:8418")
    assert browser.post("/login", data={"name": "An", "password": password}).url.path == "/"
    assert cli.main(["--study", str(study), "serve", "desk", "--new-password"]) == 2
    assert "already" in capsys.readouterr().err
    path.unlink()


# ---- forms -----------------------------------------------------------------------------------------------------


def test_forms_of_other_pages_and_other_hosts_are_refused(study: Path) -> None:
    browser = entered(study)
    form = {"token": token(browser), "job": "nightly", "action": "pause"}
    refused = [
        browser.post("/schedule", data={**form, "token": "guessed"}),
        browser.post("/schedule", data={**form, "token": "ë"}),
        browser.post("/schedule", data=form, headers={"Origin": "https://other.example"}),
        browser.post("/schedule", data=form, headers={"Origin": "null"}),
        browser.post("/schedule", data=form, headers={"Sec-Fetch-Site": "cross-site"}),
        browser.post("/schedule", data={**form, "token": token(entered(study, "Ben"))}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 6
    assert browser.post("/schedule", data=form, headers={"Host": "other.example"}).status_code == 400  # DNS rebinding
    assert browser.post("/sql", data={**form, "query": "x" * 300_000}).status_code == 413
    assert not Journal(study).paused("nightly")


def test_every_answer_forbids_scripts_but_its_own_and_frames(study: Path) -> None:
    browser = entered(study)
    for page in (*PAGES, "/login", "/static/desk.js", "/nothing"):
        headers = browser.get(page).headers
        policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
        assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'"), page
        assert policy["script-src"] == ("'unsafe-inline'" if page.startswith("/report/") else "'self'"), page
        assert headers["x-content-type-options"] == "nosniff", page
    assert "script-src 'sha256-" in browser.get("/report/").text[:1000]  # the report's own is stricter
    figure = next((study / "reports" / "latest").glob("figures/*.svg"))
    assert "script-src" not in browser.get(f"/report/figures/{figure.name}").headers["content-security-policy"]


# ---- state, schedule, report -----------------------------------------------------------------------------------


def test_the_state_shows_what_runs(study: Path) -> None:
    browser = entered(study)
    assert "Nothing runs now" in browser.get("/").text
    with lock(study, "load"):
        assert "load (process" in browser.get("/live").text


def test_why_a_load_failed_is_shown_and_not_logged(study: Path, caplog: pytest.LogCaptureFixture) -> None:
    loads = Loads(study)
    assert (loads.runs, loads.problem) == (False, "")
    loads.words = [sys.executable, "-c", "import sys; sys.exit('first\\ncannot <load> it')"]
    loads.once()
    assert loads.problem == "cannot <load> it"
    assert "code 1" in caplog.text
    assert "cannot" not in caplog.text
    live = rendered("live.html.j2", state=status(read_study(study)), progress=[], loads=loads).body.decode()
    assert "cannot &lt;load&gt; it" in live
    loads.words = [sys.executable, "-c", ""]
    loads.once()
    assert loads.problem == ""


def test_what_is_open_is_shown_with_how_far_it_is(study: Path) -> None:
    state = {"targets": [
        {"collector": "x", "kind": "timeline", "state": "open", "targets": 3},
        {"collector": "x", "kind": "timeline", "state": "done", "targets": 1000},
        {"collector": "x", "kind": "timeline", "state": "absent", "targets": 7},
        {"collector": "x", "kind": "user", "state": "done", "targets": 5},
    ]}  # fmt: skip
    assert progress(state) == [("x timeline", 1007, 1010)]
    browser = entered(study)
    frontier = open_state(read_study(study))
    with frontier.transaction():
        frontier.add([Request(Target("x", "timeline", "1"), "")], datetime.now(UTC))
    frontier.close()
    (bar,) = html.fromstring(browser.get("/live").text).iter("progress")
    (name, finished, of), *_ = progress(status(read_study(study)))
    assert (bar.get("value"), bar.get("max"), finished) == (str(finished), str(of), of - 1)
    assert bar.getparent().text_content().startswith(name)


def test_a_load_is_started_and_decisions_hold_from_then_on(
    study: Path, replayed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    monkeypatch.setattr(Loads, "ask", lambda self: asked.append("load"))
    browser = entered(study)
    assert browser.post("/load", data={"token": "guessed"}).status_code == 403
    assert browser.post("/load", data={"token": token(browser)}).url.path == "/"
    assert asked == ["load"]
    fresh = Path(shutil.copytree(replayed, tmp_path / "study", symlinks=True))
    browser = entered(fresh)
    item = decide.Waiting(fresh).left("links", "An")[0]
    browser.post(f"/decide/links/{item.id}", data={"token": token(browser), "decision": "accepted"})
    load(open_study(fresh), say=lambda line: None)
    profile, platform, account, *_ = item.subject
    with database.open_readonly(fresh / "study.duckdb") as db:
        kept = db.execute(
            "SELECT decision, decided_by FROM base.links WHERE profile_id = $1 AND platform = $2 AND account_id = $3",
            [profile, platform, account],
        ).fetchall()
    assert kept == [("accepted", "An")]


def test_the_newest_runs_are_those_of_the_status(study: Path) -> None:
    *_, table = html.fromstring(entered(study).get("/live").text).iter("tbody")
    shown = [[cell.text_content() for cell in row] for row in table]
    assert shown == [
        [row["run"], row["status"], *(row[name][:19].replace("T", " ") for name in ("started", "ended")),
         str(row["answers"]), str(row["items"]), row["reason"] or ""]
        for row in status(read_study(study))["runs"][:5]
    ]  # fmt: skip
    assert shown


def test_the_schedule_is_paused_resumed_and_triggered(study: Path) -> None:
    browser = entered(study)
    form = {"token": token(browser), "job": "nightly"}
    assert "paused" in browser.post("/schedule", data={**form, "action": "pause"}).text
    assert Journal(study).paused("nightly")
    browser.post("/schedule", data={**form, "action": "resume"})
    assert not Journal(study).paused("nightly")
    assert browser.post("/schedule", data={**form, "action": "trigger"}).status_code == 400  # no daemon
    with lock(study, "schedule"):
        assert browser.post("/schedule", data={**form, "action": "trigger"}).status_code == 200
    assert Journal(study).take_triggers() == ["nightly"]


def test_the_newest_report_is_served_and_nothing_beside_it(study: Path) -> None:
    browser = entered(study)
    assert browser.get("/report/").url.path == "/report/report.html"
    assert browser.get("/report/tables/populations.csv").status_code == 200
    for path in (
        "../../sneeuwbal.toml",
        "%2e%2e/%2e%2e/sneeuwbal.toml",
        "/etc/passwd",
        "..%2f..%2fstate.sqlite",
        "tables",
    ):
        assert browser.get(f"/report/{path}").status_code == 404, path


# ---- SQL -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["FROM '/etc/passwd'", "FROM read_text('sneeuwbal.toml')", "COPY (SELECT 1) TO 'x.csv'", "ATTACH 'x.duckdb'",
     "DROP VIEW members", "SET enable_external_access = true", "INSTALL httpfs", "SELECT", "FROM glob('*')"],
)  # fmt: skip
def test_a_query_reads_the_database_and_nothing_else(study: Path, query: str) -> None:
    browser = entered(study)
    answer = browser.post("/sql", data={"token": token(browser), "query": query})
    assert (answer.status_code, "the query:" in answer.text) == (400, True)


def test_a_query_has_limits(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = entered(study)
    form = {"token": token(browser)}
    many = browser.post("/sql", data={**form, "query": "FROM range(1000)"}).text
    assert f"{app.ROWS} rows; there are more" in many
    monkeypatch.setattr(app, "SECONDS", 0.3)
    endless = "SELECT count(*) FROM range(1000000000000) AS a, range(1000000000000) AS b"
    assert "stopped after 0.3 s" in browser.post("/sql", data={**form, "query": endless}).text


def test_a_table_has_a_chart_and_a_file_that_a_spreadsheet_opens_safely(study: Path) -> None:
    browser = entered(study)
    form = {"token": token(browser), "query": "SELECT * FROM (VALUES ('=1+1', 2), ('b', 3)) AS t(name, people)"}
    page = html.fromstring(browser.post("/sql", data=form).text)
    assert page.xpath("//td/bdi/text()") == ["=1+1", "2", "b", "3"]
    assert page.xpath("//img/@src")[0].startswith("data:image/svg+xml;base64,")
    file = browser.post("/sql", data={**form, "as": "csv"})
    assert file.headers["content-disposition"].startswith("attachment")
    assert list(csv.reader(file.text.splitlines())) == [["name", "people"], ["'=1+1", "2"], ["b", "3"]]
    assert not html.fromstring(browser.post("/sql", data={**form, "query": "SELECT 'a' AS b"}).text).xpath("//img")


# ---- queues ----------------------------------------------------------------------------------------------------


def harmless(text: str) -> None:
    """Nothing in a page but what its template wrote."""
    page = html.fromstring(text)
    assert page.xpath("//script/@src") == ["/static/desk.js"]
    assert all(src.startswith("data:image/svg+xml") for src in page.xpath("//img/@src"))
    assert not page.xpath("//@*[starts-with(name(), 'on')] | //b | //iframe | //base")
    assert all(href.startswith(("/", "#", "http://", "https://")) for href in page.xpath("//a/@href"))
    assert plain(text) == text


def test_text_from_strangers_is_text_on_every_page(study: Path) -> None:
    browser = entered(study)
    waiting = decide.Waiting(study)
    for queue, least in (("links", 20), ("members", 10), ("documents", len(HOSTILE)), ("labels", 100)):
        items = waiting.left(queue, "An")
        assert len(items) >= least
        for item in items[:15]:
            page = browser.get(f"/decide/{queue}/{item.id}")
            assert page.status_code == 200
            harmless(page.text)
    queries = (
        "SELECT handle, name, description FROM accounts LIMIT 100",
        "SELECT '</textarea><script>x()</script>' AS a",
    )
    for query in queries:
        harmless(browser.post("/sql", data={"token": token(browser), "query": query}).text)
    harmless(browser.get("/decide").text)


def test_decisions_go_to_the_files_with_who_and_when_and_are_undone(study: Path) -> None:
    an, ben = entered(study, "An"), entered(study, "Ben")
    waiting = decide.Waiting(study)
    for browser, links in ((an, "accepted"), (ben, "rejected")):
        for queue, decision in (("links", links), ("members", "member"), ("documents", "excluded:too old"),
                                ("labels", "label:media")):  # fmt: skip
            item = waiting.items[queue][min(waiting.items[queue])]
            answer = browser.post(f"/decide/{queue}/{item.id}", data={"token": token(browser), "decision": decision})
            assert (answer.status_code, answer.url.path != f"/decide/{queue}/{item.id}") == (200, True)
    made = lines(study / "decisions.csv")
    assert [(row["decision"], row["decided_by"]) for row in made] == [
        ("accepted", "An"), ("member", "An"), ("rejected", "Ben"), ("member", "Ben")]  # fmt: skip
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", row["decided_at"]) for row in made)
    assert [(row["decision"], row["reason"], row["decided_by"]) for row in lines(study / "screening.csv")] == [
        ("excluded", "too old", "An"), ("excluded", "too old", "Ben")]  # fmt: skip
    cells = html.fromstring(an.get("/decide").text).xpath("//table//td//text()")
    assert [cells[at + 1 : at + 4] for at, cell in enumerate(cells) if cell == "An"] == [
        ["Ben", "1", "0%"], *[["Ben", "1", "100%"]] * 3]  # fmt: skip
    for queue in decide.QUEUES:
        item = min(waiting.items[queue])
        ben.post(f"/decide/{queue}/{item}", data={"token": token(ben), "decision": "undo"})
        assert [one.by for one in decide.made(study, queue)] == ["An"]
        again = ben.post(f"/decide/{queue}/{item}", data={"token": token(ben), "decision": "undo"})
        assert again.status_code == 400


def test_labels_of_coders_are_those_of_the_report(study: Path) -> None:
    (item, *_) = decide.Waiting(study).left("labels", "An")
    for by, label in (("An", "media"), ("Ben", "politician"), ("Ben", "lobbyist")):
        decide.decide(study, "labels", item, "label", by, label)
    for expected in (["media", "lobbyist"], ["media"]):
        found = labels_of(read_study(study))
        assert found is not None
        assert found["label"].tolist() == expected  # the last of an account counts
        decide.undo(study, "labels", item.id, "Ben" if len(expected) == 2 else "An")
    assert decide.made(study, "labels") == []


def test_only_decisions_that_a_queue_has_are_written(study: Path) -> None:
    browser = entered(study)
    waiting = decide.Waiting(study)
    document = min(waiting.items["documents"])
    for queue, item, decision in (
        ("links", min(waiting.items["links"]), "member"), ("links", "nothing", "accepted"), ("nothing", "a", "member"),
        ("documents", document, "excluded"), ("documents", document, "excluded:=+"),
    ):  # fmt: skip
        answer = browser.post(f"/decide/{queue}/{item}", data={"token": token(browser), "decision": decision})
        assert answer.status_code == 400, (queue, item, decision)
    assert not (study / "decisions.csv").exists()
    assert not (study / "screening.csv").exists()


def test_two_coders_at_once_lose_nothing(study: Path) -> None:
    items = [*decide.Waiting(study).items["documents"]]

    def code(name: str) -> None:
        browser = entered(study, name)
        form = {"token": token(browser), "decision": "included"}
        for item in items:
            assert browser.post(f"/decide/documents/{item}", data=form, follow_redirects=False).status_code == 303

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(code, ["An", "Ben"]))
    assert len(lines(study / "screening.csv")) == 2 * len(items)
