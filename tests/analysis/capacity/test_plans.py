"""Plans: the effect of another capacity, against simulated pools of which it is known, against theory and laws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.capacity.replay import Supply, Work, replay
from tests.planned import FIRST, erlang_c, history_of, markov
from tests.simulated import HOUR, STEP, Scenario, starts_of, wait_of, work_of

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
    """The mean wait of the same jobs, simulated with the other capacity, is inside the interval and near its point."""
    work = work_of(of, 7)
    history = history_of(tmp_path, work, of.servers, of.days, backfill=of.backfill, nodes=[(FIRST, of.servers)])
    plan = waits(history.plan(capacity=of.other)).loc[of.other]
    truth = wait_of(work, of.other, backfill=of.backfill)[0]
    assert plan.iloc[1] <= truth <= plan.iloc[2]
    assert abs(plan.iloc[0] - truth) <= 0.6 * max(truth, STEP)


def test_the_capacity_for_a_target_is_the_smallest_that_reaches_it(busy: History) -> None:
    """It is within one of the smallest that simulation finds, which is inside the interval; verdicts follow from it."""
    work = work_of(BUSY, 3)
    target = wait_of(work, 16, backfill=False)[0] / 3
    plan = busy.plan(target_wait=f"{target:.0f}s")
    smallest = next(n for n in range(16, 40) if wait_of(work, n, backfill=False)[0] <= target)
    row = plan.iloc[0]
    assert abs(row["needed"] - smallest) <= 1
    assert row["needed_low"] <= smallest <= row["needed_high"]
    reached = plan[plan["mean_seconds"] <= target]["capacity"]
    assert row["needed"] == reached.min()
    assert (plan["target_seconds"] == round(target)).all()


@pytest.mark.parametrize("backfill", [False, True])
@pytest.mark.parametrize("sizes", ["one", "four"])
def test_a_replay_is_what_a_scheduler_does(sizes: str, *, backfill: bool) -> None:
    """Each job starts when the simulator's own scheduler starts it, with both service disciplines."""
    of = Scenario(servers=16, load=0.95, spread=2.0, mean=HOUR, days=14, sizes=sizes)
    work = work_of(of, 1)
    widths = np.unique(work.size)
    jobs = Work(work.came, work.run, np.full(len(work.came), np.inf), np.searchsorted(widths, work.size), widths, 0)
    started, ran = replay(jobs, Supply(np.array([-np.inf]), np.array([16])), passing=backfill)
    assert ran.all()
    assert (started > work.came).mean() > 0.2
    np.testing.assert_allclose(started, starts_of(work, 16, backfill=backfill))


@pytest.mark.parametrize("more", [0, 1, 3])
def test_a_plan_agrees_with_the_theory_of_random_arrivals(more: int, tmp_path: Path) -> None:
    """M/M/c: over months the mean wait with c and more servers is Erlang's, inside the interval, within a quarter."""
    history = history_of(tmp_path, markov(1, 8, 0.85, 2 * HOUR, 120), 8, 120)
    row = history.plan(add=more).iloc[-1]
    truth = erlang_c(8 + more, 0.85 * 8 / (8 + more), 2 * HOUR)
    assert row["mean_low_seconds"] * 0.9 <= truth <= row["mean_high_seconds"] * 1.1
    assert abs(row["mean_seconds"] - truth) <= 0.25 * max(truth, STEP)


def test_a_plan_agrees_with_the_theory_of_one_server(tmp_path: Path) -> None:
    """M/D/1: with a quarter less demand the mean wait is that of Pollaczek and Khinchine."""
    load, mean = 0.8, HOUR
    history = history_of(tmp_path, markov(2, 1, load, mean, 300, run="constant"), 1, 300)
    row = history.plan(factor=1.0, demand=0.75).iloc[-1]
    rho = load * 0.75
    truth = rho * mean / (2 * (1 - rho))
    assert row["mean_low_seconds"] <= truth <= row["mean_high_seconds"]
    assert row["mean_seconds"] == pytest.approx(truth, rel=0.25)


def test_more_capacity_never_makes_jobs_wait_longer(busy: History) -> None:
    """Neither points nor bounds of both waits rise along the curve; utilisation falls."""
    plan = busy.plan()
    assert len(plan) >= 10
    for name in ("mean", "p90"):
        assert (np.diff(waits(plan, name).to_numpy(), axis=0) <= 0).all()
    assert (np.diff(plan["utilisation"]) < 0).all()
    for name in ("mean", "p90"):
        point, low, high = waits(plan, name).to_numpy().T
        assert (low <= point).all()
        assert (point <= high).all()


def test_an_unchanged_pool_has_the_observed_wait(busy: History) -> None:
    """With today's capacity and demand, point and bounds are those of `waits`."""
    seen = busy.waits(every="all", by="pool").iloc[0]
    for plan in (busy.plan(add=0), busy.plan(factor=1), busy.plan(capacity=16), busy.plan()):
        row = plan[np.isclose(plan["factor"], 1)].iloc[0]
        for name in ("mean", "p90"):
            for bound in BOUNDS:
                assert row[f"{name}{bound}_seconds"] == pytest.approx(seen[f"{name}{bound}_seconds"], abs=1)
        assert 0 == row["extrapolated"]


def test_more_demand_and_less_capacity_are_extrapolation(busy: History) -> None:
    """Waits rise with demand; where the load on the capacity exceeds every observed one, the row is marked."""
    more, same, less = (busy.plan(add=0, demand=demand).iloc[0] for demand in (1.15, 1.0, 0.85))
    assert more["mean_seconds"] > same["mean_seconds"] > less["mean_seconds"]
    assert [1, 0, 0] == [row["extrapolated"] for row in (more, same, less)]
    fewer = busy.plan(add=-2)
    assert [14, 16] == fewer["capacity"].tolist()
    assert [1, 0] == fewer["extrapolated"].tolist()
    assert fewer["mean_seconds"].iloc[0] > fewer["mean_seconds"].iloc[1]


def test_the_wait_with_less_demand_is_that_of_fewer_jobs(tmp_path: Path) -> None:
    """The wait with every third job left out, simulated, is inside the interval."""
    work = markov(4, 8, 0.9, HOUR, 60)
    kept = np.random.default_rng(1).random(len(work.came)) < 0.67
    row = history_of(tmp_path, work, 8, 60).plan(add=0, demand=0.67).iloc[0]
    fewer = type(work)(*(getattr(work, name)[kept] for name in ("came", "size", "run", "urgent")))
    assert row["mean_low_seconds"] <= wait_of(fewer, 8, backfill=False)[0] <= row["mean_high_seconds"]


def test_costs_are_those_of_nodes_in_a_month(busy: History, tmp_path: Path) -> None:
    """The cost is the price of a node-hour times nodes times 730; where nodes are not known there is none."""
    plan = busy.plan(price_per_node_hour=2.5)
    assert (plan["cost_a_month"] == plan["capacity"] * 2.5 * 730).all()
    assert (plan["unit"] == "nodes").all()
    unknown = history_of(tmp_path, markov(1, 4, 0.9, HOUR, 14), 4, 14).plan(price_per_node_hour=2.5)
    assert unknown["cost_a_month"].isna().all()
    assert (unknown["unit"] == "concurrent jobs").all()
    assert unknown["note"].str.contains("nodes are not known").all()
    assert 4 == pytest.approx(unknown["capacity"][np.isclose(unknown["factor"], 1)].iloc[0], abs=0.2)


def test_the_same_record_gives_the_same_plan(busy: History) -> None:
    """Chance has no part in it, however its threads are scheduled."""
    pd.testing.assert_frame_equal(busy.plan(target_wait="5m"), busy.plan(target_wait="5m"))
