"""Simulated FIFO queues with 16 servers, for the benchmark of trends: the true daily values of each measure.

Demand is constant, has a rhythm or comes in bursts; or it remembers: the logarithm of the daily rate of arrivals is a
Gaussian AR(1).
"""

import math
from dataclasses import dataclass

import numba
import numpy as np

from analysis.arrays import Floats
from analysis.estimate import Estimate
from analysis.notes import NOTHING, Note, note
from analysis.queue.observation import Observation
from analysis.queue.waits import Waits
from analysis.stats.batches import Days
from analysis.trends.daily import Daily
from analysis.windows import Windows

SERVERS = 16
DAYS = 91
WARM = 60
DAY = 86_400.0
HOUR = 3600.0
LIMIT = 900.0


@dataclass(frozen=True)
class Scenario:
    """The load and the pattern of arrivals."""

    load: float
    pattern: str = "plain"
    service: float = 2 * HOUR
    doubled: int = 0
    """The number of last days whose load doubles the long-run mean wait."""
    length: int = DAYS
    """Days."""
    spread: float = 0.0
    """The standard deviation of the logarithm of the daily rate of arrivals, whose mean stays the same."""
    correlation: float = 0.0
    """The correlation of this logarithm from day to day."""
    factor: float = 1.0
    """The daily rates of the last third of the days, as a multiple of the law of the others."""

    def arrivals(self, draw: np.random.Generator) -> Floats:
        """Draw the arrivals, in seconds from the start of the warm-up."""
        if self.spread:
            return self._remembering(draw)
        span, burst = (WARM + self.length) * DAY, 5.0 if self.pattern == "bursts" else 1.0
        most = doubled(self.load) if self.doubled else self.load * (1.16 * 1.4 if self.pattern == "rhythm" else 1.0)
        rate = most * SERVERS / self.service / burst
        candidates = np.cumsum(draw.exponential(1 / rate, int(span * rate * 1.2) + 200))
        if self.pattern == "bursts":
            candidates = np.repeat(candidates, draw.geometric(1 / burst, len(candidates)))
        loads = np.full(len(candidates), self.load)
        if self.pattern == "rhythm":
            weekend = (candidates // DAY) % 7 >= 5
            loads *= (1 + 0.4 * np.sin(2 * np.pi * candidates / DAY)) * np.where(weekend, 0.6, 1.16)
        loads[candidates >= span - self.doubled * DAY] = most if self.doubled else self.load
        arrivals: Floats = candidates[(draw.random(len(candidates)) * most < loads) & (candidates < span)]
        return arrivals

    def _remembering(self, draw: np.random.Generator) -> Floats:
        """Draw arrivals that are evenly spread over a day, with daily rates that remember those of the day before."""
        n = WARM + self.length
        rates = np.exp(self.spread * autoregressive(n, self.correlation, draw) - self.spread**2 / 2)
        rates[n - self.length // 3 :] *= self.factor
        jobs = draw.poisson(rates * self.load * SERVERS * DAY / self.service)
        arrivals: Floats = np.sort((np.repeat(np.arange(n), jobs) + draw.random(int(jobs.sum()))) * DAY)
        return arrivals

    def days(self, draw: np.random.Generator) -> dict[str, Days]:
        """Draw the true daily values of each measure."""
        arrivals = self.arrivals(draw)
        waits = first_in_first_out(arrivals, draw.exponential(self.service, len(arrivals)))
        n, day = self.length, (arrivals // DAY).astype(np.int64) - WARM
        arrival_day, waits = day[day >= 0], waits[day >= 0]
        jobs = np.bincount(arrival_day, minlength=n)[:n].astype(float)
        failed = draw.binomial(jobs.astype(np.int64), draw.beta(3, 27, n))
        divisor = np.maximum(jobs, 1)
        measures = {
            "wait": np.bincount(arrival_day, waits, n) / divisor,
            "over": np.bincount(arrival_day, waits > LIMIT, n) / divisor,
            "arrivals": jobs,
            "failures": failed / divisor,
        }
        return {name: exactly(values, np.ones(n) if name == "arrivals" else jobs) for name, values in measures.items()}


def exactly(values: Floats, weights: Floats) -> Days:
    """Return days with exactly known values, without those of zero weight."""
    known = weights > 0
    return Days(np.arange(len(values))[known], *(values[known],) * 3, weights[known])


def autoregressive(n: int, correlation: float, draw: np.random.Generator) -> Floats:
    """Draw n values of a Gaussian AR(1) with variance 1."""
    innovations = draw.standard_normal(n) * math.sqrt(1 - correlation**2)
    state, values = draw.standard_normal(), np.empty(n)
    for day in range(n):
        state = correlation * state + innovations[day]
        values[day] = state
    return values


@numba.njit(cache=True)
def first_in_first_out(arrivals: Floats, service: Floats) -> Floats:
    """Return the waits in a FIFO queue with several servers (Kiefer and Wolfowitz)."""
    free_at, waits = np.zeros(SERVERS), np.empty(len(arrivals))
    for job in range(len(arrivals)):
        server = np.argmin(free_at)
        start = max(arrivals[job], free_at[server])
        waits[job] = start - arrivals[job]
        free_at[server] = start + service[job]
    return waits


def mean_wait(load: float) -> float:
    """Return the mean wait of M/M/c in service times (Erlang C)."""
    offered = SERVERS * load
    all_busy = offered**SERVERS / math.factorial(SERVERS) / (1 - load)
    delayed = all_busy / (sum(offered**n / math.factorial(n) for n in range(SERVERS)) + all_busy)
    return delayed / (SERVERS * (1 - load))


def doubled(load: float) -> float:
    """Return the load that has twice the mean wait."""
    low, high = load, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_wait(middle) < 2 * mean_wait(load) else (low, middle)
    return low


def observation(days: int) -> Observation:
    """Return days that were observed as a whole."""
    starts = np.arange(days) * int(DAY)
    return Observation(
        windows=Windows(starts, starts + int(DAY)),
        coverage=np.ones(days),
        begins_in=np.zeros(days, np.bool_),
        ends_in=np.zeros(days, np.bool_),
        first=0,
        last=days * int(DAY),
        hidden=np.zeros(days, np.bool_),
        unknown_after=np.inf,
        silent=np.zeros(days, np.bool_),
        silent_after=np.inf,
        bounded=True,
        retention=Note("kept"),
        queue="queue",
        notes=NOTHING,
    )


def daily(measures: dict[str, Days]) -> Daily:
    """Return the true daily values as estimates without doubt."""
    n = len(measures["arrivals"].values)
    nobody = np.zeros(n)

    def estimate(name: str) -> Estimate:
        values = np.full(n, np.nan)
        values[measures[name].numbers] = measures[name].values
        return Estimate(values, values.copy(), values.copy())

    arrivals = estimate("arrivals")
    nothing = np.full(n, NOTHING, object)
    waits = Waits(
        arrivals, estimate("wait"), {}, estimate("over"), nobody, nobody.astype(int), note("fifo"), nothing, nothing
    )
    return Daily(waits, None, estimate("failures"), arrivals.point)
