"""What a plan answers beside the truth: whether its interval holds it, how wide that is, how far off the point."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import History
from tests.benchmarks.plan_families import Case
from tests.planned import POOL
from tests.recorded import record_of
from tests.simulated import STEP, Floats

MEASURES = ("mean", "p90")
BOUNDS = ("", "_low", "_high")
OUTSIDE = 2 / 0.1
"""What an interval of 90 % is charged for each second by which it misses (Gneiting and Raftery 2007, section 6.2)."""


@dataclass(frozen=True)
class Answer:
    """What was said of a capacity, and the truth: mean and 9-of-10 wait, in seconds."""

    truth: Floats
    points: Floats
    low: Floats
    high: Floats
    confidence: str = ""
    """What the plan says of itself; empty where it says nothing."""

    @property
    def refused(self) -> bool:
        """Whether there is neither a point nor an upper bound."""
        return bool(np.isnan(self.points[0]) and np.isnan(self.high[0]))

    def error(self, measure: int = 0) -> float:
        """Return the error over the truth."""
        return float(abs(self.points[measure] - self.truth[measure]) / max(self.truth[measure], STEP))

    def inside(self, measure: int = 0) -> bool:
        """Return whether the truth lies in the interval, which without an upper bound has no end."""
        high = np.nan_to_num(self.high[measure], nan=np.inf)
        return bool(np.nan_to_num(self.low[measure]) <= self.truth[measure] <= high)

    @property
    def ratio(self) -> float:
        """The upper bound of the mean wait over the lower, of which none counts as less than `STEP`."""
        return float(np.fmax(np.nan_to_num(self.high[0], nan=np.inf), STEP) / np.fmax(self.low[0], STEP))

    @property
    def score(self) -> float:
        """The interval score of the mean wait over the truth: its width, and `OUTSIDE` times the distance to it."""
        low, high, truth = np.nan_to_num(self.low[0]), np.nan_to_num(self.high[0], nan=np.inf), self.truth[0]
        missed = max(low - truth, truth - high, 0.0)
        return float((high - low + OUTSIDE * missed) / max(truth, STEP))


@contextmanager
def record(case: Case) -> Iterator[History]:
    """Write the record of a case for as long as it is asked."""
    with tempfile.TemporaryDirectory() as folder:
        yield History(record_of(Path(folder), {POOL: case.counts}, {POOL: case.nodes} if case.nodes else None))


def answer_of(frame: pd.DataFrame, column: str, value: float, truth: Floats) -> Answer:
    """Return what a plan says where a column, of capacity or factor, has a value; nothing where no row does."""
    nothing = np.full(2, np.nan)
    rows = frame[np.isclose(frame[column].to_numpy(float), value)]
    if rows.empty:
        return Answer(truth, nothing, nothing, nothing)
    row = rows.iloc[0]
    point, low, high = (row[[f"{name}{bound}_seconds" for name in MEASURES]].to_numpy(float) for bound in BOUNDS)
    return Answer(truth, point, low, high, str(row.get("confidence", "")))
