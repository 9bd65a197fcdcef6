"""Writing the files of a dataset: one for each table, project and month, and the manifest, see `record.dataset`."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from collector import __version__
from collector.errors import RecordNotWritten
from collector.record.columns import ORDER, TABLES
from collector.record.database import Record
from collector.record.dataset import (
    FORMAT,
    MANIFEST,
    VERSION,
    DataFile,
    Manifest,
    folder_of,
    last_slot_of,
    sha256_of,
    stored_columns,
)
from collector.record.files import make_folder, remove, replacing, write
from collector.record.memory import limit_memory
from collector.record.paths import quoted
from collector.record.schema import MIGRATIONS
from collector.record.slots import naive

MEMORY: Final = 512 << 20
"""Bytes in which DuckDB sorts; it puts the rest on disk."""
_SORTING: Final = ".sorting"
_WRITTEN: Final = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, USE_TMP_FILE false"


@dataclass(frozen=True)
class Part:
    """The rows of a table of a project and month; `first` and `last` are slots, `month` begins the month."""

    table: str
    project: str | None
    month: datetime | None
    rows: int
    first: datetime | None
    last: datetime | None
    pools: list[str]
    content: int
    """A hash of the rows, whatever their order."""

    @property
    def path(self) -> str:
        """The path of the file, relative to the folder; other rows have another path."""
        folder = folder_of(self.table, self.project, None if self.month is None else f"{self.month:%Y-%m}")
        # Another schema or DuckDB writes other bytes for the same rows: they are another file.
        writer = f"{self.content} {len(MIGRATIONS)} {duckdb.__version__}"
        return f"{folder}/{hashlib.sha256(writer.encode()).hexdigest()[:16]}.parquet"


@contextmanager
def sorting_in(record: Record, folder: Path) -> Iterator[None]:
    """Let DuckDB sort in bounded memory, with a folder for the rest, which is removed at the end."""
    sorting = folder / _SORTING
    # A killed process may have left it.
    remove(sorting)
    # DuckDB refuses where the rows of a large spool already take more memory, or are on disk.
    with suppress(duckdb.Error):
        record.execute(f"SET temp_directory = {quoted(sorting)}")
    with suppress(duckdb.Error):
        limit_memory(record, MEMORY)
    yield
    remove(sorting)


def parts_of(record: Record) -> list[Part]:
    """Return the parts of a record, each of which becomes a file."""
    return [part for table in TABLES for part in _parts(record, table)]


def write_files(
    record: Record,
    folder: Path,
    parts: Sequence[Part],
    now: datetime,
    existing: Mapping[str, DataFile],
    keep: Callable[[DataFile], None] = lambda _: None,
) -> Manifest:
    """Write the files of parts but those that exist, by path, and return the manifest.

    Parameters
    ----------
    keep
        Called with each file when it is written; it may move the file elsewhere.

    Raises
    ------
    OSError, duckdb.Error
        When a file cannot be written.
    """
    files = []
    for part in parts:
        file = existing.get(part.path)
        if file is None:
            file = _write_part(record, folder, part)
            keep(file)
        files.append(file)
    published_at = f"{naive(now).isoformat()}Z"
    return Manifest(FORMAT, VERSION, len(MIGRATIONS), __version__, published_at, last_slot_of(files), files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest; all its files must be durable.

    Raises
    ------
    OSError
        When it cannot be written: the former manifest is still there.
    """
    write(folder / MANIFEST, content_of(manifest), shared=True)


def content_of(manifest: Manifest) -> bytes:
    """Return the content of the manifest's file."""
    return (json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n").encode()


def _parts(record: Record, table: str) -> Iterator[Part]:
    columns = stored_columns(table)
    pools = "coalesce(list(DISTINCT pool ORDER BY pool) FILTER (pool IS NOT NULL), [])" if "pool" in columns else "[]"
    for row in record.execute(
        f"""SELECT project, date_trunc('month', slot) AS month, count(*), min(slot), max(slot), {pools},
            sum(hash({", ".join(columns.values())})::HUGEINT)
        FROM {table} GROUP BY project, month ORDER BY project, month"""
    ).fetchall():
        yield Part(table, *row)


def _write_part(record: Record, folder: Path, part: Part) -> DataFile:
    path = folder / part.path
    make_folder(path.parent)
    names = ", ".join(f'{value} AS "{name}"' for name, value in stored_columns(part.table).items())
    # A span, not the month of each slot: DuckDB then skips the other months.
    where = f"project IS NOT DISTINCT FROM $1 AND {'slot IS NULL' if part.first is None else 'slot BETWEEN $2 AND $3'}"
    values = [part.project] if part.first is None else [part.project, part.first, part.last]
    with replacing(path) as beside:
        written = record.execute(
            f"COPY (SELECT {names} FROM {part.table} WHERE {where} ORDER BY {ORDER[part.table]})"
            f" TO {quoted(beside)} ({_WRITTEN})",
            values,
        ).fetchall()[0][0]
        if written != part.rows:
            raise RecordNotWritten(f"{path} got {written:,} of {part.rows:,} rows: please report this")
        size, sha256 = beside.stat().st_size, sha256_of(beside)
    first, last = (None if slot is None else f"{slot.isoformat()}Z" for slot in (part.first, part.last))
    return DataFile(part.path, part.table, part.project, part.rows, first, last, part.pools, size, sha256)
