"""The report's section about capacity: the figures of `History.load`, `plan` and `forecast`, in words and pictures."""

import re
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from analysis import History
from analysis.figures.draw import draw
from analysis.query.request import Request
from analysis.record.database import Record
from analysis.report import capacity
from analysis.report.gather import Failure, Report, gather
from analysis.report.render import pages
from analysis.text.language import _, speaking
from tests.planned import FIRST, counts_of, markov
from tests.recorded import record_of
from tests.reported import content, only, write
from tests.simulated import HOUR, starts_of

DAYS = 35
PERIOD = ("--since", "28d", "--slo", "15m")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record five weeks of a pool of eight nodes that queues, and of one that hardly does."""
    pools = {}
    for name, load in (("busy", 0.9), ("roomy", 0.3)):
        work = markov(1, 8, load, HOUR, DAYS)
        pools["p", name] = {"train": counts_of(work, starts_of(work, 8, backfill=False), DAYS, step=600)}
    nodes = {("p", "busy"): [(FIRST - timedelta(days=1), 8)]}
    return record_of(tmp_path_factory.mktemp("outlook"), pools, nodes, 600)


@pytest.fixture(scope="module")
def made(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the report in all its forms."""
    out = tmp_path_factory.mktemp("made")
    assert 0 == write(database, out, *PERIOD, "--format", "html,md,json")
    return out


def test_its_figures_are_those_of_the_methods(database: Path, made: Path) -> None:
    """Load and plan of the period, with nine in ten jobs within the limit as target; a forecast of the whole record."""
    history = History(database)
    load, plan = history.load(since="28d"), history.plan(since="28d", target_wait="15m", quantile="p90")
    forecast = history.forecast(target_wait="15m", quantile="p90")
    for pool in content(made)["pools"]:
        row = load[load["pool"] == pool["pool"]].iloc[0]
        assert row["offered"] == pytest.approx(pool["load"]["offered"])
        for name, frame in (("plan", plan), ("forecast", forecast)):
            part = frame[frame["pool"] == pool["pool"]]
            for column in ("p90_high_seconds", "needed_high") if name == "plan" else ("arrivals", "growth_low"):
                values = [float("nan") if value is None else value for value in pool[name][column]]
                assert part[column].tolist() == pytest.approx(values, nan_ok=True)


def test_a_page_says_what_is_needed_for_the_target(made: Path) -> None:
    """A section in the contents, three tables, the capacity that is needed, notes with their pools, one picture."""
    page = only(made, "html")
    assert '<li><a href="#capacity">Capacity</a></li>' in page
    section = page.partition('<h2 id="capacity">')[2].partition("<section")[0]
    captions = re.findall(r"<caption>(.*?)</caption>", section)
    assert 3 == len(captions)
    assert "P90 wait" in captions[1]
    assert re.search(r"7\*: \d", section)
    assert re.search(r'<th scope="row"[^>]*>busy</th><td[^>]*>\d+ \(\d+-\d+\)</td>', section)
    assert re.search(r"at most under|at most \d", section)
    assert "The target is a P90 wait of at most 15 min." in section
    assert "nodes are not known: capacity is in concurrent jobs (roomy)" in section
    assert 1 == section.count("<svg")
    text = only(made, "md")
    assert "## Capacity" in text
    assert re.search(r"!\[Wait against capacity of 2 pools\]\(.*plans-\w+\.png\)", text)


def gathered(database: Path, **asked: str) -> Report:
    """Gather what a report says of the last four weeks."""
    return gather(Record(database), Request(every="1d", since="28d", **asked))


def test_without_a_limit_it_is_about_the_mean(database: Path) -> None:
    """No target, the mean wait of each capacity; in Chinese too."""
    report = gathered(database)
    with speaking("zh"):
        section = capacity.outlook(report, pictured=True)
        caption = _("Capacity and mean wait; capacity in nodes, or in concurrent jobs where nodes are unknown")
        needed = _("needed for the target")
    assert section is not None
    assert caption == section.tables[1].caption
    assert needed not in section.tables[1].headings
    assert 1 == len(section.pictures)


def test_a_report_about_some_types_has_no_section(database: Path) -> None:
    """The types of a pool share its capacity: a report about some of them has no estimate of it."""
    report = gathered(database, type="train")
    assert {"load", "plan", "forecast"}.isdisjoint(report.pools)
    assert capacity.outlook(report, pictured=True) is None


def test_a_section_that_fails_says_so_in_its_place(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a table fails, its section and all pages say so."""

    def fail(_frame: pd.DataFrame) -> None:
        raise ValueError("made to fail")

    monkeypatch.setattr(capacity, "_plan", fail)
    report = gathered(database, slo="15m")
    section = capacity.outlook(report, pictured=True)
    assert section is not None
    assert "ValueError: made to fail" == section.failed
    result = pages(report, ["json"], "en", "", draw)
    assert [Failure("Capacity", "ValueError: made to fail")] == result.failed
