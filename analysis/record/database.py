"""Reading the record: spool and database as one, or a dataset, open only while rows are read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Final

from analysis.errors import NothingObserved
from analysis.record import query
from analysis.record.judging import judged
from analysis.record.query import SelectedPool
from analysis.record.series import Pool, Series
from collector.record import RecordUnreadable
from collector.record.database import Record as OpenRecord
from collector.record.names import Names
from collector.record.patterns import matches
from collector.record.places import Place, StorePath, place_of, spool_of
from collector.record.reading import Opening, about, opener
from collector.record.selection import FIRST, LAST, Selection, names_of
from collector.record.spool import waiting

CONTEXT: Final = timedelta(days=1)
"""Slots this far before and after a span are read too, to judge those inside. This is twice as long as an odd total
lasts: `odd.LONGEST` polls, 12 hours at a poll an hour."""
MOST_ROWS: Final = 1_500_000
"""Rows of a group of pools, which are in memory at the same time: about 150 MB."""


class Record:
    """The record of a collector.

    Parameters
    ----------
    database
        The DuckDB file, which is open only while it is read; or the folder of a dataset, or its address in an object
        store. All that one object reads from a dataset is of one manifest.
    spool
        The folder of polls that are not yet in the database; by default that of `places.spool_of`. A dataset has none.
    """

    def __init__(self, database: Place | str, spool: Path | str | None = None) -> None:
        self.database = place_of(database)
        if spool is None:
            spool = spool_of(self.database) if isinstance(self.database, Path) else Path()
        self.spool = Path(spool)

    def pools(self) -> list[SelectedPool]:
        """Return every pool that was observed, from one scan of the record.

        Raises
        ------
        NothingObserved
            When there is none.
        RecordUnreadable
            When the record does not exist or is damaged, or when a writer holds it for longer than a few seconds.
        """
        with self._opened() as connection:
            pools = query.observed_pools(connection)
        if not pools:
            raise self._nothing_observed()
        return pools

    def names(self) -> Names:
        """Return the names that the record has, also of pools that were never observed.

        Raises
        ------
        RecordUnreadable
            As in `pools`.
        """
        with self._opened() as connection:
            return names_of(connection, types=True)

    def about(self, pools: Sequence[SelectedPool]) -> "Record":
        """Return the record for reading some pools alone, wherever it is sent: of a dataset it names their files."""
        place = self.database if isinstance(self.database, StorePath) else self.database.absolute()
        record = Record(place, self.spool.absolute())
        record._open = about(self._open, {(pool.project, pool.pool) for pool in pools})
        return record

    def read(self, selection: Selection) -> Iterator[tuple[list[Pool], list[Series]]]:
        """Read the pools of a selection and their series, a few pools at a time.

        Raises
        ------
        RecordUnreadable
            As in `pools`.
        """
        with self._opened() as connection:
            pools = query.observed_pools(connection)
        for group in query.grouped(query.selected(pools, selection), MOST_ROWS):
            # Closed while the caller computes: a reader keeps the collector from writing.
            with self._opened() as connection:
                pools_and_series = query.read(connection, group, selection, selection)
            yield pools_and_series

    def judged(self, pools: Sequence[SelectedPool], selection: Selection) -> list[Series]:
        """Read the series of some pools, each with its odd slots, see `judging`.

        Whether the first and the last slots are odd is decided with the slots of `CONTEXT` before and after the span.

        Raises
        ------
        RecordUnreadable
            As in `pools`.
        """
        since, until = selection.span
        around = replace(
            selection, since=max(since, FIRST + CONTEXT) - CONTEXT, until=min(until, LAST - CONTEXT) + CONTEXT, types=()
        )
        with self._opened() as connection:
            all_series = judged(connection, query.read(connection, pools, around, selection)[1])
        return [
            series.within(_seconds(since), _seconds(until))
            for series in all_series
            if any(matches(selection.types, name) for name in (series.type, *(name for name, _ in series.former)))
        ]

    def last_slot(self) -> datetime:
        """Return the last slot that was observed, naive UTC.

        Raises
        ------
        NothingObserved
            When no slot was observed.
        RecordUnreadable
            As in `read`.
        """
        _, _, last = self.extent()
        return last

    def extent(self) -> tuple[int, datetime, datetime]:
        """Return the number of pools that were observed, and the first and the last slot of any, naive UTC.

        Raises
        ------
        NothingObserved
            Besides what `read` raises.
        """
        with self._opened() as connection:
            pools, first, last = connection.execute(
                "SELECT count(DISTINCT (project, pool)), min(slot), max(slot) FROM scrapes WHERE outcome = 'ok'"
            ).fetchall()[0]
        if not pools:
            raise self._nothing_observed()
        return pools, first, last

    def attempts(self, selection: Selection) -> list[tuple[str, str, str | None, str, int, datetime, datetime]]:
        """Count the attempts to poll each pool of a selection, by outcome: ok, or the cause of the failure.

        Returns
        -------
        list
            Project, pool, display name, outcome, number of attempts, and the first and last slot, naive UTC; sorted by
            project, pool and outcome.
        """
        with self._opened() as connection:
            return query.attempts(connection, selection)

    def unlisted(self, selection: Selection) -> list[str]:
        """Return the projects of a selection without any attempt to poll a pool, because listing their pools failed."""
        with self._opened() as connection:
            return query.unlisted(connection, selection)

    def _nothing_observed(self) -> NothingObserved:
        return NothingObserved(f"{self.database} has no observed slot: run poolscope status to see why polls fail")

    @contextmanager
    def _opened(self) -> Iterator[OpenRecord]:
        if isinstance(self.database, Path) and not self.database.exists() and not waiting(self.spool):
            raise RecordUnreadable(f"{self.database} does not exist: name the record with --db, or poll first")
        with self._open() as connection:
            yield connection

    @cached_property
    def _open(self) -> Opening:
        return opener(self.database, self.spool, _pause)


def _seconds(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp())


def _pause(seconds: float) -> None:
    """Wait for some seconds: nobody sets the event, so that it times out."""
    Event().wait(seconds)
