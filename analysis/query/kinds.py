"""How each kind of question is answered: the facts that it needs of a series, its estimate, and the rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np

from analysis.capacity import check, forecast, headroom, load, plan
from analysis.capacity.scenario import Scenario
from analysis.estimate import Estimate
from analysis.notes import NOTHING
from analysis.query.question import Question
from analysis.queue import failures, observed, totals, verdict, waits
from analysis.queue.conservation import Flows
from analysis.queue.discipline import Waiting
from analysis.queue.facts import Each, Facts, Slots
from analysis.queue.failures import Ending
from analysis.queue.floor import bounds_alone, without_points
from analysis.queue.job_counts import JobCount
from analysis.queue.observation import Observation, as_rows
from analysis.queue.waits import Waits
from analysis.schemas.queue import SHARES
from analysis.schemas.schema import Columns
from analysis.trends import comparison, conclusions
from analysis.trends.daily import Daily, daily
from analysis.trends.profile import Hours, hours_of, profile
from analysis.windows import Windows

Result = TypeVar("Result")


@dataclass(frozen=True)
class Kind(Generic[Result]):
    """How one kind of question is answered."""

    needs: tuple[type, ...]
    """The types of the facts that it needs of each series, keys of `facts.MAKERS`."""
    estimate: Callable[[Question, Sequence[Facts], Windows], Result]
    """Returns an estimate from the facts of a group's series."""
    conclude: Callable[[Question, Observation, Result | None], Columns]
    """Returns rows from the estimate, which is None where every series of the group has fewer than two known slots."""

    def answer(self, question: Question, series: Sequence[Facts], observation: Observation) -> Columns:
        """Return the rows that answer a question for a group of series."""
        result = self.estimate(question, series, observation.windows) if series else None
        return self.conclude(question, observation, result)


def _rows(observation: Observation, columns: Columns | None) -> Columns:
    """Return one row per window, without estimates for which too little was observed, see `floor`."""
    if columns is None:
        return as_rows(observation, {"note": NOTHING})
    known = without_points(columns, observation.coverage)
    return as_rows(observation, bounds_alone(known, observation.hidden, observation.unknown))


def _waits(question: Question, series: Sequence[Facts], windows: Windows) -> Waits:
    return waits.estimate(Each(series, Waiting), windows, question.request.limit)


def _judged(question: Question, observation: Observation, result: Waits | None) -> Columns:
    """Return one row per window with waits; with a limit, also a verdict by the values that `floor` did not remove."""
    rows, limit = _rows(observation, None if result is None else result.columns()), question.request.limit
    if limit is None:
        return rows
    return rows | verdict.judge(observation, result, rows, limit, question.request.allowed)


def _quantiles(_question: Question, series: Sequence[Facts], windows: Windows) -> Waits:
    return waits.estimate(Each(series, Waiting), windows, None, SHARES)


def _distribution(_question: Question, observation: Observation, result: Waits | None) -> Columns:
    """Return one row per quantile of each window."""
    n = len(observation.windows)
    rows = _rows(observation, None if result is None else result.columns())
    columns: Columns = {"share": np.tile(np.array(SHARES) / 100, n)}
    for name in ("window_start", "window_end", "order", "coverage", "retention", "method", "note"):
        columns[name] = np.repeat(np.broadcast_to(np.asarray(rows.get(name), object), n), len(SHARES))
    unknown = Estimate.unknown(n)
    quantiles = [unknown if result is None else Estimate.of(rows, f"p{share}_seconds") for share in SHARES]
    waited = Estimate(*(np.column_stack(bounds).ravel() for bounds in zip(*quantiles, strict=True)))
    return columns | waited.columns("wait_seconds")


def _failures(_question: Question, series: Sequence[Facts], windows: Windows) -> failures.Failures | failures.Uncounted:
    return failures.estimate(Each(series, Ending), windows)


def _flows(_question: Question, series: Sequence[Facts], windows: Windows) -> totals.Totals:
    return totals.totals(Each(series, Flows), windows)


def _floored(
    _question: Question,
    observation: Observation,
    result: failures.Failures | failures.Uncounted | totals.Totals | None,
) -> Columns:
    return _rows(observation, None if result is None else result.columns())


def _slots(_question: Question, series: Sequence[Facts], windows: Windows) -> Columns:
    return observed.observed(Each(series, Slots), windows)


def _covered(_question: Question, observation: Observation, columns: Columns | None) -> Columns:
    return as_rows(observation, columns or {"note": NOTHING})


def _days(question: Question, series: Sequence[Facts], windows: Windows) -> Daily:
    waiting, ending = Each(series, Waiting), Each(series, Ending)
    return daily(waiting, ending, windows, question.request.limit)


def _compared(question: Question, observation: Observation, days: Daily | None) -> Columns:
    return comparison.compare(observation, days, question.periods or observation.windows[:0])


def _hours(_question: Question, series: Sequence[Facts], windows: Windows) -> Hours:
    return hours_of(Each(series, Waiting), Each(series, JobCount), windows)


def _load(question: Question, series: Sequence[Facts], windows: Windows) -> Columns:
    return load.load(series, windows, question.cards, question.request.queue, question.request.tz)


def _scenario(question: Question, series: Sequence[Facts]) -> Scenario:
    """Return the scenario of a group's pool."""
    pool = series[0][Flows].series.pool
    return question.scenario.for_pool(pool.pool, pool.name)


def _plan(question: Question, series: Sequence[Facts], windows: Windows) -> Columns:
    return plan.plan(series, windows, _scenario(question, series), question.request.queue)


def _demand(question: Question, series: Sequence[Facts], windows: Windows) -> headroom.Demand | None:
    return headroom.demand_of(series, windows, _scenario(question, series), question.request.queue)


def _forecast(question: Question, observation: Observation, demand: headroom.Demand | None) -> Columns:
    asked = question.scenario, question.weeks_ahead, question.rows, question.request.tz
    return forecast.forecast(observation, demand, *asked)


KINDS: Final[dict[str, Kind[Any]]] = {
    "waits": Kind((Waiting,), _waits, _judged),
    "distribution": Kind((Waiting,), _quantiles, _distribution),
    "failures": Kind((Ending,), _failures, _floored),
    "flows": Kind((Flows,), _flows, _floored),
    "coverage": Kind((Slots,), _slots, _covered),
    "trend": Kind((Waiting, Ending), _days, lambda _, observation, days: conclusions.trend(observation, days)),
    "changes": Kind((Waiting, Ending), _days, lambda _, observation, days: conclusions.changes(observation, days)),
    "compare": Kind((Waiting, Ending), _days, _compared),
    "profile": Kind(
        (Waiting, JobCount), _hours, lambda asked, observation, hours: profile(observation, hours, asked.request.tz)
    ),
    "load": Kind((Flows,), _load, _covered),
    "plan": Kind((Waiting, Flows), _plan, lambda _, *curve: plan.as_curve(*curve)),
    "check": Kind(
        (Waiting, Flows),
        lambda asked, series, _windows: check.check(series, asked.request.queue),
        lambda _, *curve: plan.as_curve(*curve),
    ),
    "forecast": Kind((Waiting, Flows), _demand, _forecast),
}
"""By the name of the method of `History` that asks the question."""


def needs_of(question: Question) -> tuple[type, ...]:
    """Return the types of the facts that a question needs of each series."""
    # A forecast needs waits only to find the growth for a target.
    without = (Waiting,) if question.name == "forecast" and not question.scenario.has_target else ()
    return tuple(fact for fact in KINDS[question.name].needs if fact not in without)
