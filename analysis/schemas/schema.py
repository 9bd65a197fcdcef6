"""The columns of a question's answer, each with its kind, unit and meaning.

Frames and their types, the tables of a terminal, the schema of a report in JSON, `help` and the README are made from
these columns.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from textwrap import wrap
from typing import Any, Final, TypeAlias

from numpy.typing import NDArray  # noqa: TC002 - the alias is read at run time

from analysis.estimate import columns_of
from analysis.notes import Note, Notes  # noqa: TC001 - likewise


class Kind(Enum):
    """What the values of a column are."""

    LABEL = "label"
    """A name: of a project, a pool, a type."""
    INSTANT = "instant"
    """A point in time, with a zone."""
    SECONDS = "seconds"
    """A length of time."""
    SHARE = "share"
    """A part of 1."""
    COUNT = "count"
    """A number of jobs, slots or nodes; an estimate of one need not be whole."""
    NUMBER = "number"
    """Any other number, in the column's unit."""
    WORD = "word"
    """A word of a fixed list."""
    NOTE = "note"
    """Remarks, as `Notes`; as text where an answer is shown."""


TEXTS: Final = (Kind.LABEL, Kind.WORD, Kind.NOTE)
"""Kinds whose values are neither numbers nor instants."""


FIRST: Final = 1
SOMETIMES: Final = 2
NEVER: Final = 3
"""The weights of columns in a table, from the first that leaves it where it is too wide; see `Column.weight`."""


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    """Empty where the kind implies the unit, or there is none."""
    heading: str = ""
    """The heading in the table on a terminal; empty where the table leaves the column out."""
    weight: int = SOMETIMES
    """When the column leaves a table that is too wide: `FIRST`, `SOMETIMES`, or `NEVER`."""

    @property
    def measured_in(self) -> str:
        """The unit of the column, else the unit that its kind implies; empty where there is none."""
        return self.unit or {Kind.SECONDS: "seconds", Kind.SHARE: "of 1", Kind.COUNT: "jobs"}.get(self.kind, "")


@dataclass(frozen=True)
class Schema:
    """The columns of an answer, in order."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        """Yield the columns."""
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """Return the names of the columns of some kinds."""
        return tuple(column.name for column in self.columns if column.kind in kinds)

    def without(self, names: Iterable[str]) -> "Schema":
        """Return the schema without some columns."""
        left_out = set(names)
        return Schema(tuple(column for column in self.columns if column.name not in left_out))

    def text(self, width: int = 100) -> str:
        """Return the columns as a list for `help`: name, unit and meaning of each."""
        lines: list[str] = []
        for column in self.columns:
            unit = f" ({column.measured_in})" if column.measured_in else ""
            lines += wrap(f"{column.name}{unit}: {column.meaning}", width, subsequent_indent="    ")
        return "\n".join(lines)


def with_bounds(
    name: str, kind: Kind, meaning: str, bounds: str, unit: str = "", heading: str = "", weight: int = SOMETIMES
) -> tuple[Column, ...]:
    """Return the columns of an estimate: point, lower bound and upper bound.

    Parameters
    ----------
    bounds
        What the bounds are, such as ``95% interval``.
    """
    point = Column(name, kind, meaning, unit, heading, weight)
    _, low, high = columns_of(name)
    lower = replace(point, name=low, meaning=f"lower end of the {bounds}", heading="")
    upper = replace(point, name=high, meaning=f"upper end of the {bounds}; missing: there is none", heading="")
    return point, lower, upper


Columns: TypeAlias = dict[str, "NDArray[Any] | str | Note | Notes | None"]
"""The values of rows by column: an array with one value per row, or a single value for all rows."""
