"""Host names that are not resolved: a silent name server costs no more time than the settings allow."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collector.api.names import run
from collector.clock import SystemClock
from collector.config.settings import CollectSettings
from collector.polling.discovery import Known
from collector.polling.sessions import open_sessions
from collector.polling.slot import collect_slot
from collector.record.rows import PolledRows
from tests.polling import FAST, KEYS, project

# The name server answers only after the test, so a short time-out is certain to pass.
SHORT_TIMEOUT = replace(FAST, connect_timeout=timedelta(milliseconds=50), attempts=1)


class NameServer:
    """Answers each name with loopback or a failure, after `may_answer` is set."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.failure: Exception | None = None
        self.questions: list[object] = []
        self.answered = 0

    def look_up(self, host: object, *_: object) -> list[tuple[object, ...]]:
        """Answer as socket.getaddrinfo does."""
        self.questions.append(host)
        self.may_answer.wait()
        self.answered += 1
        if self.failure:
            raise self.failure
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.look_up)
    yield server
    server.may_answer.set()


def poll(folder: Path, endpoint: str, pools: int, settings: CollectSettings) -> PolledRows:
    async def one_poll() -> PolledRows:
        projects = (project(endpoint, *(f"pool-{number}" for number in range(pools))),)
        clock = SystemClock()
        async with open_sessions(projects, {"default": KEYS}, settings, clock, folder / "record.duckdb") as sessions:
            return await collect_slot(sessions, settings, folder / "spool", clock, clock.now(), "collect", Known())

    return run(one_poll())


def test_a_silent_name_server_does_not_delay_a_poll(tmp_path: Path, name_server: NameServer) -> None:
    """Twelve pools time out, naming the setting, and the poll ends while their one shared look-up goes on."""
    rows = poll(tmp_path, "https://modelarts.nowhere.example", 12, SHORT_TIMEOUT)
    assert (1, 0) == (len(name_server.questions), name_server.answered)
    assert {"timeout"} == {scrape.outcome for scrape in rows.scrapes}
    assert all("connect_timeout" in (scrape.error_msg or "") for scrape in rows.scrapes)
    assert not any(thread.is_alive() and not thread.daemon for thread in threading.enumerate()[1:])


def test_a_failed_look_up_is_repeated_at_every_attempt(tmp_path: Path, name_server: NameServer) -> None:
    """A failed look-up is not kept for the next attempt; the resolver's message is stored."""
    name_server.failure = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    name_server.may_answer.set()
    (scrape,) = poll(tmp_path, "https://modelarts.nowhere.example", 1, replace(FAST, attempts=2)).scrapes
    assert ("unreachable", 2, 2) == (scrape.outcome, scrape.attempts, len(name_server.questions))
    assert "Temporary failure in name resolution" in (scrape.error_msg or "")
