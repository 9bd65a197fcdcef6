"""How full a pool was: its load, who ran at once while others queued, what was not served, and what stood idle."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.arrays import Bools, Floats, Ints
from analysis.capacity.floor import FEWEST_ENDS
from analysis.capacity.nodes import Nodes, nodes_of
from analysis.capacity.occupancy import counted
from analysis.capacity.parts import Parts, with_interval
from analysis.capacity.use import Servers, servers_of
from analysis.notes import GOOD, NONE, TOO_SHORT, WEAK, mark
from analysis.queue.told import Told
from analysis.windows import HOUR, WEEK_HOURS, Columns, ratio

LOAD: Final = (
    "offered", "offered_low", "offered_high", "offered_nodes", "offered_nodes_high", "offered_cards",
    "offered_cards_high", "running_mean", "servers", "servers_low", "servers_high", "servers_most", "nodes", "cards",
    "utilisation", "utilisation_high", "queued_hours", "unmet_job_hours", "unmet_node_hours", "unmet_node_hours_high",
    "idle", "idle_low", "idle_night", "idle_night_low", "idle_weekend", "idle_weekend_low", "run_seconds",
    "run_low_seconds", "run_high_seconds", "confidence", "reason", "coverage", "history", "method", "note",
)  # fmt: skip
"""offered: jobs that came times how long they run, in jobs at once; in nodes and cards as these are to the servers.
running_mean: jobs at once. servers: see `use.Servers`. nodes, cards: the mean. utilisation: the share of the servers
that runs, on average and at most. queued_hours: a week, with a queue. unmet: what waited, in job-hours and node-hours
of the window. idle: the share of the servers that does not run, on average and at least, also of nights (20 to 8
o'clock) and weekends. run_seconds: by Little's law on who was busy. Intervals: 95 %, missing below ten effective parts
of a window. Where servers has no point, nothing that is made of it has. Where too few jobs ended nobody knows how long
they run, nor what load they are. confidence: good; weak where servers has no point; none where too few ended; with the
reason."""
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
        point = np.asarray(told[name], float)
        for bound, side in (("low", -1), ("high", 1)):
            away = [np.asarray(each[f"{name}_{bound}"], float) - np.asarray(each[name], float) for each in pools]
            apart = np.sqrt(np.where(unseen, 0.0, np.square(away)).sum(axis=0))
            told[f"{name}_{bound}"] = np.where(
                np.isnan(point), np.asarray(told[f"{name}_{bound}"]), point + side * apart
            )
    # The hours in which a pool was full are those of no sum.
    parts_of_time = ("queued_hours", "idle_night", "idle_night_low", "idle_weekend", "idle_weekend_low")
    told |= dict.fromkeys(parts_of_time, np.full(len(windows), np.nan))
    point, low, high, most = (np.asarray(told[f"servers{which}"], float) for which in ("", "_low", "_high", "_most"))
    servers = Servers(point, low, high, np.isnan(point), most)
    told |= _use(servers, {"": np.asarray(told["running_mean"], float)})
    text = mark("note", "{missing} of {pools} pools were not seen")
    missing = [text.format(missing=number, pools=len(pools)) if number else "" for number in unseen.sum(axis=0)]
    # A sum is as sure as the least sure of its pools that were seen.
    told |= _least_sure(pools, unseen)
    return told | {"method": mark("note", "sums over pools"), "note": np.array(missing, object)}


def _least_sure(pools: Sequence[Columns], unseen: Bools) -> Columns:
    """Return the confidence of sums: that of the least sure pool of each window, and every reason once."""
    n = unseen.shape[1]
    words, reasons = (
        np.array([np.broadcast_to(np.asarray(pool[name], object), n) for pool in pools])
        for name in ("confidence", "reason")
    )
    order, words_of_all, reasons_of_all = [NONE, WEAK, GOOD], [], []
    for window in range(n):
        seen = ~unseen[:, window]
        words_of_all.append(min(words[seen, window], key=order.index, default=NONE))
        each = dict.fromkeys(reason for text in reasons[seen, window] for reason in text.split("; ") if reason)
        reasons_of_all.append("; ".join(each))
    return {"confidence": np.array(words_of_all, object), "reason": np.array(reasons_of_all, object)}


def _of_pool(group: Sequence[Told], windows: Ints, flavors: Mapping[str, int], queue: str, zone: ZoneInfo) -> Columns:
    seen = counted([each.flows for each in group], queue)
    nothing = np.full(len(windows), np.nan)
    if len(seen.slots) < 2:
        return dict.fromkeys(LOAD, nothing) | {"method": "", "confidence": NONE, "reason": TOO_SHORT, "note": TOO_SHORT}
    parts = Parts(seen, windows)
    waiting = (seen.queue[1:] + seen.queue[:-1]) / 2
    busy = (seen.busy[1:] + seen.busy[:-1]) / 2
    local = pd.to_datetime(seen.slots[1:], unit="s", utc=True).tz_convert(zone)
    hour, day = local.hour.to_numpy(), local.day_of_week.to_numpy()
    whole = parts.sums(np.ones(len(busy)))
    all_seen, running = whole.sum(axis=1), parts.sums(busy)
    servers = servers_of(seen, windows, parts)
    ends = parts.events(seen.ends)
    ended = ends.sum(axis=1)
    run = [
        np.where(ended < FEWEST_ENDS, np.nan, seconds)
        for seconds in with_interval(running, seen.unseen * ends * ratio(whole, np.diff(parts.edges)))
    ]
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
    any_queue = (seen.queue > 0).astype(float)
    times = {
        "": np.ones(len(busy), np.bool_),
        "_night": (hour >= NIGHT[0]) | (hour < NIGHT[1]),
        "_weekend": day >= SATURDAY,
    }
    then = {
        name: ratio(parts.sums(busy * when).sum(axis=1), parts.sums(when).sum(axis=1)) for name, when in times.items()
    }
    rows: Columns = {
        "offered": offered[0],
        "offered_low": offered[1],
        "offered_high": offered[2],
        "running_mean": ratio(running.sum(axis=1), all_seen),
        "servers": servers.point,
        "servers_low": servers.low,
        "servers_high": servers.high,
        "servers_most": servers.most,
        "nodes": had,
        "cards": cards,
        "queued_hours": ratio(parts.sums((any_queue[1:] + any_queue[:-1]) / 2).sum(axis=1), all_seen) * WEEK_HOURS,
        "unmet_job_hours": waited,
        "run_seconds": run[0],
        "run_low_seconds": run[1],
        "run_high_seconds": run[2],
        "method": mark("note", "Little's law"),
        "note": np.array([_of_nodes(nodes, start, end) for start, end in windows], object),
    }
    # How many nodes a job takes is known where others were held up by those that ran.
    for bound, at_once in (("", servers.point), ("_high", servers.per_node)):
        rows[f"offered_nodes{bound}"] = offered[0] * ratio(had, at_once)
        rows[f"offered_cards{bound}"] = offered[0] * ratio(cards, at_once)
        rows[f"unmet_node_hours{bound}"] = np.where(waited == 0, 0.0, waited * ratio(had, at_once))
    return rows | _use(servers, then) | _sure(ended, servers)


def _sure(ended: Floats, servers: Servers) -> Columns:
    """Return how sure the figures of each window are, and why not more."""
    at_least = mark("note", "it may run more at once: servers and idle are at least so many, as if all jobs were alike")
    few = mark("note", "{ended} jobs ended, of {fewest} that it takes")
    words, reasons = [], []
    for jobs, known in zip(ended, ~np.isnan(servers.point), strict=True):
        little = few.format(ended=int(jobs), fewest=FEWEST_ENDS) if jobs < FEWEST_ENDS else ""
        words.append(NONE if little else GOOD if known else WEAK)
        reasons.append("; ".join(filter(None, (little, "" if known else at_least))))
    return {"confidence": np.array(words, object), "reason": np.array(reasons, object)}


def _of_nodes(nodes: Nodes | None, start: int, end: int) -> str:
    """Say that nodes changed within a window, whose servers are then a mean; a plan takes today's for all of it."""
    changed = nodes is not None and bool(((nodes.changes > start) & (nodes.changes < end)).any())
    return mark("note", "nodes changed in between: servers are the mean of what there was") if changed else ""


def _use(servers: Servers, running: Mapping[str, Floats]) -> Columns:
    """Return the columns of what is in use and idle, of how many run on average, by the time of day."""
    columns: Columns = {}
    for when, of in running.items():
        share, most = servers.used(of)
        columns |= {f"idle{when}": np.clip(1 - share, 0, 1), f"idle{when}_low": 1 - most}
    columns["utilisation"], columns["utilisation_high"] = servers.used(running[""])
    return columns
