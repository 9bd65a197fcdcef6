"""How often bounds hold the truth where jobs return to the queue and finished records go; run it by hand.

    python tests/benchmarks/returns.py [--first 1000] [--seeds 20] [--kind KIND ...]

In each simulated pool jobs wait for servers, first in first out. In some pools urgent jobs displace running ones, which
wait again. Finished jobs are kept, roll or are capped; some are restarted, or deleted singly or in batches. A row is a
kind of pool: the share of windows (days, a week, the whole record) whose bounds hold the truth, whether a job that
returns is an arrival or not; the median width of the mean wait's bounds over the truth; and by how much arrivals_high
exceeds the truth. Evident are the pools whose record shows returns or removals, or whose configuration says that they
pre-empt. In "pre-empting" it says nothing, and nothing shows: such returns are assumed absent. Seeds below 1000 may
choose constants; those from 1000 on judge them.
"""

import argparse
import heapq
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from tabulate import tabulate

from analysis.queue import failures, waits
from analysis.queue.conservation import Flows, flows_of
from analysis.queue.discipline import waiting_of
from analysis.queue.failures import Ends, ending_of
from analysis.record.series import COUNTS, Pool, Series
from analysis.windows import Windows
from tests.simulated import DAY, HOUR, Floats, Ints

KINDS = (
    "clean",
    "pre-empting, configured",
    "pre-empting",
    "restarted",
    "deleted singly",
    "deleted in batches",
    "deleted while running",
    "capped",
)
STATUSES = ("Completed", "Failed", "Terminated")
LIMIT = 900
"""The limit on waits, in seconds."""


@dataclass
class Happened:
    """What happened in a pool; all times in seconds."""

    visits: list[list[float]] = field(default_factory=list)
    """Of each visit to the queue: when it began, when it ended, and whether the job returned from running (0 or 1)."""
    runs: list[list[float]] = field(default_factory=list)
    """Of each run: when it began and ended."""
    ends: list[list[float]] = field(default_factory=list)
    """Of each end: when, in which of `STATUSES`, and when its record went."""


@dataclass
class Job:
    """A job of the simulation."""

    left: float
    """The run time that is left, in seconds."""
    urgent: bool
    visit: int = -1
    run: int = -1
    version: int = 0


def simulated(kind: str, seed: int) -> tuple[Happened, int, float]:  # noqa: PLR0912, PLR0915 - one loop of events
    """Return what happened in a pool, the distance of its slots in seconds, and its days."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    step, days = int(random.choice([60, 300, 300, 900])), float(random.choice([8, 15, 22]))
    rate = np.exp(random.uniform(np.log(2), np.log(40))) / HOUR
    mean = np.exp(random.uniform(np.log(0.3), np.log(5))) * HOUR
    servers = max(2, round(rate * mean / random.uniform(0.6, 1.05)))
    kept = np.inf if kind == "capped" else float(random.choice([np.inf, np.inf, 1 * DAY, 3 * DAY]))
    until = days * DAY
    came = np.sort(random.uniform(-4 * DAY, until, random.poisson(rate * (until + 4 * DAY))))
    if random.integers(2):
        came = came[random.uniform(0, 2, len(came)) < 1 + np.sin(came / DAY * 2 * np.pi)]
    urgent = (random.random(len(came)) < random.uniform(0.02, 0.3)) & kind.startswith("pre-empting")
    length = random.lognormal(0, 1, len(came)) * mean / np.exp(0.5)
    status = random.choice(3, len(came), p=(0.6, 0.1, 0.3))
    share = float(random.choice([0.002, 0.006, 0.02, 0.04]))
    queued_again, grace = bool(random.integers(2)), float(random.choice([0, 0, 30, 600]))
    loses, whole = bool(random.integers(2)), bool(random.integers(2))
    happened = Happened()
    events: list[tuple[float, int, int, int, int]] = []
    jobs: list[Job] = []
    counter = iter(range(10**9))

    def at(when: float, what: int, job: int, version: int = 0) -> None:
        heapq.heappush(events, (when, next(counter), what, job, version))

    for when, run, first in zip(came, length, urgent, strict=True):
        at(float(when), 0, len(jobs))
        jobs.append(Job(float(run), bool(first)))
    queues: tuple[deque[int], deque[int]] = (deque(), deque())
    running: dict[int, float] = {}
    free = servers

    def start(when: float, number: int) -> None:
        job = jobs[number]
        happened.visits[job.visit][1] = when
        job.run = len(happened.runs)
        happened.runs.append([when, np.inf])
        running[number] = when
        job.version += 1
        at(when + job.left, 1, number, job.version)

    def enter(when: float, number: int, returned: bool) -> None:
        jobs[number].visit = len(happened.visits)
        happened.visits.append([when, np.inf, float(returned)])
        queue = queues[0 if jobs[number].urgent else 1]
        (queue.appendleft if returned else queue.append)(number)

    def displace(when: float) -> None:
        nonlocal free
        others = [number for number in running if not jobs[number].urgent]
        if not others:
            return
        last = max(others, key=running.__getitem__)
        began = running.pop(last)
        job = jobs[last]
        happened.runs[job.run][1] = when
        job.left -= 0.0 if loses else when - began
        job.version += 1
        enter(when, last, returned=True)
        free += 1

    def serve(when: float) -> None:
        nonlocal free
        while free > 0 and (queues[0] or queues[1]):
            free -= 1
            start(when, (queues[0] or queues[1]).popleft())

    while events:
        when, _, what, number, version = heapq.heappop(events)
        if when > until:
            break
        if what == 0:
            enter(when, number, returned=False)
            if jobs[number].urgent and free <= 0:
                at(when + grace, 2, number)
        elif what == 2:
            if number in queues[0] and free <= 0:
                displace(when)
        elif version == jobs[number].version:
            began = running.pop(number, None)
            happened.runs[jobs[number].run][1] = when
            if began is not None:
                free += 1
            gone = when + kept
            if status[number] == 2 and kind == "restarted" and random.random() < share / 0.3:
                back = when + random.exponential(8 * HOUR)
                if back < gone:
                    gone = back
                    jobs[number].left = float(random.lognormal(0, 1) * mean)
                    at(back, 0 if queued_again else 3, number)
            happened.ends.append([when, float(status[number]), gone])
        if what == 3:
            jobs[number].run = len(happened.runs)
            happened.runs.append([when, np.inf])
            jobs[number].version += 1
            at(when + jobs[number].left, 1, number, jobs[number].version)
        serve(when)
    ends = np.array(happened.ends).reshape(-1, 3)
    if kind == "deleted singly":
        chosen = random.random(len(ends)) < share
        ends[chosen, 2] = np.minimum(ends[chosen, 2], ends[chosen, 0] + random.exponential(DAY, chosen.sum()))
    elif kind == "deleted in batches":
        for batch in random.uniform(0, until, random.poisson(days / 3)):
            there = np.flatnonzero((ends[:, 0] < batch) & (ends[:, 2] > batch))
            size = int(random.geometric(0.2)) if not whole else int(random.geometric(0.02))
            ends[random.permutation(there)[:size], 2] = batch
    elif kind == "deleted while running":
        deleted = random.random(len(ends)) < share
        ends = ends[~deleted]
    elif kind == "capped":
        ceiling = 1 + int(random.uniform(0.05, 0.9) * len(ends))
        ends[:-ceiling, 2] = ends[ceiling:, 0]
    happened.ends = ends.tolist()
    return happened, step, days


def series_of(happened: Happened, step: int, days: float) -> Series:
    """Return the counts of what happened."""
    slots = np.arange(0, days * DAY + 1, step).astype(np.int64)
    visits, runs, ends = (np.array(rows) for rows in (happened.visits, happened.runs, happened.ends))

    def there(rows: Floats, since: int, until: int) -> Ints:
        came, left = (np.searchsorted(np.sort(rows[:, side]), slots, side="right") for side in (since, until))
        return (came - left).astype(np.int64)

    counts = {"Queue": there(visits, 0, 1), "Running": there(runs, 0, 1)}
    for number, status in enumerate(STATUSES):
        counts[status] = there(ends[ends[:, 1] == number], 0, 2)
    total = np.sum(list(counts.values()), axis=0)
    pool = Pool("p", "a", None, None, slots, np.full(len(slots), step), total)
    return Series(pool, "train", slots, pool.intervals, dict.fromkeys(COUNTS, 0 * total) | counts | {"total": total})


@dataclass(frozen=True)
class Judged:
    """Whether the bounds of a pool's windows hold the truth, by measure, and how wide they are."""

    holds: dict[str, list[bool]]
    widths: list[float]
    """Of the mean wait's bounds, over the truth."""
    excess: list[float]
    """The upper bound of arrivals over the truth; infinite where there is none."""
    evident: bool


def judged(kind: str, seed: int) -> Judged:
    """Estimate a simulated pool by day and by week, and compare its bounds with the truth by either definition."""
    happened, step, days = simulated(kind, seed)
    series = series_of(happened, step, days)
    flows = flows_of(series, "queue", preempts=kind == "pre-empting, configured")
    last = int(series.slots[-1])
    edges = [*((first, first + int(DAY)) for first in range(0, last, int(DAY))), (0, 7 * int(DAY)), (0, last)]
    windows = Windows(*np.array([edge for edge in edges if edge[1] <= last]).T)
    estimates = waits.estimate([waiting_of(flows, "unknown")], windows, LIMIT)
    ended = failures.ends_of([ending_of(flows)], windows) if flows.ended else None
    counted = failures.estimate([ending_of(flows)], windows)
    visits, ends = np.array(happened.visits), np.array(happened.ends)
    holds: dict[str, list[bool]] = defaultdict(list)
    widths, excess = [], []
    for place, (start, end) in enumerate(windows):
        truths = [_waits(visits, start, end), _waits(visits[visits[:, 2] == 0], start, end)]
        for measure, held in _held(estimates, place, truths):
            holds[measure].append(held)
        if isinstance(counted, failures.Failures) and ended is not None:
            _, low, high = (part[place] for part in Ends.finished.fget(ended))  # type: ignore[attr-defined]
            finished = ((ends[:, 0] > start) & (ends[:, 0] <= end)).sum()
            holds["finished"].append(bool(low <= finished <= high))
        low, high = estimates.mean.low[place], estimates.mean.high[place]
        mean = np.minimum(truths[0], last).mean() if len(truths[0]) else np.nan
        widths.append((np.nan_to_num(high, nan=np.inf) - low) / (mean + step))
        jobs = len(truths[0])
        excess.append(float(np.nan_to_num(estimates.arrivals.high[place], nan=np.inf) - jobs) / max(jobs, 1))
    evident = kind == "pre-empting, configured" or _evident(flows)
    return Judged(holds, widths, excess, evident)


def _evident(flows: Flows) -> bool:
    return bool(flows.arrived.loose or flows.preempts)


def _waits(visits: Floats, start: int, end: int) -> Floats:
    inside = (visits[:, 0] > start) & (visits[:, 0] <= end)
    lengths: Floats = visits[inside, 1] - visits[inside, 0]
    return lengths


def _held(estimates: waits.Waits, place: int, truths: list[Floats]) -> Iterator[tuple[str, bool]]:
    """Yield each measure and whether its bounds hold the truth by every definition."""

    def within(low: float, value: float, high: float) -> bool:
        return bool((np.isnan(low) or low <= value + 1e-6) and (np.isnan(high) or value <= high + 1e-6))

    arrivals, mean, over = estimates.arrivals, estimates.mean, estimates.over
    yield "arrivals", all(within(arrivals.low[place], len(truth), arrivals.high[place]) for truth in truths)
    some = [truth for truth in truths if len(truth)]
    # A wait that has not ended has a mean that no upper bound is to hold.
    yield "mean", all(within(mean.low[place], truth.mean(), mean.high[place]) for truth in some)
    for quantile in (50, 90):
        bounds = estimates.quantiles[quantile]
        values = [np.quantile(truth, quantile / 100, method="inverted_cdf") for truth in some]
        yield f"p{quantile}", all(within(bounds.low[place], value, bounds.high[place]) for value in values)
    assert over is not None
    yield "over", all(within(over.low[place], (truth > LIMIT).mean(), over.high[place]) for truth in some)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--kind", action="append", choices=KINDS)
    options = parser.parse_args()
    rows: dict[str, list[Judged]] = {}
    for kind in options.kind or KINDS:
        for seed in range(options.first, options.first + options.seeds):
            pool = judged(kind, seed)
            rows.setdefault(kind, []).append(pool)
            for group in ("all", *(["all that can show"] * (kind != "pre-empting")), *(["evident"] * pool.evident)):
                rows.setdefault(group, []).append(pool)
    print(tabulate([_row(name, pools) for name, pools in rows.items()], headers="keys", tablefmt="simple"))


def _row(name: str, pools: list[Judged]) -> dict[str, object]:
    every = [np.array(pool.holds[measure]) for pool in pools for measure in ("arrivals", "mean", "p50", "p90", "over")]
    row: dict[str, object] = {"pools": name, "n": len(pools), "evident": sum(pool.evident for pool in pools)}
    for measure in ("arrivals", "mean", "p50", "p90", "over", "finished"):
        held = np.concatenate([np.array(pool.holds[measure], bool) for pool in pools])
        row[measure] = f"{100 * held.mean():.2f}" if len(held) else "-"
    row["all five"] = f"{100 * np.concatenate(every).mean():.2f}"
    row["width"] = f"{np.median(np.concatenate([pool.widths for pool in pools])):.2f}"
    row["excess"] = f"{np.median(np.concatenate([pool.excess for pool in pools])):.3f}"
    return row


if __name__ == "__main__":
    main()
