"""Tables of text that fit a width, and tables in Markdown.

A table that is too wide first has its headings, and cells that are lists, broken into lines. Then columns leave it,
those of the lowest weight first. Only then are names cut.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import Final

from collector.output.visible import one_line

STAYS: Final = 3
"""The weight of a column that never leaves a table."""
GAP: Final = "  "
SHORTEST_NAME: Final = 6
"""Letters to which a name is cut at most."""
NOTE_WIDTH: Final = 120
"""Longer lines of prose are hard to read, even where a terminal has more columns."""


@dataclass(frozen=True)
class Heading:
    """The heading of a column, and what may happen to the column."""

    text: str
    weight: int = 2
    """The lower it is, the sooner the column leaves a table that is too wide; from `STAYS` on never."""
    is_name: bool = False
    """Whether cells may be cut: names of projects, pools and types."""
    right: bool = False
    """Whether cells stand at the right: numbers."""
    wraps: bool = False
    """Whether cells are lists with commas, which take a line for each part where the table is too wide."""


Line = Mapping[str, str]
"""The cells of a row, by the text of their heading."""


def plain(lines: Sequence[Line]) -> list[dict[str, str]]:
    """Return lines whose cells hold no control character and no line feed."""
    return [{heading: one_line(cell) for heading, cell in line.items()} for line in lines]


def table(lines: Sequence[Line], headings: Sequence[Heading], width: int | None) -> tuple[str, list[str]]:
    """Return lines as a table of text.

    Parameters
    ----------
    lines
        At least one; each has a cell for every heading.
    width
        The columns of text that the table may have; None: no limit.

    Returns
    -------
    tuple
        The table, without a line feed at its end; the headings of columns that left it.
    """
    lines, shown = plain(lines), list(headings)
    if width is None or _width(lines, shown, broken=False) <= width:
        return _text(lines, shown, broken=False), []
    left: list[Heading] = []
    while _width(lines, shown, broken=True) > width:
        leaves = min(reversed(shown), key=lambda heading: heading.weight)
        if leaves.weight >= STAYS:
            break
        shown.remove(leaves)
        left.append(leaves)
    # A wide column may have left after a narrow one, for which there is room then.
    for heading in reversed(left):
        again = [other for other in headings if other in shown or other is heading]
        if _width(lines, again, broken=True) <= width:
            shown = again
    lines = _fitted(lines, shown, width)
    # Without some columns there may be room for whole headings.
    broken = _width(lines, shown, broken=False) > width
    return _text(lines, shown, broken=broken), [heading.text for heading in headings if heading not in shown]


def markdown(lines: Sequence[Line]) -> str:
    """Return lines, at least one, as a table in Markdown."""

    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(_escaped(cell) for cell in cells)} |"

    lines = plain(lines)
    headings = list(lines[0])
    return "\n".join([row(headings), row(["---"] * len(headings)), *(row(list(line.values())) for line in lines)])


def prose(text: str, width: int | None, indent: str = "") -> str:
    """Return a sentence in lines that fit a width; lines after the first one begin with the indent."""
    if width is None:
        return text
    return "\n".join(wrap(text, min(width, NOTE_WIDTH), subsequent_indent=indent, break_on_hyphens=False) or [""])


def left_out(headings: Sequence[str], width: int | None) -> str:
    """Return the sentence on the columns that a table had no room for."""
    return prose(f"left out, as the terminal is too narrow: {', '.join(headings)}; --format csv has all columns", width)


def shortened(text: str, longest: int) -> str:
    """Return a long name without its middle: names often differ at their end."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-((longest - 1) // 2) :]}"


def columns_of(text: str) -> int:
    """Return how many columns a text takes on a terminal: a Chinese character takes two."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # noqa: PLC0415 - it takes longer to import than most commands take

    return max(0, wcswidth(text))


def _fitted(lines: list[dict[str, str]], headings: Sequence[Heading], width: int) -> list[dict[str, str]]:
    """Return lines with names as long as the width allows."""
    names = [heading.text for heading in headings if heading.is_name]
    longest = max((len(line[name]) for line in lines for name in names), default=0)
    cut = lines
    while _width(cut, headings, broken=True) > width and longest > SHORTEST_NAME:
        longest -= 1
        cut = [line | {name: shortened(line[name], longest) for name in names} for line in lines]
    return cut


def _tops(lines: Sequence[Line], headings: Sequence[Heading], *, broken: bool) -> Iterator[list[str]]:
    """Yield each heading as lines; where they are broken, no wider than the cells if its words allow it."""
    for heading in headings:
        words = heading.text.split()
        if not broken or not words:
            yield [heading.text]
            continue
        widest = max(columns_of(part) for line in lines for part in _parts(line, heading, broken=broken))
        yield wrap(heading.text, max(widest, *map(len, words)), break_long_words=False)


def _widths(lines: Sequence[Line], headings: Sequence[Heading], *, broken: bool) -> list[int]:
    tops = _tops(lines, headings, broken=broken)
    return [
        max(map(columns_of, (*top, *(part for line in lines for part in _parts(line, heading, broken=broken)))))
        for heading, top in zip(headings, tops, strict=True)
    ]


def _parts(line: Line, heading: Heading, *, broken: bool) -> list[str]:
    """Return the lines of a cell."""
    cell = line[heading.text]
    return cell.replace(", ", ",\n").split("\n") if broken and heading.wraps else [cell]


def _width(lines: Sequence[Line], headings: Sequence[Heading], *, broken: bool) -> int:
    widths = _widths(lines, headings, broken=broken)
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _text(lines: Sequence[Line], headings: Sequence[Heading], *, broken: bool) -> str:
    widths = _widths(lines, headings, broken=broken)
    tops = list(_tops(lines, headings, broken=broken))
    height = max(map(len, tops))
    above = list(zip(*([""] * (height - len(top)) + top for top in tops), strict=True))
    rule = ["-" * width for width in widths]
    cells = [
        row
        for line in lines
        for row in zip_longest(*(_parts(line, heading, broken=broken) for heading in headings), fillvalue="")
    ]
    return "\n".join(_row(row, headings, widths) for row in (*above, rule, *cells))


def _row(cells: Sequence[str], headings: Sequence[Heading], widths: Sequence[int]) -> str:
    padded = (
        f"{' ' * (width - columns_of(cell))}{cell}" if heading.right else f"{cell}{' ' * (width - columns_of(cell))}"
        for cell, heading, width in zip(cells, headings, widths, strict=True)
    )
    return GAP.join(padded).rstrip()


def _escaped(cell: str) -> str:
    # A backslash is doubled first: the escape of a pipe begins with one.
    return cell.replace("\\", "\\\\").replace("|", "\\|")
