"""Answers of the command line: a table on the terminal, or CSV, JSON or Parquet, also in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd

from analysis.errors import RequestRefused
from analysis.history import History
from analysis.text.answer import answers, foreseen
from analysis.text.terminal import in_zone, table
from collector.record.database import in_memory
from collector.record.files import replacing
from collector.record.paths import text_of

FIRST: Final = {"plan": answers, "forecast": foreseen}
"""What is said before the table of an estimate."""
FORMATS: Final = ("table", "csv", "json", "parquet")
# What a spreadsheet would take for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def answer(
    estimate: str, database: Path, spool: Path | None, options: dict[str, Any], format_: str, output: Path | None
) -> str:
    """Make an estimate, and give it a form.

    Parameters
    ----------
    estimate
        The name of a method of `History`; options are its keywords.

    Returns
    -------
    str
        What is to be said on standard output: nothing where it went into a file.

    Raises
    ------
    RecordUnreadable, RequestRefused
    """
    frame = getattr(History(database, spool), estimate)(**options)

    def shown() -> str:
        first = list(FIRST[estimate](frame)) if estimate in FIRST else []
        return "\n".join([*first, *([""] if first else []), table(frame)])

    return write(frame, format_, output, shown)


def write(frame: pd.DataFrame, format_: str, output: Path | None, show: Callable[[], str]) -> str:
    """Give a frame a form, and put it into a file where one is named.

    Parameters
    ----------
    show
        Makes the table of a terminal.

    Returns
    -------
    str
        What is left to say on standard output.

    Raises
    ------
    RequestRefused
        When the form needs a file, or the file cannot be written; none is left half written.
    """
    if format_ == "parquet":
        if output is None:
            raise RequestRefused("parquet is no text: name a file with --output")
        _replace(output, lambda file: _write_parquet(frame, file))
        return ""
    frame = in_zone(frame, "UTC")
    makers: dict[str, Callable[[], str]] = {"table": show, "csv": lambda: _csv(frame), "json": lambda: _json(frame)}
    text = makers[format_]()
    if output is None:
        return text
    _replace(output, lambda file: file.write_bytes(text.encode()))
    return ""


def _replace(output: Path, make: Callable[[Path], object]) -> None:
    try:
        with replacing(output) as beside:
            make(beside)
    except (OSError, duckdb.Error) as error:
        raise RequestRefused(f"{output} cannot be written ({error}): name another file with --output") from None


def _write_parquet(frame: pd.DataFrame, file: Path) -> None:
    with in_memory() as connection:
        # Columns without a single text would be of no type.
        kinds = {name: "string" for name in frame.columns if frame[name].dtype == object}
        connection.register("frame", frame.astype(kinds))
        connection.sql("FROM frame").write_parquet(text_of(file))


def _csv(frame: pd.DataFrame) -> str:
    return frame.map(_harmless).to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\r\n")


def _harmless(value: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _json(frame: pd.DataFrame) -> str:
    return frame.to_json(orient="records", date_format="iso", date_unit="s", indent=2, force_ascii=False) + "\n"
