"""Odd answers: counts that leave their course and come back are unknown, and what is ordinary is not taken for odd."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.record.series import Series
from collector.clock import SimulatedClock
from collector.record.reading import reading
from collector.record.statuses import ENDED
from collector.status import status_of
from tests.answered import DAY, DAYS, STEP, again, emptied, queue, without
from tests.recorded import MONDAY, record_of, series_of

AT: Final = 2000
"""The number of the slot that is odd."""
OPTIONS: Final = {"every": "1w", "slo": "15m"}
SAID: Final = ["note", "odd_slots_fell", "odd_slots_rose", "odd_slots_open"]
Change = Callable[[Series], Series]


def history(folder: Path, types: Series | Mapping[str, Series]) -> History:
    """Record what was counted of one pool."""
    return History(record_of(folder, {("p", "a"): {"train": types} if isinstance(types, Series) else types}))


def estimates(of: History, by: str = "pool,type") -> list[pd.DataFrame]:
    """Return what is estimated, but for what is said of the answers."""
    asked = [of.waits(by=by, **OPTIONS), of.failures(by=by, every="1w"), of.flows(by=by, every="1w")]
    asked.append(of.coverage(by=by, every="1w"))
    return [frame.drop(columns=SAID, errors="ignore") for frame in asked]


def odd(of: History) -> dict[str, int]:
    """Return how many slots are odd, by kind, where there are some."""
    row = of.coverage(every="all").iloc[0]
    return {name[10:]: int(row[name]) for name in SAID[1:] if row[name]}


def same(one: History, other: History, by: str = "pool,type") -> None:
    for expected, found in zip(estimates(one, by), estimates(other, by), strict=True):
        pd.testing.assert_frame_equal(expected, found)


DIRTY: Final[dict[str, tuple[Change, range]]] = {
    "blank": (lambda series: emptied(series, [AT]), range(AT, AT + 1)),
    "a day of blanks": (lambda series: emptied(series, range(AT, AT + 288)), range(AT, AT + 288)),
    "finished": (lambda series: emptied(series, [AT], ENDED), range(AT, AT + 1)),
    "served again": (lambda series: again(series, AT, 72), range(AT, AT + 1)),
}


@pytest.mark.parametrize("kind", DIRTY)
def test_an_odd_answer_where_finished_jobs_are_kept_is_an_unknown_slot(tmp_path: Path, kind: str) -> None:
    """However long it lasts and whatever it lacks, all estimates are those of a record without the slots."""
    clean = queue(kept=5500)
    change, slots = DIRTY[kind]
    dirty = history(tmp_path / "dirty", change(clean))
    assert {"fell": len(slots)} == odd(dirty)
    same(history(tmp_path / "unknown", without(clean, slots)), dirty)


def test_two_blank_answers_are_two(tmp_path: Path) -> None:
    """No blank answer hides another one, nor the good one between them."""
    blank = [500, AT, AT + 2, 3900]
    dirty = history(tmp_path / "dirty", emptied(queue(kept=5500), blank))
    assert {"fell": 4} == odd(dirty)
    same(history(tmp_path / "unknown", without(queue(kept=5500), blank)), dirty)
    (note,) = set(dirty.coverage(every="all")["note"])
    first, last = (f"{datetime.fromtimestamp(MONDAY + STEP * slot, UTC):%Y-%m-%d %H:%MZ}" for slot in (500, 3900))
    assert f"4 slots left out: the counts fell and came back (first {first}, last {last})" == note


def test_an_answer_without_items_is_blank_for_every_type(tmp_path: Path) -> None:
    """`{"total": 0, "items": []}` is also unknown for a type with so few jobs that alone it would be ordinary."""
    few = series_of(queue().slots, {"Running": np.full(len(queue().slots), 2)})
    types = {"train": queue(kept=5500), "notebook": few}
    dirty = history(tmp_path / "dirty", types)
    slot = datetime.fromtimestamp(MONDAY + STEP * AT, UTC).replace(tzinfo=None)
    with duckdb.connect(str(dirty.record.database)) as connection:
        connection.execute("DELETE FROM snapshots WHERE slot = $1", [slot])
        connection.execute("UPDATE scrapes SET total = 0 WHERE slot = $1", [slot])
    unknown = history(tmp_path / "unknown", {name: without(series, [AT]) for name, series in types.items()})
    assert [1, 1] == dirty.coverage(every="all")["odd_slots_fell"].to_list()
    same(unknown, dirty)


def test_half_of_the_items_are_missing(tmp_path: Path) -> None:
    """A type that one answer leaves out is unknown in that slot; the others are as they were."""
    types = {"train": queue(kept=5500), "infer": queue(seed=2, kept=3000)}
    dirty = history(tmp_path / "dirty", types | {"infer": emptied(types["infer"], [AT])})
    assert [1, 0] == dirty.coverage(every="all")["odd_slots_fell"].to_list()
    clean = history(tmp_path / "clean", types)
    pd.testing.assert_frame_equal(clean.waits(type=("train",)), dirty.waits(type=("train",)))


def test_a_reset_stays_a_reset(tmp_path: Path) -> None:
    """What falls and grows again in several steps has not come back; nor what falls once more later."""
    series = queue(kept=500)
    counts = {name: count.copy() for name, count in series.counts.items()}
    for status in ENDED:
        counts[status][AT:] -= counts[status][AT]
    counts["total"] = np.sum([count for name, count in counts.items() if name != "total"], axis=0)
    assert {} == odd(history(tmp_path, replace(series, counts=counts)))


def test_a_blank_answer_leaves_the_retention_known(tmp_path: Path) -> None:
    """Under a rolling history the point is that of an unknown slot, and bounds hold what the answers say too."""
    clean = queue(7 * DAY)
    dirty = history(tmp_path / "dirty", emptied(clean, [AT, 2500, 3000]))
    assert {"fell": 3} == odd(dirty)
    expected, found = (of.waits(**OPTIONS) for of in (history(tmp_path / "clean", clean), dirty))
    assert ["rolling 7d"] == found["retention"].unique().tolist()
    for name in ("arrivals", "mean{}_seconds", "p90{}_seconds", "over_slo{}"):
        point, low, high = (name.format(side) if "{" in name else name + side for side in ("", "_low", "_high"))
        assert (found[low] <= expected[low]).all()
        assert (expected[high].fillna(math.inf) <= found[high].fillna(math.inf)).all()
        assert expected[point].to_numpy() == pytest.approx(found[point].to_numpy(), rel=0.02, nan_ok=True)
    came_back = clean.counts["total"][[AT + 1]].sum()
    assert found["arrivals_low"].iloc[0] + came_back <= found["arrivals_high"].iloc[0]


@pytest.mark.parametrize(("length", "expected"), [(1, {"fell": 1}), (11, {"fell": 11}), (13, {})])
def test_where_nothing_is_kept_an_hour_is_as_long_as_counts_may_be_away(
    tmp_path: Path, length: int, expected: dict[str, int]
) -> None:
    """A pool that is empty for longer may have been; for less, nobody's wait ends with the blank answer."""
    steady = np.random.default_rng(1).integers(28, 33, DAYS * DAY // STEP)
    series = series_of(
        MONDAY + STEP * np.arange(len(steady)), {"Queue": steady - 20, "Running": np.full(len(steady), 20)}
    )
    dirty = history(tmp_path / "dirty", emptied(series, range(AT, AT + length)))
    assert expected == odd(dirty)
    if expected:
        same(history(tmp_path / "unknown", without(series, range(AT, AT + length))), dirty)


def test_a_queue_that_empties_and_fills_again_is_ordinary(tmp_path: Path) -> None:
    """A small pool with 2, 0, 2 jobs; and a burst that comes and goes within a slot, kept or not."""
    slots = MONDAY + STEP * np.arange(4000)
    small = np.where(np.arange(4000) % 7 == 3, 0, 2)
    assert {} == odd(history(tmp_path / "small", series_of(slots, {"Running": small})))
    burst = np.where(np.arange(4000) == AT, 52, 2)
    assert {} == odd(history(tmp_path / "burst", series_of(slots, {"Running": burst})))


def test_a_total_that_rises_and_comes_back_is_odd(tmp_path: Path) -> None:
    """An answer with three times the jobs is unknown, and bounds hold that they came and were deleted."""
    clean = queue(kept=50)
    counts = {name: np.where(np.arange(len(count)) == AT, 3 * count, count) for name, count in clean.counts.items()}
    dirty = history(tmp_path / "dirty", replace(clean, counts=counts))
    assert {"rose": 1} == odd(dirty)
    found, unknown = (of.waits(**OPTIONS) for of in (dirty, history(tmp_path / "unknown", without(clean, [AT]))))
    assert unknown["arrivals"].to_list() == found["arrivals"].to_list()
    assert unknown["arrivals_high"].iloc[0] + 2 * clean.counts["total"][AT] <= found["arrivals_high"].iloc[0]


def test_what_came_back_across_a_gap_or_not_at_all_is_open(tmp_path: Path) -> None:
    """Both readings hold: that the jobs were gone, and that the answer was odd."""
    clean = queue(kept=500)
    gap = range(AT + 1, AT + 100)
    dirty = history(tmp_path / "gap", without(emptied(clean, [AT]), gap))
    assert {"open": 1} == odd(dirty)
    found = dirty.waits(**OPTIONS).iloc[1]
    unknown = history(tmp_path / "unknown", without(clean, [AT, *gap])).waits(**OPTIONS).iloc[1]
    assert found["arrivals_low"] <= unknown["arrivals_low"]
    assert unknown["arrivals_high"] + clean.counts["total"][AT + 100] <= found["arrivals_high"]
    end = len(clean.slots)
    assert {"open": 5} == odd(history(tmp_path / "end", emptied(clean, range(end - 5, end))))


def test_a_span_that_begins_within_an_odd_run_knows_of_it(tmp_path: Path) -> None:
    """What was before and after the span that is asked for says which of its slots are odd."""
    dirty = history(tmp_path, emptied(queue(kept=5500), range(AT, AT + 12)))
    since = datetime.fromtimestamp(MONDAY + STEP * (AT + 6), UTC)
    found = dirty.coverage(every="all", since=since)
    assert 6 == found["odd_slots_fell"].iloc[0]
    assert dirty.waits(every="all", since=since)["arrivals"].iloc[0] < 2 * 100 * DAYS


@pytest.mark.parametrize("by", ["pool", "pool,type", "all"])
def test_a_renamed_type_goes_on(tmp_path: Path, by: str) -> None:
    """Where a type ends for good and another one begins with its counts nothing arrives, and nothing is lost."""
    series, places = queue(kept=500), np.arange(len(queue().slots))
    parts = {"train": without(series, places[AT:]), "Training": without(series, places[:AT])}
    whole, renamed = history(tmp_path / "whole", {"Training": series}), history(tmp_path / "renamed", parts)
    same(whole, renamed, by)
    (note,) = set(renamed.coverage(every="all", by=by)["note"])
    assert f"the type was called train until {datetime.fromtimestamp(MONDAY + STEP * AT, UTC):%Y-%m-%d %H:%MZ}" == note


def test_a_type_that_begins_beside_another_is_new(tmp_path: Path) -> None:
    """Both have jobs from then on: nothing was renamed."""
    series, places = queue(kept=500), np.arange(len(queue().slots))
    types = {"train": series, "infer": without(series, places[:AT])}
    assert 2 == len(history(tmp_path, types).waits(every="all"))


def test_status_counts_what_coverage_counts(tmp_path: Path) -> None:
    """The collector tells the odd slots of the last week, by pool and kind, from the same rule."""
    database = record_of(tmp_path, {("p", "a"): {"train": emptied(queue(kept=5500), [AT, 3000, 3001])}})
    now = datetime.fromtimestamp(MONDAY + DAYS * DAY, UTC)
    assert {"fell": 2} == odd(History(database)) | {"fell": 2}
    with reading(database, tmp_path / "spool", SimulatedClock(now).pause) as record:
        status = status_of(record, database, tmp_path / "spool", now.replace(tzinfo=None))
    week = History(database).coverage(every="all", since=now - timedelta(days=7))
    assert [{"fell": week["odd_slots_fell"].iloc[0]}] == [pool.odd_week for pool in status.pools]
