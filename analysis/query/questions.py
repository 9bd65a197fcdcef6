"""What can be asked of a record: for each question what it needs of a series, and how it is answered."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.query.engine import Question
from analysis.query.request import Request
from analysis.queue import failures, totals, waits
from analysis.queue.told import Told
from analysis.trends import conclusions
from analysis.trends.daily import daily
from analysis.trends.profile import PROFILE, of_hours, profile
from analysis.windows import Columns, Windows, as_rows

SHARES: Final = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
"""Per cent of the jobs, of a distribution."""
ALWAYS: Final = ("coverage", "history", "method", "note")


def of_waits(request: Request) -> Question:
    """Ask how long jobs waited."""
    names = ("mean", *(f"p{quantile}" for quantile in waits.QUANTILES))
    columns = ["queue", "arrivals", "arrivals_low", "arrivals_high"]
    columns += [f"{name}{kind}_seconds" for name in names for kind in ("", "_low", "_high")]
    columns += [] if request.limit is None else ["over_slo", "over_slo_low", "over_slo_high"]

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return waits.estimate([each.waiting for each in group], windows, request.limit)

    return Question(request, ("waiting",), estimate, (*columns, "order", *ALWAYS))


def of_distribution(request: Request) -> Question:
    """Ask which share of the jobs waited how long."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return waits.estimate([each.waiting for each in group], windows, None, SHARES)

    columns = ("share", *(f"wait{kind}_seconds" for kind in ("", "_low", "_high")), "order", *ALWAYS)
    return Question(request, ("waiting",), estimate, columns, _distribution)


def of_failures(request: Request) -> Question:
    """Ask how often jobs failed."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return failures.estimate([each.ending for each in group], windows)

    return Question(request, ("ending",), estimate, (*failures.COLUMNS, *ALWAYS))


def of_flows(request: Request) -> Question:
    """Ask what came, left and ended."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return totals.load([each.flows for each in group], windows)

    return Question(request, ("flows",), estimate, ("queue", *totals.COLUMNS, *ALWAYS))


def of_coverage(request: Request) -> Question:
    """Ask how much was observed."""
    return Question(request, ("slots",), _observed, ("slots", "coverage", "longest_gap_seconds", "history", "note"))


def of_days(request: Request, columns: Sequence[str], conclude: Callable[..., Columns]) -> Question:
    """Ask what follows from days."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        waiting, ending = [each.waiting for each in group], [each.ending for each in group]
        return daily(waiting, ending, windows, request.limit)

    return Question(replace(request, every="1d"), ("waiting", "ending"), estimate, columns, conclude)


def of_trend(request: Request) -> Question:
    """Ask whether it rises or falls."""
    return of_days(request, conclusions.TREND, conclusions.trend)


def of_changes(request: Request) -> Question:
    """Ask when it changed."""
    return of_days(request, conclusions.CHANGES, conclusions.changes)


def of_compare(request: Request, periods: Ints) -> Question:
    """Ask by how much two periods differ."""
    return of_days(request, conclusions.COMPARE, partial(conclusions.compare, periods=periods))


def of_profile(request: Request) -> Question:
    """Ask for a usual week."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return of_hours([each.waiting for each in group], [each.queued for each in group], windows)

    hours = replace(request, every="1h")
    return Question(hours, ("waiting", "queued"), estimate, PROFILE, partial(profile, zone=request.tz))


def _distribution(found: Windows) -> Columns:
    """Make a row of each quantile of each window."""
    rows, n = as_rows(found), len(found.cut)
    said: Columns = {"share": np.tile(np.array(SHARES) / 100, n)}
    for name in ("window_start", "window_end", "order", *ALWAYS):
        said[name] = np.repeat(np.broadcast_to(np.asarray(rows.get(name)), n), len(SHARES))
    for kind in ("", "_low", "_high"):
        # Of a series that is too short nothing is said.
        columns = [rows.get(f"p{share}{kind}_seconds", np.full(n, np.nan)) for share in SHARES]
        said[f"wait{kind}_seconds"] = np.column_stack([np.asarray(column, float) for column in columns]).ravel()
    return said


def _observed(group: Sequence[Told], windows: Ints) -> Columns:
    """Return how many slots each window has over a group's series, and the longest gap in one of them."""
    inside = [np.diff(np.searchsorted(each.slots, windows, side="right"))[:, 0] for each in group]
    gaps = [max(_longest_gap(each.slots, int(start), int(end)) for each in group) for start, end in windows]
    return {"slots": np.sum(inside, axis=0), "longest_gap_seconds": np.array(gaps), "note": ""}


def _longest_gap(slots: Ints, start: int, end: int) -> int:
    inside = slots[(slots > start) & (slots <= end)]
    return int(np.diff(np.concatenate([[start], inside, [end]])).max())


QUESTIONS: Final = {
    "waits": of_waits,
    "distribution": of_distribution,
    "failures": of_failures,
    "flows": of_flows,
    "coverage": of_coverage,
    "trend": of_trend,
    "changes": of_changes,
    "profile": of_profile,
}
"""By the name of the method of `History` that asks it; `of_compare` asks for two periods too."""
