"""Verdicts on a limit: over, may be over, within, cannot be judged; the same in frames, tables, reports, exit codes."""

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.errors import RequestRefused
from analysis.query.kinds import KINDS
from analysis.query.question import Question
from analysis.query.request import Request
from analysis.queue.observation import Observation
from analysis.queue.waits import Waits
from analysis.record.database import Record
from analysis.record.series import Series
from analysis.report.gather import gather
from analysis.report.summary import summary
from analysis.schemas.schema import Columns
from analysis.text.terminal import table
from tests.recorded import MONDAY, observed, record_of
from tests.reported import content, empty_record, only, write
from tests.simulated import fifo

DAY = 86_400
LIMIT = 900
UNJUDGED = "cannot be judged"
TOGETHER = [3600.0 - 60 * job for job in range(30)]
"""Waits of jobs that start together, each of them longer than the limit."""


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.report.sections.PICTURED", 0)


def jobs(waits: list[float], minutes: int, step: int = 60) -> Series:
    """Return a job every minute, which runs for an hour; polled for so many minutes."""
    came = MONDAY + 30 + 60 * np.arange(len(waits), dtype=np.float64)
    started = came + np.array(waits)
    return observed(MONDAY + np.arange(0, 60 * minutes + 1, step), came, started, started + 3600)


def verdict_of(folder: Path, series: Series, **options: str) -> pd.Series:
    """Return the one row of a record of one series over all of it."""
    database = record_of(folder, {("p", "a"): {"train": series}})
    return History(database).waits(every="all", slo="15m", **options).iloc[0]


@pytest.mark.parametrize(
    ("waits", "verdict"),
    [
        (TOGETHER, "over"),
        ([60.0] * 60, "within"),
        # One of ten may have waited for the others.
        ([60.0, 1700.0] * 12 + [60.0] * 100, "may be over"),
    ],
)
def test_an_observed_window_is_judged(tmp_path: Path, waits: list[float], verdict: str) -> None:
    """By the bounds over every service discipline; then there is no reason, and no instant to wait for."""
    row = verdict_of(tmp_path, jobs(waits, 300))
    assert (verdict, "", True) == (row["verdict"], row["reason"], pd.isna(row["judged_from"]))


def test_a_share_is_taken_as_a_part_or_per_cent(tmp_path: Path) -> None:
    """The same share of jobs is over one and within another; a text that is not a share is refused."""
    series = jobs(TOGETHER, 300)
    assert "over" == verdict_of(tmp_path / "a", series, share="30%")["verdict"]
    assert "within" == verdict_of(tmp_path / "b", series, share="1")["verdict"]
    with pytest.raises(RequestRefused, match=r"share cannot be .many.: give a part of 1"):
        verdict_of(tmp_path / "c", series, share="many")


def test_twelve_minutes_of_a_busy_pool_cannot_be_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All jobs still wait: table, report and exit code say so, how many wait, and from when on they can be judged."""
    database = record_of(tmp_path / "record", {("p", "a"): {"train": jobs([7200.0] * 12, 12)}})
    frame = History(database).waits(every="all", slo="15m")
    assert [UNJUDGED] == frame["verdict"].tolist()
    assert ["12 of 12 jobs still waited at the end"] == frame["reason"].tolist()
    assert [pd.Timestamp("2026-01-05 00:27", tz="UTC")] == frame["judged_from"].tolist()
    assert UNJUDGED in table(frame)
    words = ("--slo", "15m", "--format", "md,json", "--fail-above", "10%")
    assert 10 == write(database, tmp_path / "out", *words)
    assert "cannot be judged: a · train: 12 of 12 jobs still waited at the end" in capsys.readouterr().err
    page = only(tmp_path / "out", "md")
    assert "1 of 1 series cannot be judged by the limit" in page
    assert "it can be judged from 2026-01-05 00:27 on" in page
    assert "12 jobs wait in a · train" in page
    assert "Whether any series became worse cannot be judged" in page
    assert "In no series" not in page
    assert "Nothing is sure" not in page
    assert UNJUDGED == content(tmp_path / "out")["series"][0]["whole"]["verdict"]


def test_further_polls_judge_the_window(tmp_path: Path) -> None:
    """At the instant that was given the same jobs are judged."""
    series = jobs([7200.0] * 12, 27)
    row = verdict_of(tmp_path, series, until="2026-01-05T00:12")
    assert UNJUDGED == row["verdict"]
    # Of the jobs that had come by then.
    whole = History(tmp_path / "record.duckdb").waits(every="1h", slo="15m").iloc[0]
    assert "over" == whole["verdict"]


def test_a_series_that_is_over_counts_before_one_that_cannot_be_judged(tmp_path: Path) -> None:
    """Exit 9; it is 0 where all are within, and a sentence about all series stands only where all are judged."""
    over, short, fine = jobs(TOGETHER, 300), jobs([7200.0] * 12, 12), jobs([60.0] * 60, 300)
    words = ("--slo", "15m", "--format", "md", "--fail-above", "10%")
    records = {
        "both": {("p", "a"): {"train": over}, ("p", "b"): {"train": short}},
        "open": {("p", "a"): {"train": fine}, ("p", "b"): {"train": short}},
        "fine": {("p", "a"): {"train": fine}},
    }
    codes = {}
    for name, pools in records.items():
        codes[name] = write(record_of(tmp_path / name, pools), tmp_path / name / "out", *words)
    assert {"both": 9, "open": 10, "fine": 0} == codes
    assert "In 1 of 2 series no more than 10%" in only(tmp_path / "open/out", "md")
    assert "In no series did more than 10%" in only(tmp_path / "fine/out", "md")


def test_half_of_a_window_has_to_be_observed(tmp_path: Path) -> None:
    """A day with one observed hour cannot be judged, and no later poll can change that."""
    whole = jobs([60.0] * 1400, 1440)
    slots = np.r_[MONDAY + np.arange(0, 3600, 300), MONDAY + DAY]
    came = MONDAY + 30 + 60 * np.arange(1400, dtype=np.float64)
    series = observed(slots, came, came + 60, came + 3660)
    assert "within" == verdict_of(tmp_path / "a", whole)["verdict"]
    row = verdict_of(tmp_path / "b", series)
    assert (UNJUDGED, "coverage below 50%") == (row["verdict"], row["reason"])
    assert pd.isna(row["judged_from"])


WORDS = ("--slo", "15m", "--format", "md", "--fail-above", "10%")


def judged(database: Path) -> tuple[int, str]:
    """Write a report with a limit; return the exit code and the findings."""
    out = database.parent / "out"
    code = write(database, out, *WORDS)
    return code, only(out, "md").partition("## Findings")[2].partition("##")[0]


def ask_in_vain(database: Path, pool: str, outcome: str = "timeout") -> None:
    """Add a pool that was polled whenever the first one was; with outcome ok it answers that it has no jobs."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "INSERT INTO scrapes BY NAME SELECT DISTINCT ON (slot) * REPLACE (? AS pool, ? AS outcome, 0 AS total)"
            " FROM scrapes ORDER BY slot",
            [pool, outcome],
        )


def test_a_pool_without_jobs_is_within(tmp_path: Path) -> None:
    """With a type without jobs, or with no type: without arrivals no job waited too long."""
    database = record_of(tmp_path, {("p", "a"): {"train": jobs([], 300)}})
    assert "within" == History(database).waits(every="all", slo="15m")["verdict"].iloc[0]
    ask_in_vain(database, "empty", "ok")
    code, matters = judged(database)
    assert 0 == code
    assert "In no series did more than 10%" in matters


def test_a_pool_that_never_answers_cannot_be_judged(tmp_path: Path) -> None:
    """It has no series; the page names it beside the series that was judged."""
    database = record_of(tmp_path, {("p", "a"): {"train": jobs([60.0] * 60, 300)}})
    ask_in_vain(database, "dead")
    code, matters = judged(database)
    assert 10 == code
    assert "Cannot be judged: dead: nothing was observed." in matters
    assert "In 1 of 1 series no more than 10% of the jobs waited longer than 15 min." in matters
    assert "In no series" not in matters


def test_one_empty_answer_of_many_attempts_does_not_make_an_empty_pool(tmp_path: Path) -> None:
    """Less than half of it was observed, the same as for a series."""
    database = record_of(tmp_path, {("p", "a"): {"train": jobs([60.0] * 60, 300)}})
    ask_in_vain(database, "dark")
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "UPDATE scrapes SET outcome = 'ok'"
            " WHERE pool = 'dark' AND slot = (SELECT min(slot) + INTERVAL 1 MINUTE FROM scrapes)"
        )
    code, matters = judged(database)
    assert 10 == code
    assert "Cannot be judged: dark: coverage below 50%." in matters


@pytest.mark.parametrize("failed", [0, 9])
def test_a_record_without_answers_cannot_be_judged(
    tmp_path: Path, failed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether all polls of its pools failed, or nothing was polled."""
    assert 10 == judged(empty_record(tmp_path, failed=failed))[0]
    assert f"cannot be judged: {'a' if failed else 'the record'}: nothing was observed" in capsys.readouterr().err


def test_a_project_whose_pools_were_never_listed_cannot_be_judged(tmp_path: Path) -> None:
    """None of its pools was ever polled, so that there is no attempt."""
    database = record_of(tmp_path, {("p", "a"): {"train": jobs([60.0] * 60, 300)}})
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "INSERT INTO discoveries (run, project, workspace, page, slot, outcome)"
            " SELECT slot, 'hidden', '0', 0, slot, 'forbidden' FROM scrapes"
        )
    code, matters = judged(database)
    assert 10 == code
    assert "Cannot be judged: hidden: the pools of this project could not be listed." in matters


def test_may_be_over_is_not_within(tmp_path: Path) -> None:
    """One series is within, and only the upper bound of the other is above: the page counts each as what it is."""
    mixed = [60.0, 1700.0] * 6 + [60.0] * 120
    series = {"train": jobs([60.0] * 60, 300), "infer": jobs(mixed, 300)}
    database = record_of(tmp_path, {("p", "a"): series})
    frame = History(database).waits(every="all", slo="15m").set_index("type")
    assert ["may be over", "within"] == frame["verdict"].loc[["infer", "train"]].tolist()
    assert frame["over_slo"].loc["infer"] <= 0.1
    code, matters = judged(database)
    assert 0 == code
    assert "In 1 of 2 series no more than 10% of the jobs waited longer than 15 min." in matters
    may_be_over = "In 1 of 2 series, with another service discipline, more than 10% of the jobs may have waited longer"
    assert f"{may_be_over} than 15 min." in matters
    assert "In no series" not in matters


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        ("arrivals", "Whether any series became worse cannot be judged."),
        ("wait", "No series is shown to have become worse."),
    ],
)
def test_worse_is_judged_by_known_waits(tmp_path: Path, measure: str, sentence: str) -> None:
    """Where only arrivals can be compared, the page does not say that nothing became worse."""
    database = record_of(tmp_path, {("p", "a"): {"train": jobs([60.0] * 60, 300)}})
    report = gather(Record(database), Request(since="30d", slo="15m"))
    compare = report.series["compare"]
    assert compare["difference"].isna().all()
    compare.loc[compare["measure"] == measure, "difference"] = 0.0
    assert sentence in summary(report)


def test_pools_whose_estimate_fails_leave_the_series_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the report could not be made, and the exit code says so."""
    database = record_of(tmp_path, {("p", "a"): {"train": jobs([60.0] * 60, 300)}})
    waits = KINDS["waits"]

    def of_series(question: Question, observation: Observation, result: Waits | None) -> Columns:
        if question.request.by == "pool":
            raise ZeroDivisionError("made to fail")
        return waits.conclude(question, observation, result)

    monkeypatch.setitem(KINDS, "waits", replace(waits, conclude=of_series))
    assert 8 == judged(database)[0]


def test_an_estimate_that_fails_judges_no_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report has the rest, and its exit code says that the limit was not judged."""
    database = record_of(tmp_path, {("p", "a"): {"train": jobs([60.0] * 60, 300)}})

    def judge(*_args: object) -> None:
        raise ZeroDivisionError("made to fail")

    monkeypatch.setattr("analysis.queue.verdict.judge", judge)
    assert 10 == write(database, tmp_path / "out", "--slo", "15m", "--format", "json", "--fail-above", "10%")
    assert "cannot be judged: a: the estimate failed" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(6))
def test_verdicts_are_true(tmp_path: Path, seed: int) -> None:
    """Wherever the record ends: over means that more jobs than allowed waited too long, within that no more did."""
    draw = np.random.default_rng(seed)
    came = np.sort(draw.uniform(0, 3 * DAY, 180)) + MONDAY
    lasts = draw.exponential(draw.uniform(1500, 2500), len(came))
    started = fifo(came, lasts, 2)
    series = observed(MONDAY + np.arange(0, 3 * DAY + 1, 300), came, started, started + lasts)
    history = History(record_of(tmp_path, {("p", "a"): {"train": series}}))
    verdicts = set()
    for cut in draw.integers(72, 864, 5).tolist():
        last = MONDAY + 300 * cut
        until = pd.Timestamp(last, unit="s").isoformat()
        for _place, row in history.waits(every="6h", slo="15m", until=until, share="20%").iterrows():
            start, end = (row[name].timestamp() for name in ("window_start", "window_end"))
            of = (came > start) & (came <= min(end, last))
            truth = np.mean(started[of] - came[of] > LIMIT) if of.any() else 0.0
            assert "over" != row["verdict"] or truth > 0.2
            assert "within" != row["verdict"] or truth <= 0.2
            verdicts.add(row["verdict"])
    assert {"over", "within"} <= verdicts
