"""Import of snapshots from files: all files are checked first, then all rows are written or none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from collector import __version__
from collector.errors import InputRefused, RecordNotWritten
from collector.record.database import Record
from collector.record.files import make_folder, remove, unfinished
from collector.record.paths import quoted
from collector.record.statuses import LARGEST_COUNT, STATUSES
from collector.storage.held_folder import clear_abandoned, made_and_held
from collector.storage.import_columns import NO_COUNT
from collector.storage.import_files import FIX, where


@dataclass(frozen=True)
class Imported:
    """The result of an import; `already` counts slots of pools that were observed before: their rows are left out."""

    rows: int
    slots: int
    pools: int
    already: int


@contextmanager
def scratch_beside(database: Path) -> Iterator[Path]:
    """Give the path of a scratch database to check rows in before they go into the record; it is removed at the end.

    Raises
    ------
    RecordNotWritten
        When it cannot be made or written.
    """
    target = database.with_name(f"{database.name}.import")
    try:
        make_folder(target.parent)
        clear_abandoned(target)
        folder = unfinished(target)
        with made_and_held(folder):
            try:
                yield folder / "items.duckdb"
            finally:
                remove(folder)
    except (OSError, duckdb.Error) as error:
        raise RecordNotWritten(
            f"nothing was imported, {target.parent} cannot be written to ({str(error)[:300]}): check folder and disk"
        ) from None


_FEWEST_SPACINGS: Final = 12
"""A spacing that occurs less often does not count as an interval."""
_NEARBY: Final = 6
"""In slots: where polls are lost at random, at least one of this many spacings is still one interval long."""


def check(record: Record, files: list[Path], interval: timedelta | None) -> list[timedelta]:
    """Check the rows of `items` against each other, and find the interval in force at each slot.

    Parameters
    ----------
    interval
        The interval of all slots; None finds it: the shortest spacing up to a slot, or from it on, whichever is longer.
        (Where polls are further apart for a while and then as close as before, some were lost.)

    Returns
    -------
    list
        The intervals, the most frequent first. The table `intervals` has them by project and slot, in seconds.

    Raises
    ------
    InputRefused
        When a row occurs twice, a slot is not a multiple of its interval, or no interval can be found.
    """
    # Listing the places of all rows takes ten times the memory of counting the rows.
    keys = "SELECT project, pool, type, slot FROM items GROUP BY ALL HAVING count(*) > 1"
    twice = (
        record.execute(f"SELECT 1 FROM ({keys}) LIMIT 1").fetchall()
        and record.execute(
            f"""SELECT list([file, line] ORDER BY file, line) AS places FROM items SEMI JOIN ({keys})
        USING (project, pool, type, slot) GROUP BY project, pool, type, slot ORDER BY places[2] LIMIT 1"""
        ).fetchall()
    )
    if twice:
        (file, line), (again, line_again) = twice[0][0][:2]
        first = where(files[file], line)
        raise InputRefused(
            f"{where(files[again], line_again)}: the same project, pool, type and slot as in {first}: {FIX}"
        )
    intervals = _find_intervals(record, interval)
    off = record.execute(
        """SELECT file, line, slot, seconds FROM items JOIN intervals USING (project, slot)
        WHERE epoch_us(slot) % (seconds * 1_000_000) <> 0 ORDER BY ALL LIMIT 1"""
    ).fetchall()
    if off:
        file, line, slot, seconds = off[0]
        raise InputRefused(
            f"{where(files[file], line)}, column slot: {slot}Z is not a multiple of the interval of"
            f" {seconds} s, counted from 1970: give the right interval with --interval"
        )
    large = record.execute(
        "SELECT min(file), min(line), sum(total) AS jobs FROM items GROUP BY project, pool, slot"
        f" HAVING jobs > {LARGEST_COUNT} ORDER BY ALL LIMIT 1"
    ).fetchall()
    if large:
        file, line, jobs = large[0]
        raise InputRefused(f"{where(files[file], line)}, column total: {jobs} in one pool and slot {NO_COUNT}: {FIX}")
    return intervals


def _find_intervals(record: Record, interval: timedelta | None) -> list[timedelta]:
    record.execute(
        """CREATE TABLE spacings AS
        SELECT project, slot, epoch_us(slot) - epoch_us(lag(slot) OVER (PARTITION BY project ORDER BY slot)) AS spacing
        FROM (SELECT DISTINCT project, slot FROM items)"""
    )
    usual = interval // timedelta(microseconds=1) if interval else _most_frequent(record)
    in_order = "PARTITION BY project ORDER BY slot"
    record.execute(
        f"""CREATE TABLE intervals AS
        WITH common AS (
            SELECT spacing FROM spacings WHERE spacing % 1_000_000 = 0
            GROUP BY spacing HAVING count(*) >= {_FEWEST_SPACINGS}
        ), shortest AS (
            SELECT project, slot, greatest(min(common.spacing) OVER until, min(common.spacing) OVER onwards) AS spacing
            FROM spacings LEFT JOIN common USING (spacing) WINDOW
                until AS ({in_order} ROWS BETWEEN UNBOUNDED PRECEDING AND {_NEARBY} FOLLOWING),
                onwards AS ({in_order} ROWS BETWEEN {_NEARBY} PRECEDING AND UNBOUNDED FOLLOWING)
        )
        SELECT project, slot,
            CASE WHEN $2 AND epoch_us(slot) % spacing = 0 THEN spacing ELSE $1 END // 1_000_000 AS seconds
        FROM shortest""",
        [usual, interval is None],
    )
    by_frequency = "SELECT seconds FROM intervals GROUP BY ALL ORDER BY count(*) DESC, seconds"
    return [timedelta(seconds=seconds) for (seconds,) in record.execute(by_frequency).fetchall()]


def _most_frequent(record: Record) -> int:
    """Return the most frequent spacing of the slots of all projects, in microseconds."""
    spacings = record.execute(
        """SELECT epoch_us(after) - epoch_us(slot) AS spacing FROM (
            SELECT slot, lead(slot) OVER (ORDER BY slot) AS after FROM (SELECT DISTINCT slot FROM items)
        ) WHERE after IS NOT NULL GROUP BY spacing ORDER BY count(*) DESC, spacing LIMIT 1"""
    ).fetchall()
    if not spacings or spacings[0][0] % 1_000_000:
        raise InputRefused(
            "the interval of the polls cannot be found from the slots: give it with --interval, such as 5m"
        )
    return int(spacings[0][0])


def write(record: Record, scratch: Path, now: datetime) -> Imported:
    """Write `items` into the tables, in one transaction; slots in which a pool was observed before are left out.

    Parameters
    ----------
    scratch
        The database that has the table `items`.
    now
        Naive UTC; it becomes the run of the rows.

    Raises
    ------
    RecordNotWritten
        When the database cannot be written.
    """
    try:
        record.execute(f"ATTACH {quoted(scratch)} AS given")
        record.execute(
            """CREATE TABLE given.fresh AS FROM given.items ANTI JOIN (
                SELECT project, pool, slot FROM scrapes WHERE outcome = 'ok'
                AND slot BETWEEN (SELECT min(slot) FROM given.items) AND (SELECT max(slot) FROM given.items)
            ) USING (project, pool, slot)"""
        )
        record.begin()
        imported = _write(record, now)
        record.commit()
    except duckdb.Error as error:
        raise RecordNotWritten(
            f"nothing was imported, the database could not be written ({str(error)[:300]}): check the disk"
        ) from None
    checkpoint(record)
    return imported


def checkpoint(record: Record) -> None:
    """Write what a transaction left in the log to the database file.

    Raises
    ------
    RecordNotWritten
        When it cannot be written.
    """
    try:
        record.execute("CHECKPOINT")
    except duckdb.Error as error:
        raise RecordNotWritten(
            f"the imported rows are only in the database's log, its file could not be written ({str(error)[:300]}):"
            " free space on the disk and import again; no row is imported twice"
        ) from None


def _write(record: Record, now: datetime) -> Imported:
    record.execute(
        """INSERT INTO polls BY NAME SELECT $1 AS run, project, 'import' AS command, $2 AS version,
            first(seconds ORDER BY slots DESC, seconds) AS interval_seconds, $1 AS ended_at, any_value(pools) AS pools
        FROM (SELECT project, count(DISTINCT pool) AS pools FROM given.fresh GROUP BY project) JOIN (
            SELECT project, seconds, count(*) AS slots FROM given.intervals SEMI JOIN given.fresh USING (project, slot)
            GROUP BY project, seconds
        ) USING (project) GROUP BY project""",
        [now, __version__],
    )
    known = " + ".join(f'coalesce("{status}", 0)::BIGINT' for status in STATUSES)
    # The rows of a pool and slot count as a complete answer: its total is the sum of their totals.
    record.execute(
        f"""CREATE TEMP VIEW summed AS
        SELECT *, {known} + coalesce(list_sum(map_values(other_statuses)), 0) AS known FROM given.fresh"""
    )
    # Few answers disagree with their totals: only for these the text is made, as it takes memory for each answer.
    record.execute(
        """INSERT INTO scrapes BY NAME
        SELECT $1 AS run, project, pool, slot, seconds AS interval_seconds, 'ok' AS outcome, answers.total, disagreement
        FROM (
            SELECT project, pool, slot, CASE WHEN bool_and(total IS NOT NULL) THEN sum(total) END AS total
            FROM summed GROUP BY project, pool, slot
        ) answers JOIN given.intervals USING (project, slot) LEFT JOIN (
            SELECT project, pool, slot, left(string_agg(
                type || ': total ' || total || ', its statuses sum to ' || known, '; ' ORDER BY file, line
            ), 1000) AS disagreement
            FROM summed WHERE total <> known GROUP BY project, pool, slot
        ) USING (project, pool, slot) ORDER BY project, pool, slot""",
        [now],
    )
    # Adjacent rows of one series compress best.
    record.execute(
        """INSERT INTO snapshots BY NAME
        SELECT * EXCLUDE (file, line) FROM given.fresh ORDER BY project, pool, type, slot"""
    )
    rows, slots, pools, already = record.execute(
        """SELECT (SELECT count(*) FROM given.fresh), (SELECT count(DISTINCT slot) FROM given.fresh),
            (SELECT count(*) FROM (SELECT DISTINCT project, pool FROM given.fresh)),
            (SELECT count(*) FROM (
                SELECT DISTINCT project, pool, slot FROM given.items ANTI JOIN given.fresh USING (project, pool, slot)
            ))"""
    ).fetchall()[0]
    return Imported(rows, slots, pools, already)
