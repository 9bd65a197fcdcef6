"""`poolscope waits`, `failures`, `flows` and `coverage`: figures of a record that are plain."""

from pathlib import Path

import numpy as np
import pytest

from analysis.schemas.queue import LIMITED
from analysis.stats.proportions import difference, jeffreys
from tests.plain import fill, rows_of
from tests.polling import poolscope

WAITS = (
    "project,pool,pool_name,type,window_start,window_end,interval_seconds,queue,arrivals,arrivals_low,arrivals_high,"
    "mean_seconds,mean_low_seconds,mean_high_seconds,p50_seconds,p50_low_seconds,p50_high_seconds,"
    "p90_seconds,p90_low_seconds,p90_high_seconds,p95_seconds,p95_low_seconds,p95_high_seconds,"
    "p99_seconds,p99_low_seconds,p99_high_seconds,order,coverage,retention,method,note"
)
FAILURES = (
    "project,pool,pool_name,type,window_start,window_end,interval_seconds,finished,finished_low,finished_high,failed,"
    "failure_rate,failure_rate_low,failure_rate_high,failure_rate_of_ran,overdispersion,coverage,retention,method,note"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a configuration and a record of two weeks; nothing changes it."""
    made = tmp_path_factory.mktemp("estimates")
    fill(made)
    return made


def test_waits_that_are_plain(folder: Path) -> None:
    """168 jobs a week; those of `a` wait 25 minutes, give or take a slot, the others less than a slot."""
    found = {row["pool"]: row for row in rows_of(poolscope(folder, "waits", "--format", "csv", "--slo", "19m"))[::2]}
    one, other = found["a"], found["'=cmd"]
    assert WAITS.split(",") == [name for name in one if name not in {column.name for column in LIMITED}]
    for row in (one, other):
        assert ("168.0", "168.0", "168.0") == tuple(row[name] for name in ("arrivals", "arrivals_low", "arrivals_high"))
        assert ("kept", "1.0") == (row["retention"], row["coverage"])
        assert ("2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z") == (row["window_start"], row["window_end"])
    for name in ("mean", "p50", "p99"):
        assert (1200.0, 1800.0) == (float(one[f"{name}_low_seconds"]), float(one[f"{name}_high_seconds"]))
        assert 0 == float(other[f"{name}_low_seconds"])
        assert 300 == float(other[f"{name}_high_seconds"])
    assert ("1.0", "1.0", "1.0") == tuple(one[name] for name in ("over_slo", "over_slo_low", "over_slo_high"))
    assert ("0.0", "0.0", "0.0") == tuple(other[name] for name in ("over_slo", "over_slo_low", "over_slo_high"))


def test_failures_that_are_plain(folder: Path) -> None:
    """A quarter fails: regular as they are, the interval is little wider than that of so many coin tosses."""
    row = rows_of(poolscope(folder, "failures", "--format", "csv", "--every", "all", "--pool", "a"))[0]
    assert FAILURES.split(",") == list(row)
    assert (336.0, 84.0, 0.25, 0.25) == tuple(
        float(row[name]) for name in ("finished", "failed", "failure_rate", "failure_rate_of_ran")
    )
    assert 1 < float(row["overdispersion"]) < 2
    # That of coin tosses ends at 0.206 and at 0.299.
    assert 0.18 < float(row["failure_rate_low"]) < 0.206
    assert 0.299 < float(row["failure_rate_high"]) < 0.32


def test_flows_and_coverage_that_are_plain(folder: Path) -> None:
    """Each day 24 jobs come, leave the queue and end; every slot was seen."""
    for row in rows_of(poolscope(folder, "flows", "--format", "csv", "--every", "1d")):
        named = ("arrivals", "departures", "completed", "failed", "terminated", "queue_end", "drain_seconds")
        assert [24.0, 24.0, 18.0, 6.0, 0.0, 0.0, 0.0] == [float(row[name]) for name in named]
    for row in rows_of(poolscope(folder, "coverage", "--format", "csv", "--every", "1d")):
        assert (288.0, 1.0, 300.0) == tuple(float(row[n]) for n in ("slots", "coverage", "longest_gap_seconds"))


def test_sums_are_those_of_their_parts(folder: Path) -> None:
    """Over all pools there are twice as many jobs, and the mean lies halfway."""
    [both] = rows_of(poolscope(folder, "waits", "--format", "csv", "--every", "all", "--by", "all"))
    parts = rows_of(poolscope(folder, "waits", "--format", "csv", "--every", "all"))
    assert ("", "", "672.0") == (both["pool"], both["type"], both["arrivals"])
    for name in ("mean_low_seconds", "mean_high_seconds"):
        assert sum(float(part[name]) for part in parts) / 2 == pytest.approx(float(both[name]))


def test_two_periods_are_compared_by_their_intervals() -> None:
    """Newcombe's example, 56 of 70 and 48 of 80, differs by 0.0524 to 0.3339 (Wilson's intervals)."""
    failed, finished = np.array([56, 48]), np.array([70, 80])
    low, high = jeffreys(failed, finished, 1.0)
    one, other = ((failed[i] / finished[i], low[i], high[i]) for i in (0, 1))
    assert (0.2, 0.0524, 0.3339) == pytest.approx(difference(one, other), abs=0.003)
    same, low, high = difference(one, one)
    assert (0.0, True) == (float(same), bool(low < 0 < high))


def test_a_selection_is_by_time_and_name(folder: Path) -> None:
    """A duration counts back from the last slot; patterns match ids; days are those of the zone."""
    found = rows_of(
        poolscope(
            folder,
            "waits",
            "--format",
            "csv",
            "--since",
            "1d",
            "--pool",
            "[ab]",
            "--every",
            "1d",
            "--zone",
            "Asia/Shanghai",
        )
    )
    assert ["2026-01-17T16:00:00Z", "2026-01-18T16:00:00Z"] == [row["window_start"] for row in found]
    assert [16.0, 8.0] == [float(row["arrivals"]) for row in found]
