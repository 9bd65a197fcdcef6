"""Frames of estimates as people read them: in words and units, and laid out for a terminal."""

from typing import Final

import pandas as pd
from tabulate import tabulate
from wcwidth import wcswidth

from analysis.text.cells import CELLS, SHAPES, Cells, question_of
from analysis.text.units import percent, shortened
from analysis.windows import INSTANTS, zone_of

WIDTH: Final = 100
LAST: Final = ("seen", "")
NAME_LENGTHS: Final = (24, 18, 14, 11, 9, 7, 5, 4)


def in_zone(frame: pd.DataFrame, zone: str | None = None) -> pd.DataFrame:
    """Return a frame of an estimate with all its instants in one zone.

    Parameters
    ----------
    zone
        By default that in which the first window begins: of answers that were joined each may have its own.

    Raises
    ------
    RequestRefused
        When there is no such zone.
    """
    if zone is not None:
        zone_of(zone)
    instants = [name for name in frame.columns if name in INSTANTS]
    first = frame["window_start"].iloc[0] if len(frame) else None
    there = zone or (first.tzinfo if isinstance(first, pd.Timestamp) else "UTC")
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).dt.tz_convert(there) for name in instants})


def table(frame: pd.DataFrame) -> str:
    """Show a frame of an estimate in at most a hundred columns; what is said of a row is said once, below."""
    heading, lines, labels = _said(frame)
    if not lines:
        return "no rows\n"
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
    _heading, lines, _labels = _said(frame)
    return pd.DataFrame(lines, index=pd.Index([""] * len(lines)))


def _said(frame: pd.DataFrame) -> tuple[list[str], list[Cells], list[str]]:
    """Say the rows of a frame: what holds for all of them, then each one's cells, and which of these are names."""
    estimate = question_of(frame)
    if frame.empty:
        return [], [], []
    frame = in_zone(frame)
    frame = SHAPES[estimate](frame) if estimate in SHAPES else frame
    if frame.empty:
        return [], [], []
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
            line["from"] = _window(row)
        line |= CELLS[estimate](row)
        # Why a figure is not sure comes first.
        notes = (row["reason"] if "confidence" in row.index else "", row["note"])
        texts = [text for text in notes if isinstance(text, str) and text]
        note = "; ".join(dict.fromkeys(piece for text in texts for piece in text.split("; ")))
        lines.append(line | {"seen": percent(row["coverage"]), "note": note})
    return heading, lines, labels


def _columns(lines: list[Cells]) -> str:
    """Lay out lines of cells, headings first; these as cells too, since tabulate keeps room beside its own."""
    # Of a pool of which less is known a line has fewer cells.
    headings = list(dict.fromkeys(heading for line in lines for heading in line))
    headings.sort(key=LAST.__contains__)
    cells = [[line.get(heading, "-") for heading in headings] for line in lines]
    rules = ["-" * max(map(wcswidth, column)) for column in zip(headings, *cells, strict=True)]
    rows = [headings, rules, *cells]
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def _window(row: pd.Series) -> str:
    """Say when a window begins: by its date where it begins with a day, and no more than is needed."""
    start = row["window_start"]
    if pd.Timedelta(0) < row["window_end"] - start <= pd.Timedelta(hours=6):
        return f"{start:%m-%d %H:%M}"
    return f"{start:%Y-%m-%d}" if start == start.normalize() else f"{start:%Y-%m-%d %H:%M}"
