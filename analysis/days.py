"""The days of a group as trends take them: wait, share over a limit, arrivals, failure rate, each with its bounds."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis import failures, waits
from analysis.batches import Days
from analysis.failures import Ending
from analysis.flows import Flows
from analysis.groups import Windows
from analysis.matching import Real, Whole
from analysis.periods import Columns
from analysis.service import Waiting

MEASURES: Final = ("wait", "over", "arrivals", "failures")
DAY: Final = 86_400
# A day of which less was seen is left out.
SEEN: Final = 0.5


class Jobs:
    """What one series tells of its jobs: how they waited, and how they ended."""

    def __init__(self, flows: Flows, order: str) -> None:
        self.waiting = Waiting(flows, order)
        self.ending = Ending(flows)


def daily(group: Sequence[Jobs], windows: Whole, limit: int | None) -> Columns:
    """Estimate mean waits, shares over a limit and arrivals, and count ends, in each day."""
    said = waits.estimate([each.waiting for each in group], windows, limit, quantiles=())
    if all(each.ending.kept for each in group):
        ended, low, high = failures.ends([each.ending for each in group], windows)
        others_low, others_high = (sum(of.values()) - of["Failed"] for of in (low, high))
        said |= {
            "failed": ended["Failed"],
            "finished": np.sum(list(ended.values()), axis=0),
            "rate_low": low["Failed"] / np.maximum(low["Failed"] + others_high, 1),
            "rate_high": high["Failed"] / np.maximum(high["Failed"] + others_low, 1),
        }
    return said


def measures(found: Windows) -> Iterator[tuple[str, Days, str]]:
    """Return each measure's days, and what is to be said of those that are left out.

    Left out are days in which the record begins or ends, of which less than half was seen, and the last ones while
    their jobs still wait.
    """
    whole = ~found.begins_in & ~found.ends_in
    seen = whole & (found.coverage >= SEEN)
    unseen = int((whole & ~seen).sum())
    note = f"{_days(unseen)} of which less than half was seen left out" if unseen else ""
    said = found.said
    lengths = np.diff(found.cut)[:, 0] / DAY
    numbers = np.arange(len(found.cut))
    nothing = np.full(len(numbers), np.nan)

    def column(name: str) -> Real:
        values = said.get(name)
        return nothing if values is None else np.asarray(values, float)

    arrivals = column("arrivals")
    for name, value in (("wait", "mean{}_seconds"), ("over", "over_slo{}")):
        point, low, high = (column(value.format(bound)) for bound in ("", "_low", "_high"))
        if value.format("") in said or name == "wait":
            # Where ends are not kept nothing bounds waits from above, and that tells nothing of who still waits.
            bounded = np.isfinite(column("arrivals_high")).all()
            waiting = _last_open(np.isnan(high), seen & (arrivals > 0)) & bounded
            more = f"the last {_days(int(waiting.sum()))} left out: jobs still wait" if waiting.any() else ""
            days = _days_of(numbers, (point, low, high), arrivals, seen & ~waiting)
            yield name, days, "; ".join(filter(None, (note, more)))
    a_day = (arrivals / lengths, column("arrivals_low") / lengths, column("arrivals_high") / lengths)
    yield "arrivals", _days_of(numbers, a_day, np.ones(len(numbers)), seen), note
    finished = column("finished")
    rate = np.divide(column("failed"), finished, out=nothing.copy(), where=finished > 0)
    yield "failures", _days_of(numbers, (rate, column("rate_low"), column("rate_high")), finished, seen), note


def _last_open(open_: NDArray[np.bool_], days: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which days have an open end, and all those after them too."""
    closed = np.flatnonzero(days & ~open_)
    last: NDArray[np.bool_] = days & (np.arange(len(days)) > (closed[-1] if len(closed) else -1))
    return last


def _days_of(numbers: Whole, figures: tuple[Real, Real, Real], weights: Real, chosen: NDArray[np.bool_]) -> Days:
    point, low, high = figures
    weights = np.nan_to_num(weights)
    some = chosen & np.isfinite(point) & (weights > 0)
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    return Days(numbers, point, low, high, weights).where(some)


def _days(number: int) -> str:
    return "one day" if number == 1 else f"{number} days"
