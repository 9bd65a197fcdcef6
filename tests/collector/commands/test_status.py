"""`poolscope status` on records made by hand."""

import asyncio
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.causes import CAUSES
from collector.clock import SimulatedClock
from collector.config.settings import Project
from collector.doctor.stored import look_at_failures
from collector.failures import recent_failures
from collector.output.layout import STAYS, Heading, table
from collector.record import spool
from collector.record.reading import reading
from collector.record.rows import Discovery, Poll, PolledRows, Pool, Scrape
from collector.status import PoolStatus, Status, status_of
from collector.storage.drain import drain
from tests.polling import GUARD_SECONDS
from tests.terminal import on_terminal

NOW = datetime(2026, 1, 15, 12, 0, 30)
SLOT = datetime(2026, 1, 15, 12, 0)
MINUTE = timedelta(minutes=1)
REPOSITORY = Path(__file__).parents[3]
CLOCK = SimulatedClock(NOW.replace(tzinfo=UTC))


def scrape(slot: datetime, pool: str = "a", outcome: str = "ok", second: int = 1, interval: int = 60) -> Scrape:
    run = slot + timedelta(seconds=second)
    return Scrape(run, "p", pool, slot, interval, outcome, 200, None, None, None, 1, run, run, 0, None, None)


def keep(folder: Path, *scrapes: Scrape, discoveries: tuple[Discovery, ...] = (), pools: tuple[Pool, ...] = ()) -> None:
    """Write the scrapes of one run to the spool, as a poll does."""
    run, slot = scrapes[0].run, scrapes[0].slot
    poll = Poll(run, "p", "id", "https://example.com", "collect", "1", slot, 60, run, len(scrapes))
    spool.write(folder / "spool", slot, run, PolledRows([poll], list(discoveries), list(scrapes), [], list(pools)))


def status(folder: Path, projects: tuple[str, ...] = ()) -> Status:
    with reading(folder / "record.duckdb", folder / "spool", CLOCK.pause) as record:
        return status_of(record, folder / "record.duckdb", folder / "spool", NOW, projects)


def pool_of(folder: Path, name: str = "a") -> PoolStatus:
    return next(pool for pool in status(folder).pools if pool.pool == name)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "poolscope.toml").write_text('[paths]\ndatabase = "record.duckdb"\nspool = "spool"\n')
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POOLSCOPE_")}
    call = [sys.executable, "-m", "collector", "--config", str(folder / "poolscope.toml"), "status", *words]
    return subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, timeout=GUARD_SECONDS, check=False
    )


def test_coverage_is_the_share_of_due_slots_that_were_observed(tmp_path: Path) -> None:
    """If 30 of 60 slots in the last hour were observed, coverage is a half, also of the day since the first poll."""
    for minutes in range(0, 60, 2):
        keep(tmp_path, scrape(SLOT - minutes * MINUTE))
    assert 0.5 == pytest.approx(pool_of(tmp_path).coverage_hour, abs=0.01)
    assert pool_of(tmp_path).coverage_hour == pool_of(tmp_path).coverage_week


def test_a_gap_before_the_window_does_not_shorten_it(tmp_path: Path) -> None:
    """A pool that is known for two days and was observed in the last hour only has a day's coverage of 1/24."""
    keep(tmp_path, scrape(SLOT - timedelta(days=2)))
    for minutes in range(60):
        keep(tmp_path, scrape(SLOT - minutes * MINUTE))
    assert 1 / 24 == pytest.approx(pool_of(tmp_path).coverage_day)


def test_the_current_slot_is_not_yet_missing(tmp_path: Path) -> None:
    """The current slot counts only after it is observed: coverage can be complete without it."""
    keep(tmp_path, scrape(SLOT - 2 * MINUTE))
    keep(tmp_path, scrape(SLOT - MINUTE))
    assert 1.0 == pool_of(tmp_path).coverage_hour


def test_errors_are_counted_by_cause_and_a_filled_slot_is_observed(tmp_path: Path) -> None:
    """A slot that failed twice and then succeeded has both errors and full coverage."""
    keep(tmp_path, scrape(SLOT, outcome="timeout"))
    keep(tmp_path, scrape(SLOT, outcome="server_error", second=5))
    keep(tmp_path, scrape(SLOT, second=9))
    pool = pool_of(tmp_path)
    assert {"timeout": 1, "server_error": 1} == pool.errors_hour
    assert 1.0 == pool.coverage_hour
    assert "ok" == pool.last_outcome


def test_spool_and_database_give_the_same_status(tmp_path: Path) -> None:
    """The status of the pools does not depend on whether the spool has been drained."""
    keep(tmp_path, scrape(SLOT - MINUTE), scrape(SLOT - MINUTE, "b", "gone"))
    keep(tmp_path, scrape(SLOT))
    before = status(tmp_path)
    asyncio.run(drain(tmp_path / "record.duckdb", tmp_path / "spool", CLOCK, 0.0))
    after = status(tmp_path)
    assert before.pools == after.pools
    assert (2, 0) == (before.spool_files, after.spool_files)


def test_slots_in_the_future_are_reported(tmp_path: Path) -> None:
    """Slots later than now are counted apart; they are not the last slot and not part of any coverage."""
    keep(tmp_path, scrape(SLOT - MINUTE))
    keep(tmp_path, scrape(SLOT + timedelta(hours=1)))
    record_status = status(tmp_path)
    assert 1 == record_status.ahead_slots
    assert SLOT - MINUTE == record_status.last_slot
    assert SLOT - MINUTE == record_status.pools[0].last_ok


def test_failures_are_told_by_cause(tmp_path: Path) -> None:
    """Polls and listings that failed in the last day: how many, of which pools, until when, and whether they go on."""
    run_at = SLOT + timedelta(seconds=1)
    listing = Discovery(
        run_at, "p", "0", 0, SLOT, "unauthorized", 401, "APIGW.0301", "x", None, 1, run_at, run_at, None, None
    )
    html = "<html>\x1b[2J\u202e log in"
    keep(tmp_path, scrape(SLOT - timedelta(days=2), "a", "refused"))
    keep(tmp_path, scrape(SLOT - 3 * MINUTE, "a", "tls"), scrape(SLOT - 3 * MINUTE, "b", "timeout"))
    keep(tmp_path, scrape(SLOT - 2 * MINUTE, "b", "timeout"))
    keep(tmp_path, scrape(SLOT), replace(scrape(SLOT, "b", "not_json"), body=html), discoveries=(listing,))
    with reading(tmp_path / "record.duckdb", tmp_path / "spool", CLOCK.pause) as record:
        failures = recent_failures(record, NOW, [Project("p")])
        assert [] == recent_failures(record, NOW, [Project("other")])
    told = [(f.call, f.outcome, f.count, f.pools, f.failing, f.failing_otherwise, f.last_slot) for f in failures]
    assert [
        ("listing", "unauthorized", 1, ["0"], ["0"], [], SLOT),
        ("statistics", "not_json", 1, ["b"], ["b"], [], SLOT),
        ("statistics", "timeout", 2, ["b"], [], ["b"], SLOT - 2 * MINUTE),
        ("statistics", "tls", 1, ["a"], [], [], SLOT - 3 * MINUTE),
    ] == told
    (page,) = (failure for failure in failures if failure.outcome == "not_json")
    assert "a web page answered" in page.meaning
    assert html == page.answer
    text = page.text(NOW)
    assert text.isprintable()
    assert "p: 1 poll of b failed in the last day, the last one 30 seconds ago: not_json (200): a web page" in text
    assert text.endswith("the answer begins: <html>\\x1b[2J\\u202e log in")
    timeouts, tls = failures[2].text(NOW), failures[3].text(NOW)
    assert "2 polls of b failed in the last day, the last one 2 minutes ago; later ones failed otherwise:" in timeouts
    assert "1 poll of a failed in the last day, the last one 3 minutes ago; later ones did not:" in tls
    doctor = [finding.severity for finding in look_at_failures(failures, {"p": {"not_json"}}, NOW)]
    assert ["warning", "warning", "ok"] == doctor, "the page is told by the check of the endpoint"


def test_every_outcome_has_a_cause() -> None:
    """What data/README.md lists as outcomes is what `causes` explains."""
    _, _, table = (REPOSITORY / "data" / "README.md").read_text(encoding="utf-8").partition("| outcome | meaning |")
    listed = re.findall(r"(?m)^\| ([a-z_, ]+) \|", table.partition("\n\n")[0])
    assert {"ok", *CAUSES} == {name for cell in listed for name in cell.split(", ")}


def test_a_deleted_pool_is_told_apart_from_a_failing_one(tmp_path: Path) -> None:
    """A discovered pool that was deleted is no failure; the status says since when no listing has it."""
    keep(tmp_path, scrape(SLOT - MINUTE, "b"))
    gone = Pool(SLOT, "p", "b", SLOT, listed=False)
    keep(tmp_path, scrape(SLOT, "b", "gone"), pools=(gone,))
    deleted = pool_of(tmp_path, "b")
    assert (SLOT, 1.0) == (deleted.unlisted_since, deleted.coverage_hour), "no slot is due any more"
    with reading(tmp_path / "record.duckdb", tmp_path / "spool", CLOCK.pause) as record:
        assert [] == recent_failures(record, NOW, [Project("p")])
        assert ["gone"] == [failure.outcome for failure in recent_failures(record, NOW, [Project("p", pools=("b",))])]


def test_an_empty_record_has_a_status() -> None:
    """Before the first poll, the status has no last slot and no pools."""
    record_status = status(Path("/nonexistent"))
    assert record_status.last_slot is None
    assert [] == record_status.pools


@pytest.mark.parametrize(("age", "code"), [("3650d", 0), ("10m", 7)])
def test_max_age_sets_the_exit_code(tmp_path: Path, age: str, code: int) -> None:
    """A record older than --max-age gives exit code 7 and a message with its age; a newer one gives neither."""
    keep(tmp_path, scrape(SLOT))
    done = run(tmp_path, "--max-age", age)
    assert code == done.returncode
    assert ("2026-01-15 12:00Z" in done.stderr) == (code == 7)


def test_no_slot_of_a_deleted_pool_is_due(tmp_path: Path) -> None:
    """Its coverage is that of its slots until then: it does not fall, and windows after them have none."""
    since = SLOT - timedelta(hours=2)
    for minutes in (4, 3, 1):
        keep(tmp_path, scrape(since - minutes * MINUTE, "b"))
    keep(tmp_path, scrape(since, "b", "gone"), pools=(Pool(since, "p", "b", since, listed=False),))
    keep(tmp_path, scrape(SLOT))
    deleted = pool_of(tmp_path, "b")
    assert (None, 0.75, 0.75) == (deleted.coverage_hour, deleted.coverage_day, deleted.coverage_week)


def test_a_table_has_display_names(tmp_path: Path) -> None:
    """A pool without a name, or with that of another, has its id; on a narrow terminal no name is cut."""
    long = "pool-evaluation-d57b9356-c76f-c99e3ee67860"
    names = ((long, "Evaluation"), ("b", "Same"), ("c", "Same"))
    listed = tuple(Pool(SLOT, "p", pool, SLOT, listed=True, name=name) for pool, name in names)
    keep(tmp_path, *(scrape(SLOT, pool) for pool in (long, "b", "c", "d")), pools=listed)
    assert 0 == run(tmp_path).returncode
    shown = on_terminal(tmp_path, 70, "status")
    assert ["b", "c", "d", "Evaluation"] == re.findall(r"(?m)^(?:p +)?([\w-]+) +2026-01-15 12:00Z", shown)
    assert "…" not in shown


def test_errors_take_a_line_each_where_a_table_is_narrow() -> None:
    """The list is whole, and the cells beside it are empty."""
    headings = (Heading("pool", STAYS), Heading("errors (week)", STAYS, wraps=True))
    lines = [{"pool": "a", "errors (week)": "1,200 timeout, 3 unauthorized"}, {"pool": "b", "errors (week)": "-"}]
    text = "pool  errors (week)\n----  --------------\na     1,200 timeout,\n      3 unauthorized\nb     -"
    assert (text, []) == table(lines, headings, 22)
    assert 4 == table(lines, headings, 40)[0].count("\n") + 1


def test_a_deleted_pool_is_not_too_old(tmp_path: Path) -> None:
    """Only pools that still exist in the newest slot can be too old."""
    keep(tmp_path, scrape(SLOT - 60 * MINUTE), scrape(SLOT - 60 * MINUTE, "b"))
    keep(tmp_path, scrape(SLOT), scrape(SLOT, "b", "gone"))
    assert [] == status(tmp_path).too_old(timedelta(minutes=10))


def test_a_polled_pool_without_new_samples_is_too_old(tmp_path: Path) -> None:
    """A pool that fails while another succeeds is named."""
    keep(tmp_path, scrape(SLOT - 60 * MINUTE), scrape(SLOT - 60 * MINUTE, "b"))
    keep(tmp_path, scrape(SLOT), scrape(SLOT, "b", "timeout"))
    (text,) = status(tmp_path).too_old(timedelta(minutes=10))
    assert text.startswith("p b (last slot 2026-01-15 11:00Z, last outcome timeout")


def test_pools_that_are_not_polled_are_not_too_old(tmp_path: Path) -> None:
    """Imported pools and pools of projects that are not configured any more cannot be too old."""
    keep(tmp_path, scrape(SLOT - 60 * MINUTE), replace(scrape(SLOT - 60 * MINUTE, "b"), project="old", attempts=None))
    keep(tmp_path, scrape(SLOT))
    assert [] == status(tmp_path).too_old(timedelta(minutes=10))
    keep(tmp_path, replace(scrape(SLOT - 60 * MINUTE, "c"), project="gone", run=SLOT - 59 * MINUTE))
    assert 1 == len(status(tmp_path).too_old(timedelta(minutes=10)))
    assert [] == status(tmp_path, ("p",)).too_old(timedelta(minutes=10))


def test_a_pause_that_is_over_is_not_in_the_status(tmp_path: Path) -> None:
    """The file keeps refused credentials that are not configured any more, but the status has only current pauses."""
    keep(tmp_path, scrape(SLOT))
    ends = {"old": "2025-01-01T00:00:00+00:00", "now": "2026-01-15T12:05:00+00:00"}
    pauses = {profile: {"refusals": 1, "until": until} for profile, until in ends.items()}
    (tmp_path / "spool" / "refused.json").write_text(json.dumps(pauses))
    assert ["now"] == list(status(tmp_path).pauses)


def test_json_is_one_document(tmp_path: Path) -> None:
    """`--json` prints one document; without it there is a table in a pipe too, with warnings as events beside it."""
    keep(tmp_path, scrape(SLOT))
    (tmp_path / "spool" / "20260115T115900Z-20260115T115901.000000Z.ndjson").write_text("damaged")
    asyncio.run(drain(tmp_path / "record.duckdb", tmp_path / "spool", CLOCK, 0.0))
    document = json.loads(run(tmp_path, "--json").stdout)
    assert "a" == document["pools"][0]["pool"]
    assert 1 == len(document["set_aside"])
    shown = run(tmp_path)
    assert "p        a     2026-01-15 12:00Z  ok" in shown.stdout
    assert "set_aside" == json.loads(shown.stderr)["event"]
