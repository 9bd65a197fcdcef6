"""The answers of commands by the configuration: targets, pools that pre-empt; sentences before the table."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.errors import RequestRefused
from analysis.notes import joined, note
from analysis.text.answer import answers
from tests.planned import FIRST, counts_of, markov
from tests.polling import configure, poolscope
from tests.recorded import record_of
from tests.simulated import HOUR, starts_of

DAYS = 36
SHORT = {
    "project": "p", "pool_name": None, "unit": "nodes", "flavor": "gpu", "capacity": 8.0, "demand": 1.0,
    "target_seconds": 900.0, "quantile": "p90", "needed_reason": joined(note("why")), "today": 8.0, "spare_nodes": 0.0,
    "mean_seconds": 3600.0, "price_per_node_hour": 2.0, "cost_a_month": 16000.0, "currency": "CNY",
}  # fmt: skip

LIKELY = (
    "With the first number the target is about as likely to be missed as to be met; with the number at the upper end "
    "of the interval it is missed in about 1 of 20 cases"
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record two pools for five weeks: one of eight nodes that queues, and one that hardly does."""
    pools = {}
    for name, load in (("busy", 0.9), ("a pool that is roomy", 0.3)):
        work = markov(1, 8, load, HOUR, DAYS)
        pools["p", name] = {"train": counts_of(work, starts_of(work, 8, backfill=False), DAYS, step=600)}
    return record_of(tmp_path_factory.mktemp("answers"), pools, {("p", "busy"): [(FIRST, 8)]}, 600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration."""
    configure(tmp_path, "http://127.0.0.1:9")
    return tmp_path


def test_a_plan_answers_first_by_the_targets_of_the_configuration(database: Path, folder: Path) -> None:
    """What each pool needs, has and costs; a pattern's values go before those of all, an option before both."""
    file = folder / "poolscope.toml"
    general = '[targets]\nwait = "15m"\nquantile = "p90"\nprice_per_node_hour = 2.0\ncurrency = "CNY"\n'
    file.write_text(file.read_text() + general + '[targets."bus*"]\nspare_nodes = 2\n')
    row = History(database).plan(pool="busy", target_wait="15m", quantile="p90").iloc[0]
    first, *_rest = poolscope(folder, "plan", "--db", str(database), "--pool", "busy").stdout.splitlines()
    more = row["needed"] + 2 - 8
    assert first.startswith(
        f"busy probably needs {row['needed']:.0f} nodes ({row['needed_low']:.0f} to {row['needed_high']:.0f}) and 2 "
        f"to spare for 9 in 10 jobs to start within 15 min; it has 8; {more * 2 * 730:,.0f} CNY a month more"
    )
    hour = poolscope(folder, "plan", "--db", str(database), "--pool", "busy", "--target-wait", "1h").stdout
    assert "to start within 60 min" in hour.splitlines()[0]
    roomy = poolscope(folder, "plan", "--db", str(database), "--pool", "a pool*").stdout.splitlines()[0]
    assert "needs at most" in roomy
    assert "concurrent jobs" in roomy
    without = poolscope(folder, "plan", "--db", str(database), "--add", "1", "--format", "csv").stdout
    assert without.startswith("project,pool")


def test_pools_of_one_name_in_two_projects_are_told_apart(tmp_path: Path) -> None:
    """Each lacks nodes of its own: with their projects, and not weighed against each other."""
    pools, nodes = {}, {}
    for project in ("p", "q"):
        work = markov(3, 8, 0.97, HOUR, 21)
        pools[project, "a"] = {"train": counts_of(work, starts_of(work, 8, backfill=False), 21, step=600)}
        nodes[project, "a"] = [(FIRST, 8)]
    lines = list(answers(History(record_of(tmp_path, pools, nodes, 600)).plan(target_wait="20m")))
    assert ["p/a", "q/a"] == [line.split()[0] for line in lines if line != LIKELY]


def test_pools_of_one_flavor_are_weighed_against_each_other(tmp_path: Path) -> None:
    """One lacks nodes and one has too many for its target: what could be moved, and what is left to buy."""
    pools, nodes = {}, {}
    for name, load, servers in (("short", 0.97, 8), ("ample", 0.6, 24)):
        work = markov(3, servers, load, HOUR, 28)
        pools["p", name] = {"train": counts_of(work, starts_of(work, servers, backfill=False), 28, step=600)}
        nodes["p", name] = [(FIRST, servers)]
    told = History(record_of(tmp_path, pools, nodes, 600)).plan(target_wait="20m")
    last = next(line for line in answers(told) if line.startswith("Nodes of"))
    short, ample = (told[told["pool"] == name].iloc[0] for name in ("short", "ample"))
    lacks, gives = float(short["needed"]) - 8, 24 - float(ample["needed_high"])
    assert lacks > 0
    assert gives > 0
    assert f"lacking: short {lacks:.0f}; to spare: ample {gives:.0f}" in last
    assert ("nothing to buy" in last) == (lacks <= gives)
    # A pool with weak confidence in its own need gives none.
    uncertain = told.assign(needed_confidence=told["needed_confidence"].mask(told["pool"] == "ample", "weak"))
    assert any(f"to spare: none for sure (perhaps ample {gives:.0f})" in line for line in answers(uncertain))


def test_what_nodes_of_one_flavor_cost_is_summed() -> None:
    """The nodes to buy have one price; pools of several prices have no sum, and a doubtful surplus saves nothing."""
    rows = [
        {"pool": "a", "needed": 12.0, "needed_low": 10.0, "needed_high": 15.0, "needed_confidence": "good"},
        {"pool": "b", "needed": 4.0, "needed_low": 3.0, "needed_high": 5.0, "needed_confidence": "weak"},
    ]
    told = pd.DataFrame([SHORT | row for row in rows])
    lacks = (
        "a probably needs 12 nodes (10 to 15) for 9 in 10 jobs to start within 15 min; it has 8; 8,000 CNY a month "
        "more; at the upper end of the interval 15 nodes: 14,000 CNY a month more"
    )
    balance = (
        "Nodes of gpu: lacking: a 4; to spare: none for sure (perhaps b 3); 4 nodes to buy: 8,000 CNY a month more; at "
        "the upper ends of the intervals 7 nodes: 14,000 CNY a month more"
    )
    assert [
        lacks,
        "b probably needs 4 nodes (3 to 5) for 9 in 10 jobs to start within 15 min; it has 8 (weak confidence: why)",
        balance,
        LIKELY,
    ] == list(answers(told))
    several = list(answers(told.assign(price_per_node_hour=[2.0, 3.0])))[-2]
    assert several.endswith("4 nodes to buy; at the upper ends of the intervals 7 nodes")
    # Without an upper end of one pool there is none of the sum.
    unbounded = list(answers(told.assign(needed_high=[15.0, np.nan])))
    assert unbounded[-2].endswith("4 nodes to buy: 8,000 CNY a month more")
    assert LIKELY not in list(answers(told.assign(needed_confidence="weak")))


def test_a_plan_without_a_target_says_how_to_give_one(database: Path, folder: Path) -> None:
    """Its first line names the option; a star in the table is explained below it."""
    output = poolscope(folder, "plan", "--db", str(database)).stdout
    assert "--target-wait 15m" in output.splitlines()[0]
    assert ("nodes*" in output) == ("\n*: the load on this capacity is higher than any load in the record" in output)
    assert "nodes*" in output
    assert "--target-wait" not in poolscope(folder, "plan", "--db", str(database), "--target-wait", "20m").stdout


def test_a_forecast_says_first_until_when_capacity_suffices(database: Path, folder: Path) -> None:
    """A pool that passes its target is short at once, to be ordered for the lead time before; another suffices."""
    file = folder / "poolscope.toml"
    file.write_text(file.read_text() + '[targets]\nwait = "30m"\nlead_time = "30d"\n')
    told = History(database).forecast(targets={"*": {"wait": "30m", "lead_time": "30d"}})
    short = told[told["pool"] == "busy"].iloc[-1]
    assert short["order_by"] == short["may_pass_from"] - timedelta(days=30)
    lines = poolscope(folder, "forecast", "--db", str(database)).stdout.splitlines()
    said = next(line for line in lines if line.startswith("busy:"))
    assert f"from {short['may_pass_from']:%Y-%m-%d} on today's capacity" in said
    assert f"the last date to order in time was {short['order_by']:%Y-%m-%d}" in said
    # Of so short a record few forecasts could be judged.
    assert "weak confidence: the backtest has only 2 forecasts" in said
    # The heading does not call the future observed.
    assert any(line.endswith("coverage of the record 100%") for line in lines)
    roomy = next(line for line in lines if line.startswith("a pool"))
    assert "suffices for at least" in roomy


def test_a_reason_that_is_a_note_too_is_said_once(database: Path, folder: Path) -> None:
    """Where a record is too short for a forecast, its note says so once beside what else there is to say."""
    done = poolscope(folder, "forecast", "--db", str(database), "--since", "7d", "--target-wait", "30m")
    notes = done.stdout.partition("\n\n")[2].splitlines()[1:]
    assert 1 <= len(notes) <= 2
    assert all(1 == line.count("a forecast with this horizon needs 4") for line in notes)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ('wait = "soon"', "targets.wait"),
        ('quantile = "p50"', "mean or p90"),
        ("price_per_node_hour = -1", "the price of one node for one hour, a number above 0"),
        ("spare_nodes = 1.5", "a whole number"),
        ('waits = "15m"', "the nearest known key is 'wait'"),
    ],
)
def test_targets_that_make_no_sense_are_refused(database: Path, folder: Path, values: str, said: str) -> None:
    """Not passed over: a plan without its target would be another answer."""
    file = folder / "poolscope.toml"
    file.write_text(f"{file.read_text()}[targets]\n{values}\n")
    done = poolscope(folder, "plan", "--db", str(database), "--pool", "busy")
    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr


def test_targets_of_python_are_checked_too(database: Path) -> None:
    """What is no target is named, with the pattern that it is of."""
    for targets, said in (({"*": {"wait": "soon"}}, "'soon'"), ({"b*": {"cost": 1}}, "'cost' is not a setting")):
        with pytest.raises(RequestRefused, match=said):
            History(database).plan(targets=targets)


def test_pools_that_preempt_by_the_configuration_have_no_upper_bound_of_arrivals(database: Path, folder: Path) -> None:
    """The patterns of the section, and those of Python, open the bounds of the pools that match; others stay."""
    file = folder / "poolscope.toml"
    file.write_text(file.read_text() + '[preempting]\npools = ["bus*"]\n')
    shown = json.loads(poolscope(folder, "waits", "--db", str(database), "--every", "all", "--format", "json").stdout)
    rows = {row["pool"]: row for row in (shown if isinstance(shown, list) else shown["rows"])}
    told = History(database, preempting="bus*").waits(every="all").set_index("pool")
    for pool, opened in (("busy", True), ("a pool that is roomy", False)):
        assert opened == (rows[pool]["arrivals_high"] is None) == np.isnan(told["arrivals_high"][pool])
        assert opened == ("return to the queue unseen" in rows[pool]["note"])
    assert 0 == rows["busy"]["mean_low_seconds"]
