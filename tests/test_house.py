"""The rules of the house, read from the source: who may import what, who may touch the outside world."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pytest

import analysis
import collector
from analysis.report import write
from collector import cli, errors
from collector.errors import PoolscopeError
from collector.record import rows, schema
from collector.record.columns import COLUMNS, TABLES, columns_at
from collector.record.rows import Discovery, Poll, Pool, Scrape, Snapshot, row_of
from collector.record.statuses import STATUSES

ROOT = Path(collector.__file__).parent.parent
PACKAGES = [Path(package.__file__ or "").parent for package in (collector, analysis)]
FILES = sorted(file for package in PACKAGES for file in package.rglob("*.py"))
# Who may import what lies outside, besides the standard library: the rest of the house knows nothing of it.
KEEPERS = {
    "httpx": {f"collector/api/{name}.py" for name in ("auth", "client", "leftovers", "on_the_way", "proxies")},
    "duckdb": {
        "collector/storage/backups.py",
        "collector/record/database.py",
        "collector/record/header.py",
        "collector/record/memory.py",
        "collector/storage/compaction.py",
        "collector/record/spooled.py",
        "collector/storage/drain.py",
        "collector/storage/opening.py",
        "collector/record/schema.py",
        "collector/storage/imports.py",
        "collector/storage/import_files.py",
        "collector/storage/exports.py",
        "collector/sandbox/traces.py",
        "analysis/cli/output.py",
    },
    "matplotlib": {
        "analysis/figures/estimates.py",
        "analysis/figures/axes.py",
        "analysis/figures/sheets.py",
        "analysis/figures/capacity.py",
    },
    "jinja2": {"analysis/report/render.py"},
    "babel": {"analysis/text/language.py"},
}
# The folders of the collector, and what each imports of the rest of it. The commands import everything but each other.
ROOMS = {
    "record": {"errors"},
    "api": {"record", "clock", "errors"},
    "config": {"record", "api", "errors"},
    "storage": {"record", "clock", "errors"},
    "polling": {"record", "api", "config", "storage", "clock", "console", "errors"},
    "doctor": {"record", "api", "config", "polling", "storage", "clock", "errors"},
    "sandbox": {"record", "api", "clock", "errors"},
}
WORLD = {"collector/cli.py", "collector/clock.py"}
# How the outside world is touched: the environment, and clocks that nobody handed over.
TOUCHES = re.compile(
    r"(os\.(environb?|getenv|putenv)|environ|getenv|(datetime\.)?(datetime|date)\.(now|utcnow|today)"
    r"|time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|sleep|localtime|gmtime)"
    r"|(pd|pandas)\.Timestamp\.(now|utcnow|today))"
)
MACHINE_PATH = re.compile(r"(?<![\w.:/>}*-])/(home|root|tmp|usr|var|opt|etc|work|mnt|srv|media|Users|private)(/|\b)")


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> set[str]:
    """Return every module that a file imports, at its top or within a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert 0 == node.level, f"{name_of(file)}: imports are absolute, so that this test can read them"
            found.add(node.module or "")
    return found


def roots(file: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(file)}


def dotted(node: ast.AST) -> str:
    """Return what an expression spells, such as ``os.environ``; nothing where it is no chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def touches(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if TOUCHES.fullmatch(dotted(node)):
            yield f"{name_of(file)}: {dotted(node)}"
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "time"):
            yield from (
                f"{name_of(file)}: {node.module}.{alias.name}"
                for alias in node.names
                if TOUCHES.fullmatch(f"{node.module}.{alias.name}")
            )


def test_the_source_is_there() -> None:
    """Both packages are read from the source beside these tests."""
    names = {name_of(file) for file in FILES}
    assert {"collector/cli.py", "collector/sandbox/traces.py", "analysis/history.py"} <= names


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_says_what_it_is_for(file: Path) -> None:
    """The first line of every file is its docstring."""
    assert file.read_text(encoding="utf-8").startswith('"""')
    assert (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").strip()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_one_contract_is_all_that_both_packages_know(file: Path) -> None:
    """`analysis` knows `collector.record`, `collector` nothing of `analysis`: its command line names it as a text."""
    if name_of(file).startswith("collector/"):
        assert "analysis" not in roots(file)
        named = re.search(r"[\"']analysis\.", file.read_text(encoding="utf-8"))
        assert named is None or "collector/cli.py" == name_of(file)
    else:
        of_collector = {module for module in imports(file) if module.partition(".")[0] == "collector"}
        assert set() == {module for module in of_collector if not f"{module}.".startswith("collector.record.")}


def modules(file: Path) -> set[str]:
    """Return the modules of the house that a file imports, each down to its file."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {module if module in BY_MODULE else node.module for module in inner}
    return {module for module in found if module in BY_MODULE} - {module_of(file)}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


BY_MODULE = {module_of(file): file for file in FILES}
# What the estimators may know: no engine, no words, no gettext, no command line, no database.
ABOVE_ESTIMATORS = {"analysis.query", "analysis.text", "analysis.figures", "analysis.report", "analysis.cli"}
ABOVE_ESTIMATORS |= {"analysis.history", "gettext", "click", "duckdb", "pandas.io"}


@pytest.mark.parametrize("folder", ["queue", "trends", "capacity"])
def test_estimators_know_neither_the_engine_nor_words(folder: str) -> None:
    """They are functions of arrays: any engine runs them, and any language tells of them."""
    for file in (file for file in FILES if name_of(file).startswith(f"analysis/{folder}/")):
        known = {module for module in imports(file) | modules(file) for above in ABOVE_ESTIMATORS
                 if f"{module}.".startswith(f"{above}.")}  # fmt: skip
        assert set() == known, name_of(file)


def test_statistics_know_arrays_alone() -> None:
    """Of the house `analysis/stats` imports itself and the types of arrays."""
    for file in (file for file in FILES if name_of(file).startswith("analysis/stats/")):
        others = {module for module in modules(file) if not module.startswith("analysis.stats")}
        assert others <= {"analysis.arrays"}, name_of(file)


def test_no_file_imports_itself_by_way_of_others() -> None:
    """There is no circle of imports, those within functions and for types included."""
    TopologicalSorter({module: modules(file) for module, file in BY_MODULE.items()}).prepare()


def room_of(module: str) -> str:
    """Return the folder of `analysis`, or the file at its top, that a module lies in; `collector` is one room."""
    first, _, rest = module.partition(".")
    return first if first == "collector" else ".".join([first, *rest.split(".")[:1]])


def test_data_flows_one_way_through_the_house() -> None:
    """Rooms stand on floors, each importing from floors below alone; a newcomer can hold them in mind."""
    rooms: dict[str, set[str]] = {}
    for module, file in BY_MODULE.items():
        rooms.setdefault(room_of(module), set()).update(map(room_of, modules(file)))
    below = {room: others - {room} for room, others in rooms.items()}
    floors: dict[str, int] = {}
    for room in TopologicalSorter(below).static_order():
        floors[room] = 1 + max((floors[other] for other in below[room]), default=0)
    assert len(floors) <= 20
    assert max(floors.values()) <= 9
    assert sum(map(len, below.values())) <= 70


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_of_the_collector_imports_what_lies_below_it(room: str) -> None:
    """The contract imports errors alone; the poll imports what it needs; nothing imports the command line."""
    inside = [file for module, file in BY_MODULE.items() if f"{module}.".startswith(f"collector.{room}.")]
    imported = {module.split(".")[1] for file in inside for module in modules(file) if "." in module}
    assert inside
    assert set() == imported - {room} - ROOMS[room]


def test_no_command_imports_another() -> None:
    """What two commands share lies below them."""
    commands = [file for file in FILES if name_of(file).startswith("collector/commands/")]
    assert [] == [
        name_of(file) for file in commands for module in imports(file) if module.startswith("collector.commands")
    ]


def test_the_contract_imports_duckdb_and_the_standard_library_alone() -> None:
    """Whoever reads the record needs neither the version of the collector nor its clock."""
    contract = [file for file in FILES if name_of(file).startswith("collector/record/")]
    assert (
        set() == {root for file in contract for root in roots(file)} - {"collector", "duckdb"} - sys.stdlib_module_names
    )
    ours = {module for file in contract for module in imports(file) if module.startswith("collector")}
    assert {"collector.errors"} == {module for module in ours if not module.startswith("collector.record")}


@pytest.mark.parametrize("module", KEEPERS)
def test_each_outside_thing_has_its_keepers(module: str) -> None:
    """Of httpx, duckdb, matplotlib and what makes pages and languages the rest of the house knows nothing."""
    assert set() == {name_of(file) for file in FILES if module in roots(file)} - KEEPERS[module]


def test_the_collector_knows_no_frames() -> None:
    """Neither pandas nor what it is made of is imported in `collector`, not even within a function."""
    heavy = {"pandas", "numpy", "pyarrow", "scipy"}
    assert [] == [name_of(file) for file in FILES if name_of(file).startswith("collector/") and roots(file) & heavy]


@pytest.mark.parametrize("file", [file for file in FILES if name_of(file) not in WORLD], ids=name_of)
def test_time_and_environment_are_handed_over(file: Path) -> None:
    """The environment and the clock are touched by the command line and the clock alone."""
    assert [] == list(touches(file))


def test_the_search_for_touches_finds_them() -> None:
    """The two files that may touch the world do: the rule above would see it elsewhere."""
    found = {touch for file in FILES if name_of(file) in WORLD for touch in touches(file)}
    assert {"collector/cli.py: os.environ", "collector/clock.py: datetime.now"} <= found


@pytest.mark.parametrize(
    "file", sorted(f for package in PACKAGES for f in package.rglob("*") if f.suffix in {".py", ".toml"}), ids=name_of
)
def test_no_file_names_a_machines_path(file: Path) -> None:
    """No absolute path of any machine stands in code, comments or examples."""
    assert [] == [found[0] for found in MACHINE_PATH.finditer(file.read_text(encoding="utf-8"))]


def loaded(program: str, folder: Path) -> set[str]:
    """Return the modules that a fresh interpreter has after a program."""
    code = f"import sys\n{program}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


COLLECT = """
import os
os.environ |= {"HUAWEICLOUD_SDK_AK": "AK", "HUAWEICLOUD_SDK_SK": "SK", "POOLSCOPE_CONFIG": "poolscope.toml"}
from collector.cli import poolscope
assert 1 == poolscope.main(["collect"], standalone_mode=False)
"""


def test_a_cron_tick_loads_no_more_than_it_uses(tmp_path: Path) -> None:
    """A collect of a pool that cannot be reached, database and all, loads nothing that makes frames or figures."""
    (tmp_path / "poolscope.toml").write_text(
        '[collect]\nattempts = 1\n[projects.p]\nproject_id = "1"\nendpoint = "http://127.0.0.1:9"\npools = ["a"]\n'
    )
    modules = loaded(COLLECT, tmp_path)
    assert {"collector.storage.drain", "duckdb", "httpx"} <= modules
    heavy = {"pandas", "numpy", "pyarrow", "matplotlib", "rich", "analysis", "collector.sandbox"}
    assert set() == (modules & heavy) - loaded("import duckdb", tmp_path)


def blank(kind: type) -> Any:  # noqa: ANN401 - a record of any table
    return kind(**{field.name: {} if field.name == "counts" else None for field in fields(kind)})


@pytest.mark.parametrize(
    ("table", "kind"),
    [("polls", Poll), ("discoveries", Discovery), ("scrapes", Scrape), ("snapshots", Snapshot), ("pools", Pool)],
)
def test_the_spools_fields_are_the_tables_columns(table: str, kind: type) -> None:
    """A row's fields are its table's columns; a snapshot has its `run` and, for `counts`, a column a status."""
    found = set(row_of(blank(kind)))
    if kind is Snapshot:
        found = (found - {"run"}) | set(STATUSES)
    assert set(COLUMNS[table]) == found


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS) + 1))
def test_the_columns_are_those_that_the_migrations_make(version: int) -> None:
    """At every version of the schema, names, types and order."""
    with duckdb.connect() as connection:
        schema.migrate(connection, 0, "test", version)
        made = {
            table: {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}
            for table in columns_at(version)
        }
    assert columns_at(version) == made
    assert [list(names) for names in columns_at(version).values()] == [list(names) for names in made.values()]


def test_the_tables_have_one_list() -> None:
    """Schema, spool and the rows of a round name the same tables in the same order."""
    assert TABLES == tuple(field.name for field in fields(rows.PolledRows))


def test_every_exit_code_is_explained() -> None:
    """In the README and in --help: those of the errors, and those that the command line itself ends with."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PoolscopeError)]
    own = re.findall(r"return (\d+)\n", (ROOT / "collector/cli.py").read_text())
    codes = {kind.exit_code for kind in kinds} | {int(code) for code in own} | {cli.DEFECT, cli.INTERRUPTED}
    codes |= {write.PART_FAILED, write.ABOVE, write.UNJUDGED}
    readme = (ROOT / "README.md").read_text().partition("Exit codes:")[2].partition("\n\n")[0]
    for told in (readme, cli.EXIT_CODES):
        assert codes | {0} == {int(code) for code in re.findall(r"\d+", told)}
