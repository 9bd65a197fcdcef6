"""A pool that is polled in vain: what is not known counts as missing, and never as good."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from analysis import History
from tests.recorded import MONDAY, record_of, series_of

SLOTS = MONDAY + 300 * np.arange(289)
"""A day of polls."""
ENDED = {"Completed": np.arange(289)}
ANSWERS = 97
"""The answers of the silent pool: those of the first eight hours."""


def record_with(folder: Path, outcome: str, answers: int = ANSWERS) -> History:
    """Return the record of two pools: b answered all day, a from some slot on had an outcome without an answer."""
    early = {name: counts[:answers] for name, counts in ENDED.items()}
    pools = {
        ("p", "a"): {"train": series_of(SLOTS[:answers], early)},
        ("p", "b"): {"train": series_of(SLOTS, ENDED)},
    }
    file = record_of(folder, pools)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            """INSERT INTO scrapes BY NAME SELECT run, slot, project, 'a' AS pool, interval_seconds, $1 AS outcome
            FROM scrapes WHERE pool = 'b' AND slot NOT IN (SELECT slot FROM scrapes WHERE pool = 'a')""",
            [outcome],
        )
    return History(file)


def test_failed_polls_after_the_last_answer_lower_the_coverage(tmp_path: Path) -> None:
    """The rest of the day is not covered, whatever the cause, and the note says since when."""
    waits = record_with(tmp_path, "forbidden").waits(every="all", slo="15m", pool="a").iloc[0]
    assert pytest.approx(1 / 3, abs=0.01) == waits["coverage"]
    assert "no good answer after 2026-01-05 08:00Z" in waits["note"]


def test_what_is_not_known_is_not_within_a_limit(tmp_path: Path) -> None:
    """With a third observed there are lower bounds alone; with four fifths, a verdict is refused too."""
    third = record_with(tmp_path / "third", "server_error").waits(every="all", slo="15m", pool="a").iloc[0]
    most = record_with(tmp_path / "most", "server_error", 240).waits(every="all", slo="15m", pool="a").iloc[0]
    assert ("cannot be judged", "coverage below 50%") == (third["verdict"], third["reason"])
    assert np.isnan(third["arrivals_high"])
    assert "cannot be judged" == most["verdict"]
    assert "no good answer after" in most["reason"]
    assert 239 == most["arrivals"]


def test_a_few_failed_polls_at_the_end_leave_the_verdict(tmp_path: Path) -> None:
    """They are less than the share of the jobs that may wait longer."""
    waits = record_with(tmp_path, "server_error", 280).waits(every="all", slo="15m", pool="a").iloc[0]
    assert "within" == waits["verdict"]
    assert 0.9 < waits["coverage"] < 1


def test_each_failed_poll_at_the_end_is_missing(tmp_path: Path) -> None:
    """A single one too, and the note says so."""
    waits = record_with(tmp_path, "server_error", 288).waits(every="all", pool="a").iloc[0]
    assert pytest.approx(287 / 288) == waits["coverage"]
    assert "no good answer after 2026-01-05 23:55Z" in waits["note"]


def test_a_deleted_pool_ends_with_its_last_answer(tmp_path: Path) -> None:
    """Nothing is missing after it, for the pool and for sums."""
    history = record_with(tmp_path, "gone")
    assert 1.0 == history.waits(every="all", pool="a").iloc[0]["coverage"]
    assert 1.0 == history.waits(every="1h", by="all")["coverage"].min()


def test_hours_without_an_answer_are_rows(tmp_path: Path) -> None:
    """Their coverage is zero, and nothing in them has an upper bound; sums say that a pool is missing."""
    history = record_with(tmp_path, "forbidden")
    hours = history.flows(every="1h", pool="a")
    assert 24 == len(hours)
    assert [0.0] * 16 == hours["coverage"].tolist()[8:]
    assert hours["arrivals_high"].isna().tolist() == [False] * 8 + [True] * 16
    total = history.waits(every="1h", by="all")
    assert [0.5] * 16 == total["coverage"].tolist()[8:]
    assert total["note"].str.contains("no good answer after").tolist() == [False] * 8 + [True] * 16


def test_a_span_that_ends_with_an_answer_lacks_none(tmp_path: Path) -> None:
    """Polls after it do not count; no slot was due between it and an end between two slots."""
    history = record_with(tmp_path, "forbidden")
    for until in ("2026-01-05T08:00:00", "2026-01-05T08:04:00"):
        waits = history.waits(every="all", pool="a", until=until).iloc[0]
        assert (1.0, False) == (waits["coverage"], "no good answer" in waits["note"])


def test_the_longest_gap_ends_with_the_last_poll(tmp_path: Path) -> None:
    """Where a pool does not answer, it goes on until the last poll, or the pool's deletion, not to the window's end."""
    silent, deleted = (record_with(tmp_path / outcome, outcome) for outcome in ("forbidden", "gone"))
    assert [16 * 3600, 300] == silent.coverage(every="1w", by="pool")["longest_gap_seconds"].tolist()
    assert [300, 300] == deleted.coverage(every="1w", by="pool")["longest_gap_seconds"].tolist()
