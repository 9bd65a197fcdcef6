"""What a table says once: notes that differ only in their numbers, and rows without any figure."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from analysis.notes import NONE
from analysis.schemas.shared import COVERAGE, MEASURE
from analysis.text.cells import Cells
from analysis.text.units import UNKNOWN

NUMBER: Final = re.compile(r"(?<![\w.:/-])\d[\d,]*(?:\.\d+)?(?![\w:/-])")
"""A number by itself: not a part of a name, a date or a time."""
DAYS: Final = re.compile(r"\bday\b")
MOST_ALIKE: Final = 3
"""More notes than these that differ only in their numbers become one."""
NO_FIGURE: Final = (UNKNOWN, "", NONE, "cannot be judged")
"""Cells that tell nothing."""
YEAR: Final = 365
RANGE: Final = "# to #"
"""A range in a note: several ranges have no range of their own."""


def without_figure(line: Cells, labels: Iterable[str]) -> bool:
    """Return whether a row tells nothing but its labels, its coverage and its note."""
    beside = {*labels, "from", MEASURE.heading, COVERAGE.heading, "note"}
    return bool(line["note"]) and all(cell in NO_FIGURE for heading, cell in line.items() if heading not in beside)


def sentences(
    question: str, frame: pd.DataFrame, lines: Sequence[Cells], labels: Iterable[str], rows: int
) -> list[str]:
    """Return a sentence on each group of rows without a figure: their number, or the only row, and why they have none.

    Parameters
    ----------
    frame
        The rows without a figure; `lines` are their cells, and `labels` the headings of names.
    rows
        The number of all rows.
    """
    early = frame["more_days"].gt(0) if "more_days" in frame else pd.Series(False, frame.index)
    said = [_early(question, frame.loc[early, "more_days"], rows)] if early.any() else []
    others = [line for line, is_early in zip(lines, early, strict=True) if not is_early]
    for text, group in merged((line["note"] for line in others), 1):
        if len(group) == 1:
            line = next(line for line in others if line["note"] == group[0])
            said.append(f"{_named(line, labels)}: {text}")
        else:
            said.append(f"{_counted(len(group), rows)}: {text}")
    return said


def _named(line: Cells, labels: Iterable[str]) -> str:
    """Return the names of a row, with its window and measure if the table has several."""
    cells = (line.get(heading, UNKNOWN) for heading in (*labels, "from", MEASURE.heading))
    return ", ".join(cell for cell in cells if cell != UNKNOWN) or "all jobs"


def merged(notes: Iterable[str], most: int = MOST_ALIKE) -> list[tuple[str, list[str]]]:
    """Return notes, each once, in the order of their first use, with those that it stands for.

    Where more than `most` differ only in their numbers, they are one note, with the smallest and the largest of each.

    >>> merged(["needs 5 days more", "needs 12 days more", "no job ended"], most=1)
    [('needs 5 to 12 days more', ['needs 5 days more', 'needs 12 days more']), ('no job ended', ['no job ended'])]
    """
    alike: dict[str, list[str]] = {}
    for note in notes:
        alike.setdefault(DAYS.sub("days", NUMBER.sub("#", note)), []).append(note)
    groups: list[tuple[str, list[str]]] = []
    for alike_text, group in alike.items():
        if len(set(group)) > most and RANGE not in alike_text:
            groups.append((_ranged(group), group))
        else:
            groups += [(note, [note] * group.count(note)) for note in dict.fromkeys(group)]
    return groups


def _ranged(notes: Sequence[str]) -> str:
    """Return one note for several that differ only in their numbers."""
    numbers = zip(*(NUMBER.findall(note) for note in notes), strict=True)
    ranges = iter([_range(sorted(set(place), key=lambda text: float(text.replace(",", "")))) for place in numbers])
    return NUMBER.sub(lambda _number: next(ranges), DAYS.sub("days", notes[0]))


def _range(numbers: Sequence[str]) -> str:
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _counted(number: int, rows: int) -> str:
    if number == rows:
        return f"all {rows:,} rows"
    return f"{number:,} of {rows:,} rows"


def _early(question: str, more_days: pd.Series, rows: int) -> str:
    """Return the sentence on rows that have too few days: how many more days of polls they need."""
    claim = "change" if question == "changes" else "difference" if question == "compare" else "trend"
    soon = sorted({int(days) for days in more_days if days <= YEAR})
    where = "" if len(more_days) == rows else f" in {_counted(len(more_days), rows)}"
    late = int((more_days > YEAR).sum())
    if not soon:
        return f"no {claim} can be told yet{where}: needs more than a year of further polls"
    days = f"about {_range(list(map(str, soon)))} more {'day' if soon == [1] else 'days'}"
    longer = f", in {late:,} of them more than a year" if late else ""
    return f"no {claim} can be told yet{where}: needs {days}{longer}"
