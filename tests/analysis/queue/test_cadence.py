"""Where the interval between polls changes: retention is found, and coverage is that of each stretch."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.arrays import Ints
from analysis.calendar import DAY
from collector.cli import poolscope
from tests.recorded import KEPT, MONDAY, observed
from tests.simulated import fifo

DAYS = 12
"""Of each of two stretches."""
STRETCHES = ([60, 300], [300, 60], [300, 900])


def imported(folder: Path, stretches: list[Ints], retention: float, *options: str) -> tuple[History, pd.Series]:
    """Import what polls saw of a busy pool, in one file, and return it with what came on each day."""
    draw = np.random.default_rng(5)
    came = np.sort(draw.uniform(0, 2 * DAYS * DAY, 60 * 2 * DAYS)) + MONDAY
    lasts = draw.exponential(1800, len(came))
    started = fifo(came, lasts, 2)
    slots = np.concatenate(stretches)
    series = observed(slots, came, started, started + lasts, retention=retention)
    frame = pd.DataFrame({"slot": pd.to_datetime(slots, unit="s"), "pool": "a", "type": "train", **series.counts})
    frame.to_csv(folder / "polls.csv", index=False)
    (folder / "poolscope.toml").write_text('[paths]\ndatabase = "record.duckdb"\nspool = "spool"\n')
    words = ["--config", str(folder / "poolscope.toml"), "import", str(folder / "polls.csv"), *options]
    poolscope.main(words, prog_name="poolscope", standalone_mode=False)
    days = pd.Series((came - MONDAY) // DAY).value_counts().sort_index()
    return History(folder / "record.duckdb"), days


def two(first: int, second: int) -> list[Ints]:
    """Return the slots of two stretches with an interval of their own each, in seconds."""
    middle = MONDAY + DAYS * DAY
    return [np.arange(MONDAY, middle, first), np.arange(middle, middle + DAYS * DAY + 1, second)]


@pytest.mark.parametrize("intervals", STRETCHES)
def test_coverage_is_that_of_each_stretch(tmp_path: Path, intervals: list[int]) -> None:
    """Half of the polls of the second stretch's third day are lost: that day alone was seen in half."""
    slots = two(*intervals)
    third = (slots[1] > slots[1][0] + 2 * DAY) & (slots[1] <= slots[1][0] + 2.5 * DAY)
    history, _ = imported(tmp_path, [slots[0], slots[1][~third]], KEPT)
    told = history.coverage(every="1d")
    share = told["coverage"].to_numpy()
    assert share[DAYS + 2] == pytest.approx(0.5, abs=0.02)
    # At the change the shorter interval is taken for some polls.
    assert np.delete(share, DAYS + 2).min() > 0.95
    flows = history.flows(every="1d")
    assert set(intervals) == set(flows["interval_seconds"])


@pytest.mark.parametrize("intervals", STRETCHES)
@pytest.mark.parametrize("days", [1, DAYS + 2])
def test_the_retention_is_found_across_both(tmp_path: Path, intervals: list[int], days: int) -> None:
    """Also one that is longer than each of them; arrivals are then known as closely as with one interval."""
    history, came = imported(tmp_path, two(*intervals), days * DAY)
    flows = history.flows(every="1d").set_index("window_start")
    assert {f"rolling {days}d"} == set(flows["retention"])
    later = flows.iloc[days + 1 : 2 * DAYS]
    assert len(later) == 2 * DAYS - days - 1
    assert (later["arrivals_low"].to_numpy() <= came.to_numpy()[days + 1 :]).all()
    assert (later["arrivals_high"].to_numpy() >= came.to_numpy()[days + 1 :]).all()
    assert (later["arrivals_high"] - later["arrivals_low"]).max() <= 10


@pytest.mark.parametrize(
    ("intervals", "gap", "lost"), [([900, 300], 7 * 3600 + 300, 0.2), ([3600, 300], 300, 0.0), ([60, 300], 0, 0.5)]
)
def test_an_outage_or_losses_at_a_change_are_what_they_are(
    tmp_path: Path, intervals: list[int], gap: int, lost: float
) -> None:
    """The second stretch begins after a gap, between the slots of the first one, and loses polls at random."""
    first, second = two(*intervals)
    kept = second[(second >= second[0] + gap) & (np.random.default_rng(3).random(len(second)) >= lost)]
    history, _ = imported(tmp_path, [first, kept], KEPT)
    share = history.coverage(every="1d")["coverage"].to_numpy()[:-1]
    assert share[: DAYS - 1].min() > 0.98
    assert share[DAYS + 1 :].mean() == pytest.approx(1 - lost, abs=0.03)


@pytest.mark.parametrize("parity", [0, 1])
def test_every_second_poll_of_a_day_may_be_lost(tmp_path: Path, parity: int) -> None:
    """As where a poll runs over its slot and locks the next one out: that day was seen in half, whichever they are."""
    slots = np.arange(MONDAY, MONDAY + 9 * DAY + 1, 300)
    day = (slots > MONDAY + 4 * DAY) & (slots <= MONDAY + 5 * DAY)
    history, _ = imported(tmp_path, [slots[~(day & (slots // 300 % 2 == parity))]], KEPT)
    share = history.coverage(every="1d")["coverage"].to_numpy()
    assert share[4] == pytest.approx(0.5, abs=0.02)
    assert np.delete(share, 4).min() > 0.98


@pytest.mark.parametrize(("every", "past", "interval"), [(300, 120, "1m"), (600, 300, "5m"), (3600, 1800, "30m")])
def test_the_retention_is_found_between_the_hours(tmp_path: Path, every: int, past: int, interval: str) -> None:
    """Polls at minutes that are no multiples of how far they are apart."""
    slots = np.arange(MONDAY + past, MONDAY + 2 * DAYS * DAY, every)
    history, _ = imported(tmp_path, [slots], 3 * DAY, "--interval", interval)
    assert {"rolling 3d"} == set(history.flows(every="all")["retention"])


def test_polls_that_are_lost_at_random_change_no_interval(tmp_path: Path) -> None:
    """A third of them, over the whole record: two thirds were seen, of polls five minutes apart."""
    slots = np.arange(MONDAY, MONDAY + 2 * DAYS * DAY + 1, 300)
    kept = slots[np.random.default_rng(8).random(len(slots)) > 1 / 3]
    history, _ = imported(tmp_path, [kept], KEPT)
    told = history.coverage(every="all")
    assert told["coverage"].item() == pytest.approx(2 / 3, abs=0.02)
