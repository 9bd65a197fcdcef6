"""A plan: the waits of the same jobs with more or less capacity, and the capacity that a target needs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Floats
from analysis.capacity.caveats import confidence_of, notes_of
from analysis.capacity.ensemble import Ensemble
from analysis.capacity.needed import needed
from analysis.capacity.occupancy import Occupancy, occupancy_of
from analysis.capacity.parts import parts_of
from analysis.capacity.scenario import Scenario
from analysis.capacity.servers import servers_of
from analysis.capacity.today import NODES, Today, today_of
from analysis.estimate import Estimate
from analysis.notes import NO_ARRIVALS, NONE, NOTHING, TOO_SHORT, WEAK, Note, note
from analysis.queue.conservation import Flows
from analysis.queue.facts import Facts
from analysis.queue.observation import Observation, as_rows
from analysis.queue.verdict import MAY_BE_OVER, OVER, UNJUDGED, WITHIN, compare
from analysis.schemas.capacity import QUANTILES
from analysis.schemas.schema import Columns
from analysis.windows import Windows

CURVE: Final = (0.8, 1.5)
"""A curve goes from at most the first to at least the second multiple of today's capacity."""
LEAST_MORE: Final = 3
"""A curve goes to at least this many nodes (or jobs) more than today's capacity."""
POINTS: Final = 15
"""The largest number of points of a curve, without the needed capacity and its bounds. This and the two before were
chosen by eye, for a picture and a table that fit a page."""
MONTH_HOURS: Final = 730
"""A twelfth of 365 days."""
UPPER_BOUND: Final = note("upper bound")
"""The method of a plan of a pool without a queue: its waits have no point estimates."""


def plan(series: Sequence[Facts], windows: Windows, scenario: Scenario, queue: str) -> Columns:
    """Return the waits of one pool's jobs in a scenario.

    Parameters
    ----------
    series
        The series of the pool.
    windows
        One window: the whole time that is asked about.
    queue
        One of `QUEUES`: the statuses that count as waiting.

    Returns
    -------
    dict
        The columns of the schema of plans, one row per capacity.

    Raises
    ------
    RequestRefused
        When no capacity would be left.
    """
    occupancy = occupancy_of([facts[Flows] for facts in series], queue)
    if len(occupancy.slots) < 2:
        return _nothing(scenario, TOO_SHORT)
    if not occupancy.arrivals.sum():
        return _nothing(scenario, NO_ARRIVALS)
    if occupancy.unestimated:
        return _nothing(scenario, occupancy.unestimated)
    today = today_of(series, occupancy, windows[:1])
    ensemble = today.ensemble.scaled(scenario.demand)
    answer = needed(ensemble, scenario, today.capacity)
    factors = _factors(scenario, today.capacity, answer.capacity)
    waits = never_rising(factors, [ensemble.effect(factor) for factor in factors])
    n, factor = len(factors), np.array(factors)
    columns: Columns = {
        "capacity": factor * today.capacity,
        "unit": today.unit,
        "factor": factor,
        "demand": np.full(n, scenario.demand),
        "extrapolated": ensemble.beyond(factor).astype(float),
        "quantile": scenario.measure,
        "target_seconds": np.full(n, scenario.target_seconds),
        "today": np.full(n, today.capacity),
        "run_seconds": np.full(n, occupancy.run_seconds),
        "run_spread_low": np.full(n, ensemble.explanation.spreads[0]),
        "run_spread_high": np.full(n, ensemble.explanation.spreads[1]),
        "method": note("replay") if ensemble.queued else UPPER_BOUND,
        "note": np.full(n, notes_of(ensemble, today.nodes), object),
    }
    for measure, name in enumerate(QUANTILES):
        columns |= Estimate(*(bound[:, measure] for bound in waits)).columns(f"{name}_seconds")
    for name, share in zip(("utilisation", "utilisation_high"), _used(ensemble, occupancy, windows[:1]), strict=True):
        columns[name] = np.minimum(share * scenario.demand / factor, 1.0)
    columns |= _judged(ensemble, scenario, factor, waits)
    columns |= answer.columns(n)
    return columns | _costs(scenario, today, factor * today.capacity)


def _costs(scenario: Scenario, today: Today, capacities: Floats) -> Columns:
    """Return the columns about spare nodes, flavor, price and cost; price and cost are NaN where they are not known."""
    n, flavors = len(capacities), frozenset() if today.nodes is None else today.nodes.flavors
    price = np.nan if today.unit != NODES or scenario.price_per_node_hour is None else scenario.price_per_node_hour
    return {
        "spare_nodes": np.full(n, scenario.spare_nodes),
        "flavor": next(iter(flavors)) if len(flavors) == 1 else "",
        "price_per_node_hour": np.full(n, price),
        "cost_a_month": capacities * price * MONTH_HOURS,
        "currency": scenario.currency,
    }


def _judged(ensemble: Ensemble, scenario: Scenario, factor: Floats, waits: Estimate) -> Columns:
    """Return the verdict on each capacity, whether it reaches the target, and the confidence in its waits.

    With weak confidence a verdict is at most "may be over".
    """
    measure = QUANTILES.index(scenario.measure)
    judged = waits.each(lambda bound: bound[:, measure])
    # No replicas are needed for the waits at today's capacity, and for more capacity where these reach the target.
    unchanged = (ensemble.demand == 1.0) & (ensemble.changes is None)
    today = (factor == 1.0) & ensemble.complete.all() & unchanged
    at_most = np.array([ensemble.observed_bounds(multiple).high[measure] for multiple in factor])
    proven = today | (at_most <= (-np.inf if scenario.target is None else scenario.target))
    confidence = confidence_of(ensemble, factor, proven, waits.high[:, 0])
    verdicts = np.full(len(factor), "", object)
    if scenario.target is not None:
        verdicts = _verdicts(compare(judged, scenario.target), judged.point, confidence.words)
    return {"verdict": verdicts, "confidence": confidence.words, "reason": confidence.reasons}


def _verdicts(verdicts: NDArray[Any], point: Floats, words: NDArray[Any]) -> NDArray[Any]:
    """Return the verdicts; over and within with weak confidence become may be over, or unjudged without a point."""
    weak = (words == WEAK) & np.isin(verdicts, [OVER, WITHIN])
    return np.where(weak, np.where(np.isnan(point), UNJUDGED, MAY_BE_OVER), verdicts.astype(object))


def _nothing(scenario: Scenario, why: Note) -> Columns:
    """Return the columns of a row that says why there is no plan."""
    return {
        "quantile": scenario.measure,
        "target_seconds": np.array([scenario.target_seconds]),
        "verdict": "" if scenario.target is None else UNJUDGED,
        "confidence": NONE,
        "reason": why,
        "needed_confidence": NONE,
        "needed_reason": why,
        "note": np.array([why], object),
    }


def _used(ensemble: Ensemble, occupancy: Occupancy, window: Windows) -> tuple[float, float]:
    """Return the mean share of today's capacity in use, and its upper bound; NaN where the record is too short."""
    if ensemble.lacking:
        return np.nan, np.nan
    running = occupancy.busy_seconds / max(float(occupancy.slots[-1] - occupancy.slots[0]), 1.0)
    servers = servers_of(occupancy, window, parts_of(occupancy, window), ensemble.changes)
    share, most = servers.utilisation(np.array([running]))
    return float(share[0]), float(most[0])


def as_curve(observation: Observation, columns: Columns | None) -> Columns:
    """Return the rows of a plan or a check; `columns` is None where all series are too short."""
    columns = {"note": NOTHING} if columns is None else columns
    n = np.size(np.asarray(columns.get("capacity", [0.0])))
    places, no = np.repeat(np.arange(len(observation.windows)), n), np.zeros(n, np.bool_)
    repeated = replace(
        observation, windows=observation.windows[places], coverage=observation.coverage[places], begins_in=no,
        ends_in=no, hidden=no, silent=observation.silent[places],
    )  # fmt: skip
    rows = as_rows(repeated, columns)
    # Where nothing could be estimated, the notes are the reasons.
    reasons: Columns = {"reason": rows["note"], "needed_reason": rows["note"]}
    return {"confidence": NONE, "needed_confidence": NONE, **reasons, **rows}


def _factors(scenario: Scenario, today: float, answer: Estimate) -> list[float]:
    """Return the capacities to show, as multiples of today's capacity: 1 and the requested capacity, or a curve.

    A curve goes beyond the needed capacity `answer` and its bounds, so that it crosses the target.
    """
    asked = scenario.factor_of(today)
    if asked is not None:
        return sorted({1.0, asked})
    known = np.rint(np.concatenate(answer) - today)
    fewest = np.nanmin([(CURVE[0] - 1) * today, -1, *known])
    most = np.nanmax([(CURVE[1] - 1) * today, LEAST_MORE, *known + 1])
    steps = np.arange(np.ceil(fewest), np.floor(most) + 1)
    # Whole nodes more or less than today; some are left out where there are many.
    if len(steps) > POINTS:
        steps = steps[np.unique(np.rint(np.linspace(0, len(steps) - 1, POINTS)).astype(int))]
    steps = np.append(steps, known[np.isfinite(known)])
    return sorted({1.0, *(float((today + step) / today) for step in steps if today + step > 0)})


def never_rising(factors: Sequence[float], effects: Sequence[Estimate]) -> Estimate:
    """Return waits that never rise with the capacity, n x 2: more capacity never makes jobs wait longer.

    Running minima and maxima from today's capacity on, in both directions: today's waits stay as they are.

    Parameters
    ----------
    factors
        n: the capacities as multiples of today's capacity, rising; 1 is among them.
    effects
        n: mean and P90 wait at each capacity, in seconds.
    """
    today = factors.index(1.0)

    def monotone(values: Floats) -> Floats:
        known = np.where(np.isnan(values), np.inf, values)
        known[today:] = np.minimum.accumulate(known[today:], axis=0)
        known[: today + 1] = np.maximum.accumulate(known[today::-1], axis=0)[::-1]
        return np.where(np.isinf(known), np.nan, known)

    points, low, high = (np.array(bounds) for bounds in zip(*effects, strict=True))
    # An unknown bound follows from the bounds at other capacities; an unknown point does not.
    return Estimate(np.where(np.isnan(points), np.nan, monotone(points)), monotone(low), monotone(high))
