"""The selected part of the record: a span of slots, and projects, pools and types."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from collector.record.database import Record
from collector.record.log import LOG
from collector.record.names import Names, in_full
from collector.record.patterns import matches

# Before and after every possible slot.
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - the tables hold naive UTC
IN_SPAN: Final = "slot > $1 AND slot <= $2"
"""SQL for the slots of a span, with `Selection.span` bound: events counted in a slot happened before or at it."""
WITH_STARTING_STATE: Final = "slot >= $1 AND slot <= $2"
"""The same including the slot at `since`: an estimate starts from its counts."""


@dataclass(frozen=True)
class Selection:
    """A span (since, until] in naive UTC, and names or patterns; an empty part selects everything.

    `named` resolves what is named in part; the other methods take names as patterns.
    """

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

    def named(self, names: Names) -> "Selection":
        """Return the selection with its names in full, see `names.in_full`; a note of the log says what a part selects.

        Raises
        ------
        UnknownName
            When the record does not have a name.
        """
        notes: list[str] = []
        projects = in_full("project", self.projects, [(name, None) for name in names.projects], notes)
        inside = [(pool, name) for project, pool, name in names.pools if matches(projects, project)]
        pools = in_full("pool", self.pools, inside, notes)
        types = in_full("type", self.types, [(name, None) for name in names.types], notes)
        for note in notes:
            LOG.info("%s", note)
        return replace(self, projects=projects, pools=pools, types=types)

    def takes(self, project: str, pool: str, name: str | None) -> bool:
        """Return whether a pool is selected."""
        return matches(self.projects, project) and matches(self.pools, pool, name)


def names_of(record: Record, *, types: bool) -> Names:
    """Return the names that a record has, by project and pool; the types only on request, which read all snapshots.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    """
    pools = record.execute(
        """SELECT project, pool, name FROM (SELECT project, pool FROM scrapes UNION SELECT project, pool FROM pools)
        LEFT JOIN (SELECT project, pool, nullif(arg_max(name, run), '') AS name FROM pools GROUP BY ALL)
        USING (project, pool) ORDER BY project, pool"""
    ).fetchall()
    listed = record.execute("SELECT DISTINCT project FROM discoveries").fetchall()
    projects = sorted({project for project, *_ in [*pools, *listed]})
    rows = record.execute("SELECT DISTINCT type FROM snapshots ORDER BY type").fetchall() if types else []
    return Names(projects, [(project, pool, name) for project, pool, name in pools], [type_ for (type_,) in rows])


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

    Raises
    ------
    UnknownName
        When the record does not have a name of the selection.
    """
    names = names_of(record, types=False)
    named = selection.named(names)
    return [pool for pool in names.pools if named.takes(*pool)]
