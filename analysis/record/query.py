"""The rows of some pools, read from an open record and parted by series."""

from collections.abc import Iterator, Sequence
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

# So many rows are held at a time: about 200 MB.
BATCH: Final = 2_000_000


@dataclass(frozen=True)
class Chosen:
    """A pool whose rows are to be read."""

    project: str
    pool: str
    name: str | None
    queue_policy: str | None
    logical: bool
    nodes: tuple[tuple[int, dict[str, int]], ...]
    types: list[str]
    """Those that were ever listed."""


def batches(connection: OpenRecord, selection: Selection) -> list[list[Chosen]]:
    """Choose the pools, so many at a time that their rows fit into memory."""
    span = selection.span
    told = connection.execute(
        f"""WITH told AS (
            SELECT project, pool, arg_max(name, run) AS name, arg_max(queue_policy, run) AS policy,
                coalesce(arg_max(kind, run) = 'Logical', false) AS logical,
                list((slot, nodes) ORDER BY run) FILTER (listed AND len(nodes) > 0) AS sized
            FROM pools GROUP BY ALL
        )
        SELECT project, pool, name, policy, coalesce(logical, false), sized
        FROM (SELECT DISTINCT project, pool FROM scrapes WHERE outcome = 'ok' AND {IN_SPAN})
        LEFT JOIN told USING (project, pool)
        ORDER BY project, pool""",
        span,
    ).fetchall()
    wanted = [(project, pool) for project, pool, name, *_ in told if selection.takes(project, pool, name)]
    connection.execute("CREATE OR REPLACE TEMP TABLE wanted (project VARCHAR, pool VARCHAR)")
    connection.execute(
        "INSERT INTO wanted SELECT unnest($1), unnest($2)",
        [[project for project, _ in wanted], [pool for _, pool in wanted]],
    )
    rows = connection.execute(
        f"""SELECT project, pool, sum(n), list(type ORDER BY type) FROM (
            SELECT project, pool, type, count(*) AS n FROM snapshots SEMI JOIN wanted USING (project, pool)
            WHERE {WITH_STARTING_STATE} GROUP BY ALL
        ) GROUP BY ALL""",
        span,
    ).fetchall()
    seen = {(project, pool): (count, types) for project, pool, count, types in rows}
    found: list[list[Chosen]] = []
    size = BATCH
    for project, pool, name, policy, logical, sized in told:
        if not selection.takes(project, pool, name):
            continue
        count, types = seen.get((project, pool), (0, []))
        if size + count > BATCH:
            found.append([])
            size = 0
        found[-1].append(Chosen(project, pool, name or None, policy, logical, _nodes(sized or ()), types))
        size += count
    return found


def _nodes(sized: Sequence[tuple[datetime, list[dict[str, Any]]]]) -> tuple[tuple[int, dict[str, int]], ...]:
    """Read how many nodes there were: those that can be used where that is said, else those that were ordered."""
    told = []
    for slot, nodes in sized:
        usable = {each["flavor"]: each["count"] if each["available"] is None else each["available"] for each in nodes}
        known = {flavor: number for flavor, number in usable.items() if number is not None}
        if known:
            told.append((int(slot.replace(tzinfo=UTC).timestamp()), known))
    return tuple(told)


def attempts(
    connection: OpenRecord, selection: Selection
) -> list[tuple[str, str, str | None, str, int, datetime, datetime]]:
    """Count how often each pool was asked, by outcome, see `record.Record.attempts`."""
    found = connection.execute(
        f"""WITH told AS (SELECT project, pool, arg_max(name, run) AS name FROM pools GROUP BY ALL)
        SELECT project, pool, name, outcome, count(*), min(slot), max(slot)
        FROM scrapes LEFT JOIN told USING (project, pool) WHERE {IN_SPAN}
        GROUP BY ALL ORDER BY project, pool, outcome""",
        selection.span,
    ).fetchall()
    return [
        (project, pool, name or None, *of) for project, pool, name, *of in found if selection.takes(project, pool, name)
    ]


def unlisted(connection: OpenRecord, selection: Selection) -> list[str]:
    """Return the projects without an attempt, see `record.Record.unlisted`."""
    projects = connection.execute(
        f"""SELECT DISTINCT project FROM discoveries WHERE outcome <> 'ok' AND {IN_SPAN}
        AND project NOT IN (SELECT project FROM scrapes) ORDER BY project""",
        selection.span,
    ).fetchall()
    return [project for (project,) in projects if matches(selection.projects, project)]


def read(connection: OpenRecord, chosen: list[Chosen], selection: Selection) -> tuple[list[Pool], list[Series]]:
    """Read the slots and series of some pools."""
    # From one thread rows come in the order of the file: to bring them into it costs more than a second one gains.
    connection.execute("SET threads = 1")
    # Each type of each pool has a number, and each pool one of its own, for its slots.
    keys = [(pool, type_) for pool in chosen for type_ in (None, *pool.types)]
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
    read = ", ".join(f'coalesce({jobs_in(status)}, {UNKNOWN}) AS "{status}"' for status in STATUSES)
    items = _by_series(
        connection,
        f"""SELECT series, slot, coalesce(total, {UNKNOWN}) AS total, {read}, {UNDOCUMENTED_JOBS} AS other
        FROM snapshots JOIN chosen USING (project, pool, type) WHERE {WITH_STARTING_STATE}""",
        selection,
    )
    labels = _undocumented(connection, selection) if any(rows["other"].any() for rows in items.values()) else {}
    pools: list[Pool] = []
    series: list[Series] = []
    number = 0
    for each in chosen:
        pools.append(_pool(each, scrapes.get(number)))
        of_types = {type_: items.get(number + 1 + at) for at, type_ in enumerate(each.types)}
        made = _series(pools[-1], {type_: rows for type_, rows in of_types.items() if rows is not None}, selection)
        series += (replace(one, undocumented=labels.get(number + 1 + each.types.index(one.type), ())) for one in made)
        number += 1 + len(each.types)
    return pools, series


def _undocumented(connection: OpenRecord, selection: Selection) -> dict[int, tuple[tuple[str, int], ...]]:
    """Return by series the labels with jobs that no document names, and since when each is there, in seconds."""
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
    found = connection.execute(query, selection.span).fetchnumpy()
    columns = {name: np.asarray(values) for name, values in found.items()}
    series = columns.pop("series")
    columns["slot"] = columns["slot"].astype("datetime64[s]").astype(np.int64)
    if "run" in columns:
        columns["run"] = columns["run"].astype("datetime64[us]").astype(np.int64)
    if len(series):
        columns["series"] = series
        columns = _in_order(columns)
        series = columns.pop("series")
    bounds = np.flatnonzero(np.diff(series)) + 1
    parts = zip([0, *bounds], [*bounds, len(series)], strict=True)
    return {int(series[a]): {name: values[a:b] for name, values in columns.items()} for a, b in parts if b > a}


def _in_order(columns: dict[str, Ints]) -> dict[str, Ints]:
    """Bring rows into the order of series, slot and run."""
    first = columns["slot"].min()
    key = columns["series"] * (columns["slot"].max() - first + 1) + columns["slot"] - first
    # The rows come in long stretches that are in order: to copy these is much faster than to sort.
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


def _pool(chosen: Chosen, rows: dict[str, Ints] | None) -> Pool:
    if rows is None:
        rows = dict.fromkeys(("slot", "intervals", "total"), np.empty(0, np.int64))
    # Of several successes in a slot the earliest counts; it comes first.
    first = np.concatenate([[True], np.diff(rows["slot"]) > 0]) if len(rows["slot"]) else np.empty(0, np.bool_)
    slots, intervals, totals = (rows[column][first] for column in ("slot", "intervals", "total"))
    key = (chosen.project, chosen.pool, chosen.name, chosen.queue_policy)
    return Pool(*key, slots, intervals, totals, chosen.nodes, chosen.logical)


def _series(pool: Pool, items: dict[str, dict[str, Ints]], selection: Selection) -> Iterator[Series]:
    """Make the series of a pool from the rows of each of its types."""
    listed = np.zeros(len(pool.slots), np.int64)
    whole = {}
    for type_, rows in items.items():
        # A row belongs to a slot that was observed; another one is no sample.
        if len(rows["slot"]) != len(pool.slots) or (rows["slot"] != pool.slots).any():
            there = np.isin(rows["slot"], pool.slots, assume_unique=True)
            rows = {name: values[there] for name, values in rows.items()}  # noqa: PLW2901 - the rows that count
        whole[type_] = rows
        place = slice(None) if len(rows["slot"]) == len(pool.slots) else np.searchsorted(pool.slots, rows["slot"])
        listed[place] += np.maximum(rows["total"], 0)
    for type_, rows in whole.items():
        if matches(selection.types, type_):
            counts = read_counts(pool, rows["slot"], rows, rows["other"], listed)
            hidden = rows["slot"][rows["other"] > 0]
            yield Series(pool, type_, pool.slots, pool.intervals, counts, hidden)
