"""The architecture: allowed imports, and libraries used in one place only."""

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAY = {
    "storage": {"storage"},
    "collectors": {"collectors", "storage"},
    "analysis": {"analysis", "storage"},
    "fixtures": {"fixtures", "storage"},
    "study": {"storage", "study"},
    "jobs": {"analysis", "collectors", "jobs", "storage", "study"},
    "scheduler.py": {"jobs", "storage", "study"},
    "serve": {"jobs", "serve", "storage", "study"},
    "commands": {"commands", "jobs", "scheduler", "serve", "storage"},
    "cli.py": {"commands", "jobs", "storage"},
    "sneeuwbal": {"cli", "collectors", "jobs", "sneeuwbal", "storage"},
}
OURS = {name.removesuffix(".py") for name in MAY}
SHARED = {"base", "engine", "wire", "parsing", "importing"}  # rooms of collectors that every platform may use


def _modules(room: str) -> list[Path]:
    path = ROOT / room
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def _imports(path: Path, *, types: bool = False) -> Iterator[str]:
    """The modules that *path* imports; without *types* those for the type checker alone are left out."""
    tree = ast.parse(path.read_text("utf-8"))
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if not types and id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", MAY)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    for path in _modules(room):
        allowed = MAY[room]
        for name in _imports(path):
            top = name.partition(".")[0]
            assert top not in OURS or top in allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_commands_are_options_and_printing_only() -> None:
    for path in _modules("commands"):
        for name in _imports(path, types=True):
            if name.startswith("commands"):
                assert name.startswith("commands.terminal"), f"{path.name} imports {name}"
            if name.startswith("storage"):
                assert name.startswith("storage.errors"), f"{path.name} imports {name}"
    for path in _modules("jobs"):
        assert not {"click", "rich"} & set(_imports(path, types=True)), path.name


def test_no_platform_imports_another() -> None:
    for path in _modules("collectors"):
        here = path.relative_to(ROOT / "collectors").parts[0].removesuffix(".py")
        for name in _imports(path):
            if not name.startswith("collectors."):
                continue
            there = name.split(".")[1]
            capture = here == "files" and there in ("x", "linkedin")  # a capture is read by its platform's own parser
            assert there in SHARED or there == here or capture, f"{path.relative_to(ROOT)} imports {name}"


def test_nothing_imports_in_a_circle() -> None:
    """Not even for types: a circle is one thing in two files."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in MAY
        for path in _modules(room)
    }
    edges = {name: {m for m in _imports(path, types=True) if m in modules} for name, path in modules.items()}
    TopologicalSorter(edges).prepare()


def test_what_stands_behind_one_door() -> None:
    doors = {
        "igraph": {"analysis/graphs/algorithms.py"},
        "httpx": {f"collectors/wire/{name}.py" for name in ("transports", "http", "oauth")} | {"jobs/notify.py"},
        "tweepy": {"collectors/x/client.py", "collectors/x/stream.py", "collectors/x/collector.py"},
        "scrapy": {"collectors/wire/scrapy_child.py", "collectors/wire/scrapy_download.py"},
    }
    for room in MAY:
        for path in _modules(room):
            for name in _imports(path):
                top = name.partition(".")[0]
                if top in doors:
                    assert str(path.relative_to(ROOT)) in doors[top], f"{path.relative_to(ROOT)} imports {name}"


def test_analysis_writes_no_files_and_reads_no_clock_outside_the_report() -> None:
    for path in _modules("analysis"):
        if "report" in path.parts:
            continue
        text = path.read_text("utf-8")
        assert not re.search(r"\bopen\(", text), path.relative_to(ROOT)
        for word in (".write_text(", ".to_csv(", ".to_parquet(", "datetime.now(", "time.time(", "date.today("):
            assert word not in text, f"{path.relative_to(ROOT)}: {word}"


# Names of collectors that are also words of the tables, of figures and of Python. Kinds mostly are (`post`, `list`):
# what is forbidden is to ask for a kind by its name.
WORDS = {"coverage", "profiles", "survey", "table", "x"}
OTHERS = {"post", "profile", "hashtag"}  # the kinds of absences and deletions, and of a network's nodes


def test_no_platform_and_no_kind_is_named_outside_its_folder() -> None:
    """What a kind is, is asked of its declaration: `base.kinds` in SQL, `Kind` in Python."""
    points = [point for point in entry_points(group="sneeuwbal.collectors") if point.value.startswith("collectors.")]
    platforms = {point.name for point in points}
    names = {name for point in points for name in point.load().kinds}
    of_kind = re.compile(
        rf"""\bkind\b"?\s*(=|<>|==|!=|(not\s+)?in)\s*[({{\[]?\s*["']({"|".join(sorted(names))})["']""", re.I
    )
    for room in ("storage", "analysis", "jobs", "commands", "serve", "study", "cli.py", "scheduler.py"):
        for path in _modules(room):
            here, text = str(path.relative_to(ROOT)), path.read_text("utf-8")
            records = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
            assert not (records & platforms) - WORDS, f"{here} names {(records & platforms) - WORDS}"
            kinds = {match[3] for match in of_kind.finditer(text)} - OTHERS
            assert not kinds, f"{here} asks for kinds by name: {kinds}"


def test_types_are_worked_out_before_threads_read_them() -> None:
    """msgspec ends the process if two threads read a struct of ours for the first time at once."""
    ready, read = set[str](), dict[str, str]()
    apart = {"lenient.py", "structs.py", "scrapy_child.py"}  # the readers of all, and a process with one thread
    for path in (path for room in MAY for path in _modules(room) if path.name not in apart):
        tree = ast.parse(path.read_text("utf-8"))
        alone = {id(node) for block in tree.body if not isinstance(block, ast.FunctionDef | ast.ClassDef)
                 for node in ast.walk(block)}  # fmt: skip
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            given = [*call.args, *(word.value for word in call.keywords if word.arg == "type")]
            if name == "ready" or (name.endswith(".Decoder") and id(call) in alone):
                ready |= _names(*given)
            elif re.fullmatch(r"msgspec\.(convert|\w+\.(decode|Decoder))", name):
                first = 0 if name.endswith("Decoder") else 1
                read |= dict.fromkeys(_names(*given[first:]), f"{path.name}:{call.lineno}")
    known = {"str", "int", "list", "dict", "frozenset", "Any", "msgspec"}
    assert len(read.keys() - known) > 10
    assert {name: where for name, where in read.items() if name not in ready | known} == {}


def _names(*expressions: ast.AST) -> set[str]:
    return {node.id for one in expressions for node in ast.walk(one) if isinstance(node, ast.Name)}


def test_the_page_on_the_architecture_names_what_there_is() -> None:
    """Every file that it names, and every room and platform; the picture names the platforms too."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", page)) - {"tests/test_house.py"}
    there = {str(path.relative_to(ROOT)) for room in MAY for path in _modules(room)}
    assert not [name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)]
    assert all(f"`{room}`" in page or f"`{room}/`" in page for room in MAY if room != "fixtures")
    picture = (ROOT / "docs" / "images" / "rooms.svg").read_text("utf-8")
    folders = {path.parent.name for path in _modules("collectors")} - {"collectors"} - SHARED
    assert not {name for name in folders if not re.search(rf"\b{name}\b", picture)}


# Words that code, messages and docs do without, as the field has its own (told: reported; whom: people, accounts ...).
PRIVATE = re.compile(
    r"\b(_?told|whom|mend|mends|mended|came to be|what came|is to go|gives word|asked after)\b",
    re.I,
)
DATA = {  # reasons in the tables, which stay as archives made before have them
    "the account hides whom it follows",
    "a Person of whom nothing can be read",
    "of those whom its lists claim",
}


def test_no_private_words_in_code_messages_and_docs() -> None:
    paths = [path for room in MAY for path in _modules(room)]
    for folder, endings in (
        ("docs", (".md", ".py")),
        ("storage", (".sql", ".toml")),
        ("analysis/report", (".toml", ".j2")),
    ):
        paths += [path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in endings]
    for path in [*paths, ROOT / "README.md", ROOT / "SECURITY.md"]:
        if path.name in ("traps.md", "renames.md"):  # they name tests, and old names
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if not any(known in line for known in DATA):
                assert not (found := PRIVATE.search(line)), f"{path.relative_to(ROOT)}:{number}: {found}"


def test_the_tree_names_no_machine_and_no_registry() -> None:
    assert "://" not in (ROOT / "requirements.txt").read_text("utf-8")
    assert '"resolved"' not in (ROOT / "analysis/report/js/package-lock.json").read_text("utf-8")
    kept = subprocess.run(["git", "ls-files", "*.md", "*.py", "*.toml", "*.txt", "*.json", "Makefile"], cwd=ROOT,
                          capture_output=True, text=True, check=True).stdout.splitlines()  # fmt: skip
    hosts = ("files.python" + "hosted.org", "registry.npm" + "js.org", "pypi.org/" + "simple")
    for name in kept:
        text = (ROOT / name).read_text("utf-8", "replace")
        assert f"{ROOT}/" not in text, name
        assert f"{Path.home()}/" not in text, name
        assert not [host for host in hosts if host in text], name
