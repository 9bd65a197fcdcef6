"""Helpers for tests of polls: the real functions on a test's clock, and the real command in a folder."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from collector.api.credentials import AnyCredential, Credential
from collector.clock import Clock, SimulatedClock
from collector.config.settings import CollectSettings, Project
from collector.polling.discovery import Known
from collector.polling.known import read_known
from collector.polling.sessions import open_sessions
from collector.polling.slot import collect_slot
from collector.record.rows import PolledRows, Scrape
from collector.record.slots import naive, slot_of
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from collector.storage.drain import drain
from tests.leaks import IN_USE
from tests.passing import TIME

START = datetime(2026, 1, 15, 8, tzinfo=UTC)
# Ends a command that hangs; no command takes so long on a busy machine.
GUARD_SECONDS = 3600
GOOD = b'{"statistics":{"total":3,"items":[{"type":"train","total":3,"status":{"Queue":1,"Running":2}}]}}'
KEYS = Credential("default", ACCESS_KEY, SECRET_KEY)
FAST = CollectSettings(
    interval=timedelta(hours=1),
    requests_per_second=10_000,
    # Longer than on any busy machine; a server that stays silent adds the time itself, see `passing`.
    connect_timeout=timedelta(minutes=5),
    read_timeout=timedelta(minutes=5),
    total_timeout=timedelta(minutes=10),
)
HALF_HOURLY = replace(FAST, interval=timedelta(minutes=30))


def statistics_path(pool: str, project_id: str = PROJECT_ID) -> str:
    return f"/v2/{project_id}/statistics/pools/{pool}/workloads"


def project(endpoint: str, *pools: str, name: str = "p", **values: Any) -> Project:  # noqa: ANN401 - any field of a project
    """Return a project with these pools, or with discovery where none is named."""
    return replace(
        Project(name, project_id=PROJECT_ID, endpoint=endpoint, pools=pools or None),
        **values,
    )


def collect(
    folder: Path,
    projects: Sequence[Project],
    clock: Clock | None = None,
    settings: CollectSettings = FAST,
    credentials: Mapping[str, AnyCredential] | None = None,
    known: Known = Known(),  # noqa: B008 - it is frozen
    now: datetime | None = None,
) -> PolledRows:
    """Poll one slot with the real functions into the folder's spool, and return its rows."""
    clock = clock or SimulatedClock(START)
    credentials = credentials or {"default": KEYS}
    IN_USE.use_credentials(credentials.values())

    async def run() -> PolledRows:
        async with open_sessions(tuple(projects), credentials, settings, clock, folder / "record.duckdb") as sessions:
            return await collect_slot(sessions, settings, folder / "spool", clock, now or clock.now(), "collect", known)

    with asyncio.Runner(loop_factory=TIME.loop) as runner:
        return runner.run(run())


def take_in(folder: Path) -> None:
    asyncio.run(drain(folder / "record.duckdb", folder / "spool", SimulatedClock(START), 0.0))


def poll_slots(
    folder: Path, endpoint: str, slots: int, drained: Callable[[int], bool] = lambda _: True, start: datetime = START
) -> list[PolledRows]:
    """Poll a number of slots, half an hour apart, each with what the record has by then."""
    results = []
    for number in range(slots):
        clock = SimulatedClock(start + number * HALF_HOURLY.interval)
        slot = naive(slot_of(clock.now(), HALF_HOURLY.interval))
        known = read_known(folder / "record.duckdb", folder / "spool", slot, HALF_HOURLY.discovery_interval)
        results.append(collect(folder, [project(endpoint)], clock, HALF_HOURLY, known=known))
        if drained(number):
            take_in(folder)
    return results


def by_pool(result: PolledRows) -> dict[str, Scrape]:
    return {scrape.pool: scrape for scrape in result.scrapes}


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without the variables that would change the command under test."""
    removed = ("POOLSCOPE_", "HUAWEICLOUD_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")
    return {name: value for name, value in os.environ.items() if not name.startswith(removed)} | more


def poolscope(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a folder, with the sandbox's keys."""
    keys = {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
    call = [sys.executable, "-m", "collector", *words]
    return subprocess.run(
        call,
        cwd=folder,
        env=environment(**(keys | more)),
        capture_output=True,
        text=True,
        timeout=GUARD_SECONDS,
        check=False,
    )


def configure(folder: Path, endpoint: str, more: str = "", collect: str = 'interval = "1d"') -> None:
    """Write a configuration for one project; the interval of a day lets a test poll twice in one slot."""
    (folder / "poolscope.toml").write_text(
        f'[collect]\n{collect}\n[projects.p]\nproject_id = "{PROJECT_ID}"\nendpoint = "{endpoint}"\n{more}\n'
    )
