"""How sure plans are: the floor, jobs that behave as in no replica, and the verdicts that follow."""

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.capacity.floor import lacking
from analysis.capacity.occupancy import Occupancy
from analysis.capacity.patience import give_ups_of
from analysis.text.language import rendered
from tests.planned import FIRST, POOL, history_of, markov
from tests.recorded import MONDAY, observed, record_of, series_of
from tests.schedulers import OUTCOMES, Stays, stays_of
from tests.simulated import DAY, HOUR, STEP, Floats, Scenario, Work, fifo, wait_of, work_of


def recorded(folder: Path, work: Work, stays: Stays, servers: int, days: int, *, by_type: bool = False) -> History:
    """Record the stays of some jobs; `by_type` makes the urgent ones a type of their own."""
    slots = MONDAY + np.arange(0, days * int(DAY) + 1, STEP)
    outcomes, urgent = np.array(OUTCOMES)[stays.outcome], work.urgent[stays.job]
    types = {"notebook": urgent == 0, "train": urgent == 1} if by_type else {"train": urgent >= 0}
    came, left, ended = (MONDAY + times for times in (stays.came, stays.left, stays.ended))
    series = {
        name: observed(slots, came[mine], left[mine], ended[mine], outcomes[mine].tolist())
        for name, mine in types.items()
    }
    return History(record_of(folder, {POOL: series}, {POOL: [(FIRST, servers)]}))


def inside(row: pd.Series, truth: float, name: str = "mean") -> bool:
    low, high = (row[f"{name}_{bound}_seconds"] for bound in ("low", "high"))
    return bool(low - 1 <= truth <= high + 1)


@pytest.mark.parametrize("minutes", [20, 60, 180])
def test_too_short_a_record_has_lower_bounds_alone(minutes: int, tmp_path: Path) -> None:
    """Jobs still wait at its end: no upper bound, no point, no utilisation, and the reason says what it needs."""
    work = markov(2, 8, 1.3, HOUR, 2)
    since = FIRST.replace(tzinfo=UTC) + timedelta(hours=20)
    history = history_of(tmp_path, work, 8, 2, nodes=[(FIRST, 8)])
    plan = history.plan(target_wait="5m", since=since, until=since + timedelta(minutes=minutes))
    assert plan["mean_high_seconds"].isna().all()
    assert plan[["mean_seconds", "utilisation", "utilisation_high", "needed", "needed_high"]].isna().all(axis=None)
    assert (plan["confidence"] == "none").all()
    assert plan["reason"].str.contains("not enough data").all()
    assert plan["reason"].str.contains("needs about .* more days").all()
    assert "within" not in set(plan["verdict"])
    started = fifo(work.came, work.run, 8)
    mine = (work.came > 20 * HOUR) & (work.came <= 20 * HOUR + minutes * 60)
    truth = float((started - work.came)[mine].mean())
    today = plan[np.isclose(plan["factor"], 1)].iloc[0]
    assert today["mean_low_seconds"] <= truth
    assert (plan.loc[plan["factor"] > 1, "mean_low_seconds"] == 0).all()


def test_a_need_of_more_than_a_year_has_no_number_of_days() -> None:
    """One job ended in two weeks, fifty are needed."""
    none = np.zeros(1, np.int64)
    slots, queue = np.array([0, 14 * int(DAY)]), np.zeros(2, np.int64)
    reason = rendered(lacking(Occupancy(slots, queue, np.array([1, 0]), none, none, none), 1.0))
    assert (
        reason == "not enough data: only 1 jobs ended, at least 50 are needed; needs more than a year of further polls"
    )


def test_a_short_record_that_ends_without_a_queue_has_the_observed_waits(tmp_path: Path) -> None:
    """Three hours of a pool that keeps up: today's waits are those of `waits`, and no longer with more capacity."""
    history = history_of(tmp_path, markov(3, 16, 0.5, HOUR, 1), 16, 1, nodes=[(FIRST, 16)])
    until = FIRST.replace(tzinfo=UTC) + timedelta(hours=3)
    seen = history.waits(every="all", by="pool", until=until).iloc[0]
    plan = history.plan(until=until, target_wait="1h")
    today, more, fewer = (plan[np.sign(plan["factor"].round(9) - 1) == side] for side in (0, 1, -1))
    assert today["mean_high_seconds"].iloc[0] == pytest.approx(seen["mean_high_seconds"])
    assert more["mean_high_seconds"].to_numpy() == pytest.approx(seen["mean_high_seconds"])
    assert fewer["mean_high_seconds"].isna().all()
    assert (plan["confidence"] == "none").all()


def patient(n: int, kind: str, mean: float) -> Floats:
    """Draw how long each of some jobs would wait, in seconds."""
    random = np.random.default_rng(9)
    kinds = {"exponential": random.exponential(1, n), "fixed": np.ones(n)}
    drawn: Floats = mean * kinds[kind]
    return drawn


@pytest.mark.parametrize("kind", ["exponential", "fixed"])
@pytest.mark.parametrize("other", [6, 10])
def test_jobs_that_give_up_do_so_with_another_capacity_too(kind: str, other: int, tmp_path: Path) -> None:
    """More jobs give up with less capacity: the true wait is inside and near the point, and the note counts them."""
    work = markov(1, 8, 1.15, HOUR, 21)
    patience = patient(len(work.came), kind, HOUR)
    history = recorded(tmp_path, work, stays_of(work, 8, patience=patience), 8, 21)
    plan = history.plan(capacity=other)
    row = plan[plan["capacity"] == other].iloc[0]
    truth = float(stays_of(work, other, patience=patience).mean_and_ninth[0])
    assert inside(row, truth)
    # Where all have the same patience, the oldest gives up first: one of several things that replicas assume.
    assert abs(row["mean_seconds"] - truth) <= (0.35 if kind == "exponential" else 0.8) * max(truth, STEP)
    assert "gave up in the queue" in row["note"]


def test_jobs_that_are_terminated_while_they_run_did_not_give_up(tmp_path: Path) -> None:
    """One job in five is stopped at a random time of its run: none gave up, and the true wait is inside."""
    work = markov(4, 8, 0.9, HOUR, 28)
    random = np.random.default_rng(5)
    stopped = random.random(len(work.came)) < 0.2
    ran = np.where(stopped, work.run * random.random(len(work.came)), work.run)
    work = replace(work, run=ran)
    started = fifo(work.came, work.run, 8)
    slots = MONDAY + np.arange(0, 28 * int(DAY) + 1, STEP)
    outcomes = np.where(stopped, "Terminated", "Completed").tolist()
    series = observed(slots, MONDAY + work.came, MONDAY + started, MONDAY + started + ran, outcomes)
    row = History(record_of(tmp_path, {POOL: {"train": series}}, {POOL: [(FIRST, 8)]})).plan(capacity=7).iloc[0]
    assert "gave up" not in row["note"]
    assert inside(row, float(wait_of(work, 7, backfill=False)[0]))


def test_chance_makes_nobody_give_up() -> None:
    """Of forty pools whose jobs are terminated only while they run, at most one is found to have jobs that give up."""
    slots = np.arange(0, 28 * int(DAY) + 1, STEP)
    day = 1 + np.sin(slots[1:] / DAY * 2 * np.pi)
    message = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        ran, waited = 8 * STEP * np.minimum(day + 0.3, 1.0), STEP * random.poisson(3 * day)
        rate, gave_up = give_ups_of(random.poisson(ran * 1e-5), waited.astype(float), ran, slots)
        assert (rate == 0) == (gave_up.sum() == 0)
        message += int(gave_up.any())
    assert message <= 1


def test_jobs_that_were_not_observed_to_run_do_not_show_capacity(tmp_path: Path) -> None:
    """In bursts that end between two polls few jobs are observed to run: with that capacity they may wait for hours."""
    came = np.sort(np.concatenate([np.full(200, day * DAY + 10 * HOUR + 10) for day in range(14)]))
    run = np.full(len(came), 60.0)
    slots = MONDAY + np.arange(0, 14 * int(DAY) + 1, STEP)
    series = observed(slots, MONDAY + came, MONDAY + came, MONDAY + came + run)
    plan = History(record_of(tmp_path, {POOL: {"train": series}})).plan(target_wait="15m")
    assert (plan["unit"] == "concurrent jobs").all()
    for _number, row in plan.iterrows():
        truth = float((fifo(came, run, int(row["capacity"])) - came).mean())
        assert row["mean_high_seconds"] >= truth
        assert row["verdict"] != "within" or truth <= 900


def test_jobs_as_large_as_the_pool_explain_why_others_wait(tmp_path: Path) -> None:
    """They wait until the pool is empty, and others behind them: a few more nodes shorten that, as the plan says."""
    of = Scenario(servers=16, load=0.45, spread=1.0, mean=HOUR, days=28)
    work = work_of(of, 4)
    large = np.random.default_rng(2).random(len(work.came)) < 0.02
    work = replace(work, size=np.where(large, 16, work.size))
    row = history_of(tmp_path, work, 16, 28, nodes=[(FIRST, 16)]).plan(capacity=20).iloc[-1]
    assert inside(row, float(wait_of(work, 20, backfill=False)[0]))
    assert "while few jobs ran" not in row["reason"]


def test_jobs_that_came_back_to_the_queue_make_a_plan_weak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Urgent jobs pre-empt others: the interval is wider for it, and the reason says why."""
    random = np.random.default_rng(7)
    work = markov(6, 8, 0.9, 2 * HOUR, 28)
    work = replace(work, urgent=(random.random(len(work.came)) < 0.7).astype(np.int64))
    history = recorded(tmp_path, work, stays_of(work, 8, requeue="resume"), 8, 28, by_type=True)
    plan = history.plan(target_wait="15m", capacity=10)
    assert (plan.loc[plan["factor"] > 1, "confidence"] == "weak").all()
    row = plan.iloc[-1]
    assert "returned to the queue" in row["reason"]
    assert row["verdict"] in ("may be over", "cannot be judged")
    assert inside(row, float(stays_of(work, 10, requeue="resume").mean_and_ninth[0]))
    monkeypatch.setattr("analysis.capacity.ensemble.RETURNS", (0.0, 0.0))
    without = history.plan(capacity=10).iloc[-1]
    assert row["mean_low_seconds"] < without["mean_low_seconds"]
    assert row["mean_high_seconds"] > without["mean_high_seconds"]


def test_no_utilisation_is_above_one(tmp_path: Path) -> None:
    """With less capacity than the load the utilisation is 1, and never more."""
    plan = history_of(tmp_path, markov(8, 8, 0.95, HOUR, 28), 8, 28, nodes=[(FIRST, 8)]).plan()
    assert plan["utilisation"].iloc[0] == 1.0
    assert (plan["utilisation"] <= 1).all()
    assert plan["utilisation"].iloc[-1] < 0.8


def test_observed_waits_are_sure_however_far_the_replicas_are(tmp_path: Path) -> None:
    """Jobs that start late without a reason are in no replica: today's waits stay sure, also as bounds with more."""
    work = markov(9, 8, 0.8, HOUR, 28)
    started = fifo(work.came, work.run, 8)
    started = np.where(np.arange(len(started)) % 100 == 0, np.maximum(started, work.came + 2 * HOUR), started)
    slots = MONDAY + np.arange(0, 29 * int(DAY) + 1, STEP)
    series = observed(slots, MONDAY + work.came, MONDAY + started, MONDAY + started + work.run)
    plan = History(record_of(tmp_path, {POOL: {"train": series}}, {POOL: [(FIRST, 8)]})).plan(target_wait="12h")
    more = plan[plan["factor"] >= 1]
    assert (more["verdict"] == "within").all()
    assert (more["confidence"] == "good").all()


def test_a_check_compares_a_plan_with_what_happened(tmp_path: Path) -> None:
    """Eight nodes, then ten: a plan from before the change predicts the waits that were observed with ten."""
    work = markov(5, 8, 0.93, HOUR, 56)
    stays = stays_of(work, 8, capacity=[(28 * DAY, 10)])
    slots = MONDAY + np.arange(0, 56 * int(DAY) + 1, STEP)
    series = observed(slots, MONDAY + stays.came, MONDAY + stays.left, MONDAY + stays.ended)
    nodes = {POOL: [(FIRST, 8), (FIRST + timedelta(days=28), 10)]}
    history = History(record_of(tmp_path, {POOL: {"train": series}}, nodes))
    (row,) = (row for _number, row in history.check().iterrows())
    assert (8, 10) == (row["nodes_before"], row["capacity"])
    assert row["changed_at"] == pd.Timestamp(FIRST + timedelta(days=28), tz="UTC")
    after = stays.came > 28 * DAY
    assert row["seen_mean_seconds"] == pytest.approx(stays.waits[after].mean(), rel=0.1, abs=60)
    assert row["mean_low_seconds"] <= row["seen_mean_seconds"] <= row["mean_high_seconds"]
    assert row["demand"] == pytest.approx(1, abs=0.1)
    none = History(record_of(tmp_path / "none", {POOL: {"train": series}}, {POOL: [(FIRST, 8)]})).check().iloc[0]
    assert "there is no change of the number of nodes" in none["reason"]


def test_large_jobs_that_never_queued_would_not_run_on_less(tmp_path: Path) -> None:
    """One job of sixteen servers at a time: with fewer servers there is no upper bound, and all sixteen are needed."""
    came = np.arange(80) * 12 * HOUR / 2
    work = Work(came, np.full(80, 16), np.full(80, 3 * HOUR), np.zeros(80, np.int64))
    plan = history_of(tmp_path, work, 16, 20, nodes=[(FIRST, 16)]).plan(target_wait="1h")
    fewer = plan[plan["factor"] < 1]
    assert fewer["mean_high_seconds"].isna().all()
    assert not set(fewer["verdict"]) & {"within", "over"}
    assert plan["needed_high"].iloc[0] >= 16


def test_observed_waits_do_not_bound_those_of_another_demand(tmp_path: Path) -> None:
    """Two of eight servers with a quarter of the jobs have other waits; so have six with six times the jobs."""
    busy = history_of(tmp_path, markov(2, 8, 0.85, HOUR, 28), 8, 28, nodes=[(FIRST, 8)])
    row = busy.plan(factor=0.25, demand=0.25).iloc[0]
    assert row["mean_high_seconds"] > 1.2 * row["mean_low_seconds"]
    short = history_of(tmp_path / "short", markov(3, 1, 0.5, HOUR, 3), 1, 3, nodes=[(FIRST, 1)])
    more = short.plan(factor=6, demand=6.2, target_wait="10m").iloc[-1]
    assert (0, "none") == (more["mean_low_seconds"], more["confidence"])
    assert "cannot be judged" == more["verdict"]
    same = short.plan(factor=1, demand=0.5).iloc[0]
    assert np.isnan([same["mean_seconds"], same["mean_high_seconds"]]).all()


def test_the_needed_capacity_is_as_sure_as_the_model(tmp_path: Path) -> None:
    """Today's waits were observed; the capacity that the target needs was not, even where it is today's."""
    random = np.random.default_rng(7)
    work = markov(6, 8, 0.8, 2 * HOUR, 28)
    work = replace(work, urgent=(random.random(len(work.came)) < 0.7).astype(np.int64))
    history = recorded(tmp_path, work, stays_of(work, 8, requeue="resume"), 8, 28, by_type=True)
    for capacity in (None, 16.0):
        row = history.plan(target_wait="2h", capacity=capacity).iloc[0]
        assert "weak" == row["needed_confidence"]
        assert "returned to the queue" in row["needed_reason"]


@pytest.mark.parametrize(("hours", "message"), [(8, "mean run times long, at least"), (6 * 24, "")])
def test_the_length_of_a_record_counts_in_run_times(hours: int, message: str, tmp_path: Path) -> None:
    """Hundreds of jobs of two hours end within eight hours, but of the long ones only the beginning was observed."""
    until = FIRST.replace(tzinfo=UTC) + timedelta(days=1, hours=hours)
    since = FIRST.replace(tzinfo=UTC) + timedelta(days=1)
    work = markov(4, 64, 0.9, 2 * HOUR, 8)
    row = history_of(tmp_path, work, 64, 8, nodes=[(FIRST, 64)]).plan(add=0, since=since, until=until).iloc[0]
    assert (message in row["reason"]) if message else row["confidence"] != "none"


def test_below_the_floor_another_capacity_has_no_point(tmp_path: Path) -> None:
    """With ten hours of record only today's capacity has points."""
    until = FIRST.replace(tzinfo=UTC) + timedelta(hours=10)
    plan = history_of(tmp_path, markov(2, 4, 0.8, HOUR, 1), 4, 1, nodes=[(FIRST, 4)]).plan(until=until)
    assert plan.loc[plan["factor"] != 1, "mean_seconds"].isna().all()


def test_a_check_ignores_rows_without_a_change(tmp_path: Path) -> None:
    """Rows with the same nodes are no change; a change inside a gap has no plan, and is no error."""
    work = markov(5, 8, 0.8, HOUR, 40)
    stays = stays_of(work, 8, capacity=[(20 * DAY, 10)])
    slots = MONDAY + np.arange(0, 40 * int(DAY) + 1, STEP)
    series = observed(slots, MONDAY + stays.came, MONDAY + stays.left, MONDAY + stays.ended)
    nodes = [(FIRST + timedelta(days=day), number) for day, number in ((0, 8), (19.9, 8), (20, 10))]
    checks = History(record_of(tmp_path, {POOL: {"train": series}}, {POOL: nodes})).check()
    assert [(8, 10)] == list(zip(checks["nodes_before"], checks["capacity"], strict=True))
    gap = (slots < MONDAY + 9.5 * DAY) | (slots > MONDAY + 13.5 * DAY)
    left = series_of(slots[gap], {name: count[gap] for name, count in series.counts.items() if name != "total"})
    nodes = [(FIRST + timedelta(days=day), number) for day, number in ((0, 8), (10, 10), (13, 12))]
    checks = History(record_of(tmp_path / "gap", {POOL: {"train": left}}, {POOL: nodes})).check()
    assert "none" in set(checks["confidence"])
