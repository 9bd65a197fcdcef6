"""Plans of pools without a queue, with one that never ends, or one for other causes than capacity; and refusals."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.capacity import scenario
from analysis.capacity.occupancy import occupancy_of
from analysis.errors import RequestRefused
from analysis.query.question import ask_plan
from analysis.query.request import Request
from analysis.queue.conservation import flows_of
from tests.planned import FIRST, POOL, counts_of, history_of, markov
from tests.recorded import record_of, series_of
from tests.simulated import DAY, HOUR, STEP, Scenario, starts_of, wait_of, work_of

BOUNDS = ("", "_low", "_high")


def waits(frame: pd.DataFrame, name: str = "mean") -> pd.DataFrame:
    """Return point, low and high of a wait, by capacity."""
    return frame.set_index(frame["capacity"].round(6))[[f"{name}{bound}_seconds" for bound in BOUNDS]]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Record two weeks of a pool with 16 nodes."""
    return history_of(tmp_path_factory.mktemp("busy"), markov(3, 16, 0.9, HOUR, 14), 16, 14, nodes=[(FIRST, 16)])


def test_a_pool_that_never_queued_has_an_upper_bound_alone(tmp_path: Path) -> None:
    """There is no point: the capacity is at least the most concurrent jobs; the true wait is below the bound."""
    work = work_of(Scenario(servers=8, load=0.5, spread=1.0, mean=HOUR, days=14), 1)
    plan = history_of(tmp_path, work, 64, 14, nodes=[(FIRST, 64)]).plan(factor=0.5, target_wait="1h")
    assert plan["mean_seconds"].isna().all()
    assert (plan["mean_low_seconds"] == 0).all()
    half, today = plan["mean_high_seconds"]
    assert today <= STEP
    assert wait_of(work, 32, backfill=False)[0] <= half
    assert half < 7 * DAY
    assert plan["method"].eq("upper bound").all()
    assert plan["needed"].isna().all()
    assert plan["needed_high"].iloc[0] < 64
    assert plan["note"].str.contains("only upper bounds of the waits are known").all()


def test_a_pool_that_is_always_saturated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue grows to the end: today's wait is a model's, and noted; with enough capacity it is nearly zero."""
    of = Scenario(servers=8, load=1.3, spread=1.0, mean=HOUR, days=21)
    work = work_of(of, 5)
    plan = waits(history_of(tmp_path, work, 8, 21, nodes=[(FIRST, 8)]).plan(add=6)).round()
    for servers in (8, 14):
        truth = wait_of(work, servers, backfill=False)[0]
        assert plan.loc[servers].iloc[1] <= truth <= plan.loc[servers].iloc[2]
    again = history_of(tmp_path / "again", work, 8, 21)
    row = again.plan(factor=1).iloc[0]
    assert "jobs still waited at the end" in row["note"]
    # The waiting that is still to come widens the interval.
    monkeypatch.setattr("analysis.capacity.ensemble.TO_COME", 0.0)
    assert again.plan(factor=1)["mean_high_seconds"].iloc[0] < row["mean_high_seconds"]


def test_a_week_of_data_is_answered_about_that_week(tmp_path: Path) -> None:
    """The answer is about the jobs of that week; the true wait is inside."""
    work = markov(6, 4, 0.85, HOUR, 7)
    row = history_of(tmp_path, work, 4, 7, nodes=[(FIRST, 4)]).plan(add=1).iloc[-1]
    assert row["mean_low_seconds"] <= wait_of(work, 5, backfill=False)[0] <= row["mean_high_seconds"]


def test_nodes_that_changed_in_the_middle(tmp_path: Path) -> None:
    """8 nodes, then 12: a plan assumes 12 for the whole time, and says so; the true wait is inside."""
    work = markov(8, 8, 0.95, HOUR, 28)
    first, then = starts_of(work, 8, backfill=False), 14 * DAY
    # Until the change jobs start as with 8; from then on with 12, of which 8 are busy.
    before = first < then
    early = type(work)(*(getattr(work, name)[before] for name in ("came", "size", "run", "urgent")))
    running = first[before] + early.run > then
    carried = np.where(running, first[before] + early.run - then, 0)[running]
    late = type(work)(
        np.concatenate([np.full(running.sum(), 0.0), np.maximum(work.came[~before] - then, 1.0)]),
        np.ones(running.sum() + (~before).sum(), np.int64),
        np.concatenate([carried, work.run[~before]]),
        np.zeros(running.sum() + (~before).sum(), np.int64),
    )
    starts = first.copy()
    starts[~before] = starts_of(late, 12, backfill=False)[running.sum() :] + then
    series = counts_of(work, starts, 28)
    nodes = [(FIRST, 8), (FIRST + timedelta(days=14), 12)]
    plan = History(record_of(tmp_path, {POOL: {"train": series}}, {POOL: nodes})).plan(add=0).iloc[0]
    assert 12 == plan["capacity"]
    assert "the number of nodes changed" in plan["note"]
    assert plan["mean_low_seconds"] <= wait_of(work, 12, backfill=False)[0] <= plan["mean_high_seconds"]
    unknown = History(record_of(tmp_path / "unknown", {POOL: {"train": series}})).plan(add=0)["note"].iloc[0]
    assert "capacity or job sizes changed" in unknown


def test_jobs_that_wait_while_nothing_runs_do_not_lack_capacity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that wait while nothing runs do not lack capacity: the upper bound keeps their wait; the reason says so."""
    work = markov(9, 8, 0.8, HOUR, 28)
    starts = starts_of(work, 8, backfill=False)
    held = np.arange(len(starts)) % 200 == 0
    starts = np.where(held, np.maximum(starts, work.came + 2 * DAY), starts)
    # Nothing else runs meanwhile: the pool is empty for the last third of the record.
    quiet = type(work)(*(getattr(work, name)[work.came < 18 * DAY] for name in ("came", "size", "run", "urgent")))
    starts = starts[work.came < 18 * DAY]
    starts[-40:] = np.maximum(starts[-40:], 27 * DAY)
    history = History(record_of(tmp_path, {POOL: {"train": counts_of(quiet, starts, 29)}}))
    plan = history.plan(factor=3)
    row = plan.iloc[-1]
    assert "weak" == row["confidence"]
    assert "more capacity may not shorten it" in row["reason"]
    share = float(row["reason"].partition("% of all waiting")[0].rpartition(" ")[2]) / 100
    assert share > 0.3
    assert row["mean_high_seconds"] > 0.95 * share * plan["mean_seconds"].iloc[0]
    # Were all of it for want of capacity, more capacity would shorten it more.
    monkeypatch.setattr("analysis.capacity.explanation.OTHER", 2.0)
    without = history.plan(factor=3).iloc[-1]
    assert without["mean_seconds"] < row["mean_seconds"]


def test_types_of_a_pool_share_its_capacity(tmp_path: Path) -> None:
    """Two types that fill one pool are planned together; one of them alone is refused."""
    work = markov(10, 8, 0.9, HOUR, 28)
    starts = starts_of(work, 8, backfill=False)
    train = np.random.default_rng(2).random(len(starts)) < 0.5
    parts = {
        name: counts_of(
            type(work)(*(getattr(work, each)[chosen] for each in ("came", "size", "run", "urgent"))), starts[chosen], 28
        )
        for name, chosen in (("train", train), ("infer", ~train))
    }
    history = History(record_of(tmp_path, {POOL: parts}, {POOL: [(FIRST, 8)]}))
    row = history.plan(add=1).iloc[-1]
    assert row["mean_low_seconds"] <= wait_of(work, 9, backfill=False)[0] <= row["mean_high_seconds"]
    for method in (history.plan, history.forecast, history.load):
        with pytest.raises(TypeError, match="'type'"):
            method(type="train")  # type: ignore[call-arg]  # no such keyword: that is tested
    with pytest.raises(RequestRefused, match="share its capacity"):
        ask_plan(Request(type="train"), scenario.Scenario())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 0}, "capacity cannot be 0"),
        ({"capacity": -3}, "capacity cannot be -3"),
        ({"factor": float("nan")}, "factor cannot be nan"),
        ({"demand": 0}, "demand cannot be 0"),
        ({"add": -16}, "nothing would be left"),
        ({"add": 1, "factor": 2}, "add and factor cannot be given together"),
        ({"quantile": "p50"}, "quantile cannot be 'p50'"),
        ({"target_wait": "soon"}, "'soon' is not a duration"),
        ({"price_per_node_hour": -1}, "price_per_node_hour cannot be -1"),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused(options: dict[str, object], message: str, busy: History) -> None:
    """The message says what is wrong, and what to give instead."""
    with pytest.raises(RequestRefused, match=message):
        busy.plan(**options)  # type: ignore[arg-type]  # values of wrong kinds are tested


def test_pools_of_which_little_is_known(tmp_path: Path) -> None:
    """Without jobs, and with a single slot: no figure, and a note that says why."""
    work = markov(1, 4, 0.5, HOUR, 1)
    nobody = type(work)(*(getattr(work, name)[:0] for name in ("came", "size", "run", "urgent")))
    plan = History(record_of(tmp_path, {POOL: {"train": counts_of(nobody, np.empty(0), 7)}})).plan()
    assert ["no arrivals"] == plan["note"].tolist()
    assert plan["mean_seconds"].isna().all()
    once = counts_of(work, work.came, 1, step=int(2 * DAY))
    plan = History(record_of(tmp_path / "once", {POOL: {"train": once}})).plan()
    assert ["fewer than two slots with known counts"] == plan["note"].tolist()


def test_nodes_and_cards_by_week(tmp_path: Path) -> None:
    """Nodes and cards are means by week; before the first description the pool is taken to have been as then."""
    nodes = [(datetime(2026, 1, 6), 4), (datetime(2026, 1, 12), 6)]
    history = history_of(tmp_path, markov(1, 4, 0.9, HOUR, 14), 4, 14, nodes=nodes)
    weeks = history.load(every="1w", flavors={"f": 8})
    assert [4, 6] == weeks["nodes"].tolist()[:2]
    assert [32, 48] == weeks["cards"].tolist()[:2]
    assert history.load(every="1w")["cards"].isna().all()


def test_a_type_that_is_listed_late_was_there_before() -> None:
    """Half of the jobs are of a type that the first third of the answers lacks: counts begin when both are known."""
    work = markov(10, 8, 0.9, HOUR, 28)
    starts = starts_of(work, 8, backfill=False)
    train = np.random.default_rng(2).random(len(starts)) < 0.5
    parts = {
        kind: counts_of(
            type(work)(*(getattr(work, each)[chosen] for each in ("came", "size", "run", "urgent"))), starts[chosen], 28
        )
        for kind, chosen in (("train", train), ("infer", ~train))
    }
    infer = parts["infer"]
    busy = np.flatnonzero(infer.counts["Running"] > 2)
    late = busy[busy > len(infer.slots) // 3][0]
    parts["infer"] = series_of(
        infer.slots[late:], {name: count[late:] for name, count in infer.counts.items() if name != "total"}
    )
    plan = occupancy_of([flows_of(series, "queue+pending") for series in parts.values()], "queue+pending")
    assert infer.slots[late] == plan.slots[0]
    assert {8} == set(plan.busy[plan.queue > 0])
