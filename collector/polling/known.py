"""What the record has before a slot is polled: the samples of the slot, and the known pools."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from collector.errors import RecordNotWritten, RecordUnreadable
from collector.polling.discovery import DiscoveredPool, Known
from collector.record import spool
from collector.record.columns import COLUMNS, SINCE
from collector.record.database import Record, checked_version, connect, in_memory, refusing_damage, within_memory
from collector.record.rows import AHEAD
from collector.record.spooled import load

# Of the spool only these columns are read: with all, an hour of it would take a second.
COLUMNS_READ: Final = {name: COLUMNS["scrapes"][name] for name in ("project", "pool", "slot", "outcome")} | {
    "discovered": COLUMNS["polls"]["discovered"]
}
SAMPLED: Final = "SELECT DISTINCT project, pool FROM scrapes WHERE slot = $1 AND outcome = 'ok'"


def read_known(database: Path, spool_folder: Path, slot: datetime, discovery_interval: timedelta) -> Known:
    """Return what spool and database have when a slot (naive UTC) is polled.

    A poll needs no database. Where it is in use or damaged, the pools are those of the spool's newest slot. A sample
    that is polled twice is dropped by the drain, which also reports what is wrong with the database.
    """
    if database.exists():
        with suppress(RecordNotWritten, RecordUnreadable):
            return _stored(database, spool.waiting(spool_folder, slot), slot, discovery_interval)
    recent = spool.waiting_after(spool_folder, slot - discovery_interval)
    return _spooled(sorted({*recent, *spool.newest_slot(spool_folder, slot)}), slot, discovery_interval)


def _stored(database: Path, files: list[Path], slot: datetime, discovery_interval: timedelta) -> Known:
    """Return what the database has, together with the samples in spool files of the slot."""
    sampled = _spooled(files, slot, discovery_interval).sampled
    with connect(database, read_only=True) as connection, refusing_damage(database):
        version = checked_version(connection, database)
        if version:
            sampled = {*sampled, *connection.execute(SAMPLED, [slot]).fetchall()}
        if version < SINCE["pools"]:
            return Known(sampled)
        return Known(sampled, _pools(connection), _listed(connection, slot, discovery_interval))


def _pools(connection: Record) -> dict[str, list[DiscoveredPool]]:
    query = """SELECT project, pool, arg_max(coalesce(name, ''), run) FROM pools
        GROUP BY project, pool HAVING arg_max(listed, run) ORDER BY project, pool"""
    return _by_project(connection.execute(query).fetchall())


def _listed(connection: Record, slot: datetime, discovery_interval: timedelta) -> set[str]:
    """Return the projects whose pools were listed less than a discovery interval ago."""
    query = "SELECT DISTINCT project FROM polls WHERE discovered AND slot > $1 AND slot <= $2"
    return {project for (project,) in connection.execute(query, [slot - discovery_interval, slot]).fetchall()}


def _spooled(files: list[Path], slot: datetime, discovery_interval: timedelta) -> Known:
    """Return what spool files have; damaged files are left to the drain, which sets them aside and reports them.

    The result is empty where the memory is too small: the poll goes on, and of two samples of a slot the first counts.
    """
    if not files:
        return Known(set())
    with suppress(RecordUnreadable), within_memory(files[0].parent), in_memory() as connection:
        connection.execute("SET threads = 1")
        load(connection, files, COLUMNS_READ)
        for table in ("polls", "scrapes"):
            connection.execute(f"""CREATE TEMP VIEW {table} AS SELECT * FROM spooled WHERE "table" = '{table}'""")
        newest = connection.execute(
            """SELECT DISTINCT project, pool, '' FROM scrapes
            WHERE slot = (SELECT max(slot) FROM scrapes WHERE outcome <> $1) AND outcome NOT IN ('gone', $1)
            ORDER BY ALL""",
            [AHEAD],
        ).fetchall()
        sampled = set(connection.execute(SAMPLED, [slot]).fetchall())
        return Known(sampled, _by_project(newest), _listed(connection, slot, discovery_interval))
    return Known(set())


def _by_project(rows: Iterable[tuple[str, str, str]]) -> dict[str, list[DiscoveredPool]]:
    pools: dict[str, list[DiscoveredPool]] = {}
    for project, pool, name in rows:
        pools.setdefault(project, []).append(DiscoveredPool(pool, name or None))
    return pools
