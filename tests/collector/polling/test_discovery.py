"""Discovery: pools are listed on an interval of their own, changes are stored, and known pools are always polled."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.polling.discovery import DiscoveredPool, Page, parse_pools
from collector.record.reading import reading
from collector.record.rows import Nodes, PolledRows
from collector.record.schema import MIGRATIONS
from collector.record.slots import naive
from collector.sandbox.behaviour import PROJECT_ID
from tests.polling import GOOD, HALF_HOURLY, START, by_pool, poll_slots, rows, statistics_path, take_in
from tests.scripted import Act, Scripted, answer, close

LISTING = f"/v2/{PROJECT_ID}/pools"
BUSY = answer(500, b'{"error_code": "ModelArts.50005000", "error_msg": "Internal error."}')
GONE = answer(404, b'{"error_code": "ModelArts.50015001", "error_msg": "Pool not found."}')
FINE = answer(200, GOOD)
DESCRIPTIONS = "SELECT slot, pool, listed, name FROM pools ORDER BY slot, pool"


def item(pool: str, name: str | None = None, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"metadata": {"name": pool, "labels": {"os.modelarts/name": name or pool}}} | parts


def listing(*items: object, following: str | None = None) -> Act:
    return answer(200, json.dumps({"items": items, "metadata": {"continue": following}}).encode())


def asked(results: list[PolledRows]) -> list[list[str]]:
    return [sorted(by_pool(result)) for result in results]


def slot(number: int) -> datetime:
    return naive(START) + number * HALF_HOURLY.interval


def test_pools_are_listed_on_their_own_interval(tmp_path: Path) -> None:
    """Of four half hours they are listed in the first and third, polled in each; one row per pool, as none changed."""
    with Scripted({LISTING: [listing(item("a"), item("b"))]}, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 4)
        assert 2 == server.requests[LISTING]
    assert [["a", "b"]] * 4 == asked(results)
    discovered = rows(tmp_path / "record.duckdb", "SELECT discovered, pools FROM polls ORDER BY run")
    assert [(True, 2), (None, 2), (True, 2), (None, 2)] == discovered
    assert [(slot(0), "a", True, "a"), (slot(0), "b", True, "b")] == rows(tmp_path / "record.duckdb", DESCRIPTIONS)


def test_a_renamed_pool_stays_and_a_gone_one_is_no_longer_polled(tmp_path: Path) -> None:
    """A new name is a new row of the pool; an unlisted pool is asked once more, then is gone, and may return."""
    listings = [listing(item("a", "old"), item("b")), listing(item("a", "new")), listing(item("a", "new"), item("b"))]
    with Scripted({LISTING: listings, statistics_path("b"): [FINE, FINE, GONE, FINE]}, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 6)
    assert [["a", "b"], ["a", "b"], ["a", "b"], ["a"], ["a", "b"], ["a", "b"]] == asked(results)
    descriptions: list[tuple[Any, ...]] = [(slot(0), "a", True, "old"), (slot(0), "b", True, "b")]
    descriptions += [(slot(2), "a", True, "new"), (slot(2), "b", False, None), (slot(4), "b", True, "b")]
    assert descriptions == rows(tmp_path / "record.duckdb", DESCRIPTIONS)
    assert [(6,)] == rows(tmp_path / "record.duckdb", "SELECT count(*) FROM scrapes WHERE pool = 'a'")


def test_a_pool_that_answers_gone_is_not_polled_until_it_is_listed_again(tmp_path: Path) -> None:
    """Its statistics answer gone while the listing has it: that slot is stored, and the next is not polled."""
    scripts = {LISTING: [listing(item("a"), item("b"))], statistics_path("b"): [FINE, FINE, GONE, FINE]}
    with Scripted(scripts, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 5, lambda number: number != 0)
    assert [["a", "b"], ["a", "b"], ["a", "b"], ["a"], ["a", "b"]] == asked(results)
    assert "gone" == by_pool(results[2])["b"].outcome
    assert [(True,), (False,), (True,)] == rows(
        tmp_path / "record.duckdb", "SELECT listed FROM pools WHERE pool = 'b' ORDER BY run"
    )


@pytest.mark.parametrize("failure", [BUSY, close, answer(200, b"{]"), answer(403, b"{}")])
def test_known_pools_are_polled_even_if_the_listing_fails(tmp_path: Path, failure: Act) -> None:
    """A listing that fails costs no known pool its sample, and is tried again in the next slot."""
    with Scripted({LISTING: [listing(item("a"), item("b")), *[failure] * 4, listing(item("c"))]}, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 3)
        assert {"ok"} == {scrape.outcome for scrape in results[2].scrapes}
        assert 1 < server.requests[LISTING] <= 5
    assert [["a", "b"]] * 3 == asked(results)
    assert [False] == [poll.discovered for poll in results[2].polls]
    assert [] == results[2].pools


def test_the_spools_pools_are_polled_while_the_database_cannot_be_read(tmp_path: Path) -> None:
    """Without the database and without a listing, the pools of the newest poll in the spool are polled."""
    with Scripted({LISTING: [listing(item("a"), item("b")), BUSY]}, FINE) as server:
        poll_slots(tmp_path, server.endpoint, 1, lambda _: False)
        # The first slot again, a run that has nothing left to ask for, and then the next slot.
        results = poll_slots(tmp_path, server.endpoint, 2, lambda _: False, START + timedelta(seconds=30))
    assert [[], ["a", "b"]] == asked(results)


def test_an_answer_without_items_is_not_an_empty_listing(tmp_path: Path) -> None:
    """`200 {}` is a wrong shape: known pools stay. A pool that is not listed but answers stays, too."""
    listings = [listing(item("a"), item("b")), answer(200, b"{}"), listing(item("a"))]
    with Scripted({LISTING: listings}, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 5)
    assert [["a", "b"]] * 5 == asked(results)
    assert [("ok", 2), ("wrong_shape", None), ("ok", 1)] == rows(
        tmp_path / "record.duckdb", "SELECT outcome, pools FROM discoveries ORDER BY run LIMIT 3"
    )


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "soon"])
def test_a_time_beyond_the_calendar_is_unknown(tmp_path: Path, instant: str) -> None:
    """An impossible creation time of one pool costs no pool its sample."""
    odd = {"metadata": {"name": "a", "creationTimestamp": instant}}
    with Scripted({LISTING: [listing(odd, item("b"))]}, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 1)
    assert {"a": "ok", "b": "ok"} == {pool: scrape.outcome for pool, scrape in by_pool(results[0]).items()}
    assert [(None,)] == rows(tmp_path / "record.duckdb", "SELECT created_at FROM pools WHERE pool = 'a'")


def test_a_listing_that_waits_in_the_spool_is_not_repeated(tmp_path: Path) -> None:
    """Without a drain the pools are still listed once an interval: in the first and third of four slots."""
    with Scripted({LISTING: [listing(item("a"), item("b"))]}, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 4, lambda _: False)
        assert 2 == server.requests[LISTING]
    assert [["a", "b"]] * 4 == asked(results)


def test_only_the_id_of_a_pool_is_required() -> None:
    """Node counts are lists or single objects, node pools of one flavor are added up; wrong values are unknown."""
    flavor = "modelarts.pool.visual.8xlarge"
    described = item(
        "a",
        "Vision",
        spec={"type": "Dedicate", "scope": ["Train", 7], "resources": [{"flavor": flavor, "count": n} for n in (2, 3)]},
        status={
            "phase": "Running",
            "resources": {"available": {"flavor": flavor, "count": 4}, "abnormal": [{"flavor": flavor, "count": "1"}]},
        },
    )
    described["metadata"] |= {
        "creationTimestamp": "2022-09-16T03:10:40Z",
        "annotations": {"os.modelarts.pool/scheduler.queue.strategy": "fifo"},
    }
    odd = {
        "metadata": {"name": "b", "creationTimestamp": "soon", "labels": []},
        "spec": {"scope": "Train"},
        "status": 3,
    }
    page = parse_pools(json.dumps({"items": [described, odd], "metadata": {"continue": ""}}).encode())
    nodes = (Nodes(flavor, 5, 4, None, None, None),)
    created = datetime(2022, 9, 16, 3, 10, 40)
    first = DiscoveredPool("a", "Vision", created, "Running", "Dedicate", ("Train",), "fifo", nodes)
    assert Page((first, DiscoveredPool("b"))) == page


@pytest.mark.parametrize("nameless", [{}, {"metadata": {"name": ""}}, {"metadata": {"name": 7}}, None, "pool"])
def test_an_item_without_an_id_costs_the_others_nothing(tmp_path: Path, nameless: object) -> None:
    """The rest of its page and the next page are used, the listing names the item, and no pool counts as gone."""
    odd = listing(item("a"), nameless, following="2")
    with Scripted({LISTING: [listing(item("a"), item("b")), odd, listing(item("c"))]}, FINE) as server:
        results = poll_slots(tmp_path, server.endpoint, 4)
    assert [["a", "b"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c"]] == asked(results)
    assert [("wrong_shape", True), ("ok", False)] == [
        (page.outcome, "items[1]" in (page.error_msg or "")) for page in results[2].discoveries
    ]
    assert [False] == [poll.discovered for poll in results[2].polls]


def test_the_values_of_a_listing_are_stored_unchanged(tmp_path: Path) -> None:
    """Each field of a pool goes through the spool into its row; a reader sees it before the drain."""
    parts: dict[str, Any] = {"spec": {"type": "Logical", "scope": ["Train", "Infer"]}, "status": {"phase": "Abnormal"}}
    parts["spec"]["resources"] = {"flavor": "gpu.8", "count": 3}
    query = "SELECT pool, workspace, phase, kind, scope, queue_policy, nodes FROM pools"

    def read() -> list[tuple[Any, ...]]:
        with reading(tmp_path / "record.duckdb", tmp_path / "spool", SimulatedClock(START).pause) as record:
            return record.execute(query).fetchall()

    with Scripted({LISTING: [listing(item("a", **parts))]}, FINE) as server:
        poll_slots(tmp_path, server.endpoint, 1, lambda _: False)
    nodes = {"flavor": "gpu.8", "count": 3, "available": None, "abnormal": None, "creating": None, "deleting": None}
    expected = [("a", "0", "Abnormal", "Logical", ["Train", "Infer"], None, [nodes])]
    assert expected == read()
    take_in(tmp_path)
    assert expected == rows(tmp_path / "record.duckdb", query)


def test_a_record_of_the_first_version_is_read_and_migrated(tmp_path: Path) -> None:
    """That version has no table of pools: readers see all other rows; the next poll migrates it without loss."""
    with duckdb.connect(tmp_path / "record.duckdb") as connection:
        connection.execute(
            "CREATE TABLE poolscope_migrations (version INTEGER, applied_at TIMESTAMP, poolscope_version VARCHAR)"
        )
        connection.execute(MIGRATIONS[0])
        connection.execute("INSERT INTO poolscope_migrations VALUES (1, now()::TIMESTAMP, '0.1.0')")
        connection.execute("INSERT INTO polls (run, project, slot) VALUES ('2026-01-01', 'p', '2026-01-01')")

    def read() -> list[tuple[Any, ...]]:
        with reading(tmp_path / "record.duckdb", tmp_path / "spool", SimulatedClock(START).pause) as record:
            return record.execute("SELECT count(*), (SELECT count(*) FROM pools) FROM polls").fetchall()

    assert [(1, 0)] == read()
    with Scripted({LISTING: [listing(item("a"))]}, FINE) as server:
        poll_slots(tmp_path, server.endpoint, 1)
    assert [(2, 1)] == read()
    assert [(2,)] == rows(tmp_path / "record.duckdb", "SELECT max(version) FROM poolscope_migrations")
