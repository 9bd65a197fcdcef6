"""Where an answer goes, and in which form: the options ``--format``, ``--json`` and ``--output`` of a command."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from collector.record.places import has_scheme

TABLE: Final = "table"
FORMS: Final = (TABLE, "json", "csv", "md", "parquet", "xlsx")
BINARY: Final = ("parquet", "xlsx")
"""The forms that a terminal cannot show."""
BY_ENDING: Final = {"": TABLE, ".txt": TABLE, **{f".{form}": form for form in FORMS if form != TABLE}}
STANDARD_OUTPUT: Final = "-"
NARROWEST: Final = 40
"""Columns of text that a table may always have."""


@dataclass(frozen=True)
class Target:
    """Where an answer goes, and in which form."""

    form: str
    """One of `FORMS`."""
    file: Path | None = None
    """None: standard output."""

    @property
    def width(self) -> int | None:
        """The columns of the terminal that shows the answer; None in a pipe or a file: no limit."""
        return width() if self.file is None else None


def width() -> int | None:
    """Return the columns of the terminal that standard output is, or those of ``COLUMNS``; None in a pipe: no limit."""
    return max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def output_options(run: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of an answer's form and file to a command, which gets a `Target` as ``target``."""

    @click.option(
        "--format",
        "format_",
        type=click.Choice(FORMS),
        help="The form of the answer; default: by the ending of --output, else table. json, csv, parquet and xlsx have "
        "all columns.",
    )
    @click.option("--json", "json_", is_flag=True, help="The same as --format json.")
    @click.option(
        "--output",
        metavar="FILE",
        help="Write to this file instead of the terminal, in the form of its ending: .json, .csv, .md, .parquet, "
        ".xlsx, or .txt for the table; - is standard output.",
    )
    @wraps(run)
    def with_target(
        *values: Any,  # noqa: ANN401 - what click gives a command
        format_: str | None,
        json_: bool,
        output: str | None,
        **options: Any,  # noqa: ANN401 - likewise
    ) -> Any:  # noqa: ANN401 - what the command returns
        return run(*values, target=target_of(format_, json_, output), **options)

    return with_target


def target_of(form: str | None, json: bool, output: str | None) -> Target:
    """Return where an answer goes, and in which form.

    Raises
    ------
    click.UsageError
        When the options contradict each other, the file's ending tells no form, or the file cannot be written there.
    """
    if json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} contradict each other: leave one out")
    form = "json" if json else form
    if output in (None, STANDARD_OUTPUT):
        target = Target(form or TABLE)
        if target.form in BINARY and sys.stdout.isatty():
            raise click.UsageError(f"{target.form} cannot be shown on a terminal: name a file with --output")
        return target
    return _in_file(form, str(output))


def _in_file(form: str | None, output: str) -> Target:
    if has_scheme(output):
        raise click.BadParameter(f"{output} is not a path: name a file of this machine", param_hint="--output")
    file = Path(output)
    if not output or file.is_dir():
        raise click.BadParameter(f"{output or 'the name'} is not a file: name one", param_hint="--output")
    if not file.parent.is_dir():
        raise click.BadParameter(
            f"{file} cannot be written: there is no folder {file.parent}; make it, or name another",
            param_hint="--output",
        )
    by_ending = BY_ENDING.get(file.suffix.lower())
    if form is None and by_ending is None:
        endings = ", ".join(filter(None, BY_ENDING))
        raise click.BadParameter(
            f"{file}: the ending {file.suffix} tells no form: take one of {endings}, or say the form with --format",
            param_hint="--output",
        )
    # A name without an ending leaves the form open.
    if form is not None and file.suffix and by_ending not in (None, form):
        raise click.UsageError(f"--format {form} and the ending of {file} contradict each other: leave --format out")
    return Target(form or by_ending or TABLE, file)
