"""Windows of which less than half was seen: bounds and the reason, and a point of what conservation carries alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.arrays import Bools, Floats, Ints
from analysis.notes import NOTHING, Instant
from analysis.queue.floor import without_points
from analysis.schemas.schema import Columns
from analysis.text.language import rendered
from tests.recorded import MONDAY, observed, record_of

DAY = 86_400
WEEK = 7 * DAY
STEP = 300
NOTE = "coverage below 50%: bounds only"
LENGTHS = ["queue_mean", "queue_max", "running_mean", "running_max"]
WAITS = ["mean_seconds", "p50_seconds", "p90_seconds", "p99_seconds", "over_slo"]


def seen_in(folder: Path, chosen: Bools, slots: Ints) -> History:
    """Make a record of one job an hour that waits half an hour and runs another, of which some slots were seen."""
    came: Floats = np.arange(0, int(slots[-1]), 3600, dtype=np.float64) + 600 + MONDAY
    started: Floats = came + 1800
    ended: Floats = started + 1800
    whole = observed(slots + MONDAY, came, started, ended)
    counts = {name: count[chosen] for name, count in whole.counts.items()}
    some = replace(whole, slots=whole.slots[chosen], intervals=whole.intervals[chosen], counts=counts)
    interval = int(np.diff(slots).min())
    return History(record_of(folder, {("p", "a"): {"train": some}}, interval=interval))


@pytest.fixture(scope="module")
def gap(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Return four weeks of which the third was not collected, but for its very ends."""
    slots: Ints = np.arange(0, 4 * WEEK + 1, STEP)
    return seen_in(tmp_path_factory.mktemp("gap"), (slots <= 2 * WEEK) | (slots >= 3 * WEEK), slots)


def test_a_week_without_collection_has_bounds_alone(gap: History) -> None:
    """No wait and no queue's length is told, but their bounds and why; 168 came, which conservation carries."""
    waits, flows = (pd.DataFrame(found) for found in (gap.waits(every="1w", slo="15m"), gap.flows(every="1w")))
    unseen = waits.iloc[2]
    assert unseen["coverage"] < 0.01
    assert unseen[WAITS].isna().all()
    assert unseen[["mean_low_seconds", "mean_high_seconds"]].notna().all()
    assert NOTE in unseen["note"]
    assert 168 == unseen["arrivals"]
    assert flows.iloc[2][LENGTHS].isna().all()
    assert NOTE in flows.iloc[2]["note"]
    assert [168, 168] == flows.iloc[2][["departures", "completed"]].tolist()
    assert 168 == gap.failures(every="1w").iloc[2]["finished"]
    for frame, names in ((waits, WAITS), (flows, LENGTHS)):
        others = frame.drop(index=2)
        assert others[names].notna().all(axis=None)
        assert not others["note"].str.contains(NOTE).any()


def test_a_day_without_any_slot_says_neither_jobs_nor_waits(gap: History) -> None:
    """Within the gap nobody knows what a day had: none of its 24 jobs is told, nor a zero, nor the last queue seen."""
    waits, flows, failed = (
        found.set_index("window_start").iloc[16]
        for found in (gap.waits(every="1d"), gap.flows(every="1d"), gap.failures(every="1d"))
    )
    assert 0 == waits["coverage"]
    assert np.isnan([waits["arrivals"], waits["mean_seconds"], waits["p50_seconds"]]).all()
    assert (0, 168) == (waits["arrivals_low"], waits["arrivals_high"])
    assert flows[[*LENGTHS, "arrivals", "departures", "completed", "queue_end", "drain_seconds"]].isna().all()
    assert failed[["finished", "failed", "failure_rate"]].isna().all()
    assert (0, 168) == (failed["finished_low"], failed["finished_high"])


def test_a_month_with_one_sample_has_bounds_alone(tmp_path: Path) -> None:
    """January and March were seen, of February one slot: nothing is said of its waits."""
    slots: Ints = np.arange(0, 85 * DAY + 1, 3600)
    chosen = (slots <= 27 * DAY) | (slots == 40 * DAY) | (slots >= 55 * DAY)
    found = seen_in(tmp_path, chosen, slots).waits(every="1mo")
    assert [False, True, False] == found["mean_seconds"].isna().tolist()
    assert [False, True, False] == found["note"].str.contains(NOTE).tolist()


def test_the_newest_window_is_judged_by_what_there_is_of_it(tmp_path: Path) -> None:
    """A week of which two days have passed was seen whole until now: it has its mean, and says that it goes on."""
    slots: Ints = np.arange(0, WEEK + 2 * DAY + 1, STEP)
    newest = seen_in(tmp_path, np.ones(len(slots), np.bool_), slots).waits(every="1w").iloc[-1]
    assert 1800 == pytest.approx(newest["mean_seconds"], abs=STEP)
    assert (1.0, f"observed until {Instant(MONDAY + 9 * DAY)}") == (
        newest["coverage"],
        newest["note"].split("; ")[-1],
    )


def floored(values: dict[str, float], coverage: list[float]) -> Columns:
    """Return windows of the same values, once those of which too little was observed have no points."""
    columns: Columns = {name: np.full(len(coverage), value) for name, value in values.items()}
    return without_points(columns | {"note": NOTHING}, np.array(coverage))


def known(columns: Columns, name: str) -> list[bool]:
    return [not np.isnan(value) for value in np.asarray(columns[name], float)]


@pytest.mark.parametrize(("high", "kept"), [(110, True), (111, False)])
def test_what_conservation_carries_keeps_its_point(high: float, kept: bool) -> None:
    """While its upper bound is at most 1.1 times its lower one; of a window that was seen whatever they are."""
    values = {"arrivals": 105.0, "arrivals_low": 100.0, "arrivals_high": high, "mean_seconds": 1.0}
    found = floored(values, [0.4, 0.5])
    assert [kept, True] == known(found, "arrivals")
    assert [False, True] == known(found, "mean_seconds")
    assert [NOTE, ""] == [rendered(cell) for cell in np.asarray(found["note"])]


def test_no_zero_without_any_slot() -> None:
    """That nobody came is told where something was seen of the window, and not where nothing was."""
    found = floored({"arrivals": 0.0, "arrivals_low": 0.0, "arrivals_high": 0.0}, [0.1, 0.0])
    assert [True, False] == known(found, "arrivals")
