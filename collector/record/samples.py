"""What the estimates leave out of a span: odd answers, by pool and kind, and jobs in undocumented statuses."""

from datetime import datetime
from typing import Final

from collector.record.database import Record
from collector.record.odd import find_odd
from collector.record.selection import IN_SPAN
from collector.record.statuses import ENDED, STATUSES, UNDOCUMENTED

_NAMED: Final = " + ".join(f'coalesce("{status}", 0)::BIGINT' for status in STATUSES)
_ALL_NAMED: Final = " AND ".join(f'"{status}" IS NOT NULL' for status in STATUSES)
_ENDED: Final = " + ".join(f'coalesce("{status}", 0)::BIGINT' for status in ENDED)
# A type that is missing in an answer has no jobs where the types that are listed add up to the answer's total. A status
# that is missing has no jobs where the statuses that are named add up to the item's total. Otherwise the counts are
# unknown, and there is no sample.
_SAMPLES: Final = f"""CREATE OR REPLACE TEMP TABLE samples AS
    WITH answers AS (
        SELECT project, pool, slot, arg_min(interval_seconds, run) AS interval, arg_min(total, run) AS answered
        FROM scrapes WHERE outcome = 'ok' AND {IN_SPAN} GROUP BY ALL
    ), items AS (
        SELECT project, pool, type, slot, total, {_ENDED} AS ended,
            {_ALL_NAMED} OR total = {_NAMED} + coalesce(list_sum(map_values(other_statuses)), 0) AS known
        FROM snapshots WHERE {IN_SPAN}
    ), listed AS (SELECT project, pool, slot, sum(total) AS listed FROM items GROUP BY ALL),
    types AS (
        SELECT *, row_number() OVER (ORDER BY project, pool, type) AS series,
            dense_rank() OVER (ORDER BY project, pool) AS number
        FROM (SELECT DISTINCT project, pool, type FROM items)
    )
    SELECT series, number AS pool, epoch(slot)::BIGINT AS slot, interval, coalesce(total, 0)::BIGINT AS total,
        coalesce(ended, 0) AS ended, project, types.pool AS id
    FROM answers JOIN types USING (project, pool) LEFT JOIN items USING (project, pool, type, slot)
        LEFT JOIN listed USING (project, pool, slot)
    WHERE CASE WHEN known IS NULL THEN items.slot IS NULL AND coalesce(listed, 0) = answered
        ELSE known AND total IS NOT NULL END
    ORDER BY series, slot"""


def count_odd(record: Record, since: datetime, until: datetime) -> dict[tuple[str, str], dict[str, int]]:
    """Count the slots in (since, until] in which a type's counts are odd, by project and pool, and by kind.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    since, until
        Naive UTC. Samples before and after the span are not used.
    """
    record.execute(_SAMPLES, [since, until])
    slots: dict[tuple[str, str, str], set[int]] = {}
    for run in find_odd(record)[0]:
        for project, pool, slot in record.execute(
            "SELECT project, id, slot FROM samples WHERE series = $1 AND slot BETWEEN $2 AND $3",
            [run.series, run.first, run.last],
        ).fetchall():
            slots.setdefault((project, pool, run.kind), set()).add(slot)
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for (project, pool, kind), odd in sorted(slots.items()):
        counted.setdefault((project, pool), {})[kind] = len(odd)
    return counted


def undocumented(record: Record, since: datetime, until: datetime) -> dict[tuple[str, str], dict[str, datetime]]:
    """Return the undocumented statuses that hold jobs in (since, until], by project and pool.

    Each comes with the first slot that has it, which may be before the span; naive UTC.
    """
    labels: dict[tuple[str, str], dict[str, datetime]] = {}
    for project, pool, label, first in record.execute(
        f"""SELECT project, pool, entry.key, min(slot) FROM (
            SELECT project, pool, slot, unnest(map_entries(other_statuses)) AS entry
            FROM snapshots WHERE other_statuses IS NOT NULL AND slot <= $2
        ) WHERE entry.value > 0 AND {UNDOCUMENTED} GROUP BY ALL HAVING max(slot) > $1 ORDER BY ALL""",
        [since, until],
    ).fetchall():
        labels.setdefault((project, pool), {})[label] = first
    return labels
