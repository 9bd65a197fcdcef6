"""The pools as listings described them: the last description of each, and all changes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, Final

from collector.record.database import Record

DESCRIBED: Final = ("name", "workspace", "created_at", "phase", "kind", "scope", "queue_policy", "nodes")


@dataclass(frozen=True)
class PoolDescription:
    """The last description of one pool; `nodes` has numbers of nodes by flavor, `cards` their number of cards."""

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
    """The slot of the last change."""


@dataclass(frozen=True)
class Change:
    """One value that a listing gave differently from the listing before; ``found`` where a poll did not find it."""

    slot: datetime
    project: str
    pool: str
    what: str
    before: object
    after: object


def describe(record: Record, flavors: Mapping[str, int]) -> tuple[list[PoolDescription], list[Change]]:
    """Read the descriptions of the pools.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    flavors
        Cards per node, by flavor.

    Returns
    -------
    tuple
        The pools by project and id, and all changes by slot. A pool that is gone keeps its last description.
    """
    pools: list[PoolDescription] = []
    changes: list[Change] = []
    for _, rows in groupby(_rows(record), key=lambda row: (row["project"], row["pool"])):
        descriptions = list(rows)
        last = descriptions[-1]
        described = next((row for row in reversed(descriptions) if row["listed"]), last)
        pools.append(
            PoolDescription(
                **{name: last[name] for name in ("project", "pool", "listed")},
                **{name: described[name] for name in DESCRIBED},
                cards=_cards(described["nodes"], flavors),
                first_slot=descriptions[0]["slot"],
                changed_slot=last["slot"],
            )
        )
        changes += _changes(descriptions)
    return pools, sorted(changes, key=lambda change: (change.slot, change.project, change.pool))


def unknown_flavors(pools: Iterable[PoolDescription], flavors: Mapping[str, int]) -> list[str]:
    """Return the flavors of listed pools that are not in the configuration."""
    used = {nodes["flavor"] for pool in pools if pool.listed for nodes in pool.nodes or ()}
    return sorted(used - flavors.keys())


def _rows(record: Record) -> list[dict[str, Any]]:
    cursor = record.execute(
        """SELECT pools.*, outcome IS NOT NULL AS not_found FROM pools
        LEFT JOIN (SELECT project, pool, run, outcome FROM scrapes WHERE outcome = 'gone') USING (project, pool, run)
        ORDER BY project, pool, run"""
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _changes(descriptions: list[dict[str, Any]]) -> Iterator[Change]:
    described = descriptions[0]
    for before, after in pairwise(descriptions):
        described = before if before["listed"] else described
        where = (after["slot"], after["project"], after["pool"])
        if before["listed"] != after["listed"]:
            what = "found" if after["not_found"] and not after["listed"] else "listed"
            yield Change(*where, what, before["listed"], after["listed"])
        if after["listed"]:
            yield from (
                Change(*where, name, described[name], after[name])
                for name in DESCRIBED
                if described[name] != after[name]
            )


def _cards(nodes: list[dict[str, Any]] | None, flavors: Mapping[str, int]) -> int | None:
    numbers = [(flavors.get(entry["flavor"]), entry["count"]) for entry in nodes or ()]
    if not numbers:
        return None
    cards = [None if per_node is None or count is None else per_node * count for per_node, count in numbers]
    return None if None in cards else sum(number for number in cards if number is not None)
