"""What part of the record is asked for: a span of slots, and which projects, pools and types."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.record.database import Record
from collector.record.patterns import matches

# Before and after every slot that there can be.
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - the tables hold naive UTC
IN_SPAN: Final = "slot > $1 AND slot <= $2"
"""SQL for the slots of a span, with `Selection.span` bound: what a slot counts had happened by that slot."""
WITH_STARTING_STATE: Final = "slot >= $1 AND slot <= $2"
"""The same with the slot at `since`: from what was there then an estimate goes on."""


@dataclass(frozen=True)
class Selection:
    """A span (since, until] in naive UTC, and patterns on names; what is left out takes everything."""

    since: datetime | None = None
    until: datetime | None = None
    projects: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    """On the pool's id or display name."""
    types: tuple[str, ...] = ()

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The bounds to bind, both known."""
        return self.since or FIRST, self.until or LAST

    def takes(self, project: str, pool: str, name: str | None) -> bool:
        """Tell whether a pool is selected."""
        return matches(self.projects, project) and matches(self.pools, pool, name)


def select_pools(record: Record, selection: Selection) -> list[tuple[str, str, str | None]]:
    """Return the pools that are selected, whether they have rows in the span or not.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.

    Returns
    -------
    list
        Project, pool and display name (None where no listing told one), in that order.
    """
    pools = record.execute(
        """SELECT project, pool, name FROM (SELECT DISTINCT project, pool FROM scrapes)
        LEFT JOIN (SELECT project, pool, nullif(arg_max(name, run), '') AS name FROM pools GROUP BY ALL)
        USING (project, pool) ORDER BY project, pool"""
    ).fetchall()
    return [(project, pool, name) for project, pool, name in pools if selection.takes(project, pool, name)]
