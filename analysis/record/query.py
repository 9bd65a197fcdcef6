"""The rows of some pools, read from an open record and split by series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from analysis.arrays import Ints
from analysis.record.series import UNKNOWN, Pool, Series, read_counts
from collector.record.database import Record as OpenRecord
from collector.record.patterns import matches
from collector.record.selection import IN_SPAN, WITH_STARTING_STATE, Selection
from collector.record.statuses import STATUSES, UNDOCUMENTED, UNDOCUMENTED_JOBS, jobs_in

HAS_OTHERS: Final = "(other_statuses IS NOT NULL)::BIGINT"
"""SQL for whether a snapshot has statuses beside those that have a column."""


@dataclass(frozen=True)
class SelectedPool:
    """A pool whose rows are to be read."""

    project: str
    pool: str
    name: str | None
    queue_policy: str | None
    logical: bool
    nodes: tuple[tuple[int, dict[str, int]], ...]
    types: list[str]
    """Job types that were ever listed."""
    rows: int
    """The number of its rows in snapshots; in the span of a selection about that many."""
    first: datetime
    last: datetime
    """The first and the last slot in which it was observed, naive UTC."""
    asked: datetime
    """The last slot in which it was polled, with or without an answer, naive UTC; polls of a deleted pool do not count.
    """


def observed_pools(connection: OpenRecord) -> list[SelectedPool]:
    """Return every pool that was observed, by project and pool; each table is read once."""
    observed = connection.execute(
        """WITH discovered AS (
            SELECT project, pool, arg_max(name, run) AS name, arg_max(queue_policy, run) AS policy,
                coalesce(arg_max(kind, run) = 'Logical', false) AS logical,
                list((slot, nodes) ORDER BY run) FILTER (listed AND len(nodes) > 0) AS nodes
            FROM pools GROUP BY ALL
        ), listed AS (
            SELECT project, pool, sum(n)::BIGINT AS rows, list(type ORDER BY type) AS types FROM (
                SELECT project, pool, type, count(*) AS n FROM snapshots GROUP BY ALL
            ) GROUP BY ALL
        )
        SELECT project, pool, name, policy, coalesce(logical, false), nodes, types, coalesce(rows, 0),
            first, last, asked
        FROM (
            SELECT project, pool, min(slot) FILTER (outcome = 'ok') AS first, max(slot) FILTER (outcome = 'ok') AS last,
                max(slot) FILTER (outcome NOT IN ('gone', 'clock_ahead')) AS asked
            FROM scrapes GROUP BY ALL HAVING first IS NOT NULL
        )
        LEFT JOIN discovered USING (project, pool) LEFT JOIN listed USING (project, pool)
        ORDER BY project, pool"""
    ).fetchall()
    return [
        SelectedPool(project, pool, name or None, policy, logical, _nodes(nodes or ()), types or [], *rows_and_span)
        for project, pool, name, policy, logical, nodes, types, *rows_and_span in observed
    ]


def selected(pools: Sequence[SelectedPool], selection: Selection) -> list[SelectedPool]:
    """Return the pools of a selection, each with the rows that it has in the selection's span, if they are even."""
    since, until = selection.span
    chosen = []
    for pool in pools:
        if selection.takes(pool.project, pool.pool, pool.name) and pool.first <= until and pool.last > since:
            inside = min(pool.last, until) - max(pool.first, since)
            share = inside / (pool.last - pool.first) if pool.last > pool.first else 1.0
            chosen.append(replace(pool, rows=round(share * pool.rows)))
    return chosen


def grouped(pools: Sequence[SelectedPool], most_rows: int) -> list[list[SelectedPool]]:
    """Return pools in groups of at most `most_rows` rows; a pool with more is a group of its own."""
    groups: list[list[SelectedPool]] = []
    size = most_rows
    for pool in pools:
        if not groups or size + pool.rows > most_rows:
            groups.append([])
            size = 0
        groups[-1].append(pool)
        size += pool.rows
    return groups


def _nodes(discovered: Sequence[tuple[datetime, list[dict[str, Any]]]]) -> tuple[tuple[int, dict[str, int]], ...]:
    """Return the number of nodes by flavor, each with the slot from which on it holds, in seconds since 1970.

    The number is that of available nodes; where discovery did not state it, that of ordered nodes.
    """
    since = []
    for slot, nodes in discovered:
        usable = {node["flavor"]: node["count"] if node["available"] is None else node["available"] for node in nodes}
        known = {flavor: number for flavor, number in usable.items() if number is not None}
        if known:
            since.append((int(slot.replace(tzinfo=UTC).timestamp()), known))
    return tuple(since)


def attempts(
    connection: OpenRecord, selection: Selection
) -> list[tuple[str, str, str | None, str, int, datetime, datetime]]:
    """Count the attempts to poll each pool, by outcome, see `database.Record.attempts`."""
    rows = connection.execute(
        f"""WITH discovered AS (SELECT project, pool, arg_max(name, run) AS name FROM pools GROUP BY ALL)
        SELECT project, pool, name, outcome, count(*), min(slot), max(slot)
        FROM scrapes LEFT JOIN discovered USING (project, pool) WHERE {IN_SPAN}
        GROUP BY ALL ORDER BY project, pool, outcome""",
        selection.span,
    ).fetchall()
    return [
        (project, pool, name or None, *counted)
        for project, pool, name, *counted in rows
        if selection.takes(project, pool, name)
    ]


def unlisted(connection: OpenRecord, selection: Selection) -> list[str]:
    """Return the projects without an attempt, see `database.Record.unlisted`."""
    projects = connection.execute(
        f"""SELECT DISTINCT project FROM discoveries WHERE outcome <> 'ok' AND {IN_SPAN}
        AND project NOT IN (SELECT project FROM scrapes) ORDER BY project""",
        selection.span,
    ).fetchall()
    return [project for (project,) in projects if matches(selection.projects, project)]


def read(
    connection: OpenRecord, group: Sequence[SelectedPool], selection: Selection, inside: Selection
) -> tuple[list[Pool], list[Series]]:
    """Return the pools of a group with their observed slots, and their series.

    Parameters
    ----------
    selection
        The slots that are read.
    inside
        Pools that were not observed in its span, and types without a row there, are left out.
    """
    # One thread returns rows in the order of the file: to sort the rows of two threads costs more than a second gains.
    connection.execute("SET threads = 1")
    # Each pool has a number for its slots, and the numbers after it are for its types.
    keys = [(pool, type_) for pool in group for type_ in (None, *pool.types)]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE chosen (series INTEGER, project VARCHAR, pool VARCHAR, type VARCHAR)"
    )
    connection.execute(
        "INSERT INTO chosen SELECT unnest(range($1)), unnest($2), unnest($3), unnest($4)",
        [len(keys), [pool.project for pool, _ in keys], [pool.pool for pool, _ in keys], [type_ for _, type_ in keys]],
    )
    scrapes = _by_series(
        connection,
        f"""SELECT series, slot, run, interval_seconds::BIGINT AS intervals, coalesce(total, {UNKNOWN})::BIGINT AS total
        FROM scrapes JOIN (FROM chosen WHERE type IS NULL) USING (project, pool)
        WHERE outcome = 'ok' AND {WITH_STARTING_STATE}""",
        selection,
    )
    # Hardly any row has other statuses: to look for jobs in them would take longer than to read all rows.
    items = _items(connection, selection, {status: f'"{status}"' for status in STATUSES}, HAS_OTHERS)
    if any(rows["other"].any() for rows in items.values()):
        items = _items(connection, selection, {status: jobs_in(status) for status in STATUSES}, UNDOCUMENTED_JOBS)
    labels = _undocumented(connection, selection) if any(rows["other"].any() for rows in items.values()) else {}
    pools: list[Pool] = []
    series: list[Series] = []
    number = 0
    since, until = (int(bound.replace(tzinfo=UTC).timestamp()) for bound in inside.span)
    for selected in group:
        pool = _pool(selected, scrapes.get(number))
        numbers = {type_: number + 1 + place for place, type_ in enumerate(selected.types)}
        number += 1 + len(selected.types)
        if not _any_between(pool.slots, since + 1, until):
            continue
        rows_by_type = {
            type_: items[at]
            for type_, at in numbers.items()
            if at in items and _any_between(items[at]["slot"], since, until)
        }
        pools.append(pool)
        members = _series(pool, rows_by_type, selection)
        series += (replace(member, undocumented=labels.get(numbers[member.type], ())) for member in members)
    return pools, series


def _any_between(slots: Ints, first: int, last: int) -> bool:
    """Return whether any of some rising slots lies between two instants, both included, in seconds since 1970."""
    place = np.searchsorted(slots, first)
    return bool(place < len(slots) and slots[place] <= last)


def _items(
    connection: OpenRecord, selection: Selection, statuses: Mapping[str, str], other: str
) -> dict[int, dict[str, Ints]]:
    """Return the rows of snapshots by series; of each status, and of other statuses, the SQL for its jobs is given."""
    counts = ", ".join(f'coalesce({jobs}, {UNKNOWN}) AS "{status}"' for status, jobs in statuses.items())
    return _by_series(
        connection,
        f"""SELECT series, slot, coalesce(total, {UNKNOWN}) AS total, {counts}, {other} AS other
        FROM snapshots JOIN chosen USING (project, pool, type) WHERE {WITH_STARTING_STATE}""",
        selection,
    )


def _undocumented(connection: OpenRecord, selection: Selection) -> dict[int, tuple[tuple[str, int], ...]]:
    """Return, by series, the undocumented labels with jobs, each with the first slot that has such jobs, in seconds."""
    labels = connection.execute(
        f"""SELECT series, entry.key, min(epoch(slot))::BIGINT FROM (
            SELECT series, slot, unnest(map_entries(other_statuses)) AS entry
            FROM snapshots JOIN chosen USING (project, pool, type)
            WHERE other_statuses IS NOT NULL AND {WITH_STARTING_STATE}
        ) WHERE entry.value > 0 AND {UNDOCUMENTED} GROUP BY ALL ORDER BY ALL""",
        selection.span,
    ).fetchall()
    by_series: dict[int, tuple[tuple[str, int], ...]] = {}
    for series, label, first in labels:
        by_series[series] = (*by_series.get(series, ()), (label, first))
    return by_series


def _by_series(connection: OpenRecord, query: str, selection: Selection) -> dict[int, dict[str, Ints]]:
    """Run a query that gives `series`, `slot` and other columns; return its rows by series, in order of slots."""
    fetched = connection.execute(query, selection.span).fetchnumpy()
    series = np.asarray(fetched.pop("series"))
    columns = {name: np.asarray(values) for name, values in fetched.items()}
    columns["slot"] = columns["slot"].astype("datetime64[s]").astype(np.int64)
    if "run" in columns:
        columns["run"] = columns["run"].astype("datetime64[us]").astype(np.int64)
    if len(series):
        columns["series"] = series
        columns = _in_order(columns)
        series = columns.pop("series")
    bounds = np.flatnonzero(np.diff(series)) + 1
    parts = zip([0, *bounds], [*bounds, len(series)], strict=True)
    # Sums do not fit into the type of the tables.
    return {
        int(series[a]): {name: values[a:b].astype(np.int64, copy=False) for name, values in columns.items()}
        for a, b in parts
        if b > a
    }


def _in_order(columns: dict[str, Ints]) -> dict[str, Ints]:
    """Sort rows by series, slot and run."""
    first = columns["slot"].min()
    key = columns["series"] * (columns["slot"].max() - first + 1) + columns["slot"] - first
    # The rows come in long sorted stretches: to copy whole stretches is much faster than to sort rows.
    begins = np.concatenate([[0], np.flatnonzero(np.diff(key) <= 0) + 1])
    if len(begins) == 1:
        return columns
    ends = np.append(begins[1:], len(key))
    stretches = np.argsort(key[begins])
    if (key[ends[stretches][:-1] - 1] < key[begins[stretches][1:]]).all():
        parts = [slice(begins[stretch], ends[stretch]) for stretch in stretches]
        return {name: np.concatenate([values[part] for part in parts]) for name, values in columns.items()}
    order = np.lexsort((columns["run"], key)) if "run" in columns else np.argsort(key, kind="stable")
    return {name: values[order] for name, values in columns.items()}


def _pool(selected: SelectedPool, rows: dict[str, Ints] | None) -> Pool:
    if rows is None:
        rows = dict.fromkeys(("slot", "intervals", "total"), np.empty(0, np.int64))
    # The earliest of several successes in a slot counts; it is the first row.
    first = np.concatenate([[True], np.diff(rows["slot"]) > 0]) if len(rows["slot"]) else np.empty(0, np.bool_)
    slots, intervals, totals = (rows[column][first] for column in ("slot", "intervals", "total"))
    key = (selected.project, selected.pool, selected.name, selected.queue_policy)
    asked_until = int(selected.asked.replace(tzinfo=UTC).timestamp())
    return Pool(*key, slots, intervals, totals, selected.nodes, selected.logical, asked_until)


def _series(pool: Pool, rows_by_type: dict[str, dict[str, Ints]], selection: Selection) -> Iterator[Series]:
    """Yield the series of a pool from the rows of each of its types."""
    listed = np.zeros(len(pool.slots), np.int64)
    samples = {}
    for type_, rows in rows_by_type.items():
        # A row is a sample only at a slot in which its pool was observed.
        if len(rows["slot"]) != len(pool.slots) or (rows["slot"] != pool.slots).any():
            observed = np.isin(rows["slot"], pool.slots, assume_unique=True)
            samples[type_] = {name: values[observed] for name, values in rows.items()}
        else:
            samples[type_] = rows
        sample = samples[type_]
        place = slice(None) if len(sample["slot"]) == len(pool.slots) else np.searchsorted(pool.slots, sample["slot"])
        listed[place] += np.maximum(sample["total"], 0)
    for type_, rows in samples.items():
        if matches(selection.types, type_):
            counts = read_counts(pool, rows["slot"], rows, rows["other"], listed)
            hidden = rows["slot"][rows["other"] > 0]
            yield Series(pool, type_, pool.slots, pool.intervals, counts, hidden)
