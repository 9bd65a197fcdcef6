"""A trace of real jobs in the sandbox: from jobs to counts to the answer's JSON."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from collector.errors import InputRefused
from collector.record.statuses import ENDED, STATUSES
from collector.sandbox.behaviour import Behaviour
from collector.sandbox.jobs import Job, Ledger
from collector.sandbox.payloads import Json, statistics_payload
from collector.sandbox.traces import TracePool, read_trace

MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
TRACE = """
    (1, 'a/b', 'train', TIMESTAMP '2026-01-01 00:00', TIMESTAMP '2026-01-01 02:00',
        TIMESTAMP '2026-01-01 03:00', 'Completed', 8),
    (2, 'a/b', 'train', TIMESTAMP '2026-01-01 01:00', NULL, TIMESTAMP '2026-01-01 04:00', 'Terminated', 1),
    (3, 'a/b', 'infer', TIMESTAMP '2026-01-01 01:00', TIMESTAMP '2026-01-01 01:00', NULL, NULL, 1),
    (4, 'c', 'train', TIMESTAMP '2026-01-01 05:00', NULL, NULL, NULL, 1)
"""
NAMES = 'job_id, pool, type, submit, "start", "end", final, gpus'


def write_trace(folder: Path, rows: str = TRACE, select: str = "*") -> Path:
    file = folder / "trace.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {select} FROM (VALUES {rows}) AS t({NAMES})) TO '{file}' (FORMAT parquet)")
    return file


@pytest.mark.parametrize(
    ("hour", "train", "infer"),
    [
        (0, {"Queue": 1}, {}),
        (1, {"Queue": 2}, {"Running": 1}),
        (2, {"Queue": 1, "Running": 1}, {"Running": 1}),
        (3, {"Queue": 1, "Completed": 1}, {"Running": 1}),
        (4, {"Completed": 1, "Terminated": 1}, {"Running": 1}),
    ],
)
def test_a_trace_counts_all_events_so_far(
    tmp_path: Path, hour: int, train: dict[str, int], infer: dict[str, int]
) -> None:
    """Events at exactly the time count; a job without start leaves the queue at its end; one without end runs on."""
    [pool] = read_trace(write_trace(tmp_path)).pools
    counts = pool.counts_at(datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp())
    zeros = dict.fromkeys(STATUSES, 0)
    assert counts == {"train": zeros | train, "infer": zeros | infer}


def test_a_trace_has_a_time_span(tmp_path: Path) -> None:
    """The span covers arrivals and waits; pools whose jobs neither started nor ended are excluded."""
    trace = read_trace(write_trace(tmp_path))
    assert (trace.first, trace.last) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 4, tzinfo=UTC))
    assert ["a/b"] == [pool.id for pool in trace.pools]


@pytest.mark.parametrize(
    ("rows", "select", "reason"),
    [
        (TRACE, '* EXCLUDE ("start", gpus)', "lacks the columns start, gpus"),
        ("(1, 'p', 't', now()::TIMESTAMP, NULL::TIMESTAMP, NULL::TIMESTAMP, NULL, 1)", "*", "nothing to replay"),
        (TRACE.replace("'Completed'", "'done'"), "*", "final must be Completed, Failed or Terminated"),
        (TRACE.replace("00:00", "02:30"), "*", "starts or ends before that time"),
        (TRACE.replace("'train'", "NULL"), "*", "has no pool, type or submit"),
    ],
)
def test_a_bad_trace_is_refused(tmp_path: Path, rows: str, select: str, reason: str) -> None:
    """An invalid trace is refused with its name and the reason."""
    with pytest.raises(InputRefused, match=rf"trace\.parquet.*{reason}"):
        read_trace(write_trace(tmp_path, rows, select))


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A missing file and a file that is not Parquet are refused with their name."""
    with pytest.raises(InputRefused, match=r"none\.parquet: there is no such file"):
        read_trace(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputRefused, match=r"text\.parquet: cannot be read as a trace"):
        read_trace(tmp_path / "text.parquet")


def small_pool() -> TracePool:
    """Return a pool with a train job completed ten days ago, one failed yesterday and one in the queue."""
    now = MONDAY.timestamp()
    ledger = Ledger(["train", "infer"])
    old, recent = now - 10 * 86400, now - 86400
    ledger.add(Job("small", "train", old - 60, old - 50, old - 40, old - 30, old, "Completed"))
    ledger.add(Job("small", "train", recent - 60, recent - 50, recent - 40, recent - 30, recent, "Failed"))
    ledger.add(Job("small", "train", now))
    return TracePool("small", MONDAY, ledger)


def answer_of(behaviour: Behaviour) -> Json:
    counts = small_pool().counts_at(MONDAY.timestamp(), behaviour.retention_seconds)
    return statistics_payload(counts, behaviour)


def test_statistics_as_documented() -> None:
    """By default: the key of the example, integers, every status of every type, jobs counted for ever."""
    zeros = dict.fromkeys(STATUSES, 0)
    assert answer_of(Behaviour()) == {
        "statistics": {
            "total": 3,
            "items": [
                {"type": "train", "total": 3, "status": zeros | {"Queue": 1, "Completed": 1, "Failed": 1}},
                {"type": "infer", "total": 0, "status": zeros},
            ],
        }
    }


def test_statistics_in_the_other_spelling() -> None:
    """With other settings: the key of the documents' table, decimal strings, no zeros."""
    items = [{"type": "train", "total": 3, "status": {"Queue": "1", "Completed": "1", "Failed": "1"}}]
    assert answer_of(Behaviour(key="statics", counts="strings", omit_zeros=True)) == {
        "statics": {"total": 3, "items": items}
    }


@pytest.mark.parametrize(("days", "finished"), [(None, 2), (7, 1), (1, 0), (0, 0)])
def test_finished_jobs_are_counted_for_the_retention(days: int | None, finished: int) -> None:
    """A finished job is counted for ever, for a time (its last second not included), or never."""
    behaviour = Behaviour(retention=None if days is None else timedelta(days=days))
    status = answer_of(behaviour)["statistics"]["items"][0]["status"]
    assert sum(status[final] for final in ENDED) == finished
