"""The selected part of the record: a span of slots, and projects, pools and types."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.record.database import Record
from collector.record.patterns import matches

# Before and after every possible slot.
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - the tables hold naive UTC
IN_SPAN: Final = "slot > $1 AND slot <= $2"
"""SQL for the slots of a span, with `Selection.span` bound: events counted in a slot happened before or at it."""
WITH_STARTING_STATE: Final = "slot >= $1 AND slot <= $2"
"""The same including the slot at `since`: an estimate starts from its counts."""


@dataclass(frozen=True)
class Selection:
    """A span (since, until] in naive UTC, and patterns on names; an empty part selects everything."""

    since: datetime | None = None
    until: datetime | None = None
    projects: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    """Patterns on the pool's id or display name."""
    types: tuple[str, ...] = ()

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The bounds to bind in SQL: since and until, or `FIRST` and `LAST` in place of None."""
        return self.since or FIRST, self.until or LAST

    def takes(self, project: str, pool: str, name: str | None) -> bool:
        """Return whether a pool is selected."""
        return matches(self.projects, project) and matches(self.pools, pool, name)


def select_pools(record: Record, selection: Selection) -> list[tuple[str, str, str | None]]:
    """Return the selected pools, with or without rows in the span.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.

    Returns
    -------
    list
        Project, pool and display name (None where no listing gave one) of each pool, by project and pool.
    """
    pools = record.execute(
        """SELECT project, pool, name FROM (SELECT DISTINCT project, pool FROM scrapes)
        LEFT JOIN (SELECT project, pool, nullif(arg_max(name, run), '') AS name FROM pools GROUP BY ALL)
        USING (project, pool) ORDER BY project, pool"""
    ).fetchall()
    return [(project, pool, name) for project, pool, name in pools if selection.takes(project, pool, name)]
