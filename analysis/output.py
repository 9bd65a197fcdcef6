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
from analysis.history import History
from analysis.windows import zone_of

FORMATS: Final = ("table", "csv", "json", "parquet")
MINUTE, HOUR, DAY = 60, 3600, 86_400
# What a spreadsheet would take for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
WIDTH: Final = 100
NAME_LENGTHS: Final = (24, 18, 14, 11, 9, 7, 5)
Cells = dict[str, str]


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
    every, zone, interval = options["every"], zone_of(options["zone"]), frame.attrs["interval_seconds"]
    return write(frame, format_, output, lambda: table(frame, CELLS[estimate], every, zone, interval))


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
    """Say a wait with its bounds: 12 min (5 min-3.5 h)."""
    point, low, high = (row[f"{name}{bound}_seconds"] for bound in ("", "_low", "_high"))
    if pd.isna(low) and pd.isna(high):
        return "-"
    least = "0" if pd.isna(low) or low < interval else duration(low)
    if pd.isna(high):
        bounds = f"{least} or more"
    else:
        bounds = f"{least}-{duration(high)}" if high >= interval else f"under {duration(interval)}"
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
    """Say a share with its bounds: 12% (9%-15%)."""
    point, low, high = (row[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    return "-" if pd.isna(point) else f"{percent(point)} ({percent(low)}-{percent(high)})"


def _waits(row: pd.Series, interval: float) -> Cells:
    cells = {"jobs": number(row["arrivals"]), "mean wait": with_bounds(row, "mean", interval)}
    if "over_slo" in row:
        return cells | {"over the limit": share_with_bounds(row, "over_slo")}
    return cells | {"9 of 10 within": with_bounds(row, "p90", interval)}


def _failures(row: pd.Series, _interval: float) -> Cells:
    return {
        "ended": number(row["finished"]),
        "failed": number(row["failed"]),
        "failure rate": share_with_bounds(row, "failure_rate"),
        "of those that ran": percent(row["failure_rate_of_ran"]),
    }


def _flows(row: pd.Series, interval: float) -> Cells:
    return {
        "came": number(row["arrivals"]),
        "done": number(row["completed"]),
        "failed": number(row["failed"]),
        "term.": number(row["terminated"]),
        "queue": number(row["queue_end"]),
        "drains in": with_bounds(row, "drain", interval),
    }


def _coverage(row: pd.Series, _interval: float) -> Cells:
    return {"slots": number(row["slots"]), "longest gap": duration(row["longest_gap_seconds"]), "kept": row["history"]}


CELLS: Final = {"waits": _waits, "failures": _failures, "flows": _flows, "coverage": _coverage}
"""What a table shows of a row besides its series and window, by heading."""


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
    several = frame["project"].nunique() > 1
    labels = [label for label in ("project", "pool", "type") if not frame[label].isna().all()]
    labels = labels if several else [label for label in labels if label != "project"]
    lines = []
    for _, row in frame.iterrows():
        line = {
            label: row["pool_name"] if label == "pool" and pd.notna(row["pool_name"]) else row[label]
            for label in labels
        }
        line["from"] = _window(row, every, zone)
        line |= cells(row, interval) | {"seen": percent(row["coverage"])}
        line[""] = notes.setdefault(row["note"], str(len(notes) + 1)) if row["note"] else ""
        lines.append(line)
    # Names give way to figures.
    for longest in NAME_LENGTHS:
        shown = _columns([line | {label: _short(line[label], longest) for label in labels} for line in lines])
        if max(map(len, shown.splitlines())) <= WIDTH:
            break
    return "\n".join([shown, *(f"{mark}: {note}" for note, mark in notes.items())]) + "\n"


def _columns(lines: list[Cells]) -> str:
    """Lay out lines of cells, headings first; these as cells too, since tabulate keeps room beside its own."""
    headings = list(lines[0])
    rules = ["-" * max(len(heading), *(len(line[heading]) for line in lines)) for heading in headings]
    rows = [headings, rules, *(list(line.values()) for line in lines)]
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _window(row: pd.Series, every: str, zone: ZoneInfo) -> str:
    start = row["window_start"].tz_convert(zone)
    if every == "1h":
        return f"{start:%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M}" if every == "all" else f"{start:%Y-%m-%d}"
