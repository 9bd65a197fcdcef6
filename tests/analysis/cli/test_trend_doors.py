"""`poolscope trend`, `changes`, `profile` and `compare`, and `History`'s methods of these names, over a record."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.cli import estimates
from analysis.errors import RequestRefused
from analysis.record.series import Series
from analysis.schemas import SCHEMAS
from analysis.schemas.shared import LABELS
from collector.context import Context
from tests.recorded import MONDAY, observed, record_of, series_of

DAY: Final = 86_400
DAYS: Final = 70
CHANGED: Final = 42
COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "trend": {"slo": "15m"},
    "changes": {"slo": "15m"},
    "compare": {"slo": "15m"},
    "profile": {},
}
"""Each with its limit on waits, if it takes one."""


def jobs(seed: int, days: int = DAYS, changed: int = CHANGED) -> Series:
    """Draw a queue with two servers; from one day on its jobs take twice as long, and half of them fail."""
    draw = np.random.default_rng(seed)
    came = np.sort(draw.uniform(0, days * DAY, 40 * days))
    later = came >= changed * DAY
    lasts = draw.exponential(np.where(later, 2700.0, 1350.0))
    free, started = np.zeros(2), np.empty(len(came))
    for job in range(len(came)):
        server = int(free.argmin())
        started[job] = max(came[job], free[server])
        free[server] = started[job] + lasts[job]
    outcomes = np.where(draw.random(len(came)) < np.where(later, 0.5, 0.1), "Failed", "Completed").tolist()
    # The record goes on until all have ended.
    slots = np.arange(0, (days + 1) * DAY + 1, 300)
    return observed(slots + MONDAY, came + MONDAY, started + MONDAY, started + lasts + MONDAY, outcomes)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record two pools: one that changes after six weeks, and one that never does."""
    pools = {("p", "changes"): {"train": jobs(1)}, ("p", "stays"): {"train": jobs(2, changed=DAYS + 1)}}
    return record_of(tmp_path_factory.mktemp("trends"), pools)


def test_columns_are_fixed(database: Path) -> None:
    """Each frame has the labels and its own columns, in the order that is documented; several give the same frames."""
    history = History(database)
    several = history.several([*COMMANDS], slo="15m")
    for name, limit in COMMANDS.items():
        frame = getattr(history, name)(**limit)
        assert [*LABELS.names, *SCHEMAS[name].names] == list(frame.columns)
        if name != "compare":
            pd.testing.assert_frame_equal(frame, several[name])
    # Over the whole record more is known of what went on before the period.
    assert several["compare"]["value"].to_numpy() == pytest.approx(
        history.compare(slo="15m")["value"].to_numpy(), rel=0.05
    )


def test_a_change_is_told_with_its_day_and_its_size(database: Path) -> None:
    """Waits, the share over a limit and failures change when they do; arrivals do not, nor does the other pool."""
    found = History(database).changes(slo="15m").set_index(["pool", "measure"]).to_dict("index")
    day = pd.Timestamp(MONDAY + CHANGED * DAY, unit="s", tz="UTC")
    for measure in ("wait", "over", "failures"):
        row = found["changes", measure]
        assert row["earliest"] <= day <= row["latest"]
        assert abs(row["changed_at"] - day) <= pd.Timedelta(days=2)
        assert 0 < row["change_low"] < row["change"] < row["change_high"]
        assert "up" == row["direction"]
    failures = found["changes", "failures"]
    assert failures["change_low"] < 0.4 < failures["change_high"]
    for quiet in (("changes", "arrivals"), *(("stays", name) for name in ("wait", "over", "arrivals", "failures"))):
        assert pd.isna(found[quiet]["changed_at"])
        assert "no change" in found[quiet]["note"]


def test_a_level_is_that_of_the_waits(database: Path) -> None:
    """The level is the mean wait of the jobs of the days, the failure rate that of all that ended in them."""
    history = History(database)
    since, until = (datetime.fromtimestamp(MONDAY + day * DAY, UTC) for day in (0, DAYS - 1))
    rows = history.trend(pool="stays", since=since, until=until).set_index("measure").to_dict("index")
    whole = history.waits(every="all", pool="stays", since=since, until=until).iloc[0]
    ended = history.failures(every="all", pool="stays", since=since, until=until).iloc[0]
    assert rows["wait"]["level"] == pytest.approx(whole["mean_seconds"], rel=0.02)
    assert rows["failures"]["level"] == pytest.approx(ended["failure_rate"], rel=0.02)
    assert rows["arrivals"]["level"] == pytest.approx(40, rel=0.1)
    for name, row in rows.items():
        assert row["level_low"] < row["level"] < row["level_high"], name
        assert "not shown" == row["direction"]


def test_a_period_is_compared_with_another(database: Path) -> None:
    """Four weeks after the change with four before: failures and waits are up by what they rose, arrivals are not."""
    cut = datetime.fromtimestamp(MONDAY + CHANGED * DAY, UTC)
    ends = [cut + pd.Timedelta(days=days) for days in (-28, 28)]
    for against in ("previous", f"{ends[0]:%Y-%m-%d}..{cut:%Y-%m-%d}"):
        rows = (
            History(database)
            .compare(against, pool="changes", since=cut, until=ends[1])
            .set_index("measure")
            .to_dict("index")
        )
        assert ["up", "up"] == [rows[name]["direction"] for name in ("wait", "failures")]
        assert "not shown" == rows["arrivals"]["direction"]
        row = rows["failures"]
        assert row["difference_low"] < 0.4 < row["difference_high"]
        assert row["value"] - row["other"] == pytest.approx(row["difference"], abs=0.03)
        assert (pd.Timestamp(ends[0]), pd.Timestamp(cut)) == (row["other_start"], row["other_end"])


def test_a_week_has_the_hours_of_its_zone(database: Path) -> None:
    """168 hours; where clocks go forward the hour that is not there has one week less, and no other."""
    utc = History(database).profile(pool="stays")
    assert 168 == len(utc)
    assert (utc["arrivals"] * utc["weeks"]).sum() == pytest.approx(40 * (DAYS + 1), rel=0.03)
    assert (utc["wait_low_seconds"] <= utc["wait_seconds"]).all()
    assert (utc["wait_seconds"] <= utc["wait_high_seconds"]).all()
    # On Sunday, 8 March 2026, there is no 02:00 in New York.
    there = History(database).profile(pool="stays", zone="America/New_York").set_index(["weekday", "hour"])["weeks"]
    assert there[7, 2] == there[7, 3] - 1 == there[7, 1] - 1


def test_too_little_is_refused_with_a_reason(database: Path) -> None:
    """Of eight days nothing is claimed, and each row says why and how many more days it takes."""
    history = History(database)
    for name in ("trend", "changes"):
        rows = getattr(history, name)(since="8d")
        assert rows["direction"].isna().all()
        assert (rows["more_days"] > 0).all()
        assert rows["note"].str.contains("more").all()
    assert history.trend(since="8d")[["level_low", "level_high", "slope_low", "slope_high"]].isna().all(axis=None)
    week = history.compare(since="7d")
    assert week["difference_low"].isna().all()
    assert week["note"].str.contains("not enough data: needs").all()
    for against in ("x", "2026-03-01..", "2026-03-01..2026-02-01"):
        with pytest.raises(RequestRefused):
            history.compare(against)


def test_a_queue_that_never_empties_leaves_its_waits_open(tmp_path: Path) -> None:
    """Some may have waited since the beginning: the level has no upper bound, as the note says; none is below zero."""
    slots = np.arange(30 * 288) * 300 + MONDAY
    full = series_of(slots, {"Queue": np.full(len(slots), 5), "Completed": np.arange(len(slots))})
    rows = History(record_of(tmp_path, {("p", "a"): {"train": full}})).trend(slo="15m")
    wait = rows.set_index("measure").to_dict("index")["wait"]
    assert wait["level"] == pytest.approx(1500)
    assert np.isnan(wait["level_high"])
    assert "no upper bound" in wait["note"]
    assert "not shown" == wait["direction"]
    assert (rows["level_low"] >= 0).all()


def test_several_keep_to_their_own_spans(tmp_path: Path) -> None:
    """With a comparison more is read: a trend is still of its own days, and none is of a pool that was gone by then."""
    pools = {("p", "gone"): {"train": jobs(3, days=50)}, ("p", "stays"): {"train": jobs(2, changed=DAYS + 1)}}
    history = History(record_of(tmp_path, pools))
    found = history.several(["trend", "compare"], since="18d")
    own = history.trend(since="18d")
    assert own["window_start"].tolist() == found["trend"]["window_start"].tolist()
    assert {"stays"} == set(found["trend"]["pool"])
    assert {"gone", "stays"} == set(found["compare"]["pool"])
    for names in (["trends"], []):
        with pytest.raises(RequestRefused, match="take some of waits, distribution, failures"):
            history.several(names)


def test_a_day_of_23_hours_has_as_many_jobs_a_day(tmp_path: Path) -> None:
    """A job every ten minutes is 144 a day, on the day in March too on which clocks go forward."""
    slots = np.arange(100 * 288) * 300 + MONDAY
    steady = series_of(slots, {"Completed": np.arange(len(slots)) // 2})
    history = History(record_of(tmp_path, {("p", "a"): {"train": steady}}))
    rows = history.trend(zone="Europe/Berlin").set_index("measure").to_dict("index")
    assert [144.0] * 3 == pytest.approx([rows["arrivals"][name] for name in ("level", "level_low", "level_high")])
    assert rows["arrivals"]["slope_high"] < 1e-6


def test_a_week_counts_the_hours_that_were_seen_whole(tmp_path: Path) -> None:
    """Of three weeks from half past midnight with a Thursday unseen: two first hours of Mondays, and of Thursdays."""
    slots = np.arange(6, 21 * 288 + 1) * 300
    slots = slots[(slots <= 10 * DAY) | (slots > 11 * DAY)] + MONDAY
    steady = series_of(slots, {"Completed": np.arange(len(slots)) // 2})
    week = History(record_of(tmp_path, {("p", "a"): {"train": steady}})).profile().set_index(["weekday", "hour"])
    seen = {weekday: week["weeks"][weekday, 0] for weekday in (1, 2, 4)}
    assert {1: 2, 2: 3, 4: 2} == seen


def test_hours_whose_jobs_still_wait_are_left_out_of_a_week(database: Path) -> None:
    """Read up to an hour at which jobs wait: the others have their bounds, and the note says how many hours went."""
    counts = History(database).counts()
    waiting = counts[(counts["pool"] == "changes") & (counts["Queue"] > 3)]["slot"].iloc[-1]
    week = History(database).profile(pool="changes", until=waiting)
    assert week["wait_high_seconds"].notna().all()
    assert week["note"].str.contains(r"last hours left out, their jobs may still wait: \d+").all()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_answers_as_the_method_does(database: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A table of at most a hundred columns; JSON has the rows of the frame, and a parquet file all columns."""
    told = []
    for form in ("table", "json"):
        limit = [word for name, value in COMMANDS[command].items() for word in (f"--{name}", value)]
        call = [*limit, "--format", form]
        getattr(estimates, command).main(call, standalone_mode=False, obj=Context({}, database=str(database)))
        told.append(capsys.readouterr())
    assert ["", ""] == [output.err for output in told]
    assert max(len(line) for line in told[0].out.splitlines() if line[1:2] != ":") <= 100
    rows = json.loads(told[1].out)
    frame = getattr(History(database), command)(**COMMANDS[command])
    assert [*frame.columns] == [*rows[0]]
    assert len(frame) == len(rows)
