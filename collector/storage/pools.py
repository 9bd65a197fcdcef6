"""What discovery knows of the pools: how each was last described, and what has changed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, Final

from collector.record.database import Record

TOLD: Final = ("name", "workspace", "created_at", "phase", "kind", "scope", "queue_policy", "nodes")


@dataclass(frozen=True)
class PoolDescription:
    """One pool as it was last described; counts are nodes, `cards` those nodes times the flavors' cards."""

    project: str
    pool: str
    listed: bool
    name: str | None
    workspace: str | None
    created_at: datetime | None
    phase: str | None
    kind: str | None
    scope: list[str] | None
    queue_policy: str | None
    nodes: list[dict[str, Any]] | None
    cards: int | None
    """None where the listing gives no nodes, or a flavor is not in the configuration."""
    first_slot: datetime
    changed_slot: datetime
    """When it was first described as it is now."""


@dataclass(frozen=True)
class Change:
    """One thing that a listing told otherwise than the one before."""

    slot: datetime
    project: str
    pool: str
    what: str
    before: object
    after: object


def describe(record: Record, flavors: Mapping[str, int]) -> tuple[list[PoolDescription], list[Change]]:
    """Read the history of the pools.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    flavors
        Cards a node, by flavor.

    Returns
    -------
    tuple
        The pools by project and id, and all changes by slot. A pool that is gone is as it was last described.
    """
    pools: list[PoolDescription] = []
    changes: list[Change] = []
    for _, rows in groupby(_rows(record), key=lambda row: (row["project"], row["pool"])):
        history = list(rows)
        last = history[-1]
        told = next((row for row in reversed(history) if row["listed"]), last)
        pools.append(
            PoolDescription(
                **{name: last[name] for name in ("project", "pool", "listed")},
                **{name: told[name] for name in TOLD},
                cards=_cards(told["nodes"], flavors),
                first_slot=history[0]["slot"],
                changed_slot=last["slot"],
            )
        )
        changes += _changes(history)
    return pools, sorted(changes, key=lambda change: (change.slot, change.project, change.pool))


def unknown_flavors(pools: Iterable[PoolDescription], flavors: Mapping[str, int]) -> list[str]:
    """Return the flavors of pools that are there whose cards a node nobody gave."""
    used = {nodes["flavor"] for pool in pools if pool.listed for nodes in pool.nodes or ()}
    return sorted(used - flavors.keys())


def _rows(record: Record) -> list[dict[str, Any]]:
    cursor = record.execute("SELECT * FROM pools ORDER BY project, pool, run")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _changes(history: list[dict[str, Any]]) -> Iterator[Change]:
    told = history[0]
    for before, after in pairwise(history):
        told = before if before["listed"] else told
        where = (after["slot"], after["project"], after["pool"])
        if before["listed"] != after["listed"]:
            yield Change(*where, "listed", before["listed"], after["listed"])
        if after["listed"]:
            yield from (Change(*where, name, told[name], after[name]) for name in TOLD if told[name] != after[name])


def _cards(nodes: list[dict[str, Any]] | None, flavors: Mapping[str, int]) -> int | None:
    counted = [(flavors.get(one["flavor"]), one["count"]) for one in nodes or ()]
    if not counted:
        return None
    cards = [None if a_node is None or count is None else a_node * count for a_node, count in counted]
    return None if None in cards else sum(number for number in cards if number is not None)
