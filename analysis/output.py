"""Frames of estimates as a terminal shows them, or as files: CSV, JSON, Parquet."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
from tabulate import tabulate

from analysis.errors import RequestRefused

FORMATS: Final = ("table", "csv", "json", "parquet")
MINUTE, HOUR, DAY = 60, 3600, 86_400
# What a spreadsheet would take for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
Cells = dict[str, str]


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
    makers: dict[str, Callable[[], str]] = {"table": show, "csv": lambda: _csv(frame), "json": lambda: _json(frame)}
    text = makers[format_]()
    if output is None:
        return text
    _replace(output, lambda file: file.write_bytes(text.encode()))
    return ""


def _replace(output: Path, make: Callable[[Path], object]) -> None:
    """Write beside a file and rename: nobody reads half of it."""
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        make(unfinished)
        unfinished.replace(output)
    except (OSError, duckdb.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise RequestRefused(f"{output} cannot be written ({error}): name another file with --output") from None


def _write_parquet(frame: pd.DataFrame, file: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # Columns without a single text would be of no type.
        kinds = {name: "string" for name in frame.columns if frame[name].dtype == object}
        connection.register("frame", frame.astype(kinds))
        connection.sql("FROM frame").write_parquet(str(file))


def _csv(frame: pd.DataFrame) -> str:
    return frame.map(_harmless).to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\r\n")


def _harmless(value: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _json(frame: pd.DataFrame) -> str:
    return frame.to_json(orient="records", date_format="iso", date_unit="s", indent=2, force_ascii=False) + "\n"


def duration(seconds: float | None, interval: float = 0.0) -> str:
    """Say a duration as people do, no finer than the poll interval.

    >>> [duration(seconds, 300) for seconds in (0, 750, 12600, 259200)]
    ['under 5 min', '12 min', '3.5 h', '3 d']
    """
    if seconds is None or pd.isna(seconds):
        return "-"
    if interval and seconds < interval:
        return f"under {duration(interval)}"
    for unit, name, until in (
        (1, "s", 90),
        (MINUTE, "min", 90 * MINUTE),
        (HOUR, "h", 2 * DAY),
        (DAY, "d", float("inf")),
    ):
        if seconds < until:
            amount = seconds / unit
            return f"{amount:.0f} {name}" if amount >= 10 or amount == int(amount) else f"{amount:.1f} {name}"
    return "-"


def with_bounds(row: pd.Series, name: str, interval: float) -> str:
    """Say a wait with its bounds: 12 min (5 min to 3.5 h)."""
    point, low, high = (row[f"{name}{bound}_seconds"] for bound in ("", "_low", "_high"))
    if pd.isna(low) and pd.isna(high):
        return "-"
    least = "0" if pd.isna(low) or low < interval else duration(low)
    if pd.isna(high):
        bounds = f"{least} or more"
    else:
        bounds = f"{least} to {duration(high)}" if high >= interval else f"under {duration(interval)}"
    if high < interval:
        return bounds
    return f"{duration(point, interval)} ({bounds})"


def number(value: float) -> str:
    """Say a number of jobs."""
    return "-" if pd.isna(value) else f"{value:,.0f}"


def percent(value: float, digits: int = 0) -> str:
    """Say a share."""
    return "-" if pd.isna(value) else f"{value:.{digits}%}"


def share_with_bounds(row: pd.Series, name: str) -> str:
    """Say a share with its bounds: 12% (9% to 15%)."""
    point, low, high = (row[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    return "-" if pd.isna(point) else f"{percent(point)} ({percent(low)} to {percent(high)})"


def table(
    frame: pd.DataFrame, cells: Callable[[pd.Series, float], Cells], every: str, zone: ZoneInfo, interval: float
) -> str:
    """Show a frame in at most a hundred columns; what is said of a row is said once, below.

    Parameters
    ----------
    cells
        What is shown of a row besides its series and window, by heading.
    interval
        The poll interval, in seconds: nothing is said finer than that.
    """
    notes: dict[str, str] = {}
    lines = []
    several = frame["project"].nunique() > 1
    for _, row in frame.iterrows():
        line = {"project": row["project"]} if several else {}
        for label in ("pool", "type"):
            if not frame[label].isna().all():
                line[label] = _short(row["pool_name"] if label == "pool" and pd.notna(row["pool_name"]) else row[label])
        line["from"] = _window(row, every, zone)
        line |= cells(row, interval) | {"seen": percent(row["coverage"])}
        if row["note"]:
            line[""] = notes.setdefault(row["note"], str(len(notes) + 1))
        lines.append(line)
    headings = list(dict.fromkeys(heading for line in lines for heading in line))
    shown = tabulate(
        [[line.get(heading, "") for heading in headings] for line in lines],
        headers=headings,
        tablefmt="simple",
        disable_numparse=True,
    )
    return "\n".join([shown, *(f"{mark}: {note}" for note, mark in notes.items())]) + "\n"


def _short(text: str) -> str:
    return text if len(text) <= 18 else f"{text[:17]}…"


def _window(row: pd.Series, every: str, zone: ZoneInfo) -> str:
    start = row["window_start"].tz_convert(zone)
    return f"{start:%Y-%m-%d %H:%M}" if every in ("1h", "all") else f"{start:%Y-%m-%d}"
