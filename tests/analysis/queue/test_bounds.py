"""The bounds on waits against brute force: every order of service, and every place of each event in its slot.

A case is a short series of few jobs, with windows on and off its slots. What can have happened is listed in full: every
way to match departures with those who came before or with them, and for every job each second at which it can have
come and gone. A bound has to hold for all that can have happened, and one of it has to reach the bound.
"""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest

from analysis.queue.conservation import flows_of
from analysis.queue.discipline import Waiting, waiting_of
from analysis.queue.matching import UNBOUNDED, Events
from analysis.queue.mean_bounds import longest_total, shortest_total
from analysis.queue.quantile_bounds import Cohort, most_over, most_within, quantile_bounds
from analysis.schemas.queue import QUANTILES
from tests.estimated import estimate
from tests.recorded import series_of

CASES: Final = 60
SHARES: Final = np.array([0.5, 0.75, 0.9])
Job = tuple[int, int]
"""The events of its arrival (-1: before the first) and of its departure (as many as there are: not seen)."""
Extent = tuple[float, float]
"""The shortest and the longest that one job can have waited."""


@dataclass(frozen=True)
class Case:
    """Slots in seconds, and between each two of them how many came and left; `waiting` before the first."""

    slots: list[int]
    arrivals: list[int]
    departures: list[int]
    waiting: int

    @property
    def events(self) -> Events:
        """The events as the passes take them."""
        slots = np.array(self.slots)
        return Events(slots[:-1], slots[1:], np.array(self.arrivals), np.array(self.departures))

    @property
    def windows(self) -> Iterator[tuple[int, int]]:
        """Some from slot to slot."""
        yield from itertools.combinations(self.slots, 2)


def case_of(seed: int) -> Case:
    """Draw up to six slots, some far apart, and up to six jobs; a queue that empties, or does not."""
    draw = random.Random(seed)
    lengths = [draw.choice((1, 2, 2, 2, 5)) for _ in range(draw.randint(2, 5))]
    slots = [0, *itertools.accumulate(lengths)]
    waiting = draw.choice((0, 0, 1, 2))
    arrivals = [0] * len(lengths)
    for _ in range(draw.randint(1, 6 - waiting)):
        arrivals[draw.randrange(len(lengths))] += 1
    departures, there = [], waiting
    for came in arrivals:
        there += came
        departures.append(draw.randint(0, there))
        there -= departures[-1]
    return Case(slots, arrivals, departures, waiting)


def matchings(case: Case) -> set[tuple[Job, ...]]:
    """List every way in which those who left can be those who came; jobs that came together are all the same."""
    matchings = set()

    def go_on(event: int, waiting: tuple[int, ...], served: tuple[Job, ...]) -> None:
        if event == len(case.arrivals):
            matchings.add(tuple(sorted((*served, *((came, event) for came in waiting)))))
            return
        here = (*waiting, *[event] * case.arrivals[event])
        for chosen in set(itertools.combinations(here, case.departures[event])):
            rest = list(here)
            for came in chosen:
                rest.remove(came)
            go_on(event + 1, tuple(rest), (*served, *((came, event) for came in chosen)))

    go_on(0, (-1,) * case.waiting, ())
    return matchings


def extent(case: Case, job: Job, start: int, end: int) -> Extent | None:
    """Try every second at which a job can have come and gone; None where it did not come in the window (start, end]."""
    came, left = job
    if came < 0 or case.slots[came + 1] <= start or case.slots[came] >= end:
        return None
    arrivals = range(max(case.slots[came], start), min(case.slots[came + 1], end) + 1)
    if left == len(case.arrivals):
        return case.slots[-1] - arrivals[-1], math.inf
    departures = range(case.slots[left], case.slots[left + 1] + 1)
    waits = [gone - at for at in arrivals for gone in departures if gone >= at]
    return min(waits), max(waits)


def outcomes(case: Case, start: int, end: int) -> list[list[Extent]]:
    """Return of each matching the waits of the jobs that came in a window whose ends are slots."""
    every = ([extent(case, job, start, end) for job in matching] for matching in matchings(case))
    return [[each for each in waits if each is not None] for waits in every]


def cohorts(case: Case, start: int, end: int) -> Iterator[list[Extent]]:
    """Yield what can have happened in any window: of those who came in a slot that it cuts, any may be of it."""
    for matching in matchings(case):
        sure: list[Extent] = []
        doubtful: list[Extent] = []
        for job in matching:
            waits = extent(case, job, start, end)
            if waits is not None:
                inside = start <= case.slots[job[0]] and case.slots[job[0] + 1] <= end
                (sure if inside else doubtful).append(waits)
        for size in range(len(doubtful) + 1):
            for more in set(itertools.combinations(doubtful, size)):
                yield [*sure, *more]


def quantile(waits: Sequence[float], share: float) -> float:
    """Return the smallest wait that at least that share did not exceed."""
    return sorted(waits)[math.ceil(share * len(waits) - 1e-9) - 1]


def said(bound: float) -> float:
    return math.inf if bound == UNBOUNDED else bound


@pytest.mark.parametrize("seed", range(CASES))
def test_totals_are_the_extremes_of_all_that_can_have_happened(seed: int) -> None:
    """No matching waits less or longer in all, and one of them waits as little, one as long."""
    case = case_of(seed)
    for window in case.windows:
        every = outcomes(case, *window)
        least, most = (
            pick(sum(each[side] for each in waits) for waits in every) for side, pick in ((0, min), (1, max))
        )
        assert least == shortest_total(case.events, window, (0, 0), 0)
        assert most == said(longest_total(case.events, case.waiting, window, (0, 0)))


@pytest.mark.parametrize("seed", range(CASES))
def test_numbers_within_and_over_a_limit_are_the_largest_that_can_have_been(seed: int) -> None:
    """In no matching do more jobs wait at most so long, or longer, and in one of them as many do."""
    case = case_of(seed)
    for window in case.windows:
        every = outcomes(case, *window)
        for limit in range(case.slots[-1] + 2):
            within, over = (
                max(sum(each[0] <= limit for each in waits) for waits in every),
                max(sum(each[1] > limit for each in waits) for waits in every),
            )
            assert within == most_within(case.events, window, limit)
            assert over == most_over(case.events, case.waiting, window, limit)


@pytest.mark.parametrize("seed", range(CASES))
def test_quantiles_are_the_extremes_of_all_that_can_have_happened(seed: int) -> None:
    """Each bound is the order statistic of one matching, and none has one beyond it."""
    case = case_of(seed)
    first, last, waiting = np.array([0]), np.array([len(case.arrivals)]), np.array([case.waiting])
    for window in case.windows:
        every = [waits for waits in outcomes(case, *window) if waits]
        if every:
            low, high = quantile_bounds(case.events, Cohort(first, last, waiting, *window), (0, 0), SHARES, 1)
            for number, share in enumerate(SHARES):
                assert min(quantile([each[0] for each in w], share) for w in every) == low[number]
                assert max(quantile([each[1] for each in w], share) for w in every) == said(high[number])


def waiting_in(case: Case) -> Waiting:
    """Return the case as counts tell it, with all who ended kept."""
    queue = case.waiting + np.cumsum([0, *case.arrivals]) - np.cumsum([0, *case.departures])
    # Whoever leaves the queue ends at once: every one is counted.
    ended = np.cumsum([0, *case.departures])
    return waiting_of(flows_of(series_of(case.slots, {"Queue": queue, "Completed": ended}), "queue"), "unknown")


def bounds_of(waits: Sequence[float | None]) -> tuple[float, float]:
    _, low, high = waits
    assert low is not None
    return low, math.inf if high is None else high


@pytest.mark.parametrize("seed", range(CASES))
def test_estimates_from_slot_to_slot_are_sharp(seed: int) -> None:
    """From counts that are kept, bounds of mean, quantiles and share over a limit are those of the matchings."""
    case = case_of(seed)
    for start, end in case.windows:
        every = [waits for waits in outcomes(case, start, end) if waits]
        if not every:
            continue
        estimates = estimate([waiting_in(case)], start, end, 3)
        jobs = len(every[0])
        assert (jobs, jobs) == (estimates.arrivals_low, estimates.arrivals_high)
        low, high = zip(*((sum(e[0] for e in w) / jobs, sum(e[1] for e in w) / jobs) for w in every), strict=True)
        assert (min(low), max(high)) == pytest.approx(bounds_of(estimates.mean))
        for number in QUANTILES:
            low, high = zip(
                *(tuple(quantile([e[i] for e in w], number / 100) for i in (0, 1)) for w in every), strict=True
            )
            assert (min(low), max(high)) == bounds_of(estimates.quantiles[number])
        low, high = zip(
            *((sum(e[0] > 3 for e in w) / jobs, sum(e[1] > 3 for e in w) / jobs) for w in every), strict=True
        )
        assert (min(low), max(high)) == pytest.approx(bounds_of(estimates.over))


@pytest.mark.parametrize("seed", range(CASES))
def test_estimates_of_windows_that_cut_slots_hold(seed: int) -> None:
    """Whoever came in a slot that a window cuts may be of it or not: the bounds hold for each such cohort."""
    case = case_of(seed)
    waiting = waiting_in(case)
    last = case.slots[-1]
    for start, end in itertools.combinations(range(0, last + 1, max(1, last // 5)), 2):
        estimates = estimate([waiting], start, end, 3)
        for waits in cohorts(case, start, end):
            assert estimates.arrivals_low <= len(waits) <= (estimates.arrivals_high or 0)
            if not waits:
                continue
            low, high = bounds_of(estimates.mean)
            assert low <= sum(each[0] for each in waits) / len(waits) + 1e-9
            assert high >= sum(each[1] for each in waits) / len(waits) - 1e-9
            for number in QUANTILES:
                low, high = bounds_of(estimates.quantiles[number])
                assert low <= quantile([each[0] for each in waits], number / 100)
                assert high >= quantile([each[1] for each in waits], number / 100)
            low, high = bounds_of(estimates.over)
            assert low <= sum(each[0] > 3 for each in waits) / len(waits) + 1e-9
            assert high >= sum(each[1] > 3 for each in waits) / len(waits) - 1e-9


@pytest.mark.parametrize("seed", range(0, CASES, 3))
def test_estimates_of_two_series_together_are_sharp(seed: int) -> None:
    """Each of two pools has an order of its own: the bounds of both together are those of all pairs of matchings."""
    cases = case_of(seed), case_of(seed + 1)
    start, end = 0, max(set(cases[0].slots) & set(cases[1].slots))
    pairs = itertools.product(*(outcomes(case, start, end) for case in cases))
    every = [[*one, *other] for one, other in pairs if one or other]
    if not every:
        return
    estimates = estimate([waiting_in(case) for case in cases], start, end, None)
    for number in QUANTILES:
        low, high = zip(*(tuple(quantile([e[i] for e in w], number / 100) for i in (0, 1)) for w in every), strict=True)
        assert (min(low), max(high)) == bounds_of(estimates.quantiles[number])
