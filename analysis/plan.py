"""What more, or less, capacity would do: the waits of the same jobs with another capacity, and what a target takes."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from analysis import waits
from analysis.ensemble import HELD, Effect, Ensemble, Observed
from analysis.groups import Windows, as_rows
from analysis.jobs import Counted, counted
from analysis.language import mark
from analysis.matching import Real, Whole
from analysis.nodes import Nodes, nodes_of
from analysis.periods import Columns
from analysis.replicas import FEWEST_QUEUED, Capacity
from analysis.told import Told
from analysis.wishes import QUANTILES, Wish

WAITS: Final = tuple(f"{name}{bound}_seconds" for name in QUANTILES for bound in ("", "_low", "_high"))
PLAN: Final = (
    "capacity", "unit", "factor", "demand", *WAITS, "utilisation", "extrapolated", "target_seconds", "quantile",
    "needed", "needed_low", "needed_high", "cost_a_month", "run_seconds", "run_spread_low", "run_spread_high",
    "coverage", "history", "method", "note",
)  # fmt: skip
"""capacity: in nodes where discovery told them, else in jobs at once (unit); factor: as a multiple of today's. Waits:
of the jobs that came, with 90 % intervals. utilisation: how much of the capacity is busy on average. extrapolated:
whether there is more load on the capacity than was ever seen. needed: the smallest capacity that reaches the target,
which is about quantile (mean, p90), by the point and by the interval's ends. cost_a_month: of 730 hours. run_seconds:
by Little's law; run_spread: the standard deviation of run times over their mean, as far as it was varied."""
CURVE: Final = (0.8, 1.5)
LEAST_MORE: Final = 3
POINTS: Final = 15
MOST: Final = 4.0
"""As many times today's capacity are looked at to reach a target."""
MONTH_HOURS: Final = 730
MOVED: Final = 1.25
"""By so much, over weeks, those who run while others queue may differ before it is told."""
UNLIKE: Final = 3.0
"""Farther away than this from what was seen no replica explains it."""
WEEK: Final = 7 * 86_400


def plan(group: Sequence[Told], windows: Whole, wish: Wish, flavors: Mapping[str, int], queue: str) -> Columns:
    """Answer a wish about one pool.

    Parameters
    ----------
    group
        Its series.
    windows
        One row: the whole of what is asked about.
    flavors
        Cards a node, by flavor.
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
    if not len(seen.arrivals) or not seen.arrivals.sum():
        return {"note": np.array([mark("note", "no arrivals")], object)}
    nodes = nodes_of(group[0].flows.series.pool, flavors)
    interval = float(np.median(np.diff(seen.slots)))
    ensemble = Ensemble(seen, observed_of(group, windows), interval, _went(nodes, seen))
    servers = _servers(seen)
    today, unit = (nodes.nodes[-1], "nodes") if nodes is not None and nodes.nodes[-1] > 0 else (servers, "jobs at once")
    factors = _factors(wish, today)
    effects = [ensemble.effect(factor, wish.demand) for factor in factors]
    points, low, high = _falling(effects)
    rows: Columns = {}
    for number, name in enumerate(QUANTILES):
        rows |= {
            f"{name}{bound}_seconds": of[:, number] for bound, of in (("", points), ("_low", low), ("_high", high))
        }
    n = len(factors)
    factor = np.array(factors)
    needed = _needed(ensemble, wish, today)
    spreads = ensemble.spreads
    rows |= {
        "capacity": factor * today,
        "unit": unit,
        "factor": factor,
        "demand": np.full(n, wish.demand),
        "utilisation": ensemble.utilisation * wish.demand / factor,
        "extrapolated": (wish.demand / factor > 1 + 1e-9).astype(float),
        "target_seconds": np.full(n, np.nan if wish.target is None else wish.target),
        "quantile": wish.quantile,
        **{
            name: np.full(n, value) for name, value in zip(("needed", "needed_low", "needed_high"), needed, strict=True)
        },
        "cost_a_month": np.full(n, np.nan)
        if unit != "nodes" or wish.price_per_node_hour is None
        else factor * today * wish.price_per_node_hour * MONTH_HOURS,
        "run_seconds": np.full(n, seen.busy_seconds / max(int(seen.ends.sum()), 1)),
        "run_spread_low": np.full(n, spreads[0]),
        "run_spread_high": np.full(n, spreads[1]),
        "method": mark("note", "replay") if ensemble.queued else mark("note", "upper bound"),
        "note": np.array(["; ".join(_notes(ensemble, nodes, seen, wish, needed))] * n, object),
    }
    return rows


def observed_of(group: Sequence[Told], windows: Whole) -> Observed:
    """Return what the jobs of a pool waited in the first of some windows."""
    said = waits.estimate([each.waiting for each in group], windows[:1], None, (90,))
    points, low, high = (
        np.array([np.asarray(said[f"{name}{of}_seconds"], float)[0] for name in QUANTILES])
        for of in ("", "_low", "_high")
    )
    return Observed(points, low, high)


def as_curve(found: Windows) -> Columns:
    """Make a row of each capacity."""
    said = found.said
    n = np.size(np.asarray(said.get("capacity", [0.0])))
    whole = Windows(
        np.repeat(found.cut, n, axis=0), said, np.repeat(found.coverage, n), *(np.zeros(n, np.bool_),) * 2, found.note
    )
    return as_rows(whole)


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


def _falling(effects: Sequence[Effect]) -> tuple[Real, Real, Real]:
    """Return points and bounds, a row a capacity, that never rise with it: more room never makes jobs wait longer."""
    stacked = [np.array([getattr(each, name) for each in effects]) for name in ("points", "low", "high")]
    points, low, high = (np.minimum.accumulate(each, axis=0) for each in stacked)
    return points, low, high


def _needed(ensemble: Ensemble, wish: Wish, today: float) -> tuple[float, float, float]:
    """Return the smallest capacity, in whole steps from today's, that reaches the target: by point, low and high.

    NaN where up to `MOST` times today's does not, or there is no target.
    """
    if wish.target is None:
        return np.nan, np.nan, np.nan
    measure = QUANTILES.index(wish.quantile)
    first, last = int(np.ceil(0.1 - today)) if today > 1 else 0, int(np.ceil((MOST - 1) * today))
    known: dict[int, Effect] = {}

    def reaches(step: int, name: str) -> bool:
        if step not in known:
            known[step] = ensemble.effect((today + step) / today, wish.demand)
        return bool(getattr(known[step], name)[measure] <= (wish.target or 0.0))

    found = []
    for name in ("points", "low", "high"):
        low, high = first - 1, last
        if not reaches(high, name):
            found.append(np.nan)
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reaches(middle, name) else (middle, high)
        found.append(today + high)
    return found[0], found[1], found[2]


def _servers(seen: Counted) -> float:
    """Return how many run while others wait, the most that ever ran where nobody waited."""
    queued = seen.queue > 0
    enough = queued.sum() >= FEWEST_QUEUED
    return max(float(seen.busy[queued].mean() if enough else seen.busy.max()), 1.0)


def _went(nodes: Nodes | None, seen: Counted) -> Capacity | None:
    """Return how capacity changed within what was seen; None where it did not, or nobody knows."""
    if nodes is None or nodes.nodes[-1] <= 0:
        return None
    within = (nodes.changes > seen.slots[0]) & (nodes.changes <= seen.slots[-1])
    if not within.any() or len(set(nodes.nodes)) == 1:
        return None
    return Capacity(nodes.changes, nodes.nodes / nodes.nodes[-1])


def _notes(
    ensemble: Ensemble, nodes: Nodes | None, seen: Counted, wish: Wish, needed: tuple[float, float, float]
) -> list[str]:
    notes = [mark("note", "sizes of jobs are not counted: several were assumed")]
    if not ensemble.queued:
        notes.append(mark("note", "it hardly queued: only the most that jobs would have waited can be said"))
    elif not ensemble.complete:
        notes.append(mark("note", "jobs still waited at the end: today's wait is a model's too"))
    if ensemble.held_share >= HELD:
        text = mark("note", "{share:.0%} of all waiting was while little ran: more capacity may not end it")
        notes.append(text.format(share=ensemble.held_share))
    if ensemble.queued and not ensemble.distance <= UNLIKE:
        notes.append(mark("note", "the counts are unlike every pool that was replayed: distrust the figures"))
    if nodes is None:
        notes.append(mark("note", "nodes are not known: capacity is in jobs at once"))
    else:
        if len(nodes.flavors) > 1:
            notes.append(mark("note", "nodes of several flavors are counted alike"))
        if _went(nodes, seen) is not None:
            notes.append(mark("note", "nodes changed in between: today's number is taken for all of the time"))
    lowest, highest = _moved(seen)
    if highest > MOVED * lowest and _went(nodes, seen) is None:
        text = mark("note", "capacity or sizes changed: {low:.1f} to {high:.1f} ran, by week, while others queued")
        notes.append(text.format(low=lowest, high=highest))
    if wish.target is not None and np.isfinite(needed[0]):
        text = mark("note", "the target takes {needed:.4g} ({low:.4g} to {high:.4g})")
        notes.append(text.format(needed=needed[0], low=needed[1], high=needed[2]))
    elif wish.target is not None and ensemble.queued:
        text = mark("note", "even {times:.0f} times the capacity does not reach the target")
        notes.append(text.format(times=MOST))
    return notes


def _moved(seen: Counted) -> tuple[float, float]:
    """Return the least and the most, by week, of who ran while others queued."""
    queued = seen.queue > 0
    week = (seen.slots - seen.slots[0]) // WEEK
    times = np.bincount(week[queued], minlength=1)
    means = np.bincount(week[queued], seen.busy[queued], minlength=1)[times >= 12] / times[times >= 12]
    return (float(means.min()), float(means.max())) if len(means) else (1.0, 1.0)
