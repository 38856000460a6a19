"""The shape of the code: who may import whom, and how long a file or a function may be.

The rule is read off the source with `ast`, imports inside functions included, so that it holds for code no test runs.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("pipeline", "reports")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 45

# Data flows one way: a room imports rooms of earlier rows, never one of its own row.
FLOW = (
    {"domain"},
    {"calendars"},
    {"portfolio"},
    {"ingest", "charging", "tariff", "baselines"},
    {"scenarios", "quality"},
    {"savings", "fleet", "pricing"},
    {"uncertainty"},
    {"chain"},
    {"reports"},
    {"delivery"},
)
# Rooms beside the flow, with all that they may import.
BESIDE = {
    "warehouse": {"domain"},
    "journal": {"domain"},
    "simulate": {"domain", "calendars", "portfolio"},
    "examples": set(),
}
# Rooms above everything, lowest first.
TOP = ("steps", "assets", "definitions", "cli")

# Third-party and standard modules that one room keeps for itself.
KEPT_BY = {
    "dagster": {"assets", "definitions", "cli"},
    "duckdb": {"warehouse"},
    "altair": {"reports"},
    "vl_convert": {"reports"},
    "smtplib": {"delivery"},
    "sqlite3": {"journal"},
}
# Importing dagster takes two seconds: the command line pays them only where a command needs it.
LAZY_IN_CLI = {"dagster", "assets", "definitions"}


def allowed_rooms() -> dict[str, set[str]]:
    """Each room with the rooms it may import, itself included."""
    allowed: dict[str, set[str]] = {}
    below: set[str] = set()
    for row in FLOW:
        allowed |= {room: below | {room} for room in row}
        below = below | row
    allowed |= {room: rooms | {room} for room, rooms in BESIDE.items()}
    below = below | set(BESIDE)
    for room in TOP:
        below = below | {room}
        allowed[room] = below
    return allowed


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, the line, and whether importing its file leaves it for later."""

    target: str
    line: int
    lazy: bool


def dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str, root: Path) -> bool:
    path = root.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def statement_targets(node: ast.AST, path: Path, root: Path) -> Iterator[str]:
    """Modules that one node imports; `from pipeline import x` imports x where x is a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = path.relative_to(root).parent.parts
        start = package[: len(package) - node.level + 1] if node.level else ()
        base = ".".join([*start, *([node.module] if node.module else [])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if base.split(".")[0] in SOURCES and is_module(inner, root) else base
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
            yield node.args[0].value


def waits(node: ast.AST) -> bool:
    """Whether what stands below the node is not run at import: a function's body, or what only type checkers read."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def imports_of(path: Path, root: Path) -> list[Import]:
    found: dict[Import, None] = {}

    def visit(node: ast.AST, lazy: bool) -> None:
        targets = statement_targets(node, path, root)
        found.update(dict.fromkeys(Import(target, getattr(node, "lineno", 0), lazy) for target in targets))
        inside = lazy or waits(node)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(path.read_text(encoding="utf-8")), lazy=False)
    return list(found)


def room_of(module: str) -> str | None:
    """The room a dotted name lies in: reports, or the first name below pipeline; None for the bare package."""
    first, _, rest = module.partition(".")
    if first == "reports":
        return "reports"
    return rest.split(".")[0] or None if first == "pipeline" else None


def source_files(root: Path) -> list[Path]:
    return sorted(path for name in SOURCES for path in (root / name).rglob("*.py"))


def room_violations(root: Path) -> Iterator[str]:
    """Imports of rooms against the flow, and rooms that the rule does not know."""
    allowed = allowed_rooms()
    for path in source_files(root):
        room = room_of(dotted(path, root))
        if room is None:
            yield from (
                f"{path}:{i.line}: the map imports nothing" for i in imports_of(path, root) if room_of(i.target)
            )
            continue
        if room not in allowed:
            yield f"{path}: the room '{room}' is not in the rule"
            continue
        for found in imports_of(path, root):
            target = room_of(found.target)
            if target is not None and target not in allowed[room]:
                yield f"{path}:{found.line}: {room} must not import {target}"
            if room == "cli" and target in LAZY_IN_CLI and not found.lazy:
                yield f"{path}:{found.line}: cli imports {target} inside a function only"


def library_violations(root: Path) -> Iterator[str]:
    """Libraries that one room keeps, imported by another."""
    for path in source_files(root):
        room = room_of(dotted(path, root))
        for found in imports_of(path, root):
            top = found.target.split(".")[0]
            library = "dagster" if top.startswith("dagster") else top
            if library not in KEPT_BY:
                continue
            if room not in KEPT_BY[library]:
                yield f"{path}:{found.line}: {library} belongs to {', '.join(sorted(KEPT_BY[library]))}"
            if room == "cli" and library in LAZY_IN_CLI and not found.lazy:
                yield f"{path}:{found.line}: cli imports {library} inside a function only"


def stated_order(package: Path, root: Path) -> list[str]:
    """A package's modules in the order of its `__init__`: that of its docstring, else that of its imports."""
    siblings = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    init = package / "__init__.py"
    docstring = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
    names = re.findall(r"^(\w+)  +\S", docstring, flags=re.MULTILINE)
    names += re.findall(r"\w+", docstring.partition("reading order:")[2])
    listed = [name for name in dict.fromkeys(names) if name in siblings]
    if listed:
        return listed
    own = dotted(init, root) + "."
    imported = [i.target.removeprefix(own).split(".")[0] for i in imports_of(init, root) if i.target.startswith(own)]
    return list(dict.fromkeys(imported))


def order_violations(root: Path) -> Iterator[str]:
    """Inside a package: imports of a module that its `__init__` names later, or not at all."""
    inits = (path for name in SOURCES for path in (root / name).rglob("__init__.py"))
    for package in sorted(path.parent for path in inits if path.parent != root / "pipeline"):
        order = stated_order(package, root)
        own = dotted(package / "__init__.py", root) + "."
        for path in sorted(package.rglob("*.py")):
            module = path.relative_to(package).with_suffix("").parts[0]
            if module == "__init__":
                continue
            for found in imports_of(path, root):
                target = found.target.removeprefix(own).split(".")[0]
                if not found.target.startswith(own) or target == module:
                    continue
                if {module, target} - set(order):
                    yield f"{path}:{found.line}: {package.name}/__init__.py must name both {target} and {module}"
                elif order.index(target) > order.index(module):
                    yield f"{path}:{found.line}: {target} comes after {module} in {package.name}/__init__.py"


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring and its decorators left out."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return length


def size_violations(root: Path) -> Iterator[str]:
    """Files and functions that are too long to read in one go."""
    for path in source_files(root):
        source = path.read_text(encoding="utf-8")
        lines = source.count("\n")
        if lines > MAX_FILE_LINES:
            yield f"{path}: {lines} lines, at most {MAX_FILE_LINES}"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and own_lines(node) > MAX_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {own_lines(node)} lines, at most {MAX_FUNCTION_LINES}"


def map_violations(root: Path) -> Iterator[str]:
    """Rooms missing from the map in `pipeline/__init__.py`, and names on it that are no rooms."""
    package = root / "pipeline"
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    lines = re.findall(r"^(\w+(?:, \w+)*)  +\S", docstring, flags=re.MULTILINE)
    named = {name for line in lines for name in line.split(", ")}
    rooms = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    rooms |= {path.name for path in package.iterdir() if any(path.glob("*.py"))}
    yield from (f"pipeline/__init__.py does not name {room}" for room in sorted(rooms - named))
    yield from (f"pipeline/__init__.py names {name}, which is no room" for name in sorted(named - rooms - {"reports"}))


@pytest.mark.parametrize(
    "violations", [room_violations, library_violations, order_violations, size_violations, map_violations]
)
def test_the_code_keeps_its_shape(violations: Callable[[Path], Iterator[str]]) -> None:
    found = [violation.removeprefix(f"{ROOT}/") for violation in violations(ROOT)]
    assert not found, "\n" + "\n".join(found)


def test_the_checker_reads_something() -> None:
    files = source_files(ROOT)
    assert ROOT / "pipeline" / "domain.py" in files
    assert any(room_of(i.target) == "domain" for path in files for i in imports_of(path, ROOT))


# The checker itself: each planted fault is found, and only that one.

CLEAN = {
    "pipeline/__init__.py": '"""Map.\n\ndomain     words\ncalendars  days\ntariff     bills\ncharging   cars\n'
    'warehouse  store\nsimulate   truth\nassets, definitions  shell\ncli        door\n"""\n',
    "pipeline/domain.py": "import polars\n",
    "pipeline/calendars.py": "from pipeline.domain import Day\n",
    "pipeline/tariff/__init__.py": '"""Tariffs.\n\nmodel  words\nbill   money\n"""\nfrom .bill import price\n',
    "pipeline/tariff/model.py": "from pipeline import calendars\n",
    "pipeline/tariff/bill.py": "from .model import Tariff\nfrom pipeline import __version__\n",
    "pipeline/charging.py": "",
    "pipeline/warehouse/__init__.py": "from pipeline.warehouse.store import a\nfrom .publish import b\n",
    "pipeline/warehouse/store.py": "import duckdb\n",
    "pipeline/warehouse/publish.py": "from pipeline.warehouse.store import a\n",
    "pipeline/simulate/__init__.py": "",
    "pipeline/assets/__init__.py": "import dagster\nfrom pipeline import warehouse\n",
    "pipeline/definitions.py": "import dagster\nimport pipeline.assets\n",
    "pipeline/cli.py": "def run():\n    from pipeline.definitions import x\nif TYPE_CHECKING:\n    import dagster\n",
    "reports/__init__.py": "import altair\n",
}

PLANTED = [
    ("pipeline/domain.py", "from pipeline.calendars import x\n", "domain must not import calendars"),
    ("pipeline/domain.py", "def f():\n    from pipeline import calendars\n", "domain must not import calendars"),
    ("pipeline/charging.py", "import pipeline.tariff.bill as b\n", "charging must not import tariff"),
    ("pipeline/charging.py", "from . import tariff\n", "charging must not import tariff"),
    ("pipeline/tariff/model.py", "from ..charging import x\n", "tariff must not import charging"),
    ("pipeline/simulate/__init__.py", "from pipeline.tariff import price\n", "simulate must not import tariff"),
    ("pipeline/warehouse/store.py", "import pipeline.calendars\n", "warehouse must not import calendars"),
    (
        "pipeline/calendars.py",
        "import importlib\nimportlib.import_module('reports')\n",
        "calendars must not import reports",
    ),
    ("pipeline/weather.py", "import polars\n", "the room 'weather' is not in the rule"),
    ("pipeline/cli.py", "from pipeline.definitions import definitions\n", "inside a function only"),
    ("pipeline/cli.py", "import dagster\n", "inside a function only"),
    ("pipeline/calendars.py", "import duckdb\n", "duckdb belongs to warehouse"),
    ("pipeline/charging.py", "from dagster_webserver.app import x\n", "dagster belongs to assets, cli, definitions"),
    ("pipeline/calendars.py", "def f():\n    import sqlite3\n", "sqlite3 belongs to journal"),
    ("pipeline/charging.py", "import vl_convert as vlc\n", "vl_convert belongs to reports"),
    ("reports/__init__.py", "import smtplib\n", "smtplib belongs to delivery"),
    ("pipeline/tariff/model.py", "from pipeline.tariff.bill import price\n", "bill comes after model"),
    ("pipeline/tariff/model.py", "from pipeline.tariff import urdb\n", "must name both"),
    ("pipeline/warehouse/store.py", "from .publish import b\n", "publish comes after store"),
    ("pipeline/charging.py", "x = 1\n" * 401, "401 lines, at most 400"),
    ("pipeline/charging.py", "def f():\n" + "    x = 1\n" * 45, "f has 46 lines, at most 45"),
    ("pipeline/fleet.py", "", "does not name fleet"),
    ("pipeline/__init__.py", '"""Map.\n\nattic  old things\n"""\n', "names attic, which is no room"),
]


def plant(root: Path, files: dict[str, str]) -> list[str]:
    """The violations found in a tree of the given files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    checks = (room_violations, library_violations, order_violations, size_violations, map_violations)
    return [violation for check in checks for violation in check(root)]


def test_a_clean_tree_has_no_violation(tmp_path: Path) -> None:
    assert plant(tmp_path, CLEAN) == []


@pytest.mark.parametrize(("name", "text", "expected"), PLANTED)
def test_a_planted_fault_is_found(tmp_path: Path, name: str, text: str, expected: str) -> None:
    extra = {"pipeline/tariff/urdb.py": ""} if "urdb" in text else {}
    assert any(expected in violation for violation in plant(tmp_path, CLEAN | extra | {name: text}))


def test_a_docstring_does_not_count_as_length(tmp_path: Path) -> None:
    text = 'def f():\n    """One.\n' + "\n    more\n" * 20 + '    """\n' + "    x = 1\n" * 44
    assert plant(tmp_path, CLEAN | {"pipeline/charging.py": text}) == []
