"""Laws that every estimate obeys, whatever the counts were: on queues that are drawn at random."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.arrays import Ints
from analysis.queue.conservation import flows_of
from analysis.queue.counters import classify
from analysis.queue.discipline import waiting_of
from analysis.record.series import Series
from analysis.schemas.queue import QUANTILES
from tests.estimated import Bounds, Waited, estimate, totals_of
from tests.recorded import KEPT, MONDAY, observed, record_of

DAY: Final = 86_400
DAYS: Final = 6
STEP: Final = 300
SEEDS: Final = pytest.mark.parametrize("seed", range(8))
HISTORIES: Final = pytest.mark.parametrize("retention", [KEPT, DAY, 0], ids=["kept", "rolling", "absent"])


def drawn(seed: int, retention: float = KEPT, gaps: int = 0, start: int = MONDAY) -> Series:
    """Draw six days of a queue with one to four servers, whose load rises and falls, seen every five minutes."""
    draw = np.random.default_rng(seed)
    servers, number = int(draw.integers(1, 5)), int(draw.integers(100, 400))
    # The record begins within it.
    came = np.sort(draw.uniform(-2 * DAY, DAYS * DAY, number))
    lasts = draw.exponential(0.9 * 8 * DAY * servers / number, number)
    free, started = np.zeros(servers) - 2 * DAY, np.empty(number)
    for job in range(number):
        server = int(free.argmin())
        started[job] = max(came[job], free[server])
        free[server] = started[job] + lasts[job]
    slots = np.arange(0, DAYS * DAY + 1, STEP)
    lost = [at + np.arange(draw.integers(1, 40)) for at in draw.integers(1, len(slots) - 50, gaps)]
    slots = np.delete(slots, np.concatenate(lost)) if lost else slots
    outcomes = draw.choice(["Completed", "Failed", "Terminated"], number, p=[0.7, 0.2, 0.1]).tolist()
    return observed(slots + start, came + start, started + start, started + lasts + start, outcomes, retention)


def part(series: Series, chosen: Ints | slice) -> Series:
    """Return the series as if only some of its slots had been observed."""
    counts = {name: count[chosen] for name, count in series.counts.items()}
    return replace(series, slots=series.slots[chosen], intervals=series.intervals[chosen], counts=counts)


def windows(seed: int, slots: Ints) -> Iterator[tuple[int, int]]:
    """Draw windows: three from slot to slot, three that cut slots, and the whole."""
    draw = np.random.default_rng(seed)
    first, last = int(slots[0]), int(slots[-1])
    ends = [draw.choice(slots, 2, replace=False) for _ in range(3)]
    ends += [draw.integers(first, last, 2) for _ in range(3)]
    for one, other in ends:
        if one != other:
            yield min(int(one), int(other)), max(int(one), int(other))
    yield first, last


def waits(series: Series, start: int, end: int) -> Waited:
    return estimate([waiting_of(flows_of(series, "queue"), "unknown")], start, end, 1800)


def flow(series: Series, start: int, end: int) -> SimpleNamespace:
    return totals_of([flows_of(series, "queue")], start, end)


def figures(found: Waited) -> list[Bounds]:
    """Return all that has bounds."""
    arrivals = (found.arrivals, found.arrivals_low, found.arrivals_high)
    return [arrivals, found.mean, found.over, *found.quantiles.values()]


def high_of(bounds: Bounds) -> float:
    return math.inf if bounds[2] is None else bounds[2]


@HISTORIES
@SEEDS
def test_bounds_are_ordered_and_nested(seed: int, retention: int) -> None:
    """A point lies between its bounds; of two quantiles the higher has no smaller point and no smaller bound."""
    series = drawn(seed, retention, gaps=seed % 3 * 4)
    for start, end in windows(seed, series.slots):
        found = waits(series, start, end)
        for bounds in figures(found):
            point, low, _ = bounds
            if low is not None:
                assert 0 <= low <= high_of(bounds)
                assert point is None or low - 1e-6 <= point <= high_of(bounds) + 1e-6
        if found.mean[1] is not None:
            for side in range(3):
                # No point: the wait has not ended; no upper bound: there is none.
                values = [found.quantiles[quantile][side] for quantile in QUANTILES]
                rising = [math.inf if value is None else value for value in values]
                assert sorted(rising) == rising


@HISTORIES
@SEEDS
def test_arrivals_are_departures_and_growth(seed: int, retention: int) -> None:
    """Between any two slots what came is what left and what the queue grew by; none of them is negative."""
    flows = flows_of(drawn(seed, retention, gaps=seed % 3 * 4), "queue")
    assert np.array_equal(flows.arrivals, flows.departures + np.diff(flows.queue))
    for count in (flows.arrivals, flows.departures, flows.arrivals_most - flows.arrivals):
        assert 0 <= count.min()
    for ended in flows.ended.values():
        assert 0 <= ended.point.min()


@HISTORIES
@SEEDS
def test_shifting_time_shifts_results(seed: int, retention: int) -> None:
    """A history that happens some slots later is the same history: every figure is, in windows as much later."""
    later = 7 * STEP
    series, shifted = drawn(seed, retention, 4), drawn(seed, retention, 4, MONDAY + later)
    for start, end in windows(seed, series.slots):
        assert waits(series, start, end) == waits(shifted, start + later, end + later)
        assert flow(series, start, end) == flow(shifted, start + later, end + later)


@SEEDS
def test_slower_time_makes_longer_waits(seed: int) -> None:
    """Where all takes three times as long, waits do, and no job more or less comes."""
    series = drawn(seed)
    slow = replace(series, slots=series.slots * 3, intervals=series.intervals * 3)
    for start, end in windows(seed, series.slots):
        one, other = waits(series, start, end), waits(slow, 3 * start, 3 * end)
        assert one.arrivals == pytest.approx(other.arrivals)
        for bounds, longer in zip(
            [one.mean, *one.quantiles.values()], [other.mean, *other.quantiles.values()], strict=True
        ):
            assert [None if each is None else pytest.approx(3 * each) for each in bounds] == list(longer)


@SEEDS
def test_two_of_a_kind_wait_as_one_does(seed: int) -> None:
    """Two pools to which the same happens have twice the jobs, and the waits of each."""
    waiting = waiting_of(flows_of(drawn(seed), "queue"), "unknown")
    for start, end in windows(seed, waiting.arrived.slots):
        one, both = (estimate([waiting] * number, start, end, 1800) for number in (1, 2))
        assert one.arrivals is not None
        assert 2 * one.arrivals == pytest.approx(both.arrivals)
        assert one.quantiles == both.quantiles
        for name in ("mean", "over"):
            assert getattr(one, name) == pytest.approx(getattr(both, name))


@HISTORIES
@SEEDS
def test_flows_of_adjoining_parts_sum_to_the_whole(seed: int, retention: int) -> None:
    """Cut anywhere, also within a slot: arrivals, departures and ends of both parts are those of the whole."""
    series = drawn(seed, retention, gaps=4)
    for start, end in windows(seed, series.slots):
        cut = start + (end - start) // 3
        left, right, whole = (flow(series, *span) for span in ((start, cut), (cut, end), (start, end)))
        for name in ("arrivals", "departures"):
            assert getattr(left, name) + getattr(right, name) == pytest.approx(getattr(whole, name))
        for status, number in whole.ended.items():
            parts = left.ended[status], right.ended[status]
            assert number == (None if None in parts else pytest.approx(sum(each for each in parts if each is not None)))
        assert left.arrivals_low + right.arrivals_low <= whole.arrivals_low
        if whole.arrivals_high is not None and left.arrivals_high is not None and right.arrivals_high is not None:
            assert whole.arrivals_high <= left.arrivals_high + right.arrivals_high


@SEEDS
def test_a_record_in_two_parts_tells_what_the_whole_does(seed: int) -> None:
    """Of what is kept, what happened between two slots does not depend on what was seen before or after."""
    series = drawn(seed)
    cut = len(series.slots) // 3
    one, other = (flows_of(part(series, span), "queue") for span in (slice(cut + 1), slice(cut, None)))
    whole = flows_of(series, "queue")
    assert np.array_equal(whole.arrivals, np.concatenate([one.arrivals, other.arrivals]))


@pytest.mark.parametrize("retention", [KEPT, DAY], ids=["kept", "rolling"])
@SEEDS
def test_more_slots_never_widen_bounds(seed: int, retention: int) -> None:
    """With the same class and retention the bounds from all slots lie within those from some, and a longer record's."""
    series = drawn(seed, retention)
    draw = np.random.default_rng(seed)
    some = np.flatnonzero(draw.random(len(series.slots)) < 0.97)
    for fewer in (part(series, some), part(series, slice(200, None)), part(series, slice(None, -200))):
        assert classify(series).described == classify(fewer).described
        for start, end in windows(seed, fewer.slots):
            fine, coarse = figures(waits(series, start, end)), figures(waits(fewer, start, end))
            for within, around in zip(fine, coarse, strict=True):
                if within[1] is not None and around[1] is not None:
                    assert around[1] - 1e-6 <= within[1]
                    assert high_of(within) <= high_of(around) + 1e-6


def test_sums_over_series_are_those_of_their_parts(tmp_path: Path) -> None:
    """By pool, by type and over all: arrivals and ends add up, means weigh by arrivals, and so do their bounds."""
    pools = {
        ("p", "a"): {"train": drawn(1), "infer": drawn(2)},
        ("p", "b"): {"train": drawn(3, gaps=4)},
        ("q", "a"): {"train": drawn(4)},
    }
    history = History(record_of(tmp_path, pools))
    keys = {"pool": ["project", "pool"], "type": ["type"], "all": []}
    for by, key in keys.items():
        labels = [*key, "window_start"]
        waits_of, ends_of = (
            (part_of(every="1d"), part_of(every="1d", by=by).set_index(labels).sort_index())
            for part_of in (history.waits, history.failures)
        )
        parts, sums = waits_of
        for kind in ("", "_low", "_high"):
            arrivals = parts[f"arrivals{kind}"]
            pd.testing.assert_series_equal(arrivals.groupby([parts[x] for x in labels]).sum(), sums[f"arrivals{kind}"])
        for kind, weight in (("", "arrivals"), ("_low", "arrivals_high"), ("_high", "arrivals_low")):
            seconds = (parts[f"mean{kind}_seconds"] * parts[weight]).groupby([parts[x] for x in labels])
            # What is unknown of one is unknown of all.
            whole = seconds.agg(lambda each: each.sum(skipna=False))
            expected, found = whole.to_numpy() / sums[weight].to_numpy(), sums[f"mean{kind}_seconds"].to_numpy()
            if not kind:
                # But that more than a tenth of one's jobs still wait: of all jobs these may be few.
                found = np.where(np.isnan(expected), np.nan, found)
            assert expected == pytest.approx(found, nan_ok=True)
        parts, sums = ends_of
        for name in ("finished", "finished_low", "finished_high", "failed"):
            pd.testing.assert_series_equal(parts[name].groupby([parts[x] for x in labels]).sum(), sums[name])
