"""The record, read: spool and database as one, opened late and closed at once."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import tenacity

from analysis.errors import RecordUnreadable
from analysis.matching import Whole
from analysis.series import COUNTS, STATUSES, UNKNOWN, Pool, Series, read_counts

# What is read of the tables, and of the spool's lines, whose fields are the same.
SCRAPES: Final = {
    "run": "TIMESTAMP",
    "project": "VARCHAR",
    "pool": "VARCHAR",
    "slot": "TIMESTAMP",
    "interval_seconds": "INTEGER",
    "outcome": "VARCHAR",
    "total": "INTEGER",
}
SNAPSHOTS: Final = {
    "project": "VARCHAR",
    "pool": "VARCHAR",
    "type": "VARCHAR",
    "slot": "TIMESTAMP",
    "total": "INTEGER",
    **dict.fromkeys(STATUSES, "INTEGER"),
    "other_statuses": "MAP(VARCHAR, INTEGER)",
}
POOLS: Final = {
    "run": "TIMESTAMP",
    "project": "VARCHAR",
    "pool": "VARCHAR",
    "name": "VARCHAR",
    "queue_policy": "VARCHAR",
}
TABLES: Final = {"scrapes": SCRAPES, "snapshots": SNAPSHOTS, "pools": POOLS}
SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
LOCK_SECONDS: Final = 5.0
# So many rows are held at a time: about 200 MB.
BATCH: Final = 2_000_000
FIRST, LAST = datetime(1970, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001 - the tables hold naive UTC


@dataclass(frozen=True)
class Selection:
    """Which part of the record is read."""

    since: datetime | None = None
    """Naive UTC; the slots from here on."""
    until: datetime | None = None
    """Naive UTC; the slots up to here."""
    projects: tuple[str, ...] = ()
    """Patterns; none means all, here and below."""
    pools: tuple[str, ...] = ()
    """Patterns on id or display name."""
    types: tuple[str, ...] = ()

    def takes(self, project: str, pool: str, name: str | None) -> bool:
        """Tell whether a pool is of it."""
        names = [pool] if name is None else [pool, name]
        return _matches(self.projects, project) and any(_matches(self.pools, each) for each in names)


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


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
            for chosen in _batches(connection, selection):
                yield _read(connection, chosen, selection)

    def last_slot(self) -> datetime:
        """Return the last slot that was observed, naive UTC.

        Raises
        ------
        RecordUnreadable
            When nothing was, besides what `read` raises.
        """
        with self._opened() as connection:
            last = connection.execute("SELECT max(slot) FROM scrapes").fetchall()[0][0]
        if not isinstance(last, datetime):
            raise RecordUnreadable(f"{self.database} holds no slot that was observed: look at poolscope status")
        return last

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self.database.exists() and not any(self.spool.glob("*.ndjson")):
            raise RecordUnreadable(f"{self.database} does not exist: name the record with --db, or poll first")
        with duckdb.connect(config=SETTINGS) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            # The spool first: in the other order what a drain moves in between would be missed.
            _read_spool(connection, self.spool)
            stored = self._attach(connection) if self.database.exists() else set()
            _join(connection, stored)
            try:
                yield connection
            except duckdb.Error as error:
                if "Corrupt" not in str(error) and "Could not read enough bytes" not in str(error):
                    raise
                raise self._damaged(error) from None

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> set[str]:
        """Attach the database, waiting for a writer; return its tables."""
        quoted = str(self.database).replace("'", "''")
        held = tenacity.retry_if_exception(lambda error: "Could not set lock" in str(error))
        stop, wait = tenacity.stop_after_delay(LOCK_SECONDS), tenacity.wait_fixed(0.1)
        try:
            tenacity.Retrying(retry=held, stop=stop, wait=wait, reraise=True)(
                connection.execute, f"ATTACH '{quoted}' AS record (READ_ONLY)"
            )
        except duckdb.Error as error:
            message = str(error).split("See also")[0].strip()
            if "Could not set lock" in message:
                raise RecordUnreadable(f"{self.database} is being written ({message}): try again later") from None
            raise self._damaged(error) from None
        query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'record'"
        tables = {name for (name,) in connection.execute(query).fetchall()}
        if tables and "poolscope_migrations" not in tables:
            raise RecordUnreadable(f"{self.database} was not made by Poolscope: name another file")
        return tables

    def _damaged(self, error: duckdb.Error) -> RecordUnreadable:
        return RecordUnreadable(
            f"{self.database} cannot be read ({str(error)[:200]}): poolscope doctor says what to do about it"
        )


def _read_spool(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Read the spool into the temporary tables `spooled_*`."""
    columns = {"table": "VARCHAR", **POOLS, **SNAPSHOTS, **SCRAPES}
    listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE TEMP TABLE spooled ({listed})")
    struct = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    files = sorted(str(file) for file in folder.glob("*.ndjson"))
    # All together, and where one of them is drained meanwhile or damaged, each alone.
    for group in [files] if files else []:
        try:
            _read_files(connection, struct, group)
        except duckdb.Error:
            for file in group:
                # The collector sets aside what is damaged and says so.
                with suppress(duckdb.Error):
                    _read_files(connection, struct, [file])
    for table, fields in TABLES.items():
        names = ", ".join(f'"{name}"' for name in ({"run": ""} | fields))
        connection.execute(
            f"""CREATE TEMP VIEW spooled_{table} AS SELECT {names} FROM spooled WHERE "table" = '{table}'"""
        )


def _read_files(connection: duckdb.DuckDBPyConnection, struct: str, files: list[str]) -> None:
    connection.execute(
        f"INSERT INTO spooled SELECT * FROM read_json($1, columns = {{{struct}}}, format = 'newline_delimited')",
        [files],
    )


def _join(connection: duckdb.DuckDBPyConnection, stored: set[str]) -> None:
    """Make the views `scrapes`, `snapshots` and `pools`, in which spool and database are one.

    Of several successes in one slot that of the earliest run counts; the database holds the snapshots of its earliest.
    """
    for table, fields in TABLES.items():
        if table not in stored:
            listed = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
            connection.execute(f"CREATE TEMP TABLE none_{table} ({listed})")
    source = {table: f"record.main.{table}" if table in stored else f"none_{table}" for table in TABLES}
    connection.execute(
        f"""CREATE TEMP TABLE winners AS
        WITH arrived AS (
            SELECT project, pool, slot, min(run) AS run FROM spooled_scrapes WHERE outcome = 'ok' GROUP BY ALL
        ), earlier AS (
            SELECT project, pool, slot, min(run) AS run FROM {source["scrapes"]}
            WHERE outcome = 'ok' AND slot IN (SELECT slot FROM arrived) GROUP BY ALL
        )
        SELECT arrived.* FROM arrived LEFT JOIN earlier USING (project, pool, slot)
        WHERE earlier.run IS NULL OR arrived.run < earlier.run"""
    )
    for table in ("scrapes", "snapshots"):
        names = ", ".join(f'"{name}"' for name in TABLES[table])
        good = "WHERE outcome = 'ok'" if table == "scrapes" else ""
        connection.execute(
            f"""CREATE TEMP VIEW {table} AS
            SELECT {names} FROM {source[table]} ANTI JOIN winners USING (project, pool, slot) {good}
            UNION ALL SELECT {names} FROM spooled_{table} SEMI JOIN winners USING (project, pool, slot, run) {good}"""
        )
    names = ", ".join(POOLS)
    connection.execute(
        f"CREATE TEMP VIEW pools AS SELECT {names} FROM {source['pools']} UNION ALL SELECT {names} FROM spooled_pools"
    )


def _batches(
    connection: duckdb.DuckDBPyConnection, selection: Selection
) -> Iterator[list[tuple[str, str, str | None, str | None, list[str]]]]:
    """Choose the pools, so many at a time that their rows fit into memory.

    Of each project, pool, display name, queue policy, and the types that were ever listed.
    """
    rows = connection.execute(
        """WITH items AS (
            SELECT project, pool, type, count(*) AS n FROM snapshots WHERE slot BETWEEN $1 AND $2 GROUP BY ALL
        ), seen AS (
            SELECT project, pool, sum(n) AS n, list(type ORDER BY type) AS types FROM items GROUP BY ALL
        ), observed AS (
            SELECT DISTINCT project, pool FROM scrapes WHERE slot BETWEEN $1 AND $2
        ), told AS (
            SELECT project, pool, arg_max(name, run) AS name, arg_max(queue_policy, run) AS policy
            FROM pools GROUP BY ALL
        )
        SELECT project, pool, name, policy, coalesce(types, []), coalesce(n, 0) FROM observed
        LEFT JOIN seen USING (project, pool) LEFT JOIN told USING (project, pool) ORDER BY project, pool""",
        _span(selection),
    ).fetchall()
    batch: list[tuple[str, str, str | None, str | None, list[str]]] = []
    size = 0
    for project, pool, name, policy, types, count in rows:
        if not selection.takes(project, pool, name):
            continue
        if batch and size + count > BATCH:
            yield batch
            batch, size = [], 0
        batch.append((project, pool, name, policy, types))
        size += count
    if batch:
        yield batch


def _span(selection: Selection) -> list[datetime]:
    return [selection.since or FIRST, selection.until or LAST]


def _read(
    connection: duckdb.DuckDBPyConnection,
    chosen: list[tuple[str, str, str | None, str | None, list[str]]],
    selection: Selection,
) -> tuple[list[Pool], list[Series]]:
    """Read the slots and series of some pools."""
    keys = [(number, pool[0], pool[1], type_) for number, pool in enumerate(chosen) for type_ in [None, *pool[4]]]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE chosen (series INTEGER, project VARCHAR, pool VARCHAR, type VARCHAR)"
    )
    connection.execute(
        "INSERT INTO chosen SELECT unnest($1), unnest($2), unnest($3), unnest($4)",
        [list(range(len(keys))), [key[1] for key in keys], [key[2] for key in keys], [key[3] for key in keys]],
    )
    scrapes = _by_series(
        connection,
        f"""SELECT series, slot, run, interval_seconds::BIGINT AS intervals, coalesce(total, {UNKNOWN})::BIGINT AS total
        FROM scrapes JOIN (FROM chosen WHERE type IS NULL) USING (project, pool) WHERE slot BETWEEN $1 AND $2""",
        selection,
    )
    read = ", ".join(f'coalesce("{count}", {UNKNOWN}) AS "{count}"' for count in COUNTS)
    items = _by_series(
        connection,
        f"""SELECT series, slot, {read},
            CASE WHEN other_statuses IS NULL THEN 0 ELSE list_sum(map_values(other_statuses)) END AS other
        FROM snapshots JOIN chosen USING (project, pool, type) WHERE slot BETWEEN $1 AND $2""",
        selection,
    )
    pools: list[Pool] = []
    series: list[Series] = []
    for at, (_, _, _, type_) in enumerate(keys):
        if type_ is None:
            number = keys[at][0]
            pools.append(_pool(chosen[number], scrapes.get(at)))
            mine = [at + 1 + offset for offset in range(len(chosen[number][4]))]
            series += _series(pools[-1], [(keys[each][3], items[each]) for each in mine if each in items], selection)
    return pools, series


def _by_series(connection: duckdb.DuckDBPyConnection, query: str, selection: Selection) -> dict[int, dict[str, Whole]]:
    """Run a query that gives `series`, `slot` and other columns; return its rows by series, in order of slots."""
    found = connection.execute(query, _span(selection)).fetchnumpy()
    columns = {name: np.asarray(values) for name, values in found.items()}
    series = columns.pop("series")
    columns["slot"] = columns["slot"].astype("datetime64[s]").astype(np.int64)
    if "run" in columns:
        columns["run"] = columns["run"].astype("datetime64[us]").astype(np.int64)
    in_order = (series[:-1] < series[1:]) | ((series[:-1] == series[1:]) & (columns["slot"][:-1] < columns["slot"][1:]))
    if not in_order.all():
        order = np.lexsort((columns.get("run", columns["slot"]), columns["slot"], series))
        series, columns = series[order], {name: values[order] for name, values in columns.items()}
    bounds = np.flatnonzero(np.diff(series)) + 1
    parts = zip([0, *bounds], [*bounds, len(series)], strict=True)
    return {int(series[a]): {name: values[a:b] for name, values in columns.items()} for a, b in parts if b > a}


def _pool(chosen: tuple[str, str, str | None, str | None, list[str]], rows: dict[str, Whole] | None) -> Pool:
    project, pool, name, policy, _ = chosen
    if rows is None:
        rows = dict.fromkeys(("slot", "intervals", "total"), np.empty(0, np.int64))
    # Of several successes in a slot the earliest counts; it comes first.
    first = np.concatenate([[True], np.diff(rows["slot"]) > 0]) if len(rows["slot"]) else np.empty(0, np.bool_)
    return Pool(
        project, pool, name or None, policy, *(rows[column][first] for column in ("slot", "intervals", "total"))
    )


def _series(pool: Pool, items: list[tuple[str | None, dict[str, Whole]]], selection: Selection) -> Iterator[Series]:
    """Make the series of a pool from the rows of each of its types."""
    listed = np.zeros(len(pool.slots), np.int64)
    whole = []
    for type_, rows in items:
        # A row belongs to a slot that was observed; another one is no sample.
        there = np.isin(rows["slot"], pool.slots, assume_unique=True)
        whole.append((type_, {name: values[there] for name, values in rows.items()}))
        np.add.at(listed, np.searchsorted(pool.slots, rows["slot"][there]), np.maximum(rows["total"][there], 0))
    for type_, rows in whole:
        if type_ is not None and _matches(selection.types, type_):
            counts = read_counts(pool, rows["slot"], rows, rows["other"], listed)
            yield Series(pool, type_, pool.slots, pool.intervals, counts)
