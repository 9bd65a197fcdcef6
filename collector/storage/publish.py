"""Writing a dataset: only the months that changed, under new names, and the manifest last.

Whenever a process is killed, the folder is the former dataset or the new one, see `record.dataset`. What
differs between a folder and an object store is in `targets`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from collector.errors import InputRefused, RecordNotWritten
from collector.record.database import Record
from collector.record.dataset import PATH, DataFile, Dataset, Manifest, readable, refusing_loss, served
from collector.record.merging import KEYS
from collector.record.places import Place
from collector.record.schema import MIGRATIONS
from collector.storage.dataset_files import Part, parts_of, sorting_in, write_files
from collector.storage.targets import LOCK, Target, target_of

__all__ = ["GRACE", "LOCK", "Published", "publish"]

GRACE: Final = timedelta(hours=6)
"""How long a file stays after a manifest stopped naming it: a reader of the former manifest may take that long."""


@dataclass(frozen=True)
class Published:
    """The result: the manifest, how many files were written, and how many old ones were removed."""

    manifest: Manifest
    written: int
    removed: int


def publish(
    opening: AbstractContextManager[Record], place: Place, clock: Callable[[], datetime], working: Path | None = None
) -> Published:
    """Bring a dataset up to date with a record; where nothing is new, no file changes.

    Others can read its files where they can read the folder.

    Parameters
    ----------
    opening
        Opens the record, once no other process publishes to the folder: what it has published is not undone.
    place
        A dataset, or a new or empty folder.
    clock
        Returns the current time. Files that are not in the manifest for longer than `GRACE` are removed.
    working
        The folder in which files for an object store are written first, which no other process uses; None makes one
        among the temporary files.

    Raises
    ------
    InputRefused
        When the folder has other files or rows that the record lacks, or the record has no rows.
    RecordUnreadable
        When the manifest there is damaged, or from a newer Poolscope.
    LockHeld
        When another process publishes to the folder, or published to the same folder of a store (`Overtaken`).
    RecordNotWritten
        When a file cannot be written: the former dataset is still there.
    """
    target = target_of(place)
    try:
        with target.held() as former:
            intact = {} if former is None else target.intact(former)
            # Files of another schema version are written anew.
            reusable = former if former is not None and former.schema == len(MIGRATIONS) else None
            existing = {} if reusable is None else intact
            removed = _remove_unnamed(target, [former], clock()) if target.held_alone else 0
            with opening as record, target.working_folder(working) as folder, sorting_in(record, folder):
                parts = parts_of(record)
                if not parts:
                    raise InputRefused(f"the record has no rows, so {place} was not changed: check [paths]")
                if former is not None:
                    _refuse_loss(record, Dataset(place, former), intact, parts)
                manifest = write_files(record, folder, parts, clock(), existing, target.keep)
            target.share(manifest)
            if reusable is not None and reusable.files == manifest.files:
                manifest = reusable
            else:
                _touch([] if former is None else former.files, manifest, target, clock())
                target.write_manifest(manifest)
            if not target.held_alone:
                # Not before: another process may have uploaded a file again, and its manifest been accepted.
                removed = _remove_unnamed(target, [former, manifest], clock())
    except (OSError, duckdb.Error) as error:
        raise RecordNotWritten(
            f"{place} was not published and is as before ({str(error)[:300]}): {target.fix(error)}"
        ) from None
    return Published(manifest, len({file.path for file in manifest.files} - existing.keys()), removed)


def _refuse_loss(record: Record, former: Dataset, intact: Mapping[str, DataFile], parts: Sequence[Part]) -> None:
    """Refuse to replace a dataset that has rows which the record lacks: nobody else may have them.

    A record lacks rows where a month has fewer than in the dataset, or where one of the dataset's polls has fewer: two
    records may have equally many rows, but not of the same polls. Snapshots follow their scrapes: an answer that comes
    late but was asked for earlier replaces them, and may have fewer types.
    """
    rows, new_rows = _rows_by_month(former.manifest.files), _rows_by_month(parts)
    lost = [month for month, number in rows.items() if new_rows[month] < number]
    paths = {part.path for part in parts}
    changed = [file for file in intact.values() if file.path not in paths]
    with refusing_loss(former, served(record, former)):
        lost += [_month_of(file) for file in changed if file.table in KEYS and _lacks(record, former, file)]
    if lost:
        raise InputRefused(
            f"{former.folder} has rows of {min(lost)} that the record lacks, so it was not changed: it is a backup, the"
            " dataset of another record, or has pruned rows; name a new folder"
        )


def _lacks(record: Record, dataset: Dataset, file: DataFile) -> bool:
    """Return whether the record has fewer rows of a poll than a file of a dataset has."""
    counted = "SELECT run, project, count(*) AS rows FROM {} GROUP BY ALL"
    published = counted.format(f"read_parquet({readable(dataset.folder, file)}, hive_partitioning = false)")
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


def _touch(former: list[DataFile], manifest: Manifest, target: Target, now: datetime) -> None:
    """Let the grace period of the files begin that the manifest no longer names."""
    for path in {file.path for file in former} - {file.path for file in manifest.files}:
        with suppress(FileNotFoundError):
            target.touch(path, now)


def _remove_unnamed(target: Target, manifests: Sequence[Manifest | None], now: datetime) -> int:
    """Remove what no manifest has named for longer than the grace period, and return the number of files."""
    # Where a file system does not tell capitals apart, two projects may share a folder.
    named = {file.path.casefold() for manifest in manifests if manifest is not None for file in manifest.files}
    removed = 0
    # The dataset is complete without it; the next export removes what is left.
    with suppress(OSError):
        for path, age in target.files(now):
            if path.casefold() in named:
                continue
            if target.is_left_over(path) or (PATH.fullmatch(path) is not None and age > GRACE):
                removed += target.remove(path)
        target.remove_empty_folders()
    return removed
