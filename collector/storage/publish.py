"""Writing a dataset: only the months that changed, under new names, and the manifest last.

Whenever a process is killed, the folder is the former dataset or the new one, see `record.dataset`.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from collector.errors import InputRefused, RecordNotWritten
from collector.record.columns import TABLES
from collector.record.database import Record
from collector.record.dataset import (
    MANIFEST,
    OWN_NAME,
    PATH,
    DataFile,
    Manifest,
    read_manifest,
    sha256_of,
)
from collector.record.files import UNFINISHED, clear_unfinished, follow_rights, make_folder, remove
from collector.record.merging import KEYS
from collector.record.paths import quoted_pattern
from collector.record.schema import MIGRATIONS
from collector.storage.dataset_files import Part, parts_of, sorting_in, write_files, write_manifest
from collector.storage.lock import holding

GRACE: Final = timedelta(hours=6)
"""How long a file stays after a manifest stopped naming it: a reader of the former manifest may take that long."""
LOCK: Final = ".publishing.lock"


@dataclass(frozen=True)
class Published:
    """The result: the manifest, how many files were written, and how many old ones were removed."""

    manifest: Manifest
    written: int
    removed: int


def publish(opening: AbstractContextManager[Record], folder: Path, clock: Callable[[], datetime]) -> Published:
    """Bring a dataset up to date with a record; where nothing is new, no file changes.

    Others can read its files where they can read the folder.

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
        refuse_other(folder)
        make_folder(folder)
        with holding(folder / LOCK, f"publishing to {folder}"):
            clear_unfinished(folder / MANIFEST)
            former = read_manifest(folder) if (folder / MANIFEST).exists() else None
            intact = {} if former is None else _intact(folder, former)
            # Files of another schema version are written anew.
            reusable = former if former is not None and former.schema == len(MIGRATIONS) else None
            existing = {} if reusable is None else intact
            removed = 0
            # The dataset is complete without it; the next export removes what is left.
            with suppress(OSError):
                removed = _remove_unnamed(folder, former, clock())
            with opening as record, sorting_in(record, folder):
                parts = parts_of(record)
                if not parts:
                    raise InputRefused(f"the record has no rows, so {folder} was not changed: check [paths]")
                if former is not None:
                    _refuse_loss(record, former, intact, parts, folder)
                manifest = write_files(record, folder, parts, clock(), existing)
            _share(folder, manifest)
            if reusable is not None and reusable.files == manifest.files:
                manifest = reusable
            else:
                _touch([] if former is None else former.files, manifest, folder, clock())
                write_manifest(folder, manifest)
    except (OSError, duckdb.Error) as error:
        raise RecordNotWritten(
            f"{folder} was not published and is as before ({str(error)[:300]}): check the folder and the disk"
        ) from None
    return Published(manifest, len({file.path for file in manifest.files} - existing.keys()), removed)


def refuse_other(folder: Path) -> None:
    """Refuse a folder with files that are not of a dataset, before a lock file is made in it.

    Raises
    ------
    InputRefused, RecordUnreadable
        When it has other files and no manifest; when its manifest is damaged, or from a newer Poolscope.
    """
    if folder.exists() and not folder.is_dir():
        raise InputRefused(f"{folder} is a file: name a folder for the dataset")
    if (folder / MANIFEST).exists():
        read_manifest(folder)
    elif folder.is_dir():
        # A killed process may have left files without a manifest.
        others = [path.name for path in folder.iterdir() if path.name not in TABLES and not path.name.startswith(".")]
        if others:
            raise InputRefused(f"{folder} has other files ({min(others)}) and no {MANIFEST}: name a new folder")


def _refuse_loss(
    record: Record, former: Manifest, intact: Mapping[str, DataFile], parts: Sequence[Part], folder: Path
) -> None:
    """Refuse to replace a dataset that has rows which the record lacks: nobody else may have them.

    A record lacks rows where a month has fewer than in the dataset, or where one of the dataset's polls has fewer: two
    records may have equally many rows, but not of the same polls. Snapshots follow their scrapes: an answer that comes
    late but was asked for earlier replaces them, and may have fewer types.
    """
    rows, new_rows = _rows_by_month(former.files), _rows_by_month(parts)
    lost = [month for month, number in rows.items() if new_rows[month] < number]
    paths = {part.path for part in parts}
    changed = [file for file in intact.values() if file.path not in paths]
    lost += [_month_of(file) for file in changed if file.table in KEYS and _lacks(record, folder, file)]
    if lost:
        raise InputRefused(
            f"{folder} has rows of {min(lost)} that the record lacks, so it was not changed: it is a backup, the"
            " dataset of another record, or has pruned rows; name a new folder"
        )


def _lacks(record: Record, folder: Path, file: DataFile) -> bool:
    """Return whether the record has fewer rows of a poll than a file of a dataset has."""
    counted = "SELECT run, project, count(*) AS rows FROM {} GROUP BY ALL"
    published = counted.format(f"read_parquet({quoted_pattern(folder / file.path)}, hive_partitioning = false)")
    return bool(
        record.execute(
            f"""SELECT 1 FROM ({published}) published
            LEFT JOIN ({counted.format(f"{file.table} WHERE project IS NOT DISTINCT FROM $1")}) stored USING (run)
            WHERE stored.rows IS NULL OR stored.rows < published.rows LIMIT 1""",
            [file.project],
        ).fetchall()
    )


def _rows_by_month(files: Sequence[DataFile | Part]) -> Counter[str]:
    """Return the number of rows that have a key, by the folder of a table, project and month."""
    rows: Counter[str] = Counter()
    for file in files:
        if file.table in KEYS:
            rows[_month_of(file)] += file.rows
    return rows


def _month_of(file: DataFile | Part) -> str:
    return file.path.rpartition("/")[0]


def _intact(folder: Path, manifest: Manifest) -> dict[str, DataFile]:
    """Return the files of a manifest that are there and unchanged, by path: the others are written again."""
    intact = {}
    for file in manifest.files:
        with suppress(OSError):
            if sha256_of(folder / file.path) == file.sha256:
                intact[file.path] = file
    return intact


def _share(folder: Path, manifest: Manifest) -> None:
    """Let those read the files of a manifest who can read the folder."""
    # The last parent of a relative path is the folder itself.
    names = {name for file in manifest.files for name in (Path(file.path), *list(Path(file.path).parents)[:-1])}
    for name in (*names, Path(MANIFEST)):
        # There may be no manifest yet: it is written last.
        with suppress(FileNotFoundError):
            follow_rights(folder / name, folder)


def _touch(former: list[DataFile], manifest: Manifest, folder: Path, now: datetime) -> None:
    """Let the grace period of the files begin that the manifest no longer names."""
    for path in {file.path for file in former} - {file.path for file in manifest.files}:
        with suppress(FileNotFoundError):
            os.utime(folder / path, (now.timestamp(), now.timestamp()))


def _remove_unnamed(folder: Path, manifest: Manifest | None, now: datetime) -> int:
    """Remove what no manifest has named for longer than the grace period, and return the number of files."""
    # Where a file system does not tell capitals apart, two projects may share a folder.
    named = set() if manifest is None else {file.path.casefold() for file in manifest.files}
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
