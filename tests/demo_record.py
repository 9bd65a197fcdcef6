"""The record of ``poolscope demo``, made from the same simulated pools without HTTP: in seconds instead of minutes."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd

from collector.commands.demo import START
from collector.record.schema import migrate
from collector.record.slots import naive
from collector.sandbox.simulated import simulated_pools

DAYS: Final = 14
STEP: Final = timedelta(minutes=5)
PROJECT: Final = "demo"


def write_demo(path: Path, days: int = DAYS, step: timedelta = STEP) -> Path:
    """Write the database that ``poolscope demo`` with these days and this step makes, and return its path."""
    slots = [START + number * step for number in range(timedelta(days=days) // step + 1)]
    snapshots: list[dict[str, Any]] = []
    scrapes: list[dict[str, Any]] = []
    pools: list[dict[str, Any]] = []
    common = {"run": naive(START), "project": PROJECT}
    for pool in simulated_pools():
        nodes = [{"flavor": pool.flavor, "count": pool.nodes, "available": pool.nodes}]
        described = {"name": pool.display_name, "queue_policy": pool.policy, "nodes": nodes, "listed": True}
        pools.append({**common, "pool": pool.id, "slot": naive(slots[0]), **described})
        for slot in slots:
            counts = pool.counts_at(slot.timestamp())
            key = {"project": PROJECT, "pool": pool.id, "slot": naive(slot)}
            snapshots += [
                {**key, "type": kind, "total": sum(by_status.values()), **by_status}
                for kind, by_status in counts.items()
            ]
            total = sum(sum(by_status.values()) for by_status in counts.values())
            scrapes.append({**common, **key, "interval_seconds": step.total_seconds(), "outcome": "ok", "total": total})
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        migrate(connection, 0, "test")
        for table, rows in (("snapshots", snapshots), ("scrapes", scrapes), ("pools", pools)):
            connection.register("rows", pd.DataFrame(rows))
            connection.execute(f"INSERT INTO {table} BY NAME FROM rows")
    return path
