"""The rules of the source code: which file may import which module, and which may use clock and environment."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest

import analysis
import collector
from analysis.report import write
from collector import cli, errors
from collector.cli import poolscope
from collector.errors import PoolscopeError
from collector.exit_codes import EXIT_CODES
from collector.record import rows, schema
from collector.record.columns import COLUMNS, TABLES, columns_at
from collector.record.rows import Discovery, Poll, Pool, Scrape, Snapshot, row_of
from collector.record.statuses import STATUSES

ROOT = Path(collector.__file__).parent.parent
PACKAGES = [Path(package.__file__ or "").parent for package in (collector, analysis)]
FILES = sorted(file for package in PACKAGES for file in package.rglob("*.py"))
# The files that may import each third-party module; no other file may.
IMPORTERS = {
    "httpx": {
        f"collector/api/{name}.py" for name in ("auth", "client", "leftovers", "network", "proxies", "transport")
    },
    "duckdb": {
        "collector/storage/backups.py",
        "collector/record/database.py",
        "collector/record/places.py",
        "collector/record/dataset.py",
        "collector/record/header.py",
        "collector/record/memory.py",
        "collector/storage/compaction.py",
        "collector/record/spooled.py",
        "collector/storage/drain.py",
        "collector/storage/opening.py",
        "collector/record/schema.py",
        "collector/storage/imports.py",
        "collector/storage/dataset_files.py",
        "collector/storage/import_dataset.py",
        "collector/storage/publish.py",
        "collector/storage/import_files.py",
        "collector/storage/exports.py",
        "collector/sandbox/traces.py",
        "analysis/cli/output.py",
    },
    "matplotlib": {
        "analysis/figures/axes.py",
        "analysis/figures/by_pool.py",
        "analysis/figures/capacity.py",
        "analysis/figures/endings.py",
        "analysis/figures/queueing.py",
        "analysis/figures/sheets.py",
        "analysis/figures/values.py",
    },
    "jinja2": {"analysis/report/render.py"},
    "babel": {"analysis/locale/build.py"},
    "xlsxwriter": {"collector/output/spreadsheet.py"},
    "wcwidth": {"collector/output/layout.py"},
    "fsspec": {"collector/record/store_client.py"},
    "s3fs": {"collector/record/store_client.py"},
    "botocore": {"collector/record/store_client.py"},
    "aiohttp": {"collector/record/store_client.py"},
}
# The folders of the collector, and the parts that each may import. Commands may import all but each other.
IMPORTS_OF = {
    "record": {"errors"},
    "api": {"record", "clock", "errors"},
    "config": {"record", "api", "errors"},
    "output": {"record", "errors"},
    "storage": {"record", "clock", "errors"},
    "polling": {"record", "api", "config", "storage", "clock", "console", "errors"},
    "doctor": {"record", "api", "config", "polling", "storage", "causes", "clock", "errors", "failures", "mail"},
    "sandbox": {"record", "api", "clock", "errors"},
}
OUTSIDE_WORLD = {"collector/cli.py", "collector/clock.py"}
# Uses of the environment and of clocks that were not handed in.
USES = re.compile(
    r"(os\.(environb?|getenv|putenv)|environ|getenv|(datetime\.)?(datetime|date)\.(now|utcnow|today)"
    r"|time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|sleep|localtime|gmtime)"
    r"|(pd|pandas)\.Timestamp\.(now|utcnow|today))"
)
MACHINE_PATH = re.compile(r"(?<![\w.:/>}*-])/(home|root|tmp|usr|var|opt|etc|work|mnt|srv|media|Users|private)(/|\b)")


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> set[str]:
    """Return every module that a file imports, at its top or within a function."""
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert 0 == node.level, f"{name_of(file)}: imports are absolute, so that this test can read them"
            imported.add(node.module or "")
    return imported


def roots(file: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(file)}


def dotted(node: ast.AST) -> str:
    """Return the dotted name of an expression, such as ``os.environ``; empty where it is not a chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def uses_of_outside_world(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if USES.fullmatch(dotted(node)):
            yield f"{name_of(file)}: {dotted(node)}"
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "time"):
            yield from (
                f"{name_of(file)}: {node.module}.{alias.name}"
                for alias in node.names
                if USES.fullmatch(f"{node.module}.{alias.name}")
            )


def test_the_source_is_found() -> None:
    """Both packages are read from the source beside these tests."""
    names = {name_of(file) for file in FILES}
    assert {"collector/cli.py", "collector/sandbox/traces.py", "analysis/history.py"} <= names


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_begins_with_a_docstring(file: Path) -> None:
    """Every file begins with a docstring that is not empty."""
    assert file.read_text(encoding="utf-8").startswith(('"""', 'r"""'))
    assert (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").strip()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_the_packages_share_only_the_contract(file: Path) -> None:
    """`analysis` imports only `collector.record`, and `collector.output`, which both packages write their answers with.

    `collector` never imports `analysis`: two files name it.
    """
    if name_of(file).startswith("collector/"):
        assert "analysis" not in roots(file)
        named = re.search(r"[\"']analysis\.", file.read_text(encoding="utf-8"))
        assert named is None or name_of(file) in {"collector/cli.py", "collector/catalogue.py"}
    else:
        collector_modules = {module for module in imports(file) if module.partition(".")[0] == "collector"}
        shared = ("collector.record.", "collector.output.")
        assert set() == {module for module in collector_modules if not f"{module}.".startswith(shared)}


def modules(file: Path) -> set[str]:
    """Return our own modules that a file imports, each down to its file."""
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= {module if module in BY_MODULE else node.module for module in inner}
    return {module for module in imported if module in BY_MODULE} - {module_of(file)}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


BY_MODULE = {module_of(file): file for file in FILES}
# The modules that estimators may not import: engine, texts, gettext, command line, database.
FORBIDDEN_TO_ESTIMATORS = {"analysis.query", "analysis.text", "analysis.figures", "analysis.report", "analysis.cli"}
FORBIDDEN_TO_ESTIMATORS |= {"analysis.history", "gettext", "click", "duckdb", "pandas.io"}


@pytest.mark.parametrize("folder", ["queue", "trends", "capacity"])
def test_estimators_import_neither_the_engine_nor_texts(folder: str) -> None:
    """They are functions of arrays, for any engine and any language."""
    for file in (file for file in FILES if name_of(file).startswith(f"analysis/{folder}/")):
        forbidden = {module for module in imports(file) | modules(file) for above in FORBIDDEN_TO_ESTIMATORS
                 if f"{module}.".startswith(f"{above}.")}  # fmt: skip
        assert set() == forbidden, name_of(file)


def test_statistics_import_only_arrays() -> None:
    """Of our own modules `analysis/stats` imports only itself, the types of arrays, and what compiles functions."""
    for file in (file for file in FILES if name_of(file).startswith("analysis/stats/")):
        others = {module for module in modules(file) if not module.startswith("analysis.stats")}
        assert others <= {"analysis.arrays", "analysis.compiled"}, name_of(file)


def test_there_is_no_circle_of_imports() -> None:
    """Imports within functions and for types included."""
    TopologicalSorter({module: modules(file) for module, file in BY_MODULE.items()}).prepare()


# The types that all parts share count as one part.
SHARED_TYPES = {"arrays", "calendar", "compiled", "errors", "estimate", "notes", "windows"}


def part_of(module: str) -> str:
    """Return a module's folder or top-level file of `analysis`; `collector` is one part, the shared types another."""
    if module.removeprefix("analysis.") in SHARED_TYPES:
        return "the shared types"
    first, _, rest = module.partition(".")
    return first if first == "collector" else ".".join([first, *rest.split(".")[:1]])


def test_data_flows_one_way_through_the_packages() -> None:
    """Parts form layers: each imports only from lower layers; a newcomer can remember their number."""
    parts: dict[str, set[str]] = {}
    # What compiles the catalogues is run by the build alone.
    for module, file in ((name, file) for name, file in BY_MODULE.items() if name != "analysis.locale.build"):
        parts.setdefault(part_of(module), set()).update(map(part_of, modules(file)))
    below = {part: others - {part} for part, others in parts.items()}
    layers: dict[str, int] = {}
    for part in TopologicalSorter(below).static_order():
        layers[part] = 1 + max((layers[other] for other in below[part]), default=0)
    assert len(layers) <= 20
    assert max(layers.values()) <= 9
    assert sum(map(len, below.values())) <= 70


@pytest.mark.parametrize("folder", IMPORTS_OF)
def test_a_folder_of_the_collector_imports_only_lower_parts(folder: str) -> None:
    """The contract imports only errors; the poll imports what it needs; no folder imports the command line."""
    inside = [file for module, file in BY_MODULE.items() if f"{module}.".startswith(f"collector.{folder}.")]
    imported = {module.split(".")[1] for file in inside for module in modules(file) if "." in module}
    assert inside
    assert set() == imported - {folder} - IMPORTS_OF[folder]


def test_no_command_imports_another() -> None:
    """Code that two commands share is in a lower part."""
    commands = [file for file in FILES if name_of(file).startswith("collector/commands/")]
    assert [] == [
        name_of(file) for file in commands for module in imports(file) if module.startswith("collector.commands")
    ]


def test_the_contract_imports_only_duckdb_and_the_standard_library() -> None:
    """A reader of the record needs neither the version of the collector nor its clock; one file needs s3fs."""
    contract = [file for file in FILES if name_of(file).startswith("collector/record/")]
    without_extra = [file for file in contract if name_of(file) not in IMPORTERS["s3fs"]]
    imported = {root for file in without_extra for root in roots(file)}
    assert set() == imported - {"collector", "duckdb"} - sys.stdlib_module_names
    ours = {module for file in contract for module in imports(file) if module.startswith("collector")}
    assert {"collector.errors"} == {module for module in ours if not module.startswith("collector.record")}


@pytest.mark.parametrize("module", IMPORTERS)
def test_a_third_party_module_is_imported_only_by_its_files(module: str) -> None:
    """So that a change of httpx, duckdb, matplotlib, jinja2, babel or s3fs concerns few files."""
    assert set() == {name_of(file) for file in FILES if module in roots(file)} - IMPORTERS[module]


def test_the_collector_does_not_import_pandas() -> None:
    """Nor a library for arrays or frames, not even within a function."""
    heavy = {"pandas", "numpy", "pyarrow", "scipy"}
    assert [] == [name_of(file) for file in FILES if name_of(file).startswith("collector/") and roots(file) & heavy]


@pytest.mark.parametrize("file", [file for file in FILES if name_of(file) not in OUTSIDE_WORLD], ids=name_of)
def test_time_and_environment_are_handed_in(file: Path) -> None:
    """Only the command line and the clock use the environment and the machine's time."""
    assert [] == list(uses_of_outside_world(file))


def test_the_search_for_uses_finds_them() -> None:
    """It finds those of the two files that may use them, so it would find others too."""
    uses = {use for file in FILES if name_of(file) in OUTSIDE_WORLD for use in uses_of_outside_world(file)}
    assert {"collector/cli.py: os.environ", "collector/clock.py: datetime.now"} <= uses


@pytest.mark.parametrize(
    "file", sorted(f for package in PACKAGES for f in package.rglob("*") if f.suffix in {".py", ".toml"}), ids=name_of
)
def test_no_file_names_a_machines_path(file: Path) -> None:
    """No absolute path of any machine stands in code, comments or examples."""
    assert [] == [match[0] for match in MACHINE_PATH.finditer(file.read_text(encoding="utf-8"))]


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


def test_a_cron_tick_loads_only_what_it_uses(tmp_path: Path) -> None:
    """A collect of a pool that cannot be reached, with its database, loads no library for frames or figures."""
    (tmp_path / "poolscope.toml").write_text(
        '[collect]\nattempts = 1\n[projects.p]\nproject_id = "1"\nendpoint = "http://127.0.0.1:9"\npools = ["a"]\n'
    )
    modules = loaded(COLLECT, tmp_path)
    assert {"collector.storage.drain", "duckdb", "httpx"} <= modules
    heavy = {"pandas", "numpy", "pyarrow", "matplotlib", "rich", "wcwidth", "analysis", "collector.sandbox"}
    heavy |= {"fsspec", "s3fs", "botocore", "aiohttp"}
    assert set() == (modules & heavy) - loaded("import duckdb", tmp_path)


def test_a_cron_tick_loads_what_publishes_only_if_that_is_due(tmp_path: Path) -> None:
    """The first collect publishes; the second one, in the same slot, does not."""
    (tmp_path / "poolscope.toml").write_text(
        '[collect]\nattempts = 1\n[dataset]\npath = "ds"\nevery = "7d"\n'
        '[projects.p]\nproject_id = "1"\nendpoint = "http://127.0.0.1:9"\npools = ["a"]\n'
    )
    publishing = {"collector.storage.publish", "collector.record.dataset", "collector.record.reading"}
    assert publishing <= loaded(COLLECT, tmp_path)
    assert not publishing & loaded(COLLECT, tmp_path)


def blank(kind: type) -> Any:  # noqa: ANN401 - a row of any table
    return kind(**{field.name: {} if field.name == "counts" else None for field in fields(kind)})


@pytest.mark.parametrize(
    ("table", "kind"),
    [("polls", Poll), ("discoveries", Discovery), ("scrapes", Scrape), ("snapshots", Snapshot), ("pools", Pool)],
)
def test_the_spools_fields_are_the_tables_columns(table: str, kind: type) -> None:
    """A row's fields are its table's columns; a snapshot has its `run` and, for `counts`, a column a status."""
    columns = set(row_of(blank(kind)))
    if kind is Snapshot:
        columns = (columns - {"run"}) | set(STATUSES)
    assert set(COLUMNS[table]) == columns


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS) + 1))
def test_the_columns_are_those_of_the_migrations(version: int) -> None:
    """Names, types and order of columns agree in every schema version."""
    with duckdb.connect() as connection:
        schema.migrate(connection, 0, "test", version)
        migrated = {
            table: {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}
            for table in columns_at(version)
        }
    assert columns_at(version) == migrated
    assert [list(names) for names in columns_at(version).values()] == [list(names) for names in migrated.values()]


def test_there_is_one_list_of_tables() -> None:
    """Schema, spool and the rows of a round have the same tables in the same order."""
    assert TABLES == tuple(field.name for field in fields(rows.PolledRows))


def test_every_exit_code_is_explained() -> None:
    """The list, and --help, have the codes of all errors and those of the command line itself."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PoolscopeError)]
    own = re.findall(r"return (\d+)\n", (ROOT / "collector/cli.py").read_text())
    codes = {kind.exit_code for kind in kinds} | {int(code) for code in own} | {cli.DEFECT, cli.INTERRUPTED}
    codes |= {write.PART_FAILED, write.ABOVE, write.UNJUDGED}
    assert codes | {0} == set(EXIT_CODES)
    shown = poolscope.get_help(click.Context(poolscope)).partition("Exit codes:")[2]
    assert set(EXIT_CODES) == {int(code) for code in re.findall(r"^ +(\d+) ", shown, re.MULTILINE)}


MOST_PARAMETERS = 8


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function of both packages with where it is."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name_of(file)}:{node.name}", node


def test_a_function_has_few_parameters() -> None:
    """At most eight; but options of commands, and of the methods of `History`, are named in each call."""
    for place, function in functions():
        arguments = function.args
        options = any("option" in ast.unparse(decorator) for decorator in function.decorator_list)
        by_name = len(arguments.kwonlyargs) if place.startswith("analysis/history.py") else 0
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        number = len([name for name in names if name not in ("self", "cls")]) - by_name
        assert options or number <= MOST_PARAMETERS, f"{place} has {number} parameters"
