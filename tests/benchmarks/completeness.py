"""Checks that a record is complete: each acknowledged slot exists once for every pool and type, and no row twice."""

from collections.abc import Iterable
from datetime import datetime

from collector.record.database import Record
from collector.sandbox.jobs import Pool

PROJECT = "p"
Kind = tuple[str, str]
"""A pool and a job type."""


def kinds_of(pools: Iterable[Pool], instant: datetime) -> set[Kind]:
    """Return the pools and types that every slot must have."""
    return {(pool.id, job_type) for pool in pools for job_type in pool.counts_at(instant.timestamp())}


def slots_of(record: Record) -> set[datetime]:
    """Return the slots (naive UTC) that have counts."""
    rows = record.execute("SELECT DISTINCT slot FROM snapshots WHERE project = $1", [PROJECT]).fetchall()
    return {slot for (slot,) in rows}


def faults_of(record: Record, acknowledged: Iterable[datetime], expected: set[Kind]) -> list[str]:
    """Return the faults of an open record; a slot that was not acknowledged must be complete or missing."""
    pools = sorted({pool for pool, _ in expected})
    faults: list[str] = []
    for table, key in (("polls", "run"), ("scrapes", "run, pool, slot"), ("snapshots", "slot, pool, type")):
        query = f"SELECT {key}, count(*) FROM {table} WHERE project = $1 GROUP BY ALL HAVING count(*) > 1"
        faults += [f"{table}: {row[:-1]} {row[-1]} times" for row in record.execute(query, [PROJECT]).fetchall()]
    query = "SELECT slot, pool, count(*) FROM scrapes WHERE project = $1 AND outcome = 'ok' GROUP BY ALL"
    scrapes = {(slot, pool) for slot, pool, _ in record.execute(query, [PROJECT]).fetchall()}
    kinds: dict[datetime, set[Kind]] = {slot: set() for slot in (*acknowledged, *(slot for slot, _ in scrapes))}
    query = "SELECT slot, pool, type FROM snapshots WHERE project = $1"
    for slot, *kind in record.execute(query, [PROJECT]).fetchall():
        kinds.setdefault(slot, set()).add(tuple(kind))
    for slot, stored in sorted(kinds.items()):
        faults += [f"slot {slot} lacks {kind}" for kind in sorted(expected - stored)]
        faults += [f"slot {slot} lacks the scrape of {pool}" for pool in pools if (slot, pool) not in scrapes]
    return faults
