"""Frames of estimates as people read them: in words and units, and laid out for a terminal."""

from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd
from tabulate import tabulate
from wcwidth import wcswidth

from analysis.errors import RequestRefused
from analysis.text.cells import CELLS, SHAPES, Cells
from analysis.text.units import percent, shortened
from analysis.windows import zone_of

WIDTH: Final = 100
NAME_LENGTHS: Final = (24, 18, 14, 11, 9, 7, 5)


def in_zone(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of an estimate with its instants in the zone that it was asked for, as figures take them."""
    instants = frame.select_dtypes("datetimetz").columns
    there = frame.assign(**{name: frame[name].dt.tz_convert(frame.attrs["zone"]) for name in instants})
    there.attrs = frame.attrs
    return there


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
