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
    """Return all series of some pools with their odd slots, by the rule of `collector.record.odd`.

    A type that was renamed is one series, of the name that it has now; its counts until then are those of the former
    name.
    """
    samples = _samples(series)
    if samples is None:
        return list(series)
    connection.register("samples", samples)
    runs, renamed = find_odd(connection)
    connection.unregister("samples")
    of_series: dict[int, list[Run]] = {}
    for run in runs:
        of_series.setdefault(run.series, []).append(run)
    marked = {at: replace(each, odd=tuple(of_series.get(at, ()))) for at, each in enumerate(series)}
    for change in renamed:
        marked[change.later] = _continued(marked.pop(change.series), marked[change.later], change)
    return list(marked.values())


def _samples(series: Sequence[Series]) -> dict[str, Ints] | None:
    """Return the known counts as the rule takes them; None where there are none."""
    pools: dict[tuple[str, str], int] = {}
    parts = []
    for at, each in enumerate(series):
        known = each.said()
        # The table's type is too small for sums and multiples of its largest counts.
        counts = {name: each.counts[name][known].astype(np.int64, copy=False) for name in ("total", *ENDED)}
        number = pools.setdefault((each.pool.project, each.pool.pool), len(pools))
        parts.append(
            {
                "series": np.full(len(counts["total"]), at, np.int32),
                "pool": np.full(len(counts["total"]), number, np.int32),
                "slot": each.slots[known],
                "interval": each.intervals[known],
                "total": counts["total"],
                "ended": sum(counts[status] for status in ENDED),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else None


def _continued(former: Series, later: Series, change: Renamed) -> Series:
    """Return a series with the counts that it had under its former name; both have the slots of their pool."""
    until = later.slots < change.slot
    return replace(
        later,
        counts={name: np.where(until, former.counts[name], count) for name, count in later.counts.items()},
        odd=(
            *(run for run in former.odd if run.last < change.slot),
            *(run for run in later.odd if run.first >= change.slot),
        ),
        former=(*former.former, (former.type, change.slot)),
    )
