"""What can be asked of a record: for each question what it needs of a series, and how it is answered.

A question is a name and its options, plain values that can be sent to another process; the functions that answer it are
found there by its name, in `KINDS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np

from analysis.arrays import Ints
from analysis.capacity.analogs import METHODS
from analysis.capacity.check import CHECK, check
from analysis.capacity.forecast import FORECAST, forecast
from analysis.capacity.headroom import hourly
from analysis.capacity.load import LOAD, saturation
from analysis.capacity.plan import PLAN, as_curve, plan
from analysis.capacity.scenario import Wish
from analysis.errors import RequestRefused
from analysis.query.request import Request
from analysis.queue import failures, observed, totals, verdict, waits
from analysis.queue.floor import bounds_alone, without_points
from analysis.queue.told import Told
from analysis.trends import conclusions
from analysis.trends.daily import daily
from analysis.trends.profile import PROFILE, of_hours, profile
from analysis.windows import Columns, Windows, as_rows

SHARES: Final = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
"""Per cent of the jobs, of a distribution."""
ALWAYS: Final = ("coverage", "history", "method", "note")


@dataclass(frozen=True)
class Question:
    """One thing that is asked of every group of series."""

    name: str
    """One of `KINDS`."""
    request: Request
    """Its ``every`` is the length of the windows that are estimated."""
    periods: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    """Of a comparison: start and end of the period and of the other, in seconds."""
    wish: Wish = Wish()  # noqa: RUF009 - it is frozen
    """Of a plan or a forecast."""
    flavors: Mapping[str, int] = field(default_factory=dict)
    """Of a load: cards a node, by flavor."""
    rows: str = "1w"
    """Of a forecast: 1h, 1d or 1w, the length of the windows that it tells of."""
    ahead: int | None = None
    """Of a forecast: weeks; as many as the record tells where it is None."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its answer, after the labels."""
        limited = self.name != "waits" or self.request.limit is not None
        return tuple(name for name in KINDS[self.name].columns if limited or name not in waits.LIMITED)

    @property
    def needs(self) -> tuple[str, ...]:
        """What of `Told` it takes."""
        # Waits are replayed for a target alone.
        without = ("waiting",) if self.name == "forecast" and not self.wish.aims else ()
        return tuple(name for name in KINDS[self.name].needs if name not in without)

    def estimate(self, group: Sequence[Told], windows: Ints) -> Columns:
        """Estimate what is asked of a group's series, for windows (start, end] in seconds, a row each."""
        return KINDS[self.name].estimate(self, group, windows)

    def conclude(self, found: Windows) -> Columns:
        """Make rows of what was estimated: the columns, and the windows that they are about."""
        return KINDS[self.name].conclude(self, found)


Estimate: TypeAlias = Callable[[Question, Sequence[Told], Ints], Columns]
Conclude: TypeAlias = Callable[[Question, Windows], Columns]


def _a_row_a_window(_question: Question, found: Windows) -> Columns:
    return as_rows(found)


def _observed(_question: Question, found: Windows) -> Columns:
    said = without_points(found.said, found.coverage)
    said = bounds_alone(said, found.hidden, found.cut[:, 1] > found.unknown_after)
    return as_rows(replace(found, said=said))


@dataclass(frozen=True)
class Kind:
    """How one kind of question is answered."""

    needs: tuple[str, ...]
    """What of `Told` it takes."""
    columns: Sequence[str]
    estimate: Estimate
    conclude: Conclude = _a_row_a_window


def ask(name: str, request: Request) -> Question:
    """Ask a question that has no options but those of every estimate; one of `ASKED`."""
    return Question(name, replace(request, every=ASKED[name] or request.every))


def ask_comparison(request: Request, periods: Ints) -> Question:
    """Ask by how much two periods differ: a row each, start and end in seconds."""
    (start, end), (other_start, other_end) = periods.tolist()
    return Question("compare", replace(request, every="1d"), periods=((start, end), (other_start, other_end)))


def ask_load(request: Request, flavors: Mapping[str, int]) -> Question:
    """Ask how full pools were."""
    return Question("load", _of_pools(request), flavors=flavors)


def ask_plan(request: Request, wish: Wish) -> Question:
    """Ask what another capacity would do, of whole pools."""
    return Question("plan", _of_pools(replace(request, every="all", by="pool")), wish=wish)


def ask_check(request: Request) -> Question:
    """Ask what plans from before nodes changed said of what came after."""
    return Question("check", _of_pools(replace(request, every="all", by="pool")))


def ask_forecast(request: Request, wish: Wish, ahead: int | None) -> Question:
    """Ask what the next weeks bring, of whole pools; as many as the record tells where `ahead` is None."""
    if request.every not in METHODS:
        raise RequestRefused(f"every cannot be {request.every!r}: a forecast is by 1h, 1d or 1w")
    hours = _of_pools(replace(request, every="1h", by="pool"))
    return Question("forecast", hours, wish=wish, rows=request.every, ahead=ahead)


def _of_pools(request: Request) -> Request:
    """Return a request about whole pools; refuse one that is not."""
    if request.type:
        raise RequestRefused("type cannot be said here: the types of a pool share its capacity")
    if request.by not in ("pool", "all"):
        raise RequestRefused(f"by cannot be {request.by!r} here: take pool or all")
    return request


def _waits(question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return waits.estimate([told.waiting for told in group], windows, question.request.limit)


def _judged(question: Question, found: Windows) -> Columns:
    """Judge the windows by what the floor left of them."""
    rows, limit = _observed(question, found), question.request.limit
    if limit is None:
        return rows
    return rows | verdict.judge(rows, found.coverage, found.cut[:, 1], found.last, limit, question.request.allowed)


def _quantiles(_question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return waits.estimate([told.waiting for told in group], windows, None, SHARES)


def _distribution(question: Question, found: Windows) -> Columns:
    """Make a row of each quantile of each window."""
    rows, n = _observed(question, found), len(found.cut)
    said: Columns = {"share": np.tile(np.array(SHARES) / 100, n)}
    for name in ("window_start", "window_end", "order", *ALWAYS):
        said[name] = np.repeat(np.broadcast_to(np.asarray(rows.get(name)), n), len(SHARES))
    for kind in waits.BOUNDS:
        # Of a series that is too short nothing is said.
        columns = [rows.get(f"p{share}{kind}_seconds", np.full(n, np.nan)) for share in SHARES]
        said[f"wait{kind}_seconds"] = np.column_stack([np.asarray(column, float) for column in columns]).ravel()
    return said


def _failures(_question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return failures.estimate([told.ending for told in group], windows)


def _flows(_question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return totals.load([told.flows for told in group], windows)


def _coverage(_question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return observed.estimate(group, windows)


def _days(question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    waiting, ending = [told.waiting for told in group], [told.ending for told in group]
    return daily(waiting, ending, windows, question.request.limit)


def _trend(_question: Question, found: Windows) -> Columns:
    return conclusions.trend(found)


def _changes(_question: Question, found: Windows) -> Columns:
    return conclusions.changes(found)


def _compare(question: Question, found: Windows) -> Columns:
    return conclusions.compare(found, np.array(question.periods))


def _hours(_question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return of_hours([told.waiting for told in group], [told.queued for told in group], windows)


def _profile(question: Question, found: Windows) -> Columns:
    return profile(found, question.request.tz)


def _load(question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return saturation(group, windows, question.flavors, question.request.queue, question.request.tz)


def _plan(question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return plan(group, windows, _wish(question, group), question.request.queue)


def _wish(question: Question, group: Sequence[Told]) -> Wish:
    """Return what is asked of the pool of a group."""
    pool = group[0].flows.series.pool
    return question.wish.of(pool.pool, pool.name)


def _curve(_question: Question, found: Windows) -> Columns:
    return as_curve(found)


def _check(question: Question, group: Sequence[Told], _windows: Ints) -> Columns:
    return check(group, question.request.queue)


def _arrivals(question: Question, group: Sequence[Told], windows: Ints) -> Columns:
    return hourly(group, windows, _wish(question, group), question.request.queue)


def _forecast(question: Question, found: Windows) -> Columns:
    return forecast(found, question.wish, question.ahead, question.rows, question.request.tz)


DISTRIBUTION: Final = ("share", *(f"wait{kind}_seconds" for kind in waits.BOUNDS), "order")
COVERAGE: Final = (*observed.COLUMNS, "coverage", "longest_gap_seconds", "history", "note")
KINDS: Final = {
    "waits": Kind(("waiting",), ("queue", *waits.COLUMNS, *ALWAYS), _waits, _judged),
    "distribution": Kind(("waiting",), (*DISTRIBUTION, *ALWAYS), _quantiles, _distribution),
    "failures": Kind(("ending",), (*failures.COLUMNS, *ALWAYS), _failures, _observed),
    "flows": Kind(("flows",), ("queue", *totals.COLUMNS, *ALWAYS), _flows, _observed),
    "coverage": Kind(("slots", "odd_slots"), COVERAGE, _coverage),
    "trend": Kind(("waiting", "ending"), conclusions.TREND, _days, _trend),
    "changes": Kind(("waiting", "ending"), conclusions.CHANGES, _days, _changes),
    "compare": Kind(("waiting", "ending"), conclusions.COMPARE, _days, _compare),
    "profile": Kind(("waiting", "queued"), PROFILE, _hours, _profile),
    "load": Kind(("flows",), LOAD, _load),
    "plan": Kind(("waiting", "flows"), PLAN, _plan, _curve),
    "check": Kind(("waiting", "flows"), CHECK, _check, _curve),
    "forecast": Kind(("waiting", "flows"), FORECAST, _arrivals, _forecast),
}
"""By the name of the method of `History` that asks it."""
ASKED: Final[dict[str, str | None]] = {
    "waits": None,
    "distribution": None,
    "failures": None,
    "flows": None,
    "coverage": None,
    "trend": "1d",
    "changes": "1d",
    "profile": "1h",
}
"""Those without options of their own, with the length of the windows that they are estimated in; None: as asked."""
