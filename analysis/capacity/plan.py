"""What more, or less, capacity would do: the waits of the same jobs with another capacity, and what a target takes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.caveats import MOST, confidence_of, notes_of
from analysis.capacity.ensemble import Effect, Ensemble, Observed
from analysis.capacity.nodes import Nodes, nodes_of
from analysis.capacity.occupancy import Counted, counted
from analysis.capacity.parts import Parts
from analysis.capacity.replicas import FEWEST_QUEUED, Capacity
from analysis.capacity.scenario import QUANTILES, Wish
from analysis.capacity.use import servers_of
from analysis.notes import NONE, TOO_SHORT, WEAK, mark
from analysis.queue import waits
from analysis.queue.told import Told
from analysis.queue.verdict import MAY_BE_OVER, OVER, UNJUDGED, WITHIN, compare
from analysis.stats.search import smallest
from analysis.windows import Columns, Windows, as_rows

WAITS: Final = tuple(f"{name}{bound}_seconds" for name in QUANTILES for bound in ("", "_low", "_high"))
PLAN: Final = (
    "capacity", "unit", "factor", "demand", *WAITS, "utilisation", "utilisation_high", "extrapolated", "target_seconds",
    "quantile", "verdict", "needed", "needed_low", "needed_high", "needed_confidence",
    "needed_reason", "today", "spare_nodes",
    "flavor", "price_per_node_hour", "cost_a_month", "currency", "run_seconds", "run_spread_low",
    "run_spread_high", "confidence", "reason", "coverage", "history", "method", "note",
)  # fmt: skip
"""capacity: in nodes where discovery told them, else in jobs at once (unit); factor: as a multiple of today's. Waits:
of the jobs that came, with 90 % intervals. utilisation: how much of the capacity runs on average, and at most, see
`use`. extrapolated: whether there is more load on the capacity than was ever seen. verdict: on the target, see
`verdict.compare`. needed: the smallest capacity that reaches the target, which is about quantile (mean, p90), by the
point and by the interval's ends, without spare_nodes, to have beyond it; needed_confidence and needed_reason: how sure
that is. today: today's capacity. flavor: of its nodes, where these are of one. cost_a_month: of 730 hours. run_seconds:
by Little's law; run_spread: the standard deviation of run times over their mean, as far as it was varied. confidence:
good, weak or none, with the reason."""
CURVE: Final = (0.8, 1.5)
LEAST_MORE: Final = 3
POINTS: Final = 15
MONTH_HOURS: Final = 730
UPPER_BOUND: Final = mark("note", "upper bound")
"""The method of a plan of a pool that hardly queued."""


def plan(group: Sequence[Told], windows: Ints, wish: Wish, queue: str) -> Columns:
    """Answer a wish about one pool.

    Parameters
    ----------
    group
        Its series.
    windows
        One row: the whole of what is asked about.
    queue
        Which statuses are waiting.

    Returns
    -------
    dict
        `PLAN`, a row a capacity.

    Raises
    ------
    RequestRefused
        When nothing would be left of the capacity.
    """
    seen = counted([each.flows for each in group], queue)
    if len(seen.slots) < 2 or not seen.arrivals.sum():
        return _nothing(wish, TOO_SHORT if len(seen.slots) < 2 else mark("note", "no arrivals"))
    nodes = nodes_of(group[0].flows.series.pool, {}, int(seen.slots[-1]))
    went = went_of(nodes, seen)
    there = nodes is not None and nodes.nodes[-1] > 0
    today, unit = (nodes.nodes[-1], "nodes") if nodes is not None and there else (_servers(seen), "jobs at once")
    interval = float(np.median(np.diff(seen.slots)))
    ensemble = Ensemble(seen, observed_of(group, windows), interval, went, None if there else today)
    factors = _factors(wish, today)
    points, low, high = _falling(factors, [ensemble.effect(factor, wish.demand) for factor in factors])
    rows: Columns = {}
    for number, name in enumerate(QUANTILES):
        rows |= {
            f"{name}{bound}_seconds": of[:, number] for bound, of in (("", points), ("_low", low), ("_high", high))
        }
    n, factor = len(factors), np.array(factors)
    needed = _needed(ensemble, wish, today)
    price = np.nan if unit != "nodes" or wish.price_per_node_hour is None else wish.price_per_node_hour
    # As multiples of today's capacity, the most that there ever was.
    most = 1.0 if went is None else float(went.at(seen.slots).max())
    used = _used(ensemble, windows)
    extrapolated = wish.demand * most / factor > 1 + 1e-9
    single = {
        "demand": wish.demand,
        "target_seconds": np.nan if wish.target is None else wish.target,
        "needed": needed[0],
        "needed_low": needed[1],
        "needed_high": needed[2],
        "today": today,
        "spare_nodes": wish.spare_nodes,
        "price_per_node_hour": price,
        "run_seconds": seen.run_seconds,
        "run_spread_low": ensemble.spreads[0],
        "run_spread_high": ensemble.spreads[1],
    }
    return (
        rows
        | {name: np.full(n, value) for name, value in single.items()}
        | {f"utilisation{bound}": np.minimum(of * wish.demand / factor, 1.0) for bound, of in used.items()}
        | {
            "capacity": factor * today,
            "unit": unit,
            "factor": factor,
            "extrapolated": extrapolated.astype(float),
            "quantile": wish.measure,
            "flavor": next(iter(nodes.flavors)) if nodes is not None and len(nodes.flavors) == 1 else "",
            "currency": wish.currency,
            "cost_a_month": factor * today * price * MONTH_HOURS,
            "method": mark("note", "replay") if ensemble.queued else UPPER_BOUND,
            "note": np.array(["; ".join(notes_of(ensemble, nodes, wish, needed))] * n, object),
        }
        | _judged(ensemble, wish, factor, (points, low, high), extrapolated)
        | _sure_of_needed(ensemble, wish, needed, today, most)
    )


def _sure_of_needed(
    ensemble: Ensemble, wish: Wish, needed: tuple[float, float, float], today: float, most: float
) -> Columns:
    """Tell how sure the capacity that is needed is: whatever was seen with today's, it is a model's."""
    factor = next((each for each in needed[::2] if np.isfinite(each)), today) / today
    extrapolated = np.array([wish.demand * most / factor > 1 + 1e-9])
    sure = confidence_of(ensemble, np.zeros(1, np.bool_), np.zeros((1, 2)), extrapolated)
    return {f"needed_{name}": np.asarray(values)[0] for name, values in sure.items()}


def _judged(
    ensemble: Ensemble, wish: Wish, factor: Floats, bounds: tuple[Floats, Floats, Floats], extrapolated: Bools
) -> Columns:
    """Tell of each capacity whether it reaches the target, and how sure that is: what rests on little is never sure."""
    about = QUANTILES.index(wish.measure)
    point, low, high = (of[:, about] for of in bounds)
    # What was seen proves it, whatever replicas say: today's waits, and that with more nobody waits longer.
    today = (factor == 1.0) & (wish.demand == 1.0) & ensemble.complete.all() & (ensemble.went is None)
    at_most = np.array([ensemble.seen_alone(each, wish.demand).high[about] for each in factor])
    proven = today | (at_most <= (-np.inf if wish.target is None else wish.target))
    sure = confidence_of(ensemble, proven, bounds[2], extrapolated)
    if wish.target is None:
        return {**sure, "verdict": np.full(len(factor), "", object)}
    verdicts = compare(point, low, high, wish.target).astype(object)
    weak = (sure["confidence"] == WEAK) & np.isin(verdicts, [OVER, WITHIN])
    return {**sure, "verdict": np.where(weak, np.where(np.isnan(point), UNJUDGED, MAY_BE_OVER), verdicts)}


def _nothing(wish: Wish, note: str) -> Columns:
    """Say that nothing can be said, and why."""
    target = np.array([np.nan if wish.target is None else wish.target])
    verdict = "" if wish.target is None else UNJUDGED
    return {
        "quantile": wish.measure,
        "target_seconds": target,
        "verdict": verdict,
        "confidence": NONE,
        "reason": note,
        "needed_confidence": NONE,
        "needed_reason": note,
        "note": np.array([note], object),
    }


def observed_of(group: Sequence[Told], windows: Ints) -> Observed:
    """Return what the jobs of a pool waited in the first of some windows."""
    said = waits.estimate([each.waiting for each in group], windows[:1], None, (90,))
    points, low, high = (
        np.array([np.asarray(said[f"{name}{of}_seconds"], float)[0] for name in QUANTILES])
        for of in ("", "_low", "_high")
    )
    # Replicas are calibrated to what was seen; a mean of waits that have not all ended is itself a model's.
    if np.asarray(said["censored"], float)[0]:
        points[QUANTILES.index("mean")] = np.nan
    return Observed(points, low, high)


def _used(ensemble: Ensemble, windows: Ints) -> dict[str, float]:
    """Return how much of today's capacity runs on average, and at most; nothing where too little was seen."""
    seen = ensemble.seen
    if ensemble.lacking:
        return {"": np.nan, "_high": np.nan}
    running = seen.busy_seconds / max(float(seen.slots[-1] - seen.slots[0]), 1.0)
    servers = servers_of(seen, windows[:1], Parts(seen, windows[:1]), ensemble.went)
    share, most = servers.used(np.array([running]))
    return {"": float(share[0]), "_high": float(most[0])}


def as_curve(found: Windows) -> Columns:
    """Make a row of each capacity."""
    said = found.said
    n = np.size(np.asarray(said.get("capacity", [0.0])))
    cut, seen, no = np.repeat(found.cut, n, axis=0), np.repeat(found.coverage, n), np.zeros(n, np.bool_)
    rows = as_rows(replace(found, cut=cut, coverage=seen, begins_in=no, ends_in=no, hidden=no))
    # Of what nothing could be estimated nothing is sure.
    nothing = {"confidence": NONE, "reason": rows["note"]}
    return nothing | {f"needed_{name}": text for name, text in nothing.items()} | rows


def _factors(wish: Wish, today: float) -> list[float]:
    """Return the capacities to show, as multiples of today's: today's and the one asked for, or a curve."""
    asked = wish.factor_of(today)
    if asked is not None:
        return sorted({1.0, asked})
    fewest, most = min((CURVE[0] - 1) * today, -1), max((CURVE[1] - 1) * today, LEAST_MORE)
    steps = np.arange(np.ceil(fewest), np.floor(most) + 1)
    # Whole nodes more or less than today, fewer of them where there are many.
    places = (
        np.unique(np.rint(np.linspace(0, len(steps) - 1, POINTS)).astype(int)) if len(steps) > POINTS else slice(None)
    )
    chosen = {1.0, *(float((today + step) / today) for step in steps[places] if today + step > 0)}
    return sorted(chosen)


def _falling(factors: Sequence[float], effects: Sequence[Effect]) -> tuple[Floats, Floats, Floats]:
    """Return points and bounds, a row a capacity, that never rise with it: more room never makes jobs wait longer.

    From today's on, in both directions: what is said of today stays.
    """
    today = factors.index(1.0)
    stacked = []
    for name in ("points", "low", "high"):
        values = np.array([getattr(each, name) for each in effects])
        known = np.where(np.isnan(values), np.inf, values)
        known[today:] = np.minimum.accumulate(known[today:], axis=0)
        known[: today + 1] = np.maximum.accumulate(known[today::-1], axis=0)[::-1]
        unknown = np.isinf(known) | (np.isnan(values) if name == "points" else False)
        stacked.append(np.where(unknown, np.nan, known))
    return stacked[0], stacked[1], stacked[2]


def _needed(ensemble: Ensemble, wish: Wish, today: float) -> tuple[float, float, float]:
    """Return the smallest capacity, in whole steps from today's, that reaches the target: by point, low and high.

    NaN where up to `MOST` times today's does not, or there is no target.
    """
    if wish.target is None:
        return np.nan, np.nan, np.nan
    target, measure = wish.target, QUANTILES.index(wish.measure)
    first, last = min(1 - int(np.ceil(today)), 0), int(np.ceil((MOST - 1) * today))
    known: dict[int, Effect] = {}

    def reaches(step: int, name: str) -> bool:
        if step not in known:
            known[step] = ensemble.effect((today + step) / today, wish.demand)
        return bool(getattr(known[step], name)[measure] <= target)

    found, near = {}, 0
    for name in ("points", "low", "high"):
        if name == "points" and ensemble.lacking:
            found[name] = np.nan
            continue
        step = smallest(partial(reaches, name=name), near, first, last)
        near = near if step is None else step
        found[name] = np.nan if step is None else today + step
    return found["points"], found["low"], found["high"]


def _servers(seen: Counted) -> float:
    """Return how many run while others wait, the most that ever ran where nobody waited."""
    queued = seen.queue > 0
    return max(float(seen.busy[queued].mean() if seen.queued >= FEWEST_QUEUED else seen.busy.max()), 1.0)


def went_of(nodes: Nodes | None, seen: Counted) -> Capacity | None:
    """Return how capacity changed within what was seen; None where it did not, or nobody knows."""
    if nodes is None or nodes.nodes[-1] <= 0:
        return None
    went = Capacity(nodes.changes, nodes.nodes / nodes.nodes[-1])
    return went if (went.at(seen.slots) != 1).any() else None
