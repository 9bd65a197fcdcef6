"""What more, or less, capacity would do: the waits of the same jobs with another capacity, and what a target takes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.capacity.caveats import confidence_of, notes_of
from analysis.capacity.ensemble import Effect, Ensemble
from analysis.capacity.needed import needed
from analysis.capacity.occupancy import counted
from analysis.capacity.parts import Parts
from analysis.capacity.scenario import QUANTILES, Wish
from analysis.capacity.today import Today
from analysis.capacity.use import servers_of
from analysis.notes import NONE, TOO_SHORT, WEAK, mark
from analysis.queue.told import Told
from analysis.queue.verdict import MAY_BE_OVER, OVER, UNJUDGED, WITHIN, compare
from analysis.windows import Columns, Windows, as_rows

WAITS: Final = tuple(f"{name}{bound}_seconds" for name in QUANTILES for bound in ("", "_low", "_high"))
PLAN: Final = (
    "capacity", "unit", "factor", "demand", *WAITS, "utilisation", "utilisation_high", "extrapolated", "target_seconds",
    "quantile", "verdict", "needed", "needed_low", "needed_high", "needed_confidence", "needed_reason", "today",
    "spare_nodes", "flavor", "price_per_node_hour", "cost_a_month", "currency", "run_seconds", "run_spread_low",
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
    there = Today(group, seen, windows[:1])
    ensemble, today, unit, nodes = there.ensemble, there.capacity, there.unit, there.nodes
    factors = _factors(wish, today)
    points, low, high = _falling(factors, [ensemble.effect(factor, wish.demand) for factor in factors])
    rows: Columns = {}
    for number, name in enumerate(QUANTILES):
        rows |= {
            f"{name}{bound}_seconds": of[:, number] for bound, of in (("", points), ("_low", low), ("_high", high))
        }
    n, factor = len(factors), np.array(factors)
    price = np.nan if unit != "nodes" or wish.price_per_node_hour is None else wish.price_per_node_hour
    used = _used(ensemble, windows)
    single = {
        "demand": wish.demand,
        "target_seconds": np.nan if wish.target is None else wish.target,
        "today": today,
        "spare_nodes": wish.spare_nodes,
        "price_per_node_hour": price,
        "run_seconds": seen.run_seconds,
        "run_spread_low": ensemble.explanation.spreads[0],
        "run_spread_high": ensemble.explanation.spreads[1],
    }
    return (
        rows
        | {name: np.full(n, value) for name, value in single.items()}
        | {f"utilisation{bound}": np.minimum(of * wish.demand / factor, 1.0) for bound, of in used.items()}
        | {
            "capacity": factor * today,
            "unit": unit,
            "factor": factor,
            "extrapolated": ensemble.beyond(factor, wish.demand).astype(float),
            "quantile": wish.measure,
            "flavor": next(iter(nodes.flavors)) if nodes is not None and len(nodes.flavors) == 1 else "",
            "currency": wish.currency,
            "cost_a_month": factor * today * price * MONTH_HOURS,
            "method": mark("note", "replay") if ensemble.queued else UPPER_BOUND,
            "note": np.array(["; ".join(notes_of(ensemble, nodes))] * n, object),
        }
        | _judged(ensemble, wish, factor, (points, low, high))
        | needed(ensemble, wish, today)
    )


def _judged(ensemble: Ensemble, wish: Wish, factor: Floats, bounds: tuple[Floats, Floats, Floats]) -> Columns:
    """Tell of each capacity whether it reaches the target, and how sure that is: what rests on little is never sure."""
    about = QUANTILES.index(wish.measure)
    point, low, high = (waits[:, about] for waits in bounds)
    # What was seen proves it, whatever replicas say: today's waits, and that with more nobody waits longer.
    today = (factor == 1.0) & (wish.demand == 1.0) & ensemble.complete.all() & (ensemble.went is None)
    at_most = np.array([ensemble.seen_alone(times, wish.demand).high[about] for times in factor])
    proven = today | (at_most <= (-np.inf if wish.target is None else wish.target))
    sure = confidence_of(ensemble, factor, wish.demand, proven, bounds[2])
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
