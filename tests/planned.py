"""Pools of a simulator as Poolscope sees them: records of their counts, for plans and forecasts."""

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
    """Count the jobs of a pool as its poller would have."""
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
    """Simulate a pool, and record what was counted; `nodes` is what discovery told."""
    series = counts_of(work, starts_of(work, servers, backfill=backfill), days, step)
    return History(record_of(folder, {POOL: {"train": series}}, {POOL: nodes} if nodes else None, step))


def markov(seed: int, servers: int, load: float, mean: float, days: int, run: str = "exponential") -> Work:
    """Draw jobs of one server that come at random, of run times that theory knows: exponential or constant."""
    random = np.random.default_rng(seed)
    n = random.poisson(load * servers / mean * days * DAY)
    came = np.sort(random.uniform(0, days * DAY, n))
    ran = random.exponential(mean, n) if run == "exponential" else np.full(n, mean)
    return Work(came, np.ones(n, np.int64), ran, np.zeros(n, np.int64))


def erlang_c(servers: int, load: float, mean: float) -> float:
    """Return the mean wait of M/M/c, in seconds; `load` is of all servers (Erlang 1917; Kleinrock 1975, 3.5)."""
    offered = load * servers
    blocking = 1.0
    for n in range(1, servers + 1):
        blocking = offered * blocking / (n + offered * blocking)
    waiting = blocking / (1 - load * (1 - blocking))
    return waiting * mean / (servers * (1 - load))
