"""How full a pool is: load, servers, run times, hours with a queue and idle capacity, where all of it is known."""

from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import pytest

from analysis import History
from analysis.errors import RequestRefused
from tests.planned import FIRST, counts_of, history_of, markov
from tests.recorded import MONDAY, record_of, series_of
from tests.simulated import DAY, HOUR, Scenario, starts_of, work_of


def test_the_load_of_a_simulated_pool(tmp_path: Path) -> None:
    """Load, servers and run time are those of the simulation; node figures follow from the nodes."""
    work = markov(1, 8, 0.8, HOUR, 60)
    row = history_of(tmp_path, work, 8, 60, nodes=[(FIRST, 16)]).load(flavors={"f": 8}).iloc[0]
    offered = work.run.sum() / (60 * DAY)
    assert row["offered"] == pytest.approx(offered, rel=0.02)
    assert row["offered_low"] < offered < row["offered_high"]
    assert (8, 8, 8) == (row["servers"], row["servers_low"], row["servers_high"])
    assert row["run_seconds"] == pytest.approx(work.run.mean(), rel=0.02)
    assert row["run_low_seconds"] < HOUR < row["run_high_seconds"]
    assert row["running_mean"] == pytest.approx(offered, rel=0.02)
    assert row["utilisation"] == pytest.approx(row["running_mean"] / 8)
    assert row["idle"] == pytest.approx(1 - row["utilisation"])
    assert ("good", "") == (row["confidence"], row["reason"])
    assert row["offered_nodes"] == pytest.approx(2 * row["offered"])
    assert row["offered_cards"] == pytest.approx(16 * row["offered"])
    waited = (starts_of(work, 8, backfill=False) - work.came).sum() / HOUR
    assert row["unmet_job_hours"] == pytest.approx(waited, rel=0.05)
    assert row["unmet_node_hours"] == pytest.approx(2 * row["unmet_job_hours"])


def test_the_interval_of_run_times_holds_their_mean(tmp_path: Path) -> None:
    """Of forty pools with the same mean run time, it is inside about nineteen in twenty intervals."""
    pools = {}
    for seed in range(40):
        work = markov(seed, 4, 0.6, HOUR, 21)
        pools["p", f"{seed}"] = {"train": counts_of(work, starts_of(work, 4, backfill=False), 21, step=600)}
    answer = History(record_of(tmp_path, pools, interval=600)).load()
    held = (answer["run_low_seconds"] <= HOUR) & (answer["run_high_seconds"] >= HOUR)
    assert 40 == len(answer)
    assert held.sum() >= 35


def test_hours_with_a_queue_and_idle_nights(tmp_path: Path) -> None:
    """On weekdays from 9 to 15 o'clock of the zone four jobs run and one waits; else one runs, at weekends none."""
    slots = MONDAY + np.arange(0, 14 * 86_400 + 1, 300)
    # Half past one in India is eight in the evening of the day before in London.
    local = slots + 5.5 * 3600
    hour, weekday = local // 3600 % 24, (local - MONDAY) // 86_400 % 7
    day = (hour >= 9) & (hour < 15) & (weekday < 5)
    running = np.where(day, 4, np.where(weekday < 5, 1, 0)).astype(int)
    series = series_of(slots, {"Running": running, "Queue": day.astype(int)})
    row = History(record_of(tmp_path, {("p", "a"): {"train": series}})).load(zone="Asia/Kolkata").iloc[0]
    assert row["queued_hours"] == pytest.approx(30, abs=0.5)
    assert 4 == row["servers"]
    assert row["idle_weekend"] > 0.98
    assert row["idle_night"] == pytest.approx(1 - 5 / 7 / 4, abs=0.02)
    assert row["unmet_job_hours"] == pytest.approx(60, abs=1)


def test_servers_before_and_after_nodes_were_added(tmp_path: Path) -> None:
    """By week: 4 concurrent jobs while others waited, then 8."""
    early, late = markov(1, 4, 1.3, HOUR, 14), markov(2, 8, 1.3, HOUR, 14)
    first, then = (starts_of(work, n, backfill=False) for work, n in ((early, 4), (late, 8)))
    kept = first < 13.9 * DAY
    work = type(early)(
        *(
            np.concatenate([getattr(early, name)[kept], getattr(late, name) + (14 * DAY if name == "came" else 0)])
            for name in ("came", "size", "run", "urgent")
        )
    )
    ends = np.minimum(first[kept] + early.run[kept], 14 * DAY)
    work.run[: kept.sum()] = ends - first[kept]
    starts = np.concatenate([first[kept], then + 14 * DAY])
    answer = History(record_of(tmp_path, {("p", "a"): {"train": counts_of(work, starts, 28)}})).load(every="1w")
    assert [4, 4, 8, 8] == pytest.approx(answer["servers"].tolist()[:4], abs=0.1)


def test_loads_add_up_over_pools(tmp_path: Path) -> None:
    """Loads add up, with a narrower interval than the sum of both; a sum has no hours with a queue."""
    pools = {}
    for number, name in enumerate("ab"):
        work = markov(number, 4, 0.8, HOUR, 28)
        pools["p", name] = {"train": counts_of(work, starts_of(work, 4, backfill=False), 28)}
    history = History(record_of(tmp_path, pools))
    each, whole = history.load(), history.load(by="all").iloc[0]
    for name in ("offered", "servers", "running_mean", "unmet_job_hours"):
        assert whole[name] == pytest.approx(each[name].sum())
    assert whole["offered_low"] > each["offered_low"].sum()
    assert np.isnan(whole["queued_hours"])
    with pytest.raises(RequestRefused, match="by cannot be 'type' here"):
        history.load(by="type")


def test_a_pool_without_a_queue_had_room_for_all_jobs(tmp_path: Path) -> None:
    """Its servers are at least the most jobs that ran at the same time, without an interval, and the reason says so."""
    work = work_of(Scenario(servers=8, load=0.4, spread=1.0, mean=HOUR, days=14), 2)
    row = history_of(tmp_path, work, 64, 14).load().iloc[0]
    assert row["servers_low"] == row["servers_most"] > 0
    assert np.isnan(row["servers"])
    assert np.isnan(row["idle"])
    assert row["idle_low"] == pytest.approx(1 - row["running_mean"] / row["servers_most"])
    assert "weak" == row["confidence"]
    assert "may be able to run more" in row["reason"]
    assert 0 == row["queued_hours"] == row["unmet_job_hours"]


def test_large_jobs_that_wait_beside_free_capacity_do_not_make_a_pool_full(tmp_path: Path) -> None:
    """Jobs of half the pool wait while few run: servers have a lower bound alone, utilisation an upper; both hold."""
    of = Scenario(servers=16, load=0.45, spread=1.0, mean=HOUR, days=28, sizes="four")
    work = work_of(of, 4)
    history = history_of(tmp_path, work, 16, 28, nodes=[(FIRST, 16)])
    row, plan = history.load().iloc[0], history.plan(add=0).iloc[0]
    truth = float((work.size * work.run).sum() / (16 * 28 * DAY))
    assert np.isnan([row["servers"], row["utilisation"], row["idle"], row["offered_nodes"]]).all()
    assert row["utilisation_high"] >= truth
    assert row["idle_low"] <= 1 - truth
    assert row["offered_nodes_high"] >= 16 * truth
    assert plan["utilisation_high"] == pytest.approx(row["utilisation_high"], rel=0.01)
    assert np.isnan(plan["utilisation"])


def test_a_pool_that_ran_nothing_is_not_full(tmp_path: Path) -> None:
    """Three jobs wait for a week and none runs: there is a queue, and the servers are not known."""
    slots = MONDAY + np.arange(0, 7 * 86_400 + 1, 300)
    series = series_of(slots, {"Queue": np.full(len(slots), 3)})
    row = History(record_of(tmp_path, {("p", "a"): {"train": series}})).load().iloc[0]
    assert row["queued_hours"] == pytest.approx(168)
    assert np.isnan([row["servers"], row["utilisation"], row["utilisation_high"], row["idle_low"]]).all()


def test_the_run_time_of_few_jobs_is_not_known(tmp_path: Path) -> None:
    """An hour of a busy pool: the running and waiting jobs are known, their run time and the offered load are not."""
    until = FIRST.replace(tzinfo=UTC) + timedelta(hours=1)
    history = history_of(tmp_path, markov(1, 8, 0.9, HOUR, 28), 8, 28, nodes=[(FIRST, 8)])
    short, whole = history.load(until=until).iloc[0], history.load().iloc[0]
    assert short[["offered", "offered_low", "offered_nodes", "run_seconds", "run_high_seconds"]].isna().all()
    assert short["running_mean"] > 0
    assert "none" == short["confidence"]
    assert "jobs ended, at least 50 are needed" in short["reason"]
    assert "good" == whole["confidence"]
    assert 0 < whole["offered"] < 9


def test_a_sum_is_as_sure_as_its_least_sure_pool(tmp_path: Path) -> None:
    """Of a pool with a queue and one without, the sum has no servers, and the reason says why."""
    pools = {}
    for name, load in (("full", 0.9), ("roomy", 0.1)):
        work = markov(2, 8, load, HOUR, 28)
        pools["p", name] = {"train": counts_of(work, starts_of(work, 8, backfill=False), 28)}
    row = History(record_of(tmp_path, pools)).load(by="all").iloc[0]
    assert np.isnan(row["servers"])
    assert "weak" == row["confidence"]
    assert "may be able to run more" in row["reason"]


def test_a_change_of_nodes_is_noted(tmp_path: Path) -> None:
    """The servers of a window in which nodes were added are a mean over it, and the note says so."""
    nodes = [(FIRST, 4), (FIRST + timedelta(days=10), 8)]
    answer = history_of(tmp_path, markov(2, 8, 0.9, HOUR, 21), 8, 21, nodes=nodes).load(every="1w")
    assert [False, True, False] == answer["note"].str.contains("the number of nodes changed").tolist()[:3]
