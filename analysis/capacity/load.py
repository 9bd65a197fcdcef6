"""How full a pool was: its load, who ran at once while others queued, what was not served, and what stood idle."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.nodes import nodes_of
from analysis.capacity.occupancy import Counted, counted
from analysis.capacity.replicas import FEWEST_QUEUED
from analysis.notes import TOO_SHORT, mark
from analysis.queue.levels import GAP
from analysis.queue.told import Told
from analysis.queue.totals import LEVEL, PARTS
from analysis.stats.batches import FEWEST, correlation_of
from analysis.windows import HOUR, WEEK_HOURS, Columns, ratio

LOAD: Final = (
    "offered", "offered_low", "offered_high", "offered_nodes", "offered_cards", "running_mean", "running_share",
    "servers", "servers_low", "servers_high", "servers_most", "nodes", "cards", "saturated_hours", "unmet_job_hours",
    "unmet_node_hours", "idle", "idle_night", "idle_weekend", "run_seconds", "run_low_seconds", "run_high_seconds",
    "coverage", "history", "method", "note",
)  # fmt: skip
"""offered: jobs that came times how long they run, in jobs at once; in nodes and cards as these are to who runs while
others queue. running_mean: jobs at once; running_share: of the servers. servers: who ran at once while others queued,
on average; servers_most: at most. nodes, cards: the mean. saturated_hours: a week, with a queue. unmet: what waited, in
job-hours and node-hours of the window. idle: the share of the servers, also of nights (20 to 8 o'clock) and weekends.
run_seconds: by Little's law on who was busy. Intervals: 95 %, missing below ten effective parts of a window."""
NIGHT: Final = (20, 8)
SATURDAY: Final = 5


def saturation(group: Sequence[Told], windows: Ints, flavors: Mapping[str, int], queue: str, zone: ZoneInfo) -> Columns:
    """Tell how full the pools of a group were in each window.

    Parameters
    ----------
    windows
        A row a window: start and end, in seconds.
    flavors
        Cards a node, by flavor.
    queue
        Which statuses are waiting.
    zone
        Whose nights and weekends.

    Returns
    -------
    dict
        `LOAD`; of several pools the sums, and nothing of what has none.
    """

    def key(each: Told) -> tuple[str, str]:
        return each.flows.series.key[:2]

    pools = [
        _of_pool(list(members), windows, flavors, queue, zone) for _, members in groupby(sorted(group, key=key), key)
    ]
    if len(pools) == 1:
        return pools[0]
    kinds = ("offered", "unmet", "running_mean", "nodes", "cards", "servers")
    unseen = np.isnan([np.asarray(each["running_mean"], float) for each in pools])
    told: Columns = {}
    for name in (name for name in LOAD if name.startswith(kinds)):
        # A pool that was not seen has no part in it; what is not known of one that was is not of the sum.
        values = np.array([np.asarray(each[name], float) for each in pools])
        told[name] = np.where(unseen.all(axis=0), np.nan, np.where(unseen, 0.0, values).sum(axis=0))
    for name in ("offered", "servers"):
        # Pools err by themselves.
        for bound, side in (("low", -1), ("high", 1)):
            away = [np.asarray(each[f"{name}_{bound}"], float) - np.asarray(each[name], float) for each in pools]
            apart = np.sqrt(np.where(unseen, 0.0, np.square(away)).sum(axis=0))
            told[f"{name}_{bound}"] = np.asarray(told[name], float) + side * apart
    # The hours in which a pool was full are those of no sum.
    nothing = np.full(len(windows), np.nan)
    told |= dict.fromkeys(("saturated_hours", "idle_night", "idle_weekend"), nothing)
    told["running_share"] = ratio(np.asarray(told["running_mean"], float), np.asarray(told["servers"], float))
    told["idle"] = 1 - np.asarray(told["running_share"], float)
    text = mark("note", "{missing} of {pools} pools were not seen")
    missing = [text.format(missing=number, pools=len(pools)) if number else "" for number in unseen.sum(axis=0)]
    return told | {"method": mark("note", "sums over pools"), "note": np.array(missing, object)}


class _Parts:
    """A pool in the parts of each window: sums over the time in which it was seen."""

    def __init__(self, seen: Counted, windows: Ints) -> None:
        self.edges = windows[:, :1] + np.diff(windows) * np.linspace(0, 1, PARTS + 1)
        self._slots = seen.slots
        length = np.diff(seen.slots)
        self.seconds = length * (length <= GAP * np.median(length))

    def sums(self, rate: Floats | Ints | Bools) -> Floats:
        """Return what accrued at a rate of each interval, a row a window, a column a part."""
        until = np.concatenate([[0.0], np.cumsum(self.seconds * rate)])
        found: Floats = np.diff(np.interp(self.edges, self._slots, until))
        return found

    def events(self, number: Ints) -> Floats:
        """Return how many events of each interval there were; of gaps too."""
        found: Floats = np.diff(np.interp(self.edges, self._slots, np.concatenate([[0], np.cumsum(number)])))
        return found


def _of_pool(group: Sequence[Told], windows: Ints, flavors: Mapping[str, int], queue: str, zone: ZoneInfo) -> Columns:
    seen = counted([each.flows for each in group], queue)
    nothing = np.full(len(windows), np.nan)
    if len(seen.slots) < 2:
        return dict.fromkeys(LOAD, nothing) | {"method": "", "note": TOO_SHORT}
    parts = _Parts(seen, windows)
    waiting = (seen.queue[1:] + seen.queue[:-1]) / 2
    busy = (seen.busy[1:] + seen.busy[:-1]) / 2
    queued = (seen.queue[1:] > 0) & (seen.queue[:-1] > 0)
    local = pd.to_datetime(seen.slots[1:], unit="s", utc=True).tz_convert(zone)
    hour, day = local.hour.to_numpy(), local.day_of_week.to_numpy()
    whole, all_seen = parts.sums(np.ones(len(busy))), parts.sums(np.ones(len(busy))).sum(axis=1)
    running = parts.sums(busy)
    meanwhile, full = parts.sums(busy * queued), parts.sums(queued)
    servers = _with_interval(meanwhile, full)
    most, slots = _most(seen, windows)
    # Where hardly anybody queued there was room for all who ran: that many at least.
    hardly = (slots < FEWEST_QUEUED) | np.isnan(servers[0])
    points = np.where(hardly, most, servers[0])
    run = _with_interval(running, seen.unseen * parts.events(seen.ends) * ratio(whole, np.diff(parts.edges)))
    # Of a window in which the record begins or ends the part that it has.
    starts, ends = np.clip(windows, seen.slots[0], seen.slots[-1]).T
    came = ratio(parts.events(seen.arrivals).sum(axis=1), (ends - starts).astype(float))
    # Where nobody came there is no load, however long jobs run.
    offered = [np.where(came == 0, 0.0, seen.unseen * came * each) for each in run]
    nodes = nodes_of(group[0].flows.series.pool, flavors, int(seen.slots[-1]))
    had, cards = (
        (nothing, nothing)
        if nodes is None
        else (np.array([nodes.mean(of, start, end) for start, end in windows]) for of in (nodes.nodes, nodes.cards))
    )
    waited = parts.sums(waiting).sum(axis=1) / HOUR
    # How many nodes a job takes is known only where others were held up by those that ran.
    per_job = [np.where(hardly, np.nan, ratio(of, points)) for of in (had, cards)]
    any_queue = (seen.queue > 0).astype(float)

    def idle(when: Bools) -> Floats:
        busy_then = ratio(parts.sums(busy * when).sum(axis=1), parts.sums(when).sum(axis=1))
        share: Floats = np.clip(1 - ratio(busy_then, points), 0, 1)
        return share

    alone = mark("note", "hardly anybody queued: servers and idle are at least so many")
    return {
        "offered": offered[0],
        "offered_low": offered[1],
        "offered_high": offered[2],
        "offered_nodes": offered[0] * per_job[0],
        "offered_cards": offered[0] * per_job[1],
        "running_mean": ratio(running.sum(axis=1), all_seen),
        "running_share": ratio(ratio(running.sum(axis=1), all_seen), points),
        "servers": points,
        "servers_low": servers[1],
        "servers_high": servers[2],
        "servers_most": most,
        "nodes": had,
        "cards": cards,
        "saturated_hours": ratio(parts.sums((any_queue[1:] + any_queue[:-1]) / 2).sum(axis=1), all_seen) * WEEK_HOURS,
        "unmet_job_hours": waited,
        "unmet_node_hours": np.where(waited == 0, 0.0, waited * per_job[0]),
        "idle": idle(np.ones(len(busy), np.bool_)),
        "idle_night": idle((hour >= NIGHT[0]) | (hour < NIGHT[1])),
        "idle_weekend": idle(day >= SATURDAY),
        "run_seconds": run[0],
        "run_low_seconds": run[1],
        "run_high_seconds": run[2],
        "method": mark("note", "Little's law"),
        "note": np.where(hardly, alone, "").astype(object),
    }


def _with_interval(part: Floats, whole: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the ratio of sums over the parts of each window, with an interval by how the parts differ.

    The errors are those of a ratio (Cochran, Sampling Techniques, 1977, section 6.4), for parts that are alike because
    they follow each other; NaN below ten effective ones.
    """
    points = ratio(part.sum(axis=1), whole.sum(axis=1))
    low, high = np.full(len(points), np.nan), np.full(len(points), np.nan)
    for window, point in enumerate(points):
        some = whole[window] > 0
        n = int(some.sum())
        if not np.isfinite(point) or n < FEWEST:
            continue
        errors = part[window, some] - point * whole[window, some]
        alike = correlation_of(errors)
        batches = n * (1 - alike) / (1 + alike)
        if batches < FEWEST:
            continue
        error = np.sqrt((errors**2).sum() * n / (n - 1) * (1 + alike) / (1 - alike)) / whole[window].sum()
        wide = float(stdtrit(batches - 1, (1 + LEVEL) / 2)) * error
        low[window], high[window] = max(point - wide, 0.0), point + wide
    return points, low, high


def _most(seen: Counted, windows: Ints) -> tuple[Floats, Ints]:
    """Return the most that ran at once while others queued, in each window, and at how many slots somebody did.

    Where that is hardly any, it is the most that ever ran at once.
    """
    most, queued = np.full(len(windows), np.nan), np.zeros(len(windows), np.int64)
    for window, (first, last) in enumerate(np.searchsorted(seen.slots, windows, side="right")):
        busy, queue = seen.busy[first:last], seen.queue[first:last]
        queued[window] = (queue > 0).sum()
        if len(busy):
            most[window] = (busy[queue > 0] if queued[window] >= FEWEST_QUEUED else busy).max()
    return most, queued
