"""The record, read: spool and database as one, opened late and closed at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Final

from analysis.errors import NothingObserved
from analysis.record import query
from analysis.record.judging import judged
from analysis.record.series import Pool, Series
from collector.record import RecordUnreadable
from collector.record.database import Record as OpenRecord
from collector.record.patterns import matches
from collector.record.reading import reading
from collector.record.selection import FIRST, LAST, Selection
from collector.record.spool import waiting

CONTEXT: Final = timedelta(days=1)
"""How much before and after a span is looked at: twice what a total may be away for, at a poll an hour."""


class Record:
    """The record of a collector.

    Parameters
    ----------
    database
        The DuckDB file. It is open while it is read, and never longer.
    spool
        The folder of polls that are not yet in the database; ``spool`` beside the database by default.
    """

    def __init__(self, database: Path | str, spool: Path | str | None = None) -> None:
        self.database = Path(database)
        self.spool = Path(spool) if spool is not None else self.database.parent / "spool"

    def read(self, selection: Selection) -> Iterator[tuple[list[Pool], list[Series]]]:
        """Read the pools of a selection and their series, a few pools at a time.

        Raises
        ------
        RecordUnreadable
            When there is none, it is damaged, or a writer holds it for longer than a few seconds.
        """
        with self._opened() as connection:
            chosen = query.batches(connection, selection)
        for batch in chosen:
            # Closed while the caller computes: a reader keeps the collector from writing.
            with self._opened() as connection:
                found = query.read(connection, batch, selection)
            yield found

    def judged(self, selection: Selection) -> Iterator[list[Series]]:
        """Read the series of a selection, a few pools at a time, each with its odd slots, see `judging`.

        Whether the first and the last slots are odd is said by those before and after the span.
        """
        with self._opened() as connection:
            chosen = query.batches(connection, selection)
        since, until = selection.span
        around = replace(
            selection, since=max(since, FIRST + CONTEXT) - CONTEXT, until=min(until, LAST - CONTEXT) + CONTEXT, types=()
        )
        for batch in chosen:
            with self._opened() as connection:
                series = judged(connection, query.read(connection, batch, around)[1])
            yield [
                each.within(_seconds(since), _seconds(until))
                for each in series
                if any(matches(selection.types, name) for name in (each.type, *(name for name, _ in each.former)))
            ]

    def last_slot(self) -> datetime:
        """Return the last slot that was observed, naive UTC.

        Raises
        ------
        NothingObserved
            Besides what `read` raises.
        """
        with self._opened() as connection:
            last = connection.execute("SELECT max(slot) FROM scrapes WHERE outcome = 'ok'").fetchall()[0][0]
        if not isinstance(last, datetime):
            raise NothingObserved(f"{self.database} holds no slot that was observed: look at poolscope status")
        return last

    def attempts(self, selection: Selection) -> list[tuple[str, str, str | None, str, int, datetime, datetime]]:
        """Count how often each pool of a selection was asked, by what came of it: ok, or the cause of a failure.

        Returns
        -------
        list
            Project, pool, display name, outcome, how often, and the first and last slot, naive UTC; in that order.
        """
        with self._opened() as connection:
            return query.attempts(connection, selection)

    def unlisted(self, selection: Selection) -> list[str]:
        """Return the projects of a selection of which no pool was ever asked, since listing them failed."""
        with self._opened() as connection:
            return query.unlisted(connection, selection)

    @contextmanager
    def _opened(self) -> Iterator[OpenRecord]:
        if not self.database.exists() and not waiting(self.spool):
            raise RecordUnreadable(f"{self.database} does not exist: name the record with --db, or poll first")
        with reading(self.database, self.spool, _pass) as connection:
            yield connection


def _seconds(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp())


def _pass(seconds: float) -> None:
    """Let time pass; an event that nobody sets waits as a clock would."""
    Event().wait(seconds)
