"""The dataset: all tables as Parquet files in a folder, and the manifest, which alone says which files belong to it.

    manifest.json
    TABLE/project=PROJECT/month=YYYY-MM/CONTENT.parquet

A file has the rows of a table, project and month, in the order of `columns.ORDER`, and is never changed. Its name is a
hash of its rows, so that other rows make another file. A manifest is replaced as a whole and names complete files only:
who has read one can read its files, whatever is published meanwhile. The folder may be one of an object store.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import duckdb

from collector.errors import RecordUnreadable
from collector.record.columns import COLUMNS, TABLES, columns_at
from collector.record.paths import quoted_pattern
from collector.record.places import Place, StorePath
from collector.record.schema import MIGRATIONS
from collector.record.store import AT_ONCE, Served, served_at

MANIFEST: Final = "manifest.json"
FORMAT: Final = "poolscope dataset"
VERSION: Final = 1
OTHER_JOBS: Final = "other_jobs"
"""The column of snapshots with the sum of `other_statuses`, which no table has."""
NONE: Final = "__HIVE_DEFAULT_PARTITION__"
"""The folder's value where project or slot is NULL, as in Hive and Spark."""
LONGEST_NAME: Final = 200
"""Bytes of a project in the name of its folder; file systems take 255."""
OWN_NAME: Final = re.compile(r"[0-9a-f]{16}\.parquet")
PATH: Final = re.compile(
    rf"({'|'.join(TABLES)})/project=[A-Za-z0-9_.%~-]+/month=(\d{{4}}-\d{{2}}|{NONE})/{OWN_NAME.pattern}"
)
"""The name of a file of a dataset, and its path relative to the folder."""
_FIX: Final = "copy the dataset again, or publish it again to a new folder (poolscope export --dataset)"


@dataclass(frozen=True)
class DataFile:
    """A file of a dataset; times are UTC in ISO 8601."""

    path: str
    """Relative to the folder, with ``/``."""
    table: str
    project: str | None
    rows: int
    first_slot: str | None
    last_slot: str | None
    pools: list[str]
    """The ids of the pools that have rows, sorted; empty for tables without pools."""
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The content of a dataset."""

    format: str
    version: int
    schema: int
    """The schema version of the tables, see `schema.MIGRATIONS`."""
    poolscope: str
    published_at: str
    last_slot: str | None
    """The last slot of any scrape."""
    files: list[DataFile]

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows, by table."""
        return {
            table: sum(file.rows for file in self.files if file.table == table) for table in columns_at(self.schema)
        }


@dataclass(frozen=True)
class Dataset:
    """A dataset whose files were checked."""

    folder: Place
    manifest: Manifest

    def rows_of(self, table: str) -> str:
        """Return the SQL for the rows of a table, with the columns that it had in the dataset's schema version."""
        columns = columns_at(self.manifest.schema)[table]
        paths = [readable(self.folder, file) for file in self.manifest.files if file.table == table]
        if not paths:
            nothing = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns.items())
            return f"(SELECT {nothing} WHERE false)"
        names = ", ".join(
            f'"{name}"::JSON::{kind} AS "{name}"' if kind.startswith("MAP") else f'"{name}"'
            for name, kind in columns.items()
        )
        return f"(SELECT {names} FROM read_parquet([{', '.join(paths)}], hive_partitioning = false))"

    def about(self, pools: Collection[tuple[str, str]]) -> "Dataset":
        """Return the dataset with the files alone that have scrapes or snapshots of some pools, by project and id."""
        files = [
            file
            for file in self.manifest.files
            if file.table in ("scrapes", "snapshots") and any((file.project, pool) in pools for pool in file.pools)
        ]
        folder = self.folder if isinstance(self.folder, StorePath) else self.folder.absolute()
        return Dataset(folder, replace(self.manifest, files=files))


def stored_columns(table: str) -> dict[str, str]:
    """Return the SQL for each column that the files of a table have, by name.

    A MAP becomes JSON text and the sum of its values: Spark is slow with columns of type MAP.
    """
    stored = {}
    for name, kind in COLUMNS[table].items():
        if kind.startswith("MAP"):
            stored[OTHER_JOBS] = f'list_sum(map_values("{name}"))::BIGINT'
            stored[name] = f'to_json("{name}")::VARCHAR'
        else:
            stored[name] = f'"{name}"'
    return stored


def folder_of(table: str, project: str | None, month: str | None) -> str:
    """Return the folder of a table's rows of a project and month, relative to the dataset's folder.

    Two projects never have the same folder, unless the file system does not tell capitals apart: then their files have
    different names all the same.
    """
    if project is None:
        name = NONE
    else:
        name = quote(project, safe="").replace("~", "%7E") or "%"
        if len(name) > LONGEST_NAME:
            name = f"{name[:120]}~{hashlib.sha256(project.encode()).hexdigest()[:32]}"
    return f"{table}/project={name}/month={month or NONE}"


def open_dataset(folder: Place) -> Dataset:
    """Return a dataset, after checking that each file has the size and the checksum that the manifest says.

    In an object store only the sizes are checked: for the checksums all files would have to be read.

    Raises
    ------
    RecordUnreadable
        When the folder is not a dataset, a newer Poolscope wrote it, or a file is missing, damaged or half-copied; the
        message names the file.
    """
    manifest = read_manifest(folder)
    dataset = Dataset(folder, manifest)
    if isinstance(folder, StorePath):
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(partial(_check, folder), manifest.files))
    else:
        for file in manifest.files:
            _check(folder, file)
    return dataset


def _check(folder: Place, file: DataFile, *, read: bool = False) -> None:
    """Refuse a file that does not have the size and the checksum that the manifest says.

    In a store the checksum is compared if `read`.
    """
    path = folder / file.path
    try:
        if isinstance(path, StorePath):
            size = path.size()
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if read else file.sha256
        else:
            state = path.stat()
            size = state.st_size
            sha256 = _sha256(path, size, state.st_mtime_ns, state.st_ino) if size == file.bytes else file.sha256
    except FileNotFoundError:
        raise RecordUnreadable(f"{path} is missing: {_FIX}") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if size != file.bytes:
        raise RecordUnreadable(f"{path} has {size:,} bytes instead of {file.bytes:,}: {_FIX}")
    if sha256 != file.sha256:
        raise RecordUnreadable(f"{path} has changed since it was published: {_FIX}")


def _unreadable(path: Place, error: OSError) -> RecordUnreadable:
    # A store's reason says what to do.
    fix = "" if isinstance(path, StorePath) else ": check its permissions"
    return RecordUnreadable(f"{path} cannot be read ({error.strerror}){fix}")


def readable(folder: Place, file: DataFile) -> str:
    """Return the SQL text by which DuckDB reads a file, of a store after `served` was called."""
    return f"'{served_at(file.path)}'" if isinstance(folder, StorePath) else quoted_pattern(folder / file.path)


def served(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> Served:
    """Let a connection read the files of a dataset, if they are in a store, and return what it reads of them."""
    if not isinstance(dataset.folder, StorePath):
        return Served()
    return dataset.folder.serve(connection, {file.path: file.bytes for file in dataset.manifest.files})


@contextmanager
def refusing_loss(dataset: Dataset, reading: Served) -> Iterator[None]:
    """Refuse a dataset whose files are lost or changed while they are read, after they were checked.

    Parameters
    ----------
    reading
        What DuckDB reads, see `served`.

    Raises
    ------
    RecordUnreadable
        In place of DuckDB's error; errors with other causes, such as a full disk, stay as they are.
    """
    try:
        yield
    except duckdb.Error as error:
        for name, reason in reading.failures.items():
            raise RecordUnreadable(f"{dataset.folder / name} could not be read: {reason}") from None
        if isinstance(error, duckdb.IOException | duckdb.InvalidInputException):
            for file in dataset.manifest.files:
                _check(dataset.folder, file, read=file.path in reading.opened)
        raise


def make_views(connection: duckdb.DuckDBPyConnection, dataset: Dataset, database: str) -> None:
    """Make a view of each table of a dataset in an attached database, by its name.

    Raises
    ------
    RecordUnreadable
        When a file does not have the columns of its table.
    """
    for table in dataset.manifest.rows:
        try:
            connection.execute(f"CREATE VIEW {database}.main.{table} AS FROM {dataset.rows_of(table)}")
        except duckdb.BinderException as error:
            raise RecordUnreadable(
                f"{dataset.folder / table} does not have the columns of that table ({str(error)[:200]}): {_FIX}"
            ) from None


# A process that reads a dataset many times, such as a notebook, reads its unchanged files once to check them.
@lru_cache(maxsize=1 << 16)
def _sha256(path: Path, _size: int, _changed: int, _inode: int) -> str:
    return sha256_of(path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def last_slot_of(files: Sequence[DataFile]) -> str | None:
    """Return the last slot of any scrape; None where there is none."""
    return max((file.last_slot for file in files if file.table == "scrapes" and file.last_slot), default=None)


def read_manifest(folder: Place) -> Manifest:
    """Return the manifest of a dataset; its files are not looked at.

    Raises
    ------
    RecordUnreadable
        When there is none, or it is damaged, of another program, or from a newer Poolscope.
    """
    path = folder / MANIFEST
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordUnreadable(
            f"{folder} has no {MANIFEST}, so it is not a complete dataset: name a folder that poolscope export"
            " --dataset or backup wrote"
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    except (ValueError, RecursionError) as error:
        raise RecordUnreadable(f"{path} is damaged ({str(error)[:100]}): {_FIX}") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise RecordUnreadable(
            f"{path} is not that of a dataset of Poolscope: name a folder that poolscope export --dataset wrote; make a"
            " database from a backup of an older Poolscope with poolscope restore"
        )
    version, schema = fields.get("version"), fields.get("schema")
    if type(version) is not int or type(schema) is not int or min(version, schema) < 1:
        raise RecordUnreadable(f"{path} is damaged (no version): {_FIX}")
    if version > VERSION or schema > len(MIGRATIONS):
        raise RecordUnreadable(f"{path} was written by a newer Poolscope: upgrade Poolscope")
    try:
        manifest = Manifest(**fields | {"files": [_data_file(file) for file in fields["files"]]})
        if manifest.last_slot != last_slot_of(manifest.files):
            raise ValueError("it does not name the file with the last slot")
    except (ValueError, TypeError, KeyError) as error:
        raise RecordUnreadable(f"{path} is damaged ({str(error)[:100]}): {_FIX}") from None
    return manifest


def _data_file(fields: dict[str, Any]) -> DataFile:
    """Return an entry of the manifest; raise TypeError or ValueError where it is none."""
    file = DataFile(**fields)
    match = PATH.fullmatch(file.path)
    if match is None or match[1] != file.table or type(file.rows) is not int or type(file.bytes) is not int:
        raise ValueError(f"{str(file.path)[:60]} cannot be one of its files")
    return file
