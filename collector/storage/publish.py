"""Writing a dataset: only the months that changed, under new names, and the manifest last.

Whenever a process is killed, the folder is the former dataset or the new one, see `record.dataset`.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from collector import __version__
from collector.errors import InputRefused, RecordNotWritten
from collector.record.columns import ORDER, TABLES
from collector.record.database import Record
from collector.record.dataset import (
    FORMAT,
    MANIFEST,
    OWN_NAME,
    PATH,
    VERSION,
    DataFile,
    Manifest,
    folder_of,
    read_manifest,
    sha256_of,
    stored_columns,
)
from collector.record.files import UNFINISHED, clear_unfinished, make_folder, remove, replacing, write
from collector.record.memory import memory_allowed
from collector.record.paths import quoted
from collector.record.schema import MIGRATIONS
from collector.record.slots import naive
from collector.storage.lock import holding

GRACE: Final = timedelta(hours=6)
"""How long a file stays after a manifest stopped naming it: a reader of the former manifest may take that long."""
LOCK: Final = ".publishing.lock"
MEMORY: Final = 512 << 20
"""Bytes in which DuckDB sorts; it puts the rest on disk."""
_SORTING: Final = ".sorting"
_WRITTEN: Final = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, USE_TMP_FILE false"


@dataclass(frozen=True)
class Published:
    """The result: the manifest, how many files were written, and how many old ones were removed."""

    manifest: Manifest
    written: int
    removed: int


@dataclass(frozen=True)
class _Part:
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
        folder = folder_of(self.table, self.project, None if self.month is None else f"{self.month:%Y-%m}")
        # Another schema or DuckDB writes other bytes for the same rows: they are another file.
        writer = f"{self.content} {len(MIGRATIONS)} {duckdb.__version__}"
        return f"{folder}/{hashlib.sha256(writer.encode()).hexdigest()[:16]}.parquet"


def publish(opening: AbstractContextManager[Record], folder: Path, clock: Callable[[], datetime]) -> Published:
    """Bring a dataset up to date with a record; where nothing is new, no file changes.

    Parameters
    ----------
    opening
        Opens the record, once no other process publishes to the folder: what it has published is not undone.
    folder
        A dataset, or a new or empty folder.
    clock
        Returns the current time. Files that are not in the manifest for longer than `GRACE` are removed.

    Raises
    ------
    InputRefused
        When the folder has other files or rows that the record lacks, or the record has no rows.
    RecordUnreadable
        When the manifest there is damaged, or from a newer Poolscope.
    LockHeld
        When another process publishes to the folder.
    RecordNotWritten
        When a file cannot be written: the former dataset is still there.
    """
    try:
        _refuse_other(folder)
        make_folder(folder)
        with holding(folder / LOCK, f"publishing to {folder}"):
            clear_unfinished(folder / MANIFEST)
            former = read_manifest(folder) if (folder / MANIFEST).exists() else None
            # Files of another schema version are written anew.
            reusable = former if former is not None and former.schema == len(MIGRATIONS) else None
            existing = {} if reusable is None else _complete(folder, reusable)
            with opening as record:
                manifest = write_files(record, folder, clock(), existing)
            if not manifest.files:
                raise InputRefused(f"the record has no rows, so {folder} was not changed: check [paths]")
            if former is not None:
                _refuse_loss(former, manifest, folder)
            if reusable is not None and reusable.files == manifest.files:
                manifest = reusable
            else:
                _touch([] if former is None else former.files, manifest, folder, clock())
                write_manifest(folder, manifest)
            removed = 0
            # The dataset is complete without it; the next export removes what is left.
            with suppress(OSError):
                removed = _remove_unnamed(folder, manifest, clock())
    except (OSError, duckdb.Error) as error:
        raise RecordNotWritten(
            f"{folder} was not published and is as before ({str(error)[:300]}): check the folder and the disk"
        ) from None
    return Published(manifest, len({file.path for file in manifest.files} - existing.keys()), removed)


def _refuse_other(folder: Path) -> None:
    """Refuse a folder with files that are not of a dataset."""
    if folder.exists() and not folder.is_dir():
        raise InputRefused(f"{folder} is a file: name a folder for the dataset")
    if folder.is_dir() and not (folder / MANIFEST).exists():
        # A killed process may have left files without a manifest.
        others = [path.name for path in folder.iterdir() if path.name not in TABLES and not path.name.startswith(".")]
        if others:
            raise InputRefused(f"{folder} has other files ({min(others)}) and no {MANIFEST}: name a new folder")


def _refuse_loss(former: Manifest, manifest: Manifest, folder: Path) -> None:
    """Refuse to replace a dataset that has rows which the record lacks: nobody else may have them."""
    rows, new_rows = _rows_by_month(former), _rows_by_month(manifest)
    if lost := sorted(month for month, number in rows.items() if new_rows[month] < number):
        raise InputRefused(
            f"{folder} has rows of {lost[0]} that the record lacks, so it was not changed: it is a backup, the dataset"
            " of another record, or has pruned rows; name a new folder"
        )


def _rows_by_month(manifest: Manifest) -> Counter[str]:
    """Return the number of rows, by the folder of a table, project and month."""
    rows: Counter[str] = Counter()
    for file in manifest.files:
        rows[file.path.rpartition("/")[0]] += file.rows
    return rows


def _complete(folder: Path, manifest: Manifest) -> dict[str, DataFile]:
    """Return the files of a manifest that are there in their full size, by path."""
    complete = {}
    for file in manifest.files:
        with suppress(OSError):
            if (folder / file.path).stat().st_size == file.bytes:
                complete[file.path] = file
    return complete


def _touch(former: list[DataFile], manifest: Manifest, folder: Path, now: datetime) -> None:
    """Let the grace period of the files begin that the manifest no longer names."""
    for path in {file.path for file in former} - {file.path for file in manifest.files}:
        with suppress(FileNotFoundError):
            os.utime(folder / path, (now.timestamp(), now.timestamp()))


def write_files(record: Record, folder: Path, now: datetime, existing: Mapping[str, DataFile]) -> Manifest:
    """Write the files of all tables but those that exist, by path, and return the manifest.

    Raises
    ------
    OSError, duckdb.Error
        When a file cannot be written.
    """
    sorting = folder / _SORTING
    # A killed process may have left it.
    remove(sorting)
    for setting in (
        f"SET temp_directory = {quoted(sorting)}",
        f"SET memory_limit = '{min(MEMORY, memory_allowed() or MEMORY)}B'",
    ):
        # DuckDB refuses where the rows of a large spool already take more memory, or are on disk.
        with suppress(duckdb.Error):
            record.execute(setting)
    parts = [part for table in TABLES for part in _parts(record, table)]
    files = [existing.get(part.path) or _write_part(record, folder, part) for part in parts]
    remove(sorting)
    last_slot = max((file.last_slot for file in files if file.table == "scrapes" and file.last_slot), default=None)
    published_at = f"{naive(now).isoformat()}Z"
    return Manifest(FORMAT, VERSION, len(MIGRATIONS), __version__, published_at, last_slot, files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest; all its files must be durable.

    Raises
    ------
    OSError
        When it cannot be written: the former manifest is still there.
    """
    write(folder / MANIFEST, (json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n").encode())


def _parts(record: Record, table: str) -> Iterator[_Part]:
    columns = stored_columns(table)
    pools = "coalesce(list(DISTINCT pool ORDER BY pool) FILTER (pool IS NOT NULL), [])" if "pool" in columns else "[]"
    for row in record.execute(
        f"""SELECT project, date_trunc('month', slot) AS month, count(*), min(slot), max(slot), {pools},
            sum(hash({", ".join(columns.values())})::HUGEINT)
        FROM {table} GROUP BY project, month ORDER BY project, month"""
    ).fetchall():
        yield _Part(table, *row)


def _write_part(record: Record, folder: Path, part: _Part) -> DataFile:
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


def _remove_unnamed(folder: Path, manifest: Manifest, now: datetime) -> int:
    """Remove what no manifest has named for longer than the grace period, and return the number of files."""
    # Where a file system does not tell capitals apart, two projects may share a folder.
    named = {file.path.casefold() for file in manifest.files}
    removed = 0
    for table in TABLES:
        for path in (folder / table).glob("project=*/month=*/*"):
            relative = path.relative_to(folder).as_posix()
            if relative.casefold() in named or not path.is_file():
                continue
            # Only under the lock, so that no process writes an unfinished file now; what others put there stays.
            left_over = path.name.endswith(UNFINISHED) and OWN_NAME.search(path.name) is not None
            old = PATH.fullmatch(relative) is not None and path.stat().st_mtime < (now - GRACE).timestamp()
            if left_over or old:
                remove(path)
                removed += 1
        for place in (*(folder / table).glob("project=*/month=*"), *(folder / table).glob("project=*")):
            # Where it is not empty, it stays.
            with suppress(OSError):
                place.rmdir()
    return removed
