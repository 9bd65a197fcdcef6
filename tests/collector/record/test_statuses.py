"""Statuses that no document names: another spelling is the same status; the jobs of an unknown status are unknown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd
import pytest

from analysis import History
from collector.clock import SimulatedClock
from collector.config.settings import Config
from collector.doctor.stored import look_at_record
from collector.record.reading import reading
from collector.status import status_of
from tests.recorded import MONDAY, record_of
from tests.reported import queue

NOON: Final = MONDAY + 4 * 86_400 + 12 * 3600
SPELLED: Final = {
    "Queue": "queue",
    "Pending": "PENDING",
    "Running": "run-ning",
    "Completed": "Comp leted",
    "Failed": "FAILED",
}


def recorded(folder: Path) -> Path:
    """Make a record of one pool and one type, polled for a week."""
    return record_of(folder, {("p", "a"): {"train": queue(3, days=7, load=0.6)}})


def rename(path: Path, names: dict[str, str], since: int = 0) -> None:
    """Change the record as if the API had spelled statuses in another way from `since` on, in seconds since 1970."""
    pairs = ", ".join(f"""{{'key': '{name}', 'value': coalesce("{status}", 0)}}""" for status, name in names.items())
    nulls = ", ".join(f'"{status}" = NULL' for status in names)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"UPDATE snapshots SET other_statuses = map_from_entries([{pairs}]), {nulls} WHERE epoch(slot) >= {since}"
        )


def ask(path: Path, question: str, **options: Any) -> pd.DataFrame:  # noqa: ANN401 - any option
    frame: pd.DataFrame = getattr(History(path), question)(every="1d", **options)
    return frame


def test_status_and_doctor_name_an_unknown_status_and_when_it_was_first_seen(tmp_path: Path) -> None:
    """They name those of the last week; a status that differs only in its spelling is not named."""
    path = recorded(tmp_path)
    rename(path, {"Queue": "Queuing", "Running": "run-ning"}, since=NOON)
    noon, end = datetime(2026, 1, 9, 12), datetime(2026, 1, 12)
    with reading(path, tmp_path / "spool", SimulatedClock(end.replace(tzinfo=UTC)).pause) as record:
        (pool,) = status_of(record, path, tmp_path / "spool", end).pools
        assert {"Queuing": noon} == pool.undocumented
        (later,) = status_of(record, path, tmp_path / "spool", end + timedelta(days=8)).pools
        assert {} == later.undocumented
        findings = look_at_record(record, Config(), end.replace(tzinfo=UTC), scheduled=False, by_cron="")
        (unknown,) = [finding for finding in findings if finding.what == "statuses"]
    assert "warning" == unknown.severity
    assert (
        "p a: jobs have statuses that the API's documents do not name: Queuing (since 2026-01-09 12:00Z)"
        == unknown.message
    )


@pytest.mark.parametrize("question", ["waits", "failures", "flows", "coverage"])
def test_another_spelling_of_a_status_is_that_status(tmp_path: Path, question: str) -> None:
    """Labels that differ in case, spaces, hyphens or underscores change no figure."""
    path = recorded(tmp_path)
    before = ask(path, question)
    rename(path, SPELLED)
    pd.testing.assert_frame_equal(before, ask(path, question))


def test_jobs_in_an_unknown_status_open_the_bounds(tmp_path: Path) -> None:
    """From noon on Queue is called Queuing: earlier days do not change, later ones have valid bounds and a note."""
    path = recorded(tmp_path)
    before = ask(path, "waits")
    rename(path, {"Queue": "Queuing"}, since=NOON)
    after = ask(path, "waits")
    assert list(before["window_end"]) == list(after["window_end"])
    early = after["window_end"].dt.tz_convert(None) <= pd.Timestamp(NOON - 12 * 3600, unit="s")
    assert 4 == early.sum()
    figures = [name for name in before.columns if name.endswith("_seconds") and name != "interval_seconds"]
    # A wait that began before and has not ended may be of any length.
    kept = early & after["mean_high_seconds"].notna()
    pd.testing.assert_frame_equal(before.loc[kept, figures], after.loc[kept, figures])
    later = after[~early]
    assert later["mean_seconds"].isna().all()
    assert later["arrivals"].isna().all()
    assert (later["mean_low_seconds"].fillna(0) <= before.loc[~early, "mean_high_seconds"]).all()
    assert (later["mean_high_seconds"].fillna(np.inf) >= before.loc[~early, "mean_low_seconds"]).all()
    assert (later["arrivals_low"] <= before.loc[~early, "arrivals_high"]).all()
    assert after["note"].str.contains("Queuing").all()


def test_renaming_a_status_narrows_no_bound(tmp_path: Path) -> None:
    """Whatever its new name and the time of the change, all values that were possible before still are."""
    before = ask(recorded(tmp_path), "waits")
    for number, since in enumerate(np.linspace(MONDAY + 3600, MONDAY + 6.9 * 86_400, 4).astype(int)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = recorded(folder)
        rename(path, {"Queue": "Waiting", "Running": "Busy"}, since=int(since))
        after = ask(path, "waits")
        for low, high in (("arrivals_low", "arrivals_high"), ("mean_low_seconds", "mean_high_seconds")):
            assert (after[low].fillna(0) <= before[low].fillna(0) + 1e-9).all()
            assert (after[high].fillna(np.inf) >= before[high].fillna(0) - 1e-9).all()


def test_jobs_that_stay_in_an_unknown_status_leave_only_lower_bounds(tmp_path: Path) -> None:
    """From noon on Completed is called Done: later windows have only lower bounds, and no window is left out."""
    path = recorded(tmp_path)
    before = ask(path, "waits")
    rename(path, {"Completed": "Done"}, since=NOON)
    after = ask(path, "waits")
    assert list(before["window_end"]) == list(after["window_end"])
    last = after.iloc[-2:]
    assert last[["mean_seconds", "mean_high_seconds", "arrivals", "arrivals_high"]].isna().all(axis=None)
    assert [0.0, 0.0] == last["arrivals_low"].tolist()
    assert last["note"].str.contains("lower bounds only").all()
    # The cause comes first; that no job arrived is not known.
    assert last["note"].str.match("since .* jobs have status Done").all()
    assert not last["note"].str.contains("no arrivals").any()
