"""The load of a pool: its offered load, its servers, the waiting of its jobs, and its idle capacity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.arrays import Bools, Floats, ratio
from analysis.calendar import HOUR, SATURDAY, WEEK_HOURS
from analysis.capacity.floor import FEWEST_ENDS
from analysis.capacity.nodes import Nodes, nodes_of
from analysis.capacity.occupancy import Occupancy, occupancy_of
from analysis.capacity.parts import Parts, parts_of, ratio_of_sums
from analysis.capacity.servers import Servers, servers_of
from analysis.estimate import Estimate
from analysis.notes import GOOD, NONE, TOO_SHORT, WEAK, Note, Notes, joined, note
from analysis.queue.conservation import Flows
from analysis.queue.facts import Facts
from analysis.schemas.schema import Columns
from analysis.windows import Windows

NIGHT: Final = (20, 8)
"""The hours of a day in the zone at which nights begin and end."""


@dataclass(frozen=True)
class Amounts:
    """The values that can be summed over pools, one per window. The names are those of the columns."""

    offered: Floats
    offered_low: Floats
    offered_high: Floats
    offered_nodes: Floats
    offered_nodes_high: Floats
    offered_cards: Floats
    offered_cards_high: Floats
    running_mean: Floats
    servers: Floats
    servers_low: Floats
    servers_high: Floats
    servers_most: Floats
    nodes: Floats
    cards: Floats
    unmet_job_hours: Floats
    unmet_node_hours: Floats
    unmet_node_hours_high: Floats


@dataclass(frozen=True)
class Load:
    """The load of a pool, or of several pools together, in each of n windows."""

    amounts: Amounts
    use: Columns
    """The columns of shares that are idle and in use."""
    queued_hours: Floats
    """n: hours a week with a queue."""
    run_seconds: Estimate
    words: NDArray[Any]
    """n: the confidence: good; weak where the servers have no point estimate; none where too few jobs ended."""
    reasons: NDArray[Any]
    """n `Notes`: why the confidence is not good."""
    method: Note | None
    notes: NDArray[Any]
    """n, each a `Note` or None."""

    @property
    def unobserved(self) -> Bools:
        """Whether nothing of the pool was observed in each window."""
        return np.isnan(self.amounts.running_mean)

    def columns(self) -> Columns:
        """Return the columns of the schema of loads."""
        return {
            **vars(self.amounts),
            **self.use,
            "queued_hours": self.queued_hours,
            **self.run_seconds.columns("run_seconds"),
            "confidence": self.words,
            "reason": self.reasons,
            "method": self.method,
            "note": self.notes,
        }


def load(series: Sequence[Facts], windows: Windows, cards: Mapping[str, int], queue: str, zone: ZoneInfo) -> Columns:
    """Return the load of the pools of a group in each window; for several pools the sums.

    Where the servers have no point estimate, no value computed from them has one. Where too few jobs ended, run time
    and load are not known.

    Parameters
    ----------
    cards
        The number of cards of a node, by flavor.
    queue
        One of `QUEUES`: the statuses that count as waiting.
    zone
        The time zone of nights and weekends.

    Returns
    -------
    dict
        The columns of the schema of loads.
    """

    def key(facts: Facts) -> tuple[str, str]:
        return facts[Flows].series.key[:2]

    pools = [
        _of_pool(list(members), windows, cards, queue, zone) for _, members in groupby(sorted(series, key=key), key)
    ]
    return (pools[0] if len(pools) == 1 else _sum(pools)).columns()


def _sum(pools: Sequence[Load]) -> Load:
    """Return the load of several pools together; values that are no sums, such as run times, are unknown."""
    unobserved = np.array([pool.unobserved for pool in pools])
    none, unknown = unobserved.all(axis=0), np.full(unobserved.shape[1], np.nan)
    # A pool that was not observed adds nothing to a sum; an unknown value of an observed pool makes the sum unknown.
    sums: dict[str, Floats] = {}
    for name in (field.name for field in fields(Amounts)):
        values = np.array([getattr(pool.amounts, name) for pool in pools])
        sums[name] = np.where(none, np.nan, np.where(unobserved, 0.0, values).sum(axis=0))
    for name in ("offered", "servers"):
        # The errors of pools are independent.
        for bound, side in (("low", -1), ("high", 1)):
            errors = [getattr(pool.amounts, f"{name}_{bound}") - getattr(pool.amounts, name) for pool in pools]
            error = np.sqrt(np.where(unobserved, 0.0, np.square(errors)).sum(axis=0))
            point, end = sums[name], sums[f"{name}_{bound}"]
            sums[f"{name}_{bound}"] = np.where(np.isnan(point), end, point + side * error)
    amounts = Amounts(**sums)
    number = Estimate(amounts.servers, amounts.servers_low, amounts.servers_high)
    use = _use(Servers(number, np.isnan(number.point), amounts.servers_most), {"": amounts.running_mean})
    missing = [
        note("{missing} of {pools} pools were not observed", missing=int(pools_missing), pools=len(pools))
        if pools_missing
        else None
        for pools_missing in unobserved.sum(axis=0)
    ]
    words, reasons = _least_confidence(pools, unobserved)
    method = note("sums over pools")
    return Load(
        amounts, use, unknown, Estimate.unknown(len(unknown)), words, reasons, method, np.array(missing, object)
    )


def _least_confidence(pools: Sequence[Load], unobserved: Bools) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the confidence of sums: the lowest of the pools observed in each window, with every reason once."""
    order, words, reasons = [NONE, WEAK, GOOD], [], []
    for window in range(unobserved.shape[1]):
        observed = [pool for pool, missing in zip(pools, unobserved[:, window], strict=True) if not missing]
        words.append(min((pool.words[window] for pool in observed), key=order.index, default=NONE))
        reasons.append(joined(*dict.fromkeys(reason for pool in observed for reason in pool.reasons[window])))
    return np.array(words, object), np.array(reasons, object)


def _of_pool(
    series: Sequence[Facts], windows: Windows, cards_by_flavor: Mapping[str, int], queue: str, zone: ZoneInfo
) -> Load:
    occupancy = occupancy_of([facts[Flows] for facts in series], queue)
    if len(occupancy.slots) < 2:
        return _unknown(len(windows))
    parts = parts_of(occupancy, windows)
    servers = servers_of(occupancy, windows, parts)
    busy = (occupancy.busy[1:] + occupancy.busy[:-1]) / 2
    observed, running = parts.sums(np.ones(len(busy))), parts.sums(busy)
    ended, run, offered = _offered(occupancy, windows, parts, running)
    nodes = nodes_of(series[0][Flows].series.pool, cards_by_flavor, int(occupancy.slots[-1]))
    unknown = np.full(len(windows), np.nan)
    node_mean, card_mean = (
        (unknown, unknown)
        if nodes is None
        else (nodes.mean(numbers, windows) for numbers in (nodes.nodes, nodes.cards))
    )
    waited = parts.sums((occupancy.queue[1:] + occupancy.queue[:-1]) / 2).sum(axis=1) / HOUR
    amounts = Amounts(
        offered=offered.point,
        offered_low=offered.low,
        offered_high=offered.high,
        # The number of nodes of a job is known where a queue filled the pool.
        offered_nodes=offered.point * ratio(node_mean, servers.number.point),
        offered_nodes_high=offered.point * ratio(node_mean, servers.queued),
        offered_cards=offered.point * ratio(card_mean, servers.number.point),
        offered_cards_high=offered.point * ratio(card_mean, servers.queued),
        running_mean=ratio(running.sum(axis=1), observed.sum(axis=1)),
        servers=servers.number.point,
        servers_low=servers.number.low,
        servers_high=servers.number.high,
        servers_most=servers.most,
        nodes=node_mean,
        cards=card_mean,
        unmet_job_hours=waited,
        unmet_node_hours=np.where(waited == 0, 0.0, waited * ratio(node_mean, servers.number.point)),
        unmet_node_hours_high=np.where(waited == 0, 0.0, waited * ratio(node_mean, servers.queued)),
    )
    queued = (occupancy.queue > 0).astype(float)
    queued_hours = ratio(parts.sums((queued[1:] + queued[:-1]) / 2).sum(axis=1), observed.sum(axis=1)) * WEEK_HOURS
    words, reasons = _confidence(ended, servers, occupancy.unestimated)
    notes = np.array([_note_of_nodes(nodes, start, end) for start, end in windows], object)
    use = _use(servers, _running_by_time(occupancy, parts, busy, zone))
    return Load(amounts, use, queued_hours, run, words, reasons, note("Little's law"), notes)


def _unknown(n: int) -> Load:
    """Return the load of a pool with too few slots."""
    unknown = np.full(n, np.nan)
    amounts = Amounts(**dict.fromkeys((field.name for field in fields(Amounts)), unknown))
    words, reasons = np.full(n, NONE, object), np.full(n, joined(TOO_SHORT), object)
    return Load(amounts, {}, unknown, Estimate.unknown(n), words, reasons, None, np.full(n, TOO_SHORT, object))


def _offered(
    occupancy: Occupancy, windows: Windows, parts: Parts, running: Floats
) -> tuple[Floats, Estimate, Estimate]:
    """Return, for each window, the jobs that ended, the mean run time in seconds, and the offered load in jobs."""
    observed, ends = parts.sums(np.ones(len(parts.seconds))), parts.events(occupancy.ends)
    ended = ends.sum(axis=1)
    seconds = ratio_of_sums(running, ends * ratio(observed, parts.lengths))
    few = (ended < FEWEST_ENDS) | (occupancy.unestimated is not None)
    run = seconds.each(lambda bound: np.where(few, np.nan, bound))
    # Where the record begins or ends in a window, only the part of the window inside the record counts.
    recorded = windows.clipped(int(occupancy.slots[0]), int(occupancy.slots[-1]))
    arrivals = ratio(parts.events(occupancy.arrivals).sum(axis=1), recorded.seconds.astype(float))
    # Without arrivals there is no load, however long jobs run.
    offered = run.each(lambda bound: np.where(arrivals == 0, 0.0, arrivals * bound))
    return ended, run, offered


def _running_by_time(occupancy: Occupancy, parts: Parts, busy: Floats, zone: ZoneInfo) -> dict[str, Floats]:
    """Return the mean running jobs of each window: over all of it, over its nights, and over its weekends."""
    local = pd.to_datetime(occupancy.slots[1:], unit="s", utc=True).tz_convert(zone)
    hour, day = local.hour.to_numpy(), local.day_of_week.to_numpy()
    times: dict[str, Bools] = {
        "": np.ones(len(busy), np.bool_),
        "_night": (hour >= NIGHT[0]) | (hour < NIGHT[1]),
        "_weekend": day >= SATURDAY,
    }
    return {
        name: ratio(parts.sums(busy * when).sum(axis=1), parts.sums(when).sum(axis=1)) for name, when in times.items()
    }


def _confidence(ended: Floats, servers: Servers, unestimated: Note | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the confidence of each window, and the reasons why it is not good."""
    words: list[str] = []
    reasons: list[Notes] = []
    for jobs, unknown in zip(ended, np.isnan(servers.number.point), strict=True):
        few = (
            note("only {ended} jobs ended, at least {fewest} are needed", ended=int(jobs), fewest=FEWEST_ENDS)
            if jobs < FEWEST_ENDS
            else None
        )
        at_least = note(
            "the pool may be able to run more: servers and idle shares are lower bounds, if all jobs have one size"
        )
        words.append(NONE if few or unestimated else WEAK if unknown else GOOD)
        reasons.append(joined(few, unestimated, at_least if unknown else None))
    return np.array(words, object), np.array(reasons, object)


def _note_of_nodes(nodes: Nodes | None, start: int, end: int) -> Note | None:
    """Return a note if the number of nodes changed within a window, so that its servers are a mean; else None."""
    if nodes is None or not nodes.changed_in(start, end):
        return None
    return note("the number of nodes changed: the servers are a mean over the window")


def _use(servers: Servers, running: Mapping[str, Floats]) -> Columns:
    """Return the columns of shares that are idle and in use, by the mean number of running jobs at some times."""
    columns: Columns = {}
    for when, mean in running.items():
        share, most = servers.utilisation(mean)
        columns |= {f"idle{when}": np.clip(1 - share, 0, 1), f"idle{when}_low": 1 - most}
    columns["utilisation"], columns["utilisation_high"] = servers.utilisation(running[""])
    return columns
