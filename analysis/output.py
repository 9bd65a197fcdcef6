"""Frames of estimates as a terminal shows them, or as files: CSV, JSON, Parquet."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
from tabulate import tabulate
from wcwidth import wcswidth

from analysis.cells import CELLS, SHAPES, Cells
from analysis.errors import RequestRefused
from analysis.history import History
from analysis.record.frames import in_zone
from analysis.windows import zone_of
from analysis.wording import percent, shortened

FORMATS: Final = ("table", "csv", "json", "parquet")
# What a spreadsheet would take for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
WIDTH: Final = 100
NAME_LENGTHS: Final = (24, 18, 14, 11, 9, 7, 5)


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
    return write(frame, format_, output, lambda: table(frame))


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


def table(frame: pd.DataFrame) -> str:
    """Show a frame of an estimate in at most a hundred columns; what is said of a row is said once, below."""
    heading, lines, labels = _said(frame)
    notes: dict[str, str] = {}
    for line in lines:
        if heading and "seen" in heading[0]:
            line.pop("seen")
        line[""] = notes.setdefault(line.pop("note"), str(len(notes) + 1)) if line["note"] else line.pop("note")
    # Names give way to figures.
    for longest in NAME_LENGTHS:
        shown = _columns([line | {label: shortened(line[label], longest) for label in labels} for line in lines])
        if max(map(wcswidth, shown.splitlines())) <= WIDTH:
            break
    return "\n".join([*heading, shown, *(f"{mark}: {note}" for note, mark in notes.items())]) + "\n"


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what a person reads of a frame of `History`: names, units, figures with their bounds, rounded.

    Parameters
    ----------
    frame
        As a method of `History` returned it, or some of its rows.

    Raises
    ------
    RequestRefused
        When it is no such frame.
    """
    if "question" not in frame.attrs:
        raise RequestRefused("only a frame that a method of History returned can be told in words")
    _heading, lines, _labels = _said(frame)
    return pd.DataFrame(lines, index=pd.Index([""] * len(lines)))


def _said(frame: pd.DataFrame) -> tuple[list[str], list[Cells], list[str]]:
    """Say the rows of a frame: what holds for all of them, then each one's cells, and which of these are names."""
    estimate, zone = frame.attrs["question"], zone_of(frame.attrs["zone"])
    # Without windows a row is about the whole period, from a day on.
    every, interval = frame.attrs["every"], frame.attrs["interval_seconds"]
    frame = in_zone(frame)
    frame = SHAPES[estimate](frame) if estimate in SHAPES else frame
    several = frame["project"].nunique() > 1
    labels = [label for label in ("project", "pool", "type") if not frame[label].isna().all()]
    labels = labels if several else [label for label in labels if label != "project"]
    # Of one window the span is said once.
    same = len(frame) > 1 and len(frame[["window_start", "window_end"]].drop_duplicates()) == 1
    first, last = (frame[f"window_{end}"].iloc[0] for end in ("start", "end"))
    seen = frame["coverage"].map(percent)
    alike = same and seen.nunique() == 1
    heading = [f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"] if same else []
    heading = [f"{heading[0]}, {seen.iloc[0]} seen"] if alike else heading
    lines = []
    for _, row in frame.iterrows():
        line = {
            label: row["pool_name"] if label == "pool" and pd.notna(row["pool_name"]) else row[label]
            for label in labels
        }
        if not same:
            line["from"] = _window(row, every, zone)
        line |= CELLS[estimate](row, interval)
        lines.append(line | {"seen": percent(row["coverage"]), "note": row["note"]})
    return heading, lines, labels


def _columns(lines: list[Cells]) -> str:
    """Lay out lines of cells, headings first; these as cells too, since tabulate keeps room beside its own."""
    headings = list(lines[0])
    rules = ["-" * max(wcswidth(heading), *(wcswidth(line[heading]) for line in lines)) for heading in headings]
    rows = [headings, rules, *(list(line.values()) for line in lines)]
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def _window(row: pd.Series, every: str, zone: ZoneInfo) -> str:
    start = row["window_start"].tz_convert(zone)
    if every == "1h":
        return f"{start:%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M}" if every == "all" else f"{start:%Y-%m-%d}"
