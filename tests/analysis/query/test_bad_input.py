"""Records that are empty, short, broken or odd: the estimates give a clear answer or a clear error to each."""

from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.errors import RequestRefused
from analysis.notes import Instant
from analysis.record.series import Series
from collector.record import RecordUnreadable
from collector.record.schema import migrate
from tests.recorded import MONDAY, record_of, series_of

STEP: Final = 300
DOORS: Final = ("waits", "failures", "flows", "coverage")
ALL_DOORS: Final = pytest.mark.parametrize("door", DOORS)
LARGEST: Final = 2**31 - 1


def ask(path: Path, door: str, every: str = "all", **more: str) -> pd.DataFrame:
    """Open a door; what it says of the whole record unless other windows are asked for."""
    found = getattr(History(path), door)(every=every, **more)
    assert isinstance(found, pd.DataFrame)
    return found


def change(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def regular(hours: int = 24, late: int = 0, step: int = STEP) -> Series:
    """Make a series in which each hour a job comes, waits for 25 minutes, runs for 20 and completes.

    Parameters
    ----------
    late
        How many seconds after Monday it begins.
    """
    minutes = np.arange(0, hours * 60 + 1, step // 60)
    hour, minute = np.divmod(minutes, 60)
    came, started, ended = hour + (minute > 0), hour + (minute >= 30), hour + (minute >= 50)
    counts = {"Queue": came - started, "Running": started - ended, "Completed": ended}
    return series_of(MONDAY + late + minutes * 60, counts)


def some(series: Series, slots: slice) -> Series:
    """Return a series with some of its slots."""
    counts = {name: count[slots] for name, count in series.counts.items() if name != "total"}
    return series_of(series.slots[slots], counts)


@ALL_DOORS
def test_a_database_without_tables_or_rows_holds_no_slot(tmp_path: Path, door: str) -> None:
    """A file that was just made, without tables or with empty ones, is told to hold nothing that was observed."""
    path = tmp_path / "record.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(RecordUnreadable, match="has no observed slot"):
        ask(path, door)
    with duckdb.connect(str(path)) as connection:
        migrate(connection, 0, "test")
    with pytest.raises(RecordUnreadable, match="has no observed slot"):
        ask(path, door)


@ALL_DOORS
def test_a_record_of_gaps_alone_holds_no_slot(tmp_path: Path, door: str) -> None:
    """Where every poll failed nothing was observed."""
    path = record_of(tmp_path, {("p", "a"): {"train": regular()}})
    change(path, "UPDATE scrapes SET outcome = 'timeout', total = NULL", "DELETE FROM snapshots")
    with pytest.raises(RecordUnreadable, match="has no observed slot"):
        ask(path, door)


@ALL_DOORS
def test_a_file_that_is_no_database_is_named(tmp_path: Path, door: str) -> None:
    """Text, or another program's tables: refused by name."""
    path = tmp_path / "record.duckdb"
    path.write_text("slot,pool,type\n" * 1000)
    with pytest.raises(RecordUnreadable, match=r"record\.duckdb is not a DuckDB database"):
        ask(path, door)
    path.unlink()
    change(path, "CREATE TABLE scrapes (number INTEGER)")
    with pytest.raises(RecordUnreadable, match="was not made by Poolscope"):
        ask(path, door)


@ALL_DOORS
@pytest.mark.parametrize("types", [("train",), ("train", "infer", "debug")])
def test_one_slot_is_too_short_for_flows(tmp_path: Path, door: str, types: tuple[str, ...]) -> None:
    """A row a series without numbers, with a note that says why."""
    one = some(regular(), slice(7, 8))
    found = ask(record_of(tmp_path, {("p", "a"): dict.fromkeys(types, one)}), door)
    assert sorted(types) == found["type"].tolist()
    assert found["note"].str.contains("fewer than two slots with known counts").all()
    numbers = {"waits": "mean_seconds", "failures": "failure_rate", "flows": "arrivals"}
    if door in numbers:
        assert found[numbers[door]].isna().all()


@ALL_DOORS
@pytest.mark.parametrize("every", ["1h", "1d", "1w", "1mo", "all"])
def test_one_row_has_one_window(tmp_path: Path, door: str, every: str) -> None:
    """However long the windows, also where the slot lies at the end of one."""
    path = record_of(tmp_path, {("p", "a"): {"train": some(regular(), slice(0, 1))}})
    assert 1 == len(ask(path, door, every))


@ALL_DOORS
def test_counts_that_were_never_said_give_no_numbers(tmp_path: Path, door: str) -> None:
    """All totals and statuses NULL: unknown, not zero."""
    path = record_of(tmp_path, {("p", "a"): {"train": regular()}})
    names = ("total", "Queue", "Pending", "Running", "Completed", "Failed", "Terminated")
    change(path, *(f'UPDATE snapshots SET "{name}" = NULL' for name in names))
    found = ask(path, door)
    numbers = found.drop(
        columns=["coverage", "slots", "longest_gap_seconds", "interval_seconds"], errors="ignore"
    ).select_dtypes("number")
    assert numbers.isna().all(axis=None)
    assert found["note"].str.contains("fewer than two slots with known counts").all()


def test_a_type_that_appears_halfway_had_no_jobs_before(tmp_path: Path) -> None:
    """It was not listed while the answers' totals agreed: zero jobs, so that its first one is an arrival."""
    late = regular(12, 12 * 3600)
    path = record_of(tmp_path, {("p", "a"): {"infer": late, "train": regular()}})
    found = ask(path, "waits").set_index("type")
    assert [12, 24] == found["arrivals"].tolist()
    assert (found["mean_seconds"] == 1500).all()
    assert [1.0, 1.0] == found["coverage"].tolist()


@ALL_DOORS
def test_counts_up_to_the_largest_are_counted(tmp_path: Path, door: str) -> None:
    """Two thousand million jobs run, and one more comes each hour: no sum runs over."""
    series = regular()
    counts = {name: count for name, count in series.counts.items() if name != "total"}
    crowded = counts | {"Running": counts["Running"] + LARGEST - 25}
    path = record_of(tmp_path, {("p", "a"): {"train": series_of(series.slots, crowded)}})
    change(path, "UPDATE snapshots SET other_statuses = MAP {'Paused': 0}")
    plain = record_of(tmp_path / "plain", {("p", "a"): {"train": series}})
    few, many = ask(plain, door), ask(path, door)
    for name in few.columns.intersection(["running_mean", "running_max"]):
        assert (few[name] + LARGEST - 25).tolist() == pytest.approx(many.pop(name).tolist())
        few.pop(name)
    pd.testing.assert_frame_equal(few, many)


def test_a_queue_of_the_largest_size_that_vanishes_is_counted(tmp_path: Path) -> None:
    """All come at once, and all end at once, twice."""
    counts = {"Queue": [0, LARGEST, 0, 0], "Running": [0, 0, LARGEST, 0], "Failed": [0, 0, 0, LARGEST]}
    path = record_of(tmp_path, {("p", "a"): {"train": series_of(MONDAY + np.arange(4) * STEP, counts)}})
    waits, failures = ask(path, "waits"), ask(path, "failures")
    assert [LARGEST] == waits["arrivals"].tolist()
    assert [300.0] == waits["mean_seconds"].tolist()
    assert ([LARGEST], [1.0]) == (failures["finished"].tolist(), failures["failure_rate"].tolist())


@ALL_DOORS
def test_a_pool_that_is_gone_ends_with_its_last_slot(tmp_path: Path, door: str) -> None:
    """The other goes on; what was said of the gone one's hours stays as it was, and none follow."""
    both = {("p", "a"): {"train": regular(6)}, ("p", "b"): {"train": regular()}}
    found = ask(record_of(tmp_path, both), door, "1h")
    assert {"a": 6, "b": 24} == found["pool"].value_counts().to_dict()
    alone = ask(record_of(tmp_path / "alone", {("p", "a"): {"train": regular(6)}}), door, "1h")
    pd.testing.assert_frame_equal(alone, found[found["pool"] == "a"])


@ALL_DOORS
def test_two_projects_with_a_pool_of_one_name_are_two_pools(tmp_path: Path, door: str) -> None:
    """Each has what it would have alone, and either can be selected."""
    one, other = {("p", "a"): {"train": regular()}}, {("q", "a"): {"train": regular(12)}}
    both = record_of(tmp_path, one | other)
    alone = [ask(record_of(tmp_path / str(n), each), door) for n, each in enumerate((one, other))]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), ask(both, door))
    pd.testing.assert_frame_equal(alone[1], ask(both, door, project="q"))


@ALL_DOORS
def test_the_order_of_rows_in_the_file_does_not_matter(tmp_path: Path, door: str) -> None:
    """What was imported late, or backwards, is read by its slots."""
    path = record_of(tmp_path, {("p", pool): {"train": regular(hours)} for pool, hours in (("a", 24), ("b", 9))})
    expected = ask(path, door, "1h")
    for table in ("snapshots", "scrapes"):
        change(path, f"CREATE OR REPLACE TABLE {table} AS FROM {table} ORDER BY hash(slot, pool)")
    pd.testing.assert_frame_equal(expected, ask(path, door, "1h"))


@ALL_DOORS
def test_a_span_outside_the_record_selects_nothing(tmp_path: Path, door: str) -> None:
    """Before it or after it: refused, with where to look."""
    path = record_of(tmp_path, {("p", "a"): {"train": regular()}})
    for span in ({"since": "2030-01-01"}, {"until": "2020-01-01"}, {"since": "2026-01-06T01:00"}):
        with pytest.raises(RequestRefused, match="no series matches"):
            ask(path, door, **span)


@ALL_DOORS
def test_a_span_wider_than_the_record_is_the_record(tmp_path: Path, door: str) -> None:
    """With its first slot, which lies at the end of a window, at the start of the first."""
    path = record_of(tmp_path, {("p", "a"): {"train": regular()}})
    pd.testing.assert_frame_equal(ask(path, door), ask(path, door, since="2000-01-01", until="2100-01-01"))


def test_a_window_in_which_the_record_begins_says_from_when_on(tmp_path: Path) -> None:
    """Half an hour of the first hour was observed, without a gap; the time before it is none either."""
    path = record_of(tmp_path, {("p", "a"): {"train": regular(2, late=1800)}})
    first = ask(path, "coverage", "1h").iloc[0]
    assert (1.0, 300.0) == (first["coverage"], first["longest_gap_seconds"])
    assert first["note"].endswith(f"observed from {Instant(MONDAY + 1800)} on")


def test_an_interval_that_changed_is_no_gap(tmp_path: Path) -> None:
    """Polled every five minutes, then every ten: all was covered, and the bounds are as wide as the slots were."""
    early, late = regular(12), regular(12, 12 * 3600, 600)
    done = early.counts["Completed"][-1]
    counts = {
        name: np.concatenate([early.counts[name], late.counts[name][1:] + (done if name == "Completed" else 0)])
        for name in ("Queue", "Running", "Completed")
    }
    path = record_of(tmp_path, {("p", "a"): {"train": series_of([*early.slots, *late.slots[1:]], counts)}})
    change(path, f"UPDATE scrapes SET interval_seconds = 600 WHERE epoch(slot) > {early.slots[-1]}")
    found = ask(path, "waits", "1h")
    assert [1.0] * 24 == found["coverage"].tolist()
    assert [1.0] * 24 == found["arrivals"].tolist()
    widths = found["mean_high_seconds"] - found["mean_low_seconds"]
    assert [600.0] * 12 + [1200.0] * 12 == widths.tolist()
    assert ((found["mean_low_seconds"] <= 1500) & (1500 <= found["mean_high_seconds"])).all()
    assert [300] * 12 + [600] * 12 == ask(path, "coverage", "1h")["longest_gap_seconds"].tolist()
