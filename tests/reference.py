"""The reference tables of the READMEs, made from the code: ``python -m tests.reference`` writes them anew.

A table stands between two lines, ``<!-- columns of waits -->`` and ``<!-- end -->``. With ``--outputs`` the sample
outputs are written anew too, and with ``--pictures`` the pictures, both from the record of the demo.
"""

import argparse
import ast
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from analysis.schemas import SCHEMAS
from analysis.schemas.schema import Schema
from analysis.schemas.shared import LABELS
from collector.cli import poolscope
from collector.exit_codes import EXIT_CODES, OF_DOCTOR
from tests.demo_record import write_demo
from tests.examples import with_outputs
from tests.keys import KEYS, SECTIONS
from tests.pages import PAGES, ROOT, blocks_of, text_of
from tests.pictures import write_pictures

README: Final = ROOT / "analysis" / "README.md"
BENCHMARKS: Final = sorted((ROOT / "tests" / "benchmarks").glob("*.py"))
TABLE: Final = re.compile(r"(<!-- (?!end)([\w -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands() -> dict[str, click.Command]:
    """Return the commands by name, in the order of ``--help``."""
    context = click.Context(poolscope)
    found = {name: poolscope.get_command(context, name) for name in poolscope.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None and not command.hidden}


def _commands_of(package: str) -> dict[str, click.Command]:
    return {name: command for name, command in commands().items() if _package(command) == package}


def _package(command: click.Command) -> str:
    return (command.callback.__module__ if command.callback else "").partition(".")[0]


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    headings = tuple(headings)
    rule = "|---" * len(headings) + "|"
    return "\n".join(["", _row(headings), rule, *map(_row, rows), "", ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def columns(schema: Schema) -> str:
    """Return the columns of a schema as a table in Markdown."""
    rows = ((f"`{column.name}`", column.measured_in or "-", column.meaning) for column in schema)
    return _table(("column", "unit", "meaning"), rows)


def commands_table(package: str) -> str:
    """Return the commands of a package with their purposes."""
    rows = (
        (f"`poolscope {_call(name, command)}`", _purpose(command)) for name, command in _commands_of(package).items()
    )
    return _table(("command", "purpose"), rows)


def _call(name: str, command: click.Command) -> str:
    arguments = [
        parameter.make_metavar(click.Context(command))
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]
    return " ".join([name, *arguments]).replace("|", "\\|")


def _purpose(command: click.Command) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split()).rstrip(".")


def options_table(package: str) -> str:
    """Return the options of a package's commands: one row for an option that several commands share."""
    of_package = _commands_of(package)
    sharing: dict[tuple[str, str], list[str]] = {}
    for name, command in of_package.items():
        for option, meaning in _options(command):
            sharing.setdefault((option, meaning), []).append(name)
    rows = ((option, _sharing(names, list(of_package)), meaning) for (option, meaning), names in sharing.items())
    return _table(("option", "commands", "meaning"), rows)


def _sharing(names: list[str], all_names: list[str]) -> str:
    """Return the commands that share an option; most of them as all but the others."""
    others = [name for name in all_names if name not in names]
    if len(others) > 2:
        return ", ".join(names)
    return f"all but {', '.join(others)}" if others else "all"


def _options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield the options of a command as its help shows them: names, and meaning with the default."""
    context = click.Context(command)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None and "--help" not in parameter.opts:
            names, meaning = record
            yield f"`{names}`".replace("|", "\\|"), " ".join(meaning.split()).replace("|", "\\|")


def keys_table(section: str) -> str:
    """Return the keys of a section of the configuration, with default, example and meaning."""
    rows = ((f"`{key.name}`", key.default, f"`{key.example}`", key.meaning) for key in KEYS[section])
    return _table(("key", "default", "example", "meaning"), rows)


def codes_table(codes: dict[int, str]) -> str:
    """Return exit codes with their meanings."""
    return _table(("code", "meaning"), ((str(code), meaning) for code, meaning in codes.items()))


def benchmarks_table() -> str:
    """Return the scripts that measure something, by hand, with the first lines of their docstrings."""
    scripts = [(file, ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "") for file in BENCHMARKS]
    rows = (
        (f"`{file.stem}`", text.partition("\n")[0].partition("; ")[0].rstrip("."))
        for file, text in scripts
        if f"{file.name} " in text or f"{file.name}\n" in text
    )
    return _table(("script", "what it does"), rows)


TABLES: Final = {
    **{f"columns of {name}": columns(schema) for name, schema in {"labels": LABELS, **SCHEMAS}.items()},
    **{f"commands of {package}": commands_table(package) for package in ("collector", "analysis")},
    **{f"options of {package}": options_table(package) for package in ("collector", "analysis")},
    **{f"keys of {section}": keys_table(section) for section in SECTIONS},
    "benchmarks": benchmarks_table(),
    "exit codes": codes_table(EXIT_CODES),
    "exit codes of doctor": codes_table(OF_DOCTOR),
}
"""Every table by the name that its first line has."""


def with_tables(text: str) -> str:
    """Return the text of a page with its tables made anew."""
    return TABLE.sub(lambda table: f"{table[1]}{TABLES[table[2]]}{table[3]}", text)


def main() -> None:
    """Write the pages anew."""
    parser = argparse.ArgumentParser(description="Write the tables of the READMEs anew from the code.")
    parser.add_argument("--outputs", action="store_true", help="also the sample outputs, from the record of the demo")
    parser.add_argument("--pictures", action="store_true", help="also the pictures, from the record of the demo")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        demo = write_demo(Path(folder, "demo.duckdb")) if chosen.outputs or chosen.pictures else None
        for page in PAGES:
            text = with_tables(text_of(page))
            if chosen.outputs and demo is not None:
                text = with_outputs(text, blocks_of(page), demo, Path(folder, page.replace("/", "-")))
            (ROOT / page).write_text(text, encoding="utf-8")
        if chosen.pictures and demo is not None:
            write_pictures(demo, Path(folder, "report"))


if __name__ == "__main__":
    main()
