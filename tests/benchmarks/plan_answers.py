"""Compares a plan's answer with the truth: whether its interval contains it, its width, and the error of its point."""

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
"""The penalty a second of distance to a 90 % interval (Gneiting and Raftery 2007, section 6.2)."""


@dataclass(frozen=True)
class Answer:
    """A plan's answer for one capacity, and the truth; arrays have the mean and the P90 wait, in seconds."""

    truth: Floats
    points: Floats
    low: Floats
    high: Floats
    confidence: str = ""
    """The plan's own confidence; empty if it has none."""

    @property
    def refused(self) -> bool:
        """Whether there is neither a point nor an upper bound."""
        return bool(np.isnan(self.points[0]) and np.isnan(self.high[0]))

    def error(self, measure: int = 0) -> float:
        """Return the error of the point, relative to the truth."""
        return float(abs(self.points[measure] - self.truth[measure]) / max(self.truth[measure], STEP))

    def inside(self, measure: int = 0) -> bool:
        """Return whether the truth is in the interval, which is infinite without an upper bound."""
        high = np.nan_to_num(self.high[measure], nan=np.inf)
        return bool(np.nan_to_num(self.low[measure]) <= self.truth[measure] <= high)

    @property
    def ratio(self) -> float:
        """The upper bound of the mean wait over the lower bound; each counts as at least `STEP`."""
        return float(np.fmax(np.nan_to_num(self.high[0], nan=np.inf), STEP) / np.fmax(self.low[0], STEP))

    @property
    def score(self) -> float:
        """The interval score of the mean wait, relative to the truth: width plus `OUTSIDE` times the distance."""
        low, high, truth = np.nan_to_num(self.low[0]), np.nan_to_num(self.high[0], nan=np.inf), self.truth[0]
        distance = max(low - truth, truth - high, 0.0)
        return float((high - low + OUTSIDE * distance) / max(truth, STEP))


@contextmanager
def record(case: Case) -> Iterator[History]:
    """Write the record of a case, and yield its history."""
    with tempfile.TemporaryDirectory() as folder:
        yield History(record_of(Path(folder), {POOL: case.counts}, {POOL: case.nodes} if case.nodes else None))


def answer_of(frame: pd.DataFrame, column: str, value: float, truth: Floats) -> Answer:
    """Return a plan's answer for a value of a column (capacity or factor); without such a row, all are NaN."""
    missing = np.full(2, np.nan)
    rows = frame[np.isclose(frame[column].to_numpy(float), value)]
    if rows.empty:
        return Answer(truth, missing, missing, missing)
    row = rows.iloc[0]
    point, low, high = (row[[f"{name}{bound}_seconds" for name in MEASURES]].to_numpy(float) for bound in BOUNDS)
    return Answer(truth, point, low, high, str(row.get("confidence", "")))
