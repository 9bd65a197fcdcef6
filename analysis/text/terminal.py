"""Frames of estimates for people: names, units and notes as text, and tables for a terminal."""

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

import pandas as pd
from tabulate import tabulate
from wcwidth import wcswidth

from analysis.calendar import zone_of
from analysis.schemas import INSTANTS
from analysis.schemas.shared import COVERAGE
from analysis.text.cells import SHAPES, Cells, cells_of, headings_of, question_of
from analysis.text.language import rendered, together
from analysis.text.units import UNKNOWN, shortened

WIDTH: Final = 100
NOTE: Final = "note"
"""The heading of the note on a row; a terminal's table has the number of the note there, without a heading."""
NAME_LENGTHS: Final = (24, 18, 14, 11, 9, 7, 5, 4)
"""Lengths to which names are shortened until a table fits; from `BRIEF` on headings are abbreviated too."""
BRIEF: Final = 9
ABBREVIATED: Final = 6
"""Letters of an abbreviated word of a heading, its full stop included."""


def in_zone(frame: pd.DataFrame, zone: str | None = None) -> pd.DataFrame:
    """Return a frame of an estimate with all its instants in one zone.

    Parameters
    ----------
    zone
        The zone's name; default: the zone of the first window. (Frames joined from several answers may have several.)

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
    """Return a frame of an estimate as a table of at most `WIDTH` columns of text, with each note once below it."""
    span, lines, labels = _lines(frame)
    if not lines:
        return "no rows\n"
    coverage = COVERAGE.heading
    above = [span] if span else []
    # A coverage that all rows share is shown once, above the table.
    if len({line.get(coverage) for line in lines}) == 1 and coverage in lines[0]:
        above.append(f"{coverage} {lines[0][coverage]}")
        lines = [{heading: cell for heading, cell in line.items() if heading != coverage} for line in lines]
    numbers: dict[str, str] = {}
    for line in lines:
        note = line.pop(NOTE)
        line[""] = numbers.setdefault(note, str(len(numbers) + 1)) if note else ""
    shown = next(shown for shown, fits in _layouts(lines, labels) if fits)
    return (
        "\n".join([*([", ".join(above)] if above else []), shown, *(f"{n}: {note}" for note, n in numbers.items())])
        + "\n"
    )


def _layouts(lines: Sequence[Cells], labels: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield ever narrower layouts of lines, each with whether it may be shown: it fits, or it is the last one."""
    # First headings are broken into lines, then names are shortened.
    for longest, broken, brief in [(NAME_LENGTHS[0], False, False), *((n, True, n < BRIEF) for n in NAME_LENGTHS)]:
        cut = [line | {label: shortened(line[label], longest) for label in labels} for line in lines]
        shown = _columns(cut, broken=broken, brief=brief)
        yield shown, max(map(wcswidth, shown.splitlines())) <= WIDTH or longest == NAME_LENGTHS[-1]


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of `History` for reading: names, units, and rounded values with their bounds.

    Parameters
    ----------
    frame
        The result of a method of `History`, or some of its rows.

    Raises
    ------
    RequestRefused
        When the frame is from no method of `History`.
    """
    _span, lines, _labels = _lines(frame)
    return pd.DataFrame(lines, index=pd.Index([""] * len(lines)))


def _lines(frame: pd.DataFrame) -> tuple[str, list[Cells], list[str]]:
    """Return the cells of each row of a frame, by heading.

    Returns
    -------
    tuple
        The span of the windows where all rows have the same, else an empty text; the cells of each row; the headings
        of names.
    """
    question = question_of(frame)
    frame = in_zone(frame)
    if question in SHAPES and len(frame):
        frame = SHAPES[question](frame)
    if frame.empty:
        return "", [], []
    several = frame["project"].nunique() > 1
    labels = [label for label in ("project", "pool", "type") if not frame[label].isna().all()]
    labels = labels if several else [label for label in labels if label != "project"]
    # The span of a single window is shown once, above the table.
    same = len(frame) > 1 and len(frame[["window_start", "window_end"]].drop_duplicates()) == 1
    first, last = (frame[f"window_{end}"].iloc[0] for end in ("start", "end"))
    lines = []
    for _place, row in frame.iterrows():
        line = {label: _name(row, label) for label in labels}
        if not same:
            line["from"] = _window(row)
        lines.append(line | cells_of(question, row) | {NOTE: _note(row)})
    # A pool with fewer estimates has fewer cells.
    used = {heading for line in lines for heading in line}
    headings = [heading for heading in (*labels, "from", *headings_of(question), NOTE) if heading in used]
    lines = [{heading: line.get(heading, UNKNOWN) for heading in headings} for line in lines]
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}" if same else "", lines, labels


def _name(row: pd.Series, label: str) -> str:
    name = row["pool_name"] if label == "pool" and pd.notna(row["pool_name"]) else row[label]
    return str(name) if pd.notna(name) else UNKNOWN


def _note(row: pd.Series) -> str:
    """Return the reason of the confidence or verdict, then the note; without a text that the other one contains."""
    reason, note = (rendered(row.get(name)) for name in ("reason", "note"))
    return together(text for text, other in ((reason, note), (note, reason)) if text == other or text not in other)


def _columns(lines: Sequence[Cells], *, broken: bool, brief: bool) -> str:
    """Return lines of cells as a table. Headings are cells too, since tabulate adds space beside its own headings."""
    headings = list(lines[0])
    cells = [list(line.values()) for line in lines]
    widest = [max(map(wcswidth, column)) for column in zip(*cells, strict=True)]
    tops = [
        _broken(heading, width, brief) if broken else [heading] for heading, width in zip(headings, widest, strict=True)
    ]
    height = max(map(len, tops))
    above = list(zip(*([""] * (height - len(top)) + top for top in tops), strict=True))
    rules = ["-" * max(map(wcswidth, column)) for column in zip(*above, *cells, strict=True)]
    return tabulate([*above, rules, *cells], tablefmt="plain", disable_numparse=True)


def _broken(heading: str, width: int, brief: bool) -> list[str]:
    """Return a heading as lines no wider than its cells, where its words allow it; `brief` abbreviates words."""
    if brief:
        width = max(width, ABBREVIATED)
        heading = re.sub(rf"\w{{{width + 1},}}", lambda long: f"{long[0][: ABBREVIATED - 1]}.", heading)
    words = wrap(heading, max(width, *map(len, heading.split())), break_long_words=False) if heading else []
    return words or [""]


def _window(row: pd.Series) -> str:
    """Return the text of a window's start: the date, with the time where needed; without the year for short windows."""
    start = row["window_start"]
    if pd.Timedelta(0) < row["window_end"] - start <= pd.Timedelta(hours=6):
        return f"{start:%m-%d %H:%M}"
    return f"{start:%Y-%m-%d}" if start == start.normalize() else f"{start:%Y-%m-%d %H:%M}"
