"""An estimate with its bounds, and the names of its columns, which are built here alone."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from analysis.arrays import Bools, Floats

SECONDS: Final = "_seconds"


def columns_of(name: str) -> tuple[str, str, str]:
    """Return the names of the columns that hold an estimate: point, lower bound and upper bound.

    >>> columns_of("arrivals")
    ('arrivals', 'arrivals_low', 'arrivals_high')
    >>> columns_of("mean_seconds")
    ('mean_seconds', 'mean_low_seconds', 'mean_high_seconds')
    """
    unit = SECONDS if name.endswith(SECONDS) else ""
    stem = name.removesuffix(unit)
    return name, f"{stem}_low{unit}", f"{stem}_high{unit}"


class Table(Protocol):
    """Columns by their names: a dict of arrays, or a frame."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401 - an array or a series
        """Return a column."""


class Estimate(NamedTuple):
    """Point estimates with their bounds: three arrays of one length; NaN where a value is unknown."""

    point: Floats
    low: Floats
    high: Floats
    """NaN beside a known lower bound: there is no upper bound."""

    @classmethod
    def unknown(cls, n: int) -> "Estimate":
        """Return n unknown estimates: every point and bound is NaN."""
        return cls(np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan))

    @classmethod
    def of(cls, columns: Table, name: str) -> "Estimate":
        """Return the estimate that columns or a frame hold under a name, see `columns_of`."""
        point, low, high = (np.asarray(columns[column], float) for column in columns_of(name))
        return cls(point, low, high)

    def columns(self, name: str) -> dict[str, Floats]:
        """Return the three arrays by the names of their columns, see `columns_of`."""
        return dict(zip(columns_of(name), self, strict=True))

    def each(self, change: Callable[[Floats], Floats]) -> "Estimate":
        """Return the estimate with the same function applied to each of its three arrays."""
        return Estimate(*map(change, self))

    @property
    def unbounded(self) -> Bools:
        """Whether each estimate has a lower bound and no upper bound."""
        return np.isnan(self.high) & ~np.isnan(self.low)

    @property
    def open_low(self) -> Floats:
        """The lower bounds; minus infinity in place of NaN."""
        return np.where(np.isnan(self.low), -np.inf, self.low)

    @property
    def open_high(self) -> Floats:
        """The upper bounds; infinity in place of NaN."""
        return np.where(np.isnan(self.high), np.inf, self.high)
