"""Simulated pools as Poolscope observes them: records of their counts, for plans and forecasts."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from analysis import History
from analysis.record.series import Series
from tests.recorded import MONDAY, observed, record_of
from tests.simulated import DAY, STEP, Floats, Work, starts_of

POOL = ("p", "a")
FIRST = datetime(2026, 1, 5)


def counts_of(work: Work, starts: Floats, days: int, step: int = STEP) -> Series:
    """Return the counts of a pool's jobs, as a poll would observe them."""
    slots = MONDAY + np.arange(0, int(days * DAY) + 1, step)
    return observed(slots, MONDAY + work.came, MONDAY + starts, MONDAY + starts + work.run)


def history_of(
    folder: Path,
    work: Work,
    servers: int,
    days: int,
    *,
    backfill: bool = False,
    nodes: Sequence[tuple[datetime, int]] = (),
    step: int = STEP,
) -> History:
    """Simulate a pool and record its counts; `nodes` has the numbers of nodes that discovery found, by time."""
    series = counts_of(work, starts_of(work, servers, backfill=backfill), days, step)
    return History(record_of(folder, {POOL: {"train": series}}, {POOL: nodes} if nodes else None, step))


def markov(seed: int, servers: int, load: float, mean: float, days: int, run: str = "exponential") -> Work:
    """Draw Poisson arrivals of one-server jobs with exponential or constant run times (in seconds, mean `mean`)."""
    random = np.random.default_rng(seed)
    n = random.poisson(load * servers / mean * days * DAY)
    arrivals = np.sort(random.uniform(0, days * DAY, n))
    runs = random.exponential(mean, n) if run == "exponential" else np.full(n, mean)
    return Work(arrivals, np.ones(n, np.int64), runs, np.zeros(n, np.int64))


def erlang_c(servers: int, load: float, mean: float) -> float:
    """Return the mean wait of M/M/c in seconds; `load` is the utilisation (Erlang 1917; Kleinrock 1975, 3.5)."""
    offered = load * servers
    blocking = 1.0
    for n in range(1, servers + 1):
        blocking = offered * blocking / (n + offered * blocking)
    waiting = blocking / (1 - load * (1 - blocking))
    return waiting * mean / (servers * (1 - load))
