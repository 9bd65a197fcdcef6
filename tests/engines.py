"""Questions to a record on any engine, and engines that go wrong."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import History
from analysis.query.processes import Processes
from analysis.query.tasks import Parcel

SLO = {"slo": "30m"}
QUESTIONS: dict[str, dict[str, Any]] = {
    "waits": {"every": "1d", "zone": "Europe/Berlin", **SLO},
    "distribution": {},
    "failures": {"every": "1w"},
    "flows": {"every": "1d", "by": "pool"},
    "coverage": {"every": "1d"},
    "trend": SLO,
    "changes": SLO,
    "profile": {},
    "compare": {"since": "10d"},
    "load": {},
    "plan": {},
    "check": {},
    "forecast": {},
}
"""Every question that engines answer, with options."""
SUMS: dict[str, dict[str, Any]] = {
    "waits": {"every": "1d", **SLO},
    "failures": {},
    "flows": {"every": "1w"},
    "coverage": {},
    "trend": SLO,
    "profile": {},
}
"""Questions whose answers are summed over pools."""


def answer(history: History, question: str, **options: Any) -> pd.DataFrame:  # noqa: ANN401 - any option
    """Return the answer of a method of `History`."""
    frame: pd.DataFrame = getattr(history, question)(**options)
    return frame


class Dying(Processes):
    """Processes of which the one that does the first task dies: once, or each time."""

    def __init__(self, marker: Path, *, always: bool) -> None:
        super().__init__(2)
        self._marker, self._always = marker, always

    def map(self, function: Callable[[Any], Any], items: Iterable[Parcel], /) -> Iterator[Any]:
        """Yield the results."""
        parcels = list(items)
        return super().map(partial(die_first, function, parcels[0], self._marker, self._always), parcels)


def die_first(function: Callable[[Any], Any], first: Parcel, marker: Path, always: bool, parcel: Parcel) -> Any:  # noqa: ANN401 - as `Engine`
    """Do a parcel; end the process instead if it is the first, and no process has yet ended for it or all shall."""
    if parcel == first and (always or not marker.exists()):
        marker.touch()
        os._exit(9)
    return function(parcel)
