"""Plans: what another capacity would do, against pools of which that is known, theory, and laws."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.errors import RequestRefused
from tests.planned import FIRST, POOL, counts_of, erlang_c, history_of, markov
from tests.recorded import record_of
from tests.simulated import DAY, HOUR, STEP, Scenario, starts_of, wait_of, work_of

BOUNDS = ("", "_low", "_high")
BUSY = Scenario(servers=16, load=0.8, spread=2.0, mean=HOUR, days=28, rhythm=True)


def waits(frame: pd.DataFrame, name: str = "mean") -> pd.DataFrame:
    """Return point, low and high of a wait, by capacity."""
    return frame.set_index(frame["capacity"].round(6))[[f"{name}{bound}_seconds" for bound in BOUNDS]]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Record four weeks of a pool with a rhythm and 16 nodes, which queues by day."""
    work = work_of(BUSY, 3)
    return history_of(tmp_path_factory.mktemp("busy"), work, 16, 28, nodes=[(FIRST, 16)])


SCENARIOS = [
    Scenario(servers=16, load=0.85, spread=1.2, mean=HOUR, days=28, factor=1.25),
    Scenario(servers=8, load=0.7, spread=3.5, mean=2 * HOUR, days=60, rhythm=True, factor=0.9),
    Scenario(servers=32, load=0.9, spread=2.0, mean=2 * HOUR, days=28, sizes="four", backfill=True, factor=1.2),
    Scenario(servers=16, load=0.75, spread=2.5, mean=HOUR, days=28, sizes="odd", rhythm=True, factor=1.4),
    Scenario(servers=32, load=1.05, spread=1.5, mean=HOUR, days=28, sizes="two", priorities=True, factor=1.3),
    Scenario(servers=64, load=0.95, spread=3.0, mean=HOUR / 2, days=28, sizes="odd", backfill=True, factor=1.1),
]
"""Some of the many in tests/benchmarks/plans.py."""


@pytest.mark.parametrize("of", SCENARIOS, ids=lambda of: f"{of.sizes}-{of.load}-{of.factor}")
def test_the_truth_lies_in_the_interval(of: Scenario, tmp_path: Path) -> None:
    """The same jobs, simulated with the other capacity: their mean wait is where the plan says, near its point."""
    work = work_of(of, 7)
    history = history_of(tmp_path, work, of.servers, of.days, backfill=of.backfill, nodes=[(FIRST, of.servers)])
    told = waits(history.plan(capacity=of.other)).loc[of.other]
    truth = wait_of(work, of.other, backfill=of.backfill)[0]
    assert told.iloc[1] <= truth <= told.iloc[2]
    assert abs(told.iloc[0] - truth) <= 0.6 * max(truth, STEP)


def test_the_capacity_for_a_target_is_the_smallest_that_reaches_it(busy: History) -> None:
    """Within one of what simulating each capacity finds; the interval holds it; rows say whether it is reached."""
    work = work_of(BUSY, 3)
    target = wait_of(work, 16, backfill=False)[0] / 3
    told = busy.plan(target_wait=f"{target:.0f}s")
    smallest = next(n for n in range(16, 40) if wait_of(work, n, backfill=False)[0] <= target)
    row = told.iloc[0]
    assert abs(row["needed"] - smallest) <= 1
    assert row["needed_low"] <= smallest <= row["needed_high"]
    reached = told[told["mean_seconds"] <= target]["capacity"]
    assert row["needed"] == reached.min()
    assert (told["target_seconds"] == round(target)).all()


@pytest.mark.parametrize("more", [0, 1, 3])
def test_it_agrees_with_the_theory_of_random_arrivals(more: int, tmp_path: Path) -> None:
    """M/M/c: over months the mean wait with c and more servers is Erlang's, within the interval and a quarter."""
    history = history_of(tmp_path, markov(1, 8, 0.85, 2 * HOUR, 120), 8, 120)
    row = history.plan(add=more).iloc[-1]
    truth = erlang_c(8 + more, 0.85 * 8 / (8 + more), 2 * HOUR)
    assert row["mean_low_seconds"] * 0.9 <= truth <= row["mean_high_seconds"] * 1.1
    assert abs(row["mean_seconds"] - truth) <= 0.25 * max(truth, STEP)


def test_it_agrees_with_the_theory_of_one_server(tmp_path: Path) -> None:
    """M/D/1: with a quarter less demand the mean wait is that of Pollaczek and Khinchine."""
    load, mean = 0.8, HOUR
    history = history_of(tmp_path, markov(2, 1, load, mean, 300, run="constant"), 1, 300)
    row = history.plan(factor=1.0, demand=0.75).iloc[-1]
    rho = load * 0.75
    truth = rho * mean / (2 * (1 - rho))
    assert row["mean_low_seconds"] <= truth <= row["mean_high_seconds"]
    assert row["mean_seconds"] == pytest.approx(truth, rel=0.25)


def test_more_capacity_never_makes_jobs_wait_longer(busy: History) -> None:
    """Neither points nor bounds nor the nine-in-ten wait rise along the curve; in use falls."""
    told = busy.plan()
    assert len(told) >= 10
    for name in ("mean", "p90"):
        assert (np.diff(waits(told, name).to_numpy(), axis=0) <= 0).all()
    assert (np.diff(told["utilisation"]) < 0).all()
    for name in ("mean", "p90"):
        point, low, high = waits(told, name).to_numpy().T
        assert (low <= point).all()
        assert (point <= high).all()


def test_no_change_gives_the_wait_that_was(busy: History) -> None:
    """With today's capacity and demand point and bounds are those of waits."""
    seen = busy.waits(every="all", by="pool").iloc[0]
    for told in (busy.plan(add=0), busy.plan(factor=1), busy.plan(capacity=16), busy.plan()):
        row = told[np.isclose(told["factor"], 1)].iloc[0]
        for name in ("mean", "p90"):
            for bound in BOUNDS:
                assert row[f"{name}{bound}_seconds"] == pytest.approx(seen[f"{name}{bound}_seconds"], abs=1)
        assert 0 == row["extrapolated"]


def test_more_demand_and_less_capacity_are_extrapolation(busy: History) -> None:
    """Waits rise with demand, fall with less; where there is more load than was seen, that is marked."""
    more, same, less = (busy.plan(add=0, demand=demand).iloc[0] for demand in (1.15, 1.0, 0.85))
    assert more["mean_seconds"] > same["mean_seconds"] > less["mean_seconds"]
    assert [1, 0, 0] == [row["extrapolated"] for row in (more, same, less)]
    fewer = busy.plan(add=-2)
    assert [14, 16] == fewer["capacity"].tolist()
    assert [1, 0] == fewer["extrapolated"].tolist()
    assert fewer["mean_seconds"].iloc[0] > fewer["mean_seconds"].iloc[1]


def test_demand_is_checked_against_jobs_that_come_too(tmp_path: Path) -> None:
    """A third fewer jobs, as if each third had stayed away: simulated, that is inside the interval."""
    work = markov(4, 8, 0.9, HOUR, 60)
    kept = np.random.default_rng(1).random(len(work.came)) < 0.67
    row = history_of(tmp_path, work, 8, 60).plan(add=0, demand=0.67).iloc[0]
    fewer = type(work)(*(getattr(work, name)[kept] for name in ("came", "size", "run", "urgent")))
    assert row["mean_low_seconds"] <= wait_of(fewer, 8, backfill=False)[0] <= row["mean_high_seconds"]


def test_costs_are_of_nodes_and_a_month(busy: History, tmp_path: Path) -> None:
    """The price of a node-hour times nodes times 730; without nodes there is none, and it is said."""
    told = busy.plan(price_per_node_hour=2.5)
    assert (told["cost_a_month"] == told["capacity"] * 2.5 * 730).all()
    assert (told["unit"] == "nodes").all()
    unknown = history_of(tmp_path, markov(1, 4, 0.9, HOUR, 14), 4, 14).plan(price_per_node_hour=2.5)
    assert unknown["cost_a_month"].isna().all()
    assert (unknown["unit"] == "jobs at once").all()
    assert unknown["note"].str.contains("nodes are not known").all()
    assert 4 == pytest.approx(unknown["capacity"][np.isclose(unknown["factor"], 1)].iloc[0], abs=0.2)


def test_a_pool_that_never_queued_has_an_upper_bound_alone(tmp_path: Path) -> None:
    """No point: what is known is how many ran at once, so at least that capacity; the truth is below the bound."""
    work = work_of(Scenario(servers=8, load=0.5, spread=1.0, mean=HOUR, days=14), 1)
    told = history_of(tmp_path, work, 64, 14, nodes=[(FIRST, 64)]).plan(factor=0.5, target_wait="1h")
    assert told["mean_seconds"].isna().all()
    assert (told["mean_low_seconds"] == 0).all()
    half, today = told["mean_high_seconds"]
    assert today <= STEP
    assert wait_of(work, 32, backfill=False)[0] <= half
    assert half < 7 * DAY
    assert told["method"].eq("upper bound").all()
    assert told["needed"].isna().all()
    assert told["needed_high"].iloc[0] < 64
    assert told["note"].str.contains("only the most that jobs would have waited").all()


def test_a_pool_that_is_always_saturated(tmp_path: Path) -> None:
    """Its queue grows to the end: today's wait is a model's, and said so; with enough capacity it is nearly none."""
    of = Scenario(servers=8, load=1.3, spread=1.0, mean=HOUR, days=21)
    work = work_of(of, 5)
    told = waits(history_of(tmp_path, work, 8, 21, nodes=[(FIRST, 8)]).plan(add=6)).round()
    for servers in (8, 14):
        truth = wait_of(work, servers, backfill=False)[0]
        assert told.loc[servers].iloc[1] <= truth <= told.loc[servers].iloc[2]
    note = history_of(tmp_path / "again", work, 8, 21).plan()["note"].iloc[0]
    assert "jobs still waited at the end" in note


def test_a_week_of_data_is_answered_about_that_week(tmp_path: Path) -> None:
    """Its jobs are what the answer is about; the truth is inside."""
    work = markov(6, 4, 0.85, HOUR, 7)
    row = history_of(tmp_path, work, 4, 7, nodes=[(FIRST, 4)]).plan(add=1).iloc[-1]
    assert row["mean_low_seconds"] <= wait_of(work, 5, backfill=False)[0] <= row["mean_high_seconds"]


def test_nodes_that_changed_in_the_middle(tmp_path: Path) -> None:
    """Half of the time 8, then 12: today's is 12 for all of the time, and said so; the truth is inside."""
    work = markov(8, 8, 0.95, HOUR, 28)
    first, then = starts_of(work, 8, backfill=False), 14 * DAY
    # Until the change as with 8; from then on whoever waits or comes, with 12 of which 8 are busy.
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
    told = History(record_of(tmp_path, {POOL: {"train": series}}, {POOL: nodes})).plan(add=0).iloc[0]
    assert 12 == told["capacity"]
    assert "nodes changed in between" in told["note"]
    assert told["mean_low_seconds"] <= wait_of(work, 12, backfill=False)[0] <= told["mean_high_seconds"]
    unknown = History(record_of(tmp_path / "unknown", {POOL: {"train": series}})).plan(add=0)["note"].iloc[0]
    assert "capacity or sizes changed" in unknown


def test_who_waits_while_nothing_runs_waits_for_something_else(tmp_path: Path) -> None:
    """Jobs that are held are no want of capacity: the upper bound keeps their waiting, and the note tells of it."""
    work = markov(9, 8, 0.8, HOUR, 28)
    starts = starts_of(work, 8, backfill=False)
    held = np.arange(len(starts)) % 200 == 0
    starts = np.where(held, np.maximum(starts, work.came + 2 * DAY), starts)
    # Of these nothing else runs meanwhile: the pool is empty for the last third of the record.
    quiet = type(work)(*(getattr(work, name)[work.came < 18 * DAY] for name in ("came", "size", "run", "urgent")))
    starts = starts[work.came < 18 * DAY]
    starts[-40:] = np.maximum(starts[-40:], 27 * DAY)
    told = History(record_of(tmp_path, {POOL: {"train": counts_of(quiet, starts, 29)}})).plan(factor=3)
    row = told.iloc[-1]
    assert "more capacity may not end it" in row["note"]
    assert row["mean_high_seconds"] > 0.3 * told["mean_seconds"].iloc[0]


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
    for ask in (history.plan, history.forecast, history.load):
        with pytest.raises(RequestRefused, match="share its capacity"):
            ask(type="train")  # type: ignore[call-arg]  # what is refused


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"capacity": 0}, "capacity cannot be 0"),
        ({"capacity": -3}, "capacity cannot be -3"),
        ({"factor": float("nan")}, "factor cannot be nan"),
        ({"demand": 0}, "demand cannot be 0"),
        ({"add": -16}, "nothing would be left"),
        ({"add": 1, "factor": 2}, "add and factor both say the capacity"),
        ({"quantile": "p50"}, "quantile cannot be 'p50'"),
        ({"target_wait": "soon"}, "'soon' is no duration"),
        ({"price_per_node_hour": -1}, "price_per_node_hour cannot be -1"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wish: dict[str, object], said: str, busy: History) -> None:
    """With what is wrong and what to give instead."""
    with pytest.raises(RequestRefused, match=said):
        busy.plan(**wish)  # type: ignore[arg-type]  # what is refused


def test_pools_of_which_little_is_known(tmp_path: Path) -> None:
    """No jobs at all, and a single slot: no number, and a note that says why."""
    work = markov(1, 4, 0.5, HOUR, 1)
    nobody = type(work)(*(getattr(work, name)[:0] for name in ("came", "size", "run", "urgent")))
    told = History(record_of(tmp_path, {POOL: {"train": counts_of(nobody, np.empty(0), 7)}})).plan()
    assert ["no arrivals"] == told["note"].tolist()
    assert told["mean_seconds"].isna().all()
    once = counts_of(work, work.came, 1, step=int(2 * DAY))
    told = History(record_of(tmp_path / "once", {POOL: {"train": once}})).plan()
    assert ["fewer than two slots with known counts"] == told["note"].tolist()


def test_the_same_record_gives_the_same_plan(busy: History) -> None:
    """Nothing in it is left to chance, however its threads are scheduled."""
    pd.testing.assert_frame_equal(busy.plan(target_wait="5m"), busy.plan(target_wait="5m"))


def test_what_was_counted_of_nodes(tmp_path: Path) -> None:
    """Nodes that can be used where that is told, else those that were ordered; before the first telling as then."""
    nodes = [(datetime(2026, 1, 6), 4), (datetime(2026, 1, 12), 6)]
    history = history_of(tmp_path, markov(1, 4, 0.9, HOUR, 14), 4, 14, nodes=nodes)
    told = history.load(every="1w", flavors={"f": 8})
    assert [4, 6] == told["nodes"].tolist()[:2]
    assert [32, 48] == told["cards"].tolist()[:2]
    assert history.load(every="1w")["cards"].isna().all()
