"""Frames of estimates for people: names, units and notes as text, and tables for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from analysis.calendar import zone_of
from analysis.schemas import INSTANTS
from analysis.schemas.shared import COVERAGE
from analysis.text.cells import SHAPES, Cells, cells_of, question_of, shown_columns
from analysis.text.heatmap import heatmap
from analysis.text.language import rendered, together
from analysis.text.numbers import Numbers, numbers_of
from analysis.text.refusals import NO_FIGURE, merged, sentences, without_figure
from analysis.text.units import UNKNOWN
from collector.output.layout import STAYS, Heading, left_out, markdown, prose
from collector.output.layout import table as layout
from collector.output.visible import one_line

NOTE: Final = "note"
"""The heading of the note on a row; a terminal's table has the number of the note there, without a heading."""


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


def table(frame: pd.DataFrame, width: int | None = None) -> str:
    """Return a frame of an estimate as a table of text, with each note once below it.

    Rows without any figure are not in the table: a sentence says how many they are, and why. A profile is a map of days
    by hours.

    Parameters
    ----------
    width
        The columns of text that the terminal has: a table that is too wide loses columns, then its names are cut. None:
        no limit.
    """
    question = question_of(frame)
    frame = in_zone(frame)
    if frame.empty:
        return "no rows\n"
    span, lines, labels = _lines(question, frame)
    # A coverage that all rows share is shown once, above the table.
    coverages = {line.get(COVERAGE.heading) for line in lines}
    # The windows of a forecast come after the record, which alone was observed.
    ahead, of_record = ("forecast for ", " of the record") if question == "forecast" else ("", "")
    above = [f"{ahead}{span}"] if span else []
    if len(coverages) == 1 and COVERAGE.heading in lines[0]:
        above.append(f"{COVERAGE.heading}{of_record} {coverages.pop()}")
        lines = [_without(line, COVERAGE.heading) for line in lines]
    parts = [prose(", ".join(above), width)] if above else []
    if question == "profile":
        parts += ["", *heatmap(frame, labels, width), *_numbered(_note_numbers(lines), width)]
        return "\n".join(parts) + "\n"
    silent = [without_figure(line, labels) for line in lines]
    shown = [line for line, is_silent in zip(lines, silent, strict=True) if not is_silent]
    if shown:
        parts += _table(question, shown, labels, width)
        parts += [prose(text, width) for text in legend(frame)]
    if any(silent):
        refused = [line for line, is_silent in zip(lines, silent, strict=True) if is_silent]
        said = sentences(question, frame[silent], refused, labels, len(lines))
        parts += [prose(one_line(text), width) for text in (*said[:-1], f"{said[-1]} (--format csv has all rows)")]
    return "\n".join(parts) + "\n"


def _table(question: str, lines: Sequence[Cells], labels: Sequence[str], width: int | None) -> Iterator[str]:
    """Yield a table, the sentence on columns that it has no room for, and its notes."""
    numbers = _note_numbers(lines)
    marked = [_without(line, NOTE) | {"": numbers.get(line[NOTE], ("", ""))[0]} for line in lines]
    weights = {column.heading: column.weight for column in shown_columns(question) if column.heading}
    # A column without any value leaves first.
    weights |= {text: 0 for text in weights if all(line.get(text) in NO_FIGURE for line in marked)}
    headings = [
        Heading(text, weights.get(text, STAYS), is_name=text in labels) for text in marked[0] if text or numbers
    ]
    text, missing = layout(marked, headings, width)
    yield text
    if missing:
        yield left_out(missing, width)
    yield from _numbered(numbers, width)


def legend(frame: pd.DataFrame) -> list[str]:
    """Return the meaning of the star in a table of a plan, where it has one."""
    starred = "extrapolated" in frame and bool((frame["extrapolated"] > 0).any())
    return ["*: the load on this capacity is higher than any load in the record"] if starred else []


def _note_numbers(lines: Sequence[Cells]) -> dict[str, tuple[str, str]]:
    """Return the number and the text of each note; notes that differ only in numbers may have one."""
    numbers: dict[str, tuple[str, str]] = {}
    for number, (text, notes) in enumerate(merged(line[NOTE] for line in lines if line[NOTE]), 1):
        ranged = "" if text in notes else f" (smallest and largest of {len(notes):,} rows)"
        numbers |= dict.fromkeys(notes, (str(number), f"{text}{ranged}"))
    return numbers


def _numbered(notes: Mapping[str, tuple[str, str]], width: int | None) -> Iterator[str]:
    for number, text in dict.fromkeys(notes.values()):
        yield prose(one_line(f"{number}: {text}"), width, " " * (len(number) + 2))


def _without(line: Cells, heading: str) -> Cells:
    return {other: cell for other, cell in line.items() if other != heading}


def for_markdown(frame: pd.DataFrame) -> str:
    """Return a frame of an estimate as a table in Markdown: all rows, with their notes in a column."""
    span, lines = lines_of(frame)
    if not lines:
        return "no rows\n"
    return "\n\n".join([*([span] if span else []), markdown(lines), *legend(frame)]) + "\n"


def lines_of(frame: pd.DataFrame) -> tuple[str, list[Cells]]:
    """Return the span of the windows where all rows have the same, else an empty text; the cells of each row."""
    span, lines, _labels = _lines(question_of(frame), _shaped(frame))
    return span, lines


def numbers_in(frame: pd.DataFrame) -> list[Numbers]:
    """Return the cells of `lines_of` that show one number alone, as numbers."""
    question = question_of(frame)
    return [numbers_of(question, row) for _place, row in _shaped(frame).iterrows()]


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
    _span, lines = lines_of(frame)
    return pd.DataFrame(lines, index=pd.Index([""] * len(lines)))


def _shaped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with all its instants in one zone, in the shape of the table of its question."""
    question, frame = question_of(frame), in_zone(frame)
    return SHAPES[question](frame) if question in SHAPES and len(frame) else frame


def _lines(question: str, frame: pd.DataFrame) -> tuple[str, list[Cells], list[str]]:
    """Return the cells of each row of a frame, by heading.

    Returns
    -------
    tuple
        The span of the windows where all rows have the same, else an empty text; the cells of each row; the headings
        of names.
    """
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
    headings = [
        heading
        for heading in (*labels, "from", *(column.heading for column in shown_columns(question)), NOTE)
        if heading in used
    ]
    lines = [{heading: line.get(heading, UNKNOWN) for heading in headings} for line in lines]
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}" if same else "", lines, labels


def _name(row: pd.Series, label: str) -> str:
    name = row["pool_name"] if label == "pool" and pd.notna(row["pool_name"]) else row[label]
    return str(name) if pd.notna(name) else UNKNOWN


def _note(row: pd.Series) -> str:
    """Return the reason of the confidence or verdict, then the note; without a text that the other one contains."""
    reason, note = (rendered(row.get(name)) for name in ("reason", "note"))
    return together(text for text, other in ((reason, note), (note, reason)) if text == other or text not in other)


def _window(row: pd.Series) -> str:
    """Return the text of a window's start: the date, with the time where needed; without the year for short windows."""
    start = row["window_start"]
    if pd.Timedelta(0) < row["window_end"] - start <= pd.Timedelta(hours=6):
        return f"{start:%m-%d %H:%M}"
    return f"{start:%Y-%m-%d}" if start == start.normalize() else f"{start:%Y-%m-%d %H:%M}"
