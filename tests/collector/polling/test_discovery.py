"""Which pools there are: listed on an interval of its own, kept as history, and polled whatever the listing does."""

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
HISTORY = "SELECT slot, pool, listed, name FROM pools ORDER BY slot, pool"


def item(pool: str, name: str | None = None, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"metadata": {"name": pool, "labels": {"os.modelarts/name": name or pool}}} | parts


def listing(*items: object, following: str | None = None) -> Act:
    return answer(200, json.dumps({"items": items, "metadata": {"continue": following}}).encode())


def asked(seen: list[PolledRows]) -> list[list[str]]:
    return [sorted(by_pool(result)) for result in seen]


def slot(number: int) -> datetime:
    return naive(START) + number * HALF_HOURLY.interval


def test_pools_are_listed_on_their_own_interval(tmp_path: Path) -> None:
    """Listed in the first and the third of four half hours; polled in each; one row a pool, as nothing changed."""
    with Scripted({LISTING: [listing(item("a"), item("b"))]}, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 4)
        assert 2 == server.requests[LISTING]
    assert [["a", "b"]] * 4 == asked(seen)
    discovered = rows(tmp_path / "record.duckdb", "SELECT discovered, pools FROM polls ORDER BY run")
    assert [(True, 2), (None, 2), (True, 2), (None, 2)] == discovered
    assert [(slot(0), "a", True, "a"), (slot(0), "b", True, "b")] == rows(tmp_path / "record.duckdb", HISTORY)


def test_a_renamed_pool_stays_and_a_gone_one_is_polled_no_more(tmp_path: Path) -> None:
    """A new name is a new row of the same pool; what a listing lacks is asked once more, is gone, and may come back."""
    listings = [listing(item("a", "old"), item("b")), listing(item("a", "new")), listing(item("a", "new"), item("b"))]
    with Scripted({LISTING: listings, statistics_path("b"): [FINE, FINE, GONE, FINE]}, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 6)
    assert [["a", "b"], ["a", "b"], ["a", "b"], ["a"], ["a", "b"], ["a", "b"]] == asked(seen)
    history: list[tuple[Any, ...]] = [(slot(0), "a", True, "old"), (slot(0), "b", True, "b")]
    history += [(slot(2), "a", True, "new"), (slot(2), "b", False, None), (slot(4), "b", True, "b")]
    assert history == rows(tmp_path / "record.duckdb", HISTORY)
    assert [(6,)] == rows(tmp_path / "record.duckdb", "SELECT count(*) FROM scrapes WHERE pool = 'a'")


def test_a_pool_that_answers_gone_is_left_alone_until_it_is_listed_again(tmp_path: Path) -> None:
    """Its statistics say gone, whatever the listing says: that slot is recorded, the next not asked."""
    scripts = {LISTING: [listing(item("a"), item("b"))], statistics_path("b"): [FINE, FINE, GONE, FINE]}
    with Scripted(scripts, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 5, lambda number: number != 0)
    assert [["a", "b"], ["a", "b"], ["a", "b"], ["a"], ["a", "b"]] == asked(seen)
    assert "gone" == by_pool(seen[2])["b"].outcome
    assert [(True,), (False,), (True,)] == rows(
        tmp_path / "record.duckdb", "SELECT listed FROM pools WHERE pool = 'b' ORDER BY run"
    )


@pytest.mark.parametrize("failure", [BUSY, close, answer(200, b"{]"), answer(403, b"{}")])
def test_known_pools_are_polled_whatever_the_listing_does(tmp_path: Path, failure: Act) -> None:
    """A listing that fails costs no known pool its sample, and is tried again in the next slot."""
    with Scripted({LISTING: [listing(item("a"), item("b")), *[failure] * 4, listing(item("c"))]}, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 3)
        assert {"ok"} == {scrape.outcome for scrape in seen[2].scrapes}
        assert 1 < server.requests[LISTING] <= 5
    assert [["a", "b"]] * 3 == asked(seen)
    assert [False] == [poll.discovered for poll in seen[2].polls]
    assert [] == seen[2].pools


def test_the_spools_pools_are_known_while_the_database_cannot_be_had(tmp_path: Path) -> None:
    """A writer holds the database: the pools of the newest poll in the spool are polled though no listing comes."""
    with Scripted({LISTING: [listing(item("a"), item("b")), BUSY]}, FINE) as server:
        poll_slots(tmp_path, server.endpoint, 1, lambda _: False)
        # The first slot again, a run that has nothing left to ask for, and then the next slot.
        seen = poll_slots(tmp_path, server.endpoint, 2, lambda _: False, START + timedelta(seconds=30))
    assert [[], ["a", "b"]] == asked(seen)


def test_an_answer_without_items_is_no_empty_listing(tmp_path: Path) -> None:
    """`200 {}` is a wrong shape: the known pools stay; a listing that lacks a pool which answers keeps it, too."""
    listings = [listing(item("a"), item("b")), answer(200, b"{}"), listing(item("a"))]
    with Scripted({LISTING: listings}, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 5)
    assert [["a", "b"]] * 5 == asked(seen)
    assert [("ok", 2), ("wrong_shape", None), ("ok", 1)] == rows(
        tmp_path / "record.duckdb", "SELECT outcome, pools FROM discoveries ORDER BY run LIMIT 3"
    )


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "soon"])
def test_an_instant_beyond_the_calendar_is_unknown(tmp_path: Path, instant: str) -> None:
    """One pool's odd creation time costs nobody a sample."""
    odd = {"metadata": {"name": "a", "creationTimestamp": instant}}
    with Scripted({LISTING: [listing(odd, item("b"))]}, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 1)
    assert {"a": "ok", "b": "ok"} == {pool: scrape.outcome for pool, scrape in by_pool(seen[0]).items()}
    assert [(None,)] == rows(tmp_path / "record.duckdb", "SELECT created_at FROM pools WHERE pool = 'a'")


def test_a_listing_that_waits_in_the_spool_is_not_repeated(tmp_path: Path) -> None:
    """While nothing is drained the pools are listed once an interval all the same: first and third of four slots."""
    with Scripted({LISTING: [listing(item("a"), item("b"))]}, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 4, lambda _: False)
        assert 2 == server.requests[LISTING]
    assert [["a", "b"]] * 4 == asked(seen)


def test_a_listing_is_read_leniently_but_for_the_id() -> None:
    """Node counts come as lists or single objects, several node pools of a flavor are one; what is odd is not said."""
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
    """The rest of its page and the next page are taken, the listing says what it lacks, and no pool is gone for it."""
    odd = listing(item("a"), nameless, following="2")
    with Scripted({LISTING: [listing(item("a"), item("b")), odd, listing(item("c"))]}, FINE) as server:
        seen = poll_slots(tmp_path, server.endpoint, 4)
    assert [["a", "b"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c"]] == asked(seen)
    assert [("wrong_shape", True), ("ok", False)] == [
        (page.outcome, "items[1]" in (page.error_msg or "")) for page in seen[2].discoveries
    ]
    assert [False] == [poll.discovered for poll in seen[2].polls]


def test_what_a_listing_says_is_stored_as_it_was(tmp_path: Path) -> None:
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
    told = [("a", "0", "Abnormal", "Logical", ["Train", "Infer"], None, [nodes])]
    assert told == read()
    take_in(tmp_path)
    assert told == rows(tmp_path / "record.duckdb", query)


def test_a_record_of_the_first_version_is_read_and_brought_up_to_date(tmp_path: Path) -> None:
    """Before pools were kept: readers see no pools and all the rest, the next poll migrates and loses nothing."""
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
