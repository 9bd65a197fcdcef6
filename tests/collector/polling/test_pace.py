"""Settings that are too small for the number of pools: collect, status and doctor name the setting to change."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from collector.config.settings import CollectSettings
from collector.polling.pace import out_of_time, too_slow
from tests.collector.api.test_outcomes import FINE
from tests.polling import configure, poolscope
from tests.scripted import Scripted


@pytest.mark.parametrize(
    ("pools", "interval", "rate", "advice"),
    [
        (4000, 60, 100.0, None),
        (5000, 60, 100.0, "raise it to 123 "),
        (5000, 300, 100.0, None),
        (40, 10, 5.0, "raise it to 6 "),
        (0, 1, 0.1, None),
    ],
)
def test_the_pace_must_suffice_for_the_pools(pools: int, interval: int, rate: float, advice: str | None) -> None:
    """A tenth more requests than pools are needed in three quarters of the interval."""
    message = too_slow(CollectSettings(interval=timedelta(seconds=interval), requests_per_second=rate), pools)
    assert (advice is None) == (message is None)
    assert advice is None or advice in (message or "")


def test_where_the_pace_suffices_concurrency_is_named() -> None:
    """Pools were then not asked in time because answers are slow."""
    assert "collect.concurrency = 8" in out_of_time(CollectSettings(), 100, 3)


def test_a_poll_that_ran_out_of_time_names_the_setting(tmp_path: Path) -> None:
    """With two requests in five seconds one of four pools is asked in time: all three name requests_per_second."""
    pace = 'interval = "1d"\ndeadline = "2s"\nrequests_per_second = 0.4'
    with Scripted({}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a", "b", "c", "d"]', pace)
        done = poolscope(tmp_path, "collect")
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert 1 == done.returncode
        assert ("out_of_time", 3, 4) == (events[-1]["event"], events[-1]["unasked"], events[-1]["pools"])
        assert "requests_per_second = 0.4 is too small for 4 pools" in events[-1]["message"]
        assert "requests_per_second" in poolscope(tmp_path, "status").stderr
        assert "requests_per_second" in poolscope(tmp_path, "doctor").stdout
