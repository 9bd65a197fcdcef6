"""The spool: the rows of a poll as one durable NDJSON file, written before anything else is done with them.

The first line is the header: the format and how many lines follow. Every other line is a row: `table` names its table,
the other fields are the columns (a snapshot also has its `run`). `spooled` is the only reader of the files.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from collector.errors import RecordNotWritten
from collector.record import files
from collector.record.columns import TABLES
from collector.record.rows import PolledRows, row_of

FORMAT: Final = 1
SUFFIX: Final = ".ndjson"
SET_ASIDE: Final = "unreadable"
STAMP: Final = "%Y%m%dT%H%M%S"


def write(spool: Path, slot: datetime, run: datetime, result: PolledRows) -> Path:
    """Write the rows of a poll; when this returns they survive a crash of the machine.

    Raises
    ------
    RecordNotWritten
        When they could not be written: no file is left.
    """
    rows = [{"table": table} | row_of(row) for table in TABLES for row in getattr(result, table)]
    header = {"table": "spool", "format": FORMAT, "lines": len(rows)}
    text = "".join(
        json.dumps(line, default=datetime.isoformat, separators=(",", ":")) + "\n" for line in (header, *rows)
    )
    target = spool / f"{slot:{STAMP}}Z-{run:{STAMP}}.{run.microsecond:06d}Z{SUFFIX}"
    try:
        files.make_folder(spool)
        files.write(target, text.encode())
    except OSError as error:
        # The file may be there, but it is not durable: it must not count as acknowledged.
        with suppress(OSError):
            target.unlink()
        raise RecordNotWritten(
            f"the poll's answers could not be written to {spool} ({error.strerror}); nothing of slot "
            f"{slot:%Y-%m-%d %H:%M}Z is recorded: free space on the disk or repair the folder; polls then go on"
        ) from error
    return target


def waiting(spool: Path, slot: datetime | None = None) -> list[Path]:
    """Return the spool's files in the order of their slots; with `slot`, only the files of that slot."""
    pattern = f"*{SUFFIX}" if slot is None else f"{slot:{STAMP}}Z-*{SUFFIX}"
    return sorted(path for path in spool.glob(pattern) if path.is_file())


def odd_entries(spool: Path) -> list[Path]:
    """Return entries that are named like a poll but are not files: a folder, a pipe, a broken link."""
    return sorted(path for path in spool.glob(f"*{SUFFIX}") if not path.is_file() and os.path.lexists(path))


def waiting_after(spool: Path, slot: datetime) -> list[Path]:
    """Return the files of later slots, in the order of their slots."""
    return [file for file in waiting(spool) if file.name.partition("-")[0] > f"{slot:{STAMP}}Z"]


def parts(spooled: list[Path], largest: int) -> Iterator[list[Path]]:
    """Split files, in their order, into parts of at most `largest` bytes; a larger file is a part of its own."""
    part: list[Path] = []
    size = 0
    for file in spooled:
        length = file.stat().st_size
        if part and size + length > largest:
            yield part
            part, size = [], 0
        part.append(file)
        size += length
    if part:
        yield part


def newest_slot(spool: Path, until: datetime) -> list[Path]:
    """Return the files of the spool's newest slot that is not after `until`."""
    spooled = [file for file in waiting(spool) if file.name.partition("-")[0] <= f"{until:{STAMP}}Z"]
    return [file for file in spooled if file.name.partition("-")[0] == spooled[-1].name.partition("-")[0]]


def set_aside_files(spool: Path) -> list[Path]:
    """Return the damaged files that were set aside, which a person has to look at."""
    return sorted((spool / SET_ASIDE).glob("*"))


def clear_unfinished(spool: Path) -> None:
    """Remove unfinished files of killed polls, which were never acknowledged. Only under the process lock."""
    for path in spool.glob(f"*{files.UNFINISHED}"):
        # A file that stays does no harm.
        with suppress(OSError):
            path.unlink()


def remove(spooled: list[Path]) -> list[Path]:
    """Remove files whose rows are in the database.

    Returns
    -------
    list
        The files that cannot be removed: the next drain reads them again and drops their rows as duplicates.
    """
    remaining = []
    for path in spooled:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            remaining.append(path)
    return remaining


def set_aside(spool: Path, path: Path) -> Path:
    """Move a file that cannot be read into the folder `SET_ASIDE`, under its own name; return its new path.

    Raises
    ------
    OSError
        When it cannot be moved.
    """
    folder = spool / SET_ASIDE
    folder.mkdir(exist_ok=True, mode=0o700)
    target = folder / path.name
    number = 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    shutil.move(path, target)
    return target
