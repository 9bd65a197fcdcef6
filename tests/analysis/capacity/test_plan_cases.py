"""Plans and forecasts of odd pools: no answer claims more than is known."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import History, figures
from analysis.capacity.plan import never_rising
from analysis.errors import RequestRefused
from analysis.estimate import Estimate
from analysis.figures import sheets
from analysis.query.request import Request
from analysis.record.database import Record
from analysis.report import capacity
from analysis.report.gather import gather
from analysis.stats.search import smallest
from tests.planned import FIRST, POOL, counts_of, history_of, markov
from tests.recorded import MONDAY, observed, record_of, series_of
from tests.simulated import DAY, HOUR, STEP, Scenario, Work, starts_of, wait_of, work_of

FIELDS = ("came", "size", "run", "urgent")


def chosen(work: Work, some: np.ndarray) -> Work:
    return Work(*(getattr(work, name)[some] for name in FIELDS))


def nodes_at(*plan: tuple[float, int]) -> Sequence[tuple[datetime, int]]:
    """Return numbers of nodes, each from so many days after the beginning on."""
    return [(FIRST + timedelta(days=day), number) for day, number in plan]


def test_nodes_added_after_the_record_are_not_those_of_its_jobs(tmp_path: Path) -> None:
    """In a record read up to a day before nodes were doubled, today's nodes are those of that day."""
    history = history_of(tmp_path, markov(1, 8, 0.9, HOUR, 28), 8, 28, nodes=nodes_at((-1, 8), (22, 16)))
    plan = history.plan(add=0, until="7d").iloc[0]
    assert 8 == plan["capacity"]
    assert "nodes changed" not in plan["note"]


def test_growth_is_that_of_todays_nodes(tmp_path: Path) -> None:
    """Eight nodes for weeks, then sixteen: the growth is that of sixteen nodes, whatever the queue was before."""
    work = markov(2, 8, 0.95, HOUR, 56)
    first = starts_of(work, 8, backfill=False)
    starts = np.where(work.came < 42 * DAY, first, work.came)
    series = counts_of(work, starts, 56, step=600)
    folder = record_of(tmp_path, {POOL: {"train": series}}, {POOL: nodes_at((-1, 8), (42, 16))}, 600)
    row = History(folder).forecast(target_wait="30m").iloc[0]
    assert row["growth"] > 1.2
    assert row["pass_probability"] < 0.1
    assert "the number of nodes changed" in row["note"]


def test_fewer_nodes_than_before_are_extrapolation(tmp_path: Path) -> None:
    """Sixteen nodes, then eight: with eight all along the load on each exceeds every observed one."""
    work = markov(1, 8, 0.6, HOUR, 28)
    nodes = nodes_at((-1, 16), (14, 8))
    plan = history_of(tmp_path, work, 8, 28, nodes=nodes).plan()
    assert (plan["extrapolated"][plan["capacity"] < 16] == 1).all()
    assert (plan["factor"] >= 1.5).any()


def test_waiting_on_a_day_without_nodes_is_for_capacity(tmp_path: Path) -> None:
    """Eight nodes, for a day none: with eight all along the true wait is inside, far below the observed one."""
    work = markov(3, 8, 0.7, HOUR, 28)
    before = work.came < 14 * DAY
    starts = starts_of(work, 8, backfill=False)
    late = Work(np.maximum(work.came[~before] - 15 * DAY, 0.0), *(getattr(work, name)[~before] for name in FIELDS[1:]))
    starts[~before] = starts_of(late, 8, backfill=False) + 15 * DAY
    nodes = nodes_at((-1, 8), (14, 0), (15, 8))
    history = History(record_of(tmp_path, {POOL: {"train": counts_of(work, starts, 28)}}, {POOL: nodes}))
    row, truth = history.plan(add=0).iloc[0], wait_of(work, 8, backfill=False)[0]
    assert row["mean_low_seconds"] <= truth <= row["mean_high_seconds"]
    assert "while few jobs ran" not in row["reason"]
    assert row["mean_seconds"] < history.waits(every="all", by="pool")["mean_seconds"].iloc[0] / 3


def test_a_little_more_demand_is_a_little_more_wait(tmp_path: Path) -> None:
    """Waits rise with demand, and do not jump next to today's; at most they fall as the mean is over other jobs."""
    of = Scenario(servers=32, load=0.85, spread=2.0, mean=2 * HOUR, days=28, sizes="four")
    history = history_of(tmp_path, work_of(of, 1), 32, 28, nodes=nodes_at((-1, 32)), step=600)
    waits = [history.plan(add=0, demand=demand)["mean_seconds"].iloc[0] for demand in (0.97, 0.999, 1.0, 1.001, 1.03)]
    assert (np.diff(waits) > -0.005 * np.array(waits[:-1])).all()
    assert waits[0] < waits[2] < waits[4]
    assert waits[1] > 0.95 * waits[2]
    assert waits[3] < 1.1 * waits[2]


def test_an_upper_bound_is_never_below_the_observed_one(tmp_path: Path) -> None:
    """Thirty jobs wait at four of 336 hourly polls, which is hardly a queue: the upper bound is that of the waits."""
    slots = MONDAY + np.arange(0, 14 * 24 + 1) * 3600
    came = np.sort(np.concatenate([np.full(30, MONDAY + 100 * HOUR - 60), MONDAY + np.arange(20, 90) * HOUR + 60]))
    starts = np.where(came == MONDAY + 100 * HOUR - 60, came + 4 * HOUR, came)
    series = observed(slots, came, starts, starts + HOUR / 2)
    history = History(record_of(tmp_path, {POOL: {"train": series}}, interval=3600))
    seen = history.waits(every="all", by="pool").iloc[0]
    same, fewer = (history.plan(factor=factor).iloc[0] for factor in (1.0, 0.5))
    assert same["method"] == "upper bound"
    assert same["mean_high_seconds"] == pytest.approx(seen["mean_high_seconds"])
    assert fewer["mean_high_seconds"] >= same["mean_high_seconds"]
    assert pd.isna(same["utilisation"])


def test_the_load_of_a_pool_without_a_queue_is_not_known_in_nodes(tmp_path: Path) -> None:
    """At most ten jobs ran on 64 nodes, which may be a sixth of what fits: the load in nodes is not known."""
    row = history_of(tmp_path, markov(4, 64, 0.05, HOUR, 14), 64, 14, nodes=nodes_at((-1, 64))).load().iloc[0]
    assert np.isnan(row["offered_nodes"])
    assert 64 == row["nodes"]
    assert "lower bounds" in row["reason"]


def test_one_job_that_still_waits_leaves_the_other_waits_as_they_are(tmp_path: Path) -> None:
    """No observed wait is contradicted: today's mean is at least the observed one, the P90 wait is the observed one."""
    work = markov(5, 8, 0.9, HOUR, 28)
    starts = starts_of(work, 8, backfill=False)
    waiting = next(
        day for day in np.arange(20, 28, 0.01) if ((work.came < day * DAY) & (starts > day * DAY)).sum() == 1
    )
    before = work.came <= waiting * DAY
    slots = MONDAY + np.arange(0, int(waiting * DAY), STEP)
    ends = starts + work.run
    series = observed(slots, MONDAY + work.came[before], MONDAY + starts[before], MONDAY + ends[before])
    history = History(record_of(tmp_path, {POOL: {"train": series}}))
    row, seen = history.plan(add=0).iloc[0], history.waits(every="all", by="pool").iloc[0]
    assert row["mean_low_seconds"] >= seen["mean_low_seconds"] - 1
    for bound in ("", "_low"):
        assert row[f"p90{bound}_seconds"] == pytest.approx(seen[f"p90{bound}_seconds"], abs=1)


def test_today_is_the_same_whatever_else_is_asked(tmp_path: Path) -> None:
    """Asked for with less capacity, with more, and in a curve."""
    history = history_of(tmp_path, markov(6, 16, 0.95, HOUR, 21), 16, 21, nodes=nodes_at((-1, 16)))
    frames = [history.plan(add=add) for add in (0, -1, 2)] + [history.plan()]
    rows = [frame[frame["factor"] == 1].iloc[0] for frame in frames]
    for name in ("mean_seconds", "mean_low_seconds", "mean_high_seconds", "p90_low_seconds", "p90_high_seconds"):
        assert 1 == len({row[name] for row in rows})


def test_less_capacity_than_the_largest_job_needs_has_no_upper_bound(tmp_path: Path) -> None:
    """With three of sixteen servers jobs of five would never run: there is no upper bound, and the reason says why."""
    of = Scenario(servers=16, load=0.6, spread=1.0, mean=HOUR, days=28, sizes="odd")
    history = history_of(tmp_path, work_of(of, 2), 16, 28, nodes=nodes_at((-1, 16)))
    row = history.plan(capacity=1).iloc[0]
    assert np.isnan(row["mean_high_seconds"])
    assert "weak" == row["confidence"]
    assert "such jobs would never run" in row["reason"]


def test_a_target_shorter_than_the_poll_interval_is_not_reached(tmp_path: Path) -> None:
    """With and without a queue: the growth is not known, its lower bound is zero, and a note says why."""
    roomy = history_of(tmp_path, markov(7, 4, 0.3, HOUR, 35), 32, 35).forecast(target_wait="1m").iloc[0]
    busy = history_of(tmp_path / "busy", markov(7, 4, 0.9, HOUR, 35), 4, 35).forecast(target_wait="1s").iloc[0]
    for row in (roomy, busy):
        assert 0 == row["growth_low"]
        assert not row["growth"] > 0.5
    assert "may be shorter than the time between polls" in roomy["note"]


def test_finished_jobs_that_are_not_kept_are_in_the_load(tmp_path: Path) -> None:
    """Where the API keeps no finished jobs, the offered load is still the mean number of running jobs."""
    work = markov(8, 16, 0.85, HOUR / 4, 35)
    starts = starts_of(work, 16, backfill=False)
    slots = MONDAY + np.arange(0, int(35 * DAY) + 1, STEP)
    came, started = MONDAY + work.came, MONDAY + starts
    series = observed(slots, came, started, started + work.run, retention=0.0)
    history = History(record_of(tmp_path, {POOL: {"train": series}}))
    running = work.run.sum() / (35 * DAY)
    assert history.forecast()["load"].iloc[0] == pytest.approx(running, rel=0.1)
    assert history.load()["offered"].iloc[0] == pytest.approx(running, rel=0.1)
    # The expected arrivals are as many as those observed, and fewer than can be taken.
    row = history.forecast(target_wait="3h").iloc[0]
    assert row["growth"] > 1.1
    assert row["pass_probability"] < 0.5


def test_a_pool_without_arrivals_adds_no_load(tmp_path: Path) -> None:
    """A pool without arrivals has no load: the sum is the load of the other pool."""
    work = markov(9, 4, 0.8, HOUR, 14)
    series = counts_of(work, starts_of(work, 4, backfill=False), 14)
    idle = series_of(series.slots, {})
    history = History(record_of(tmp_path, {("p", "a"): {"train": series}, ("p", "b"): {"train": idle}}))
    busy, still = history.load()["offered"]
    assert 0 == still
    assert history.load(by="all")["offered"].iloc[0] == pytest.approx(busy)


def test_waiting_in_a_gap_is_a_doubt(tmp_path: Path) -> None:
    """Three days without polls after a queue: the reason says which share of the waiting is interpolated."""
    work = markov(10, 8, 0.95, HOUR, 28)
    series = counts_of(work, starts_of(work, 8, backfill=False), 28)
    full = series.slots[np.argmax(series.counts["Queue"])]
    kept = (series.slots <= full) | (series.slots > full + 3 * DAY)
    cut = series_of(series.slots[kept], {name: count[kept] for name, count in series.counts.items() if name != "total"})
    row = History(record_of(tmp_path, {POOL: {"train": cut}})).plan(add=1).iloc[0]
    assert "weak" == row["confidence"]
    assert "lies in gaps" in row["reason"]


def test_a_small_pool_has_todays_wait_under_its_heading(tmp_path: Path) -> None:
    """For three nodes no capacity is near nine tenths: today's wait still stands under its own heading."""
    work = markov(11, 3, 0.8, HOUR, 14)
    database = record_of(
        tmp_path, {POOL: {"train": counts_of(work, starts_of(work, 3, backfill=False), 14)}}, {POOL: nodes_at((-1, 3))}
    )
    section = capacity.outlook(gather(Record(database), Request(every="1d", since="14d")), pictured=False)
    assert section is not None
    plan = section.tables[1]
    (row,) = plan.rows
    by_heading = dict(zip(plan.headings, (cell.text for cell in row), strict=True))
    assert by_heading["today"].startswith("3: ")
    assert by_heading["about 90%"].startswith("2*: ")


def test_a_figure_without_arrivals_says_so(tmp_path: Path) -> None:
    """Without arrivals there is neither a line nor a zero, and the figure says why."""
    empty = history_of(tmp_path, chosen(markov(1, 4, 0.5, HOUR, 7), np.zeros(0, int)), 4, 7).plan(target_wait="15m")
    with sheets.styled():
        axes = figures.plan(empty, Figure().subplots())
    assert [] == list(axes.lines)
    assert ["no estimate\nno arrivals"] == [text.get_text() for text in axes.texts]


def test_a_demand_beyond_reason_is_refused(tmp_path: Path) -> None:
    """At most twenty times the observed arrivals."""
    with pytest.raises(RequestRefused, match="demand cannot be 1e\\+07: at most 20"):
        history_of(tmp_path, markov(1, 4, 0.5, HOUR, 7), 4, 7).plan(demand=1e7)


def test_a_curve_falls_from_today_on_in_both_directions() -> None:
    """Whatever single replays say, today's waits stay; below a capacity without an upper bound there is none."""
    effects = [
        Estimate(np.full(2, point), np.full(2, point - 1), np.full(2, high))
        for point, high in ((4.0, 9.0), (5.0, np.nan), (7.0, 8.0), (9.0, 9.0), (2.0, np.nan))
    ]
    points, low, high = (bound[:, 0].tolist() for bound in never_rising([0.8, 0.9, 1.0, 1.1, 1.2], effects))
    assert [7, 7, 7, 7, 2] == points
    assert [6, 6, 6, 6, 1] == low
    assert np.isnan(high[:2]).all()
    assert [8, 8, 8] == high[2:]


@pytest.mark.parametrize("near", [-30, -7, 0, 3, 40])
@pytest.mark.parametrize("limit", [-20, -19, -6, 0, 1, 20])
def test_a_search_finds_where_it_begins(near: int, limit: int) -> None:
    """Wherever it starts, with few looks; None where the condition holds nowhere."""
    looks: list[int] = []

    def holds(step: int) -> bool:
        looks.append(step)
        return step >= limit

    assert limit == smallest(holds, near, -20, 20)
    assert smallest(lambda _step: False, near, -20, 20) is None
    assert len(looks) <= 12
    assert all(-20 <= step <= 20 for step in looks)
