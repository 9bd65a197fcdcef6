"""A refused credential is not used for longer and longer, over many polls, until it is accepted again."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from collector.clock import SimulatedClock
from collector.sandbox.behaviour import PROJECT_ID
from tests.polling import FAST, GOOD, START, by_pool, collect, configure, poolscope, project, statistics_path
from tests.scripted import Scripted, answer

MINUTELY = replace(FAST, interval=timedelta(minutes=1))
REFUSED = answer(401, b'{"error_code": "APIGW.0301", "error_msg": "verify aksk signature fail"}')
FINE = answer(200, GOOD)


def test_a_refused_credential_is_used_less_and_less_often(tmp_path: Path) -> None:
    """Of 20 polls a minute apart the 1st and 6th use it and are refused; the 16th is accepted, as are all after it.

    Every slot has a row with its cause. Only the owner can read the file of pauses, which is empty at the end.
    """
    asked: list[int] = []
    causes: list[str] = []
    with Scripted({statistics_path("a"): [REFUSED, REFUSED, FINE]}, FINE) as server:
        for minute in range(20):
            clock = SimulatedClock(START + timedelta(minutes=minute))
            turn = by_pool(collect(tmp_path, [project(server.endpoint, "a")], clock, MINUTELY))["a"]
            asked += [minute] if turn.attempts else []
            causes.append(turn.outcome)
            kept = tmp_path / "spool" / "refused.json"
            assert stat.S_IMODE(kept.stat().st_mode) == 0o600
            assert ("default" in kept.read_text()) == (minute < 15)
        assert 3 + 4 == server.requests[statistics_path("a")]
    assert [0, 5, 15, 16, 17, 18, 19] == asked
    assert ["unauthorized"] * 15 + ["ok"] * 5 == causes


def test_a_clock_that_steps_back_does_not_prolong_a_pause(tmp_path: Path) -> None:
    """Refused while the clock was a day ahead: the next poll at the right time tries again."""
    with Scripted({statistics_path("a"): [REFUSED, FINE]}, FINE) as server:
        for day in (1, 0):
            clock = SimulatedClock(START + timedelta(days=day))
            turn = by_pool(collect(tmp_path, [project(server.endpoint, "a")], clock, MINUTELY))["a"]
    assert "ok" == turn.outcome


def test_doctor_ends_the_pause_of_a_credential_that_is_accepted_again(tmp_path: Path) -> None:
    """After the key was fixed, doctor ends the pause, and the next poll asks at once."""
    listing = answer(200, b'{"items": [{"metadata": {"name": "a"}}]}')
    scripts = {f"/v2/{PROJECT_ID}/pools": [REFUSED, listing]}
    with Scripted(scripts, FINE) as server:
        configure(tmp_path, server.endpoint)
        assert 1 == poolscope(tmp_path, "collect").returncode
        assert 1 == poolscope(tmp_path, "collect").returncode
        assert 1 == server.requests[f"/v2/{PROJECT_ID}/pools"]
        assert '"credentials_refused", "profile": "default"' in poolscope(tmp_path, "status").stderr
        assert "polls use it again" in poolscope(tmp_path, "doctor").stdout
        assert 0 == poolscope(tmp_path, "collect").returncode
    assert {} == json.loads((tmp_path / "data/spool/refused.json").read_text())
