"""The answers of the command line: a table for the terminal, CSV, JSON or Parquet; on standard output or in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd

from analysis.errors import Incomplete, RequestRefused
from analysis.history import History
from analysis.text.answer import answers, foreseen
from analysis.text.terminal import in_zone, table
from collector.record.database import in_memory
from collector.record.files import replacing
from collector.record.paths import text_of

FIRST: Final = {"plan": answers, "forecast": foreseen}
"""The functions that return the sentences before the table, by question."""
# Spreadsheets take a text that begins with one of these for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def answer(
    history: History, estimate: str, options: dict[str, Any], format_: str, output: Path | None
) -> tuple[str, Incomplete | None]:
    """Return the answer of a method of `History` as text, or write it to a file.

    Parameters
    ----------
    estimate
        The name of the method; `options` are its keyword arguments.

    Returns
    -------
    tuple
        The text for standard output: empty where the answer went into a file; and the error that names the pools that
        have no answer, None where all have one.

    Raises
    ------
    RecordUnreadable, RequestRefused
    Incomplete
        When no pool has an answer.
    """
    incomplete: Incomplete | None = None
    try:
        frame = getattr(history, estimate)(**options)
    except Incomplete as error:
        if error.frames[0] is None:
            raise
        incomplete, frame = error, error.frames[0]

    def shown() -> str:
        first = list(FIRST[estimate](frame)) if estimate in FIRST else []
        return "\n".join([*first, *([""] if first else []), table(frame)])

    return write(frame, format_, output, shown), incomplete


def write(frame: pd.DataFrame, format_: str, output: Path | None, show: Callable[[], str]) -> str:
    """Return a frame as text, or write it to a file.

    Parameters
    ----------
    show
        Returns the table for a terminal.

    Returns
    -------
    str
        The text for standard output: empty where the frame went into a file.

    Raises
    ------
    RequestRefused
        When Parquet is asked for without a file, or the file cannot be written; then the old file is unchanged.
    """
    if format_ == "parquet":
        if output is None:
            raise RequestRefused("Parquet cannot be shown on a terminal: name a file with --output")
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
        # A column without any text would have no type.
        kinds = {name: "string" for name in frame.columns if frame[name].dtype == object}
        connection.register("frame", frame.astype(kinds))
        connection.sql("FROM frame").write_parquet(text_of(file))


def _csv(frame: pd.DataFrame) -> str:
    return frame.map(_harmless).to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\r\n")


def _harmless(value: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _json(frame: pd.DataFrame) -> str:
    return frame.to_json(orient="records", date_format="iso", date_unit="s", indent=2, force_ascii=False) + "\n"
