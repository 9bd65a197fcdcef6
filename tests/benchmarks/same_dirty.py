"""The dirty record of `same`: a record with all kinds of defects, made from a seed through import and spool.

It has gaps, unknown counts, omitted statuses and types, an undocumented status, and totals that disagree; finished jobs
that are kept, rolling, purged, capped or absent; one pool id in two projects; intervals of 10, 30 and 60 minutes, all
three in one pool; display names, queue policies and changes of nodes; scrapes that failed or were repeated; and polls
that are still in the spool.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heapreplace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.same_records import DAY, STATUSES, Ints, TestedRecord, begin, counted, do, tested_record, write

FIRST = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
"""A Monday, four weeks before daylight saving time begins in Europe."""
DAYS = 35
LAST = FIRST + DAYS * DAY
HOUR = 3600
STEP = 600
HALF_HOUR = 1800
POLLED, WAITING = 24 * HOUR, HOUR
"""The last 24 hours are written as polls; the last hour of these stays in the spool."""
JOB_TYPES = {"train": (5.0, 1.2), "infer": (2.0, 0.8), "notebook": (0.7, 3.0)}
"""Arrivals an hour and mean run time in hours, by type."""
POOLS = {
    ("alpha", "pool-a"): ("kept", ["train", "infer", "notebook"]),
    ("alpha", "pool-b"): ("rolling", ["train", "infer"]),
    ("alpha", "pool-c"): ("capped", ["train", "notebook"]),
    ("alpha", "pool-d"): ("purged", ["train"]),
    ("beta", "pool-a"): ("absent", ["train", "infer"]),
    ("beta", "pool-e"): ("kept", ["train"]),
    ("beta", "pool-f"): ("kept", ["infer"]),
}
"""The retention of finished jobs and the job types, by project and pool."""
RETENTION = {"rolling": 2.0 * DAY, "absent": 0.0}
CEILING = 60
FAILURES = {"throttled": 429, "server_error": 503, "timeout": None}
Row = dict[str, Any]


def dirty(python: Path, folder: Path, seed: int) -> TestedRecord:
    """Make the dirty record."""
    draw = np.random.default_rng(seed)
    counts = pd.concat([_pool_counts(draw, *pool) for pool in POOLS], ignore_index=True)
    is_polled = (counts["project"] == "alpha") & (counts["slot"] > LAST - POLLED)
    begin(folder, "dirty")
    record = tested_record(folder, "dirty", FIRST, DAYS)
    record.spool.mkdir()
    for slot, rows in _listings().items():
        _spool(record.spool, slot, slot, rows)
    _poll(draw, record.spool, counts[is_polled & (counts["slot"] <= LAST - WAITING)])
    # An import first takes in the spool.
    for interval, part in counts[~is_polled].groupby("interval"):
        file = folder / f"every-{interval}.{'csv' if interval == HOUR else 'parquet'}"
        write(file, part.drop(columns="interval"))
        do(python, folder, "import", file, "--interval", f"{interval}s")
    _poll(draw, record.spool, counts[is_polled & (counts["slot"] > LAST - WAITING)])
    return record


def _pool_counts(draw: np.random.Generator, project: str, pool: str) -> pd.DataFrame:
    """Return the counts of a pool by type, with the defects of its answers."""
    slots, intervals = _slots(draw, project, pool)
    history, types = POOLS[project, pool]
    frames = []
    for job_type in types:
        counts = _counts_with_retention(_jobs(draw, *JOB_TYPES[job_type]), slots, history)
        counts = counts.assign(project=project, pool=pool, type=job_type, interval=intervals)
        frames.append(_with_defects(draw, counts, pool))
    return pd.concat(frames)


def _slots(draw: np.random.Generator, project: str, pool: str) -> tuple[Ints, Ints]:
    """Return the slots in which a pool was observed, and the interval of each."""
    every = np.arange(FIRST, LAST + 1, STEP)
    intervals = np.full(len(every), STEP)
    if (project, pool) == ("beta", "pool-a"):
        intervals[:] = HOUR
    elif pool == "pool-e":
        intervals[every > FIRST + 15 * DAY] = HALF_HOUR
        intervals[every > FIRST + 28 * DAY] = HOUR
        intervals[every > FIRST + 31 * DAY] = STEP
    elif pool == "pool-f":
        every, intervals = every[:1], intervals[:1]
    observed = (every - FIRST) % intervals == 0
    if pool == "pool-b":
        observed &= (every < FIRST + 20 * DAY) | (every > FIRST + 21.3 * DAY)
    if pool in ("pool-b", "pool-d"):
        for gap in draw.integers(1, len(every) - 40, 20):
            observed[gap : gap + draw.integers(1, 24)] = False
    return every[observed], intervals[observed]


def _jobs(draw: np.random.Generator, rate: float, hours: float) -> pd.DataFrame:
    """Simulate a FIFO queue with a daily rhythm of arrivals; some jobs give up, some fail."""
    often = rate * 1.6 / HOUR
    submit = FIRST + np.cumsum(draw.exponential(1 / often, int(DAYS * DAY * often)))
    rhythm = 1 + 0.6 * np.sin(2 * np.pi * submit / DAY)
    submit = submit[(draw.random(len(submit)) * 1.6 < rhythm) & (submit < LAST)].round()
    # Servers for a utilisation of 0.7.
    free = [float(FIRST)] * max(1, round(rate * hours / 0.7))
    start = np.full(len(submit), np.nan)
    end = submit + draw.exponential(HOUR / 2, len(submit)).round() + 1
    final = np.full(len(submit), "Terminated", object)
    for job in np.flatnonzero(draw.random(len(submit)) > 0.03):
        start[job] = max(submit[job], free[0])
        end[job] = start[job] + round(draw.exponential(hours * HOUR)) + 1
        final[job] = draw.choice(["Completed", "Failed", "Terminated"], p=[0.85, 0.1, 0.05])
        heapreplace(free, end[job])
    return pd.DataFrame({"submit": submit, "start": start, "end": end, "final": final})


def _counts_with_retention(jobs: pd.DataFrame, slots: Ints, history: str) -> pd.DataFrame:
    """Count jobs, with finished jobs kept as the pool's retention says."""
    counts = counted(jobs, slots, RETENTION.get(history, np.inf))
    for status in ("Completed", "Failed", "Terminated"):
        if history == "capped":
            counts[status] = counts[status].clip(upper=CEILING)
        elif history == "purged":
            weeks = (counts["slot"] - FIRST) // (7 * DAY)
            counts[status] -= counts.groupby(weeks)[status].transform("first")
    counts["total"] = counts[[*STATUSES]].sum(axis=1)
    return counts


def _with_defects(draw: np.random.Generator, counts: pd.DataFrame, pool: str) -> pd.DataFrame:
    """Add the defects of answers: omitted and wrong values."""
    n = len(counts)
    counts["Preparing"] = pd.array([pd.NA] * n, "Int64")
    if pool == "pool-c":
        moved = (draw.random(n) < 0.2) & (counts["Running"] > 0)
        counts.loc[moved, "Running"] -= 1
        counts.loc[moved, "Preparing"] = 1
    if pool in ("pool-b", "pool-c"):
        names = ["total", *STATUSES]
        counts[names] = counts[names].astype("Int64")
        # Zero counts are omitted, some totals are wrong, and some values are unknown.
        counts[[*STATUSES]] = counts[[*STATUSES]].mask((counts[[*STATUSES]] == 0) & (draw.random((n, 9)) < 0.5))
        counts.loc[draw.random(n) < 0.005, "total"] += 1
        counts[names] = counts[names].mask(draw.random((n, 10)) < 0.0005)
        counts = counts[(counts["total"] != 0).fillna(True)]
    return counts


def _listings() -> dict[int, list[Row]]:
    """Return discovery's rows about pools, by slot."""
    name, policy = "Vision 视觉", "fifo"
    return {
        FIRST: [_listing("alpha", "pool-a", 6, name, policy), _listing("alpha", "pool-b", 4, "Speech")],
        FIRST + STEP: [_listing("beta", "pool-a", 5, "Vision of beta"), _listing("alpha", "pool-c", 3, "")],
        FIRST + 17 * DAY: [_listing("alpha", "pool-a", 8, name, policy)],
        FIRST + 22 * DAY: [_listing("alpha", "pool-b", 4, "Speech, renamed", "Traversal")],
        FIRST + 30 * DAY: [_listing("beta", "pool-a", 0, None) | {"listed": False, "nodes": None}],
    }


def _listing(project: str, pool: str, nodes: int, name: str | None, policy: str | None = None) -> Row:
    flavor = {"flavor": "gpu.8", "count": nodes, "available": nodes - 1}
    key = {"table": "pools", "project": project, "pool": pool}
    values = {"name": name, "workspace": "0", "created_at": "2026-01-01T00:00:00", "phase": "Running"}
    more = {"kind": "Dedicate", "scope": ["Train"], "queue_policy": policy}
    empty = dict.fromkeys(("abnormal", "creating", "deleting"))
    return key | {"listed": True} | values | more | {"nodes": [flavor | empty]}


def _poll(draw: np.random.Generator, spool: Path, counts: pd.DataFrame) -> None:
    """Write the counts of slots as polls do; some scrapes fail or are repeated half a minute later."""
    for slot in map(int, np.unique(counts["slot"])):
        slot_counts = counts[counts["slot"] == slot]
        first: list[Row] = []
        second: list[Row] = []
        for pool, pool_counts in slot_counts.groupby("pool"):
            chance = draw.random()
            if chance < 0.06:
                first.append(_scrape(str(pool), str(draw.choice([*FAILURES])), None))
            else:
                first += _answer(str(pool), pool_counts)
            if chance < 0.03 or chance > 0.98:
                # The first of two answers counts.
                second += _answer(
                    str(pool), pool_counts.assign(Queue=pool_counts["Queue"] + 1, total=pool_counts["total"] + 1)
                )
        for run, rows in enumerate((first, second)):
            if rows:
                _spool(spool, slot, slot + 1 + 30 * run, rows)


def _answer(pool: str, counts: pd.DataFrame) -> Iterator[Row]:
    """Yield the rows of one answer of a pool."""
    total = counts["total"].sum(skipna=False)
    yield _scrape(pool, "ok", None if pd.isna(total) else int(total))
    for row in counts.astype(object).where(counts.notna(), None).to_dict("records"):
        other = {"Preparing": row["Preparing"]} if row["Preparing"] is not None else None
        known = {name: row[name] for name in ("type", "total", *STATUSES)}
        yield {"table": "snapshots", "project": "alpha", "pool": pool} | known | {"other_statuses": other}


def _scrape(pool: str, outcome: str, total: int | None) -> Row:
    empty = dict.fromkeys(
        ("error_code", "error_msg", "request_id", "started_at", "answered_at", "disagreement", "body")
    )
    values = {"outcome": outcome, "http_status": FAILURES.get(outcome, 200), "attempts": 1, "total": total}
    return {"table": "scrapes", "project": "alpha", "pool": pool, "interval_seconds": STEP} | values | empty


def _spool(spool: Path, slot: int, run: int, rows: list[Row]) -> None:
    """Write one run as a file of the spool; data/README.md describes the format."""
    slot_time, run_time = (datetime(1970, 1, 1) + timedelta(seconds=seconds) for seconds in (slot, run))
    poll = {"table": "polls", "project": rows[0]["project"], "project_id": "0", "endpoint": "https://localhost"}
    poll |= {"command": "collect", "version": "0", "interval_seconds": STEP, "pools": len(POOLS)}
    poll |= {"ended_at": run_time.isoformat(), "discovered": None}
    stamps = {"run": run_time.isoformat(), "slot": slot_time.isoformat()}
    lines = [{"table": "spool", "format": 1, "lines": len(rows) + 1}, *(row | stamps for row in (poll, *rows))]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    stamp = "%Y%m%dT%H%M%S"
    (spool / f"{slot_time:{stamp}}Z-{run_time:{stamp}}.000000Z.ndjson").write_text(text, encoding="utf-8")
