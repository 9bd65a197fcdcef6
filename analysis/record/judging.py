"""Series checked against the samples before and after each: odd slots marked, and renamed types made one series."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.arrays import Ints
from analysis.record.series import Series
from collector.record.database import Record as OpenRecord
from collector.record.odd import Renamed, Run, find_odd
from collector.record.statuses import ENDED


def judged(connection: OpenRecord, series: Sequence[Series]) -> list[Series]:
    """Return all series of some pools with their odd slots, found by the rule of `collector.record.odd`.

    A renamed type becomes one series under its present name; its counts before the change are those of the former name.
    """
    samples = _samples(series)
    if samples is None:
        return list(series)
    connection.register("samples", samples)
    runs, renamed = find_odd(connection)
    connection.unregister("samples")
    runs_by_series: dict[int, list[Run]] = {}
    for run in runs:
        runs_by_series.setdefault(run.series, []).append(run)
    marked = {
        number: replace(member, odd=tuple(runs_by_series.get(number, ()))) for number, member in enumerate(series)
    }
    for change in renamed:
        marked[change.later] = _continued(marked.pop(change.series), marked[change.later], change)
    return list(marked.values())


def _samples(series: Sequence[Series]) -> dict[str, Ints] | None:
    """Return the known counts in the columns that `find_odd` takes; None without any series."""
    pools: dict[tuple[str, str], int] = {}
    parts = []
    for number, member in enumerate(series):
        known = member.stated()
        # The table's type is too small for sums and multiples of its largest counts.
        counts = {name: member.counts[name][known].astype(np.int64, copy=False) for name in ("total", *ENDED)}
        pool = pools.setdefault((member.pool.project, member.pool.pool), len(pools))
        parts.append(
            {
                "series": np.full(len(counts["total"]), number, np.int32),
                "pool": np.full(len(counts["total"]), pool, np.int32),
                "slot": member.slots[known],
                "interval": member.intervals[known],
                "total": counts["total"],
                "ended": sum(counts[status] for status in ENDED),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else None


def _continued(former: Series, later: Series, change: Renamed) -> Series:
    """Return the later series with the counts of the former name before the change; both have their pool's slots."""
    before = later.slots < change.slot
    return replace(
        later,
        counts={name: np.where(before, former.counts[name], count) for name, count in later.counts.items()},
        odd=(
            *(run for run in former.odd if run.last < change.slot),
            *(run for run in later.odd if run.first >= change.slot),
        ),
        former=(*former.former, (former.type, change.slot)),
    )
