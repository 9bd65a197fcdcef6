"""The spool: a poll's rows as one durable NDJSON file, before anything else is done with them.

The first line is the header: the format and how many lines follow. Every other line is a row, its fields those of the
table that its `table` names (a snapshot has its `run` besides). Its one reader is `spooled`.
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
    """Keep a poll's rows; when this returns they survive a crash of the machine.

    Raises
    ------
    RecordNotWritten
        When they could not be kept: nothing of them is.
    """
    rows = [{"table": table} | row_of(record) for table in TABLES for record in getattr(result, table)]
    header = {"table": "spool", "format": FORMAT, "lines": len(rows)}
    text = "".join(json.dumps(row, default=datetime.isoformat, separators=(",", ":")) + "\n" for row in (header, *rows))
    target = spool / f"{slot:{STAMP}}Z-{run:{STAMP}}.{run.microsecond:06d}Z{SUFFIX}"
    try:
        files.make_folder(spool)
        files.write(target, text.encode())
    except OSError as error:
        # What could not be made durable is not acknowledged, though it may be there.
        with suppress(OSError):
            target.unlink()
        raise RecordNotWritten(
            f"the poll's answers could not be kept in {spool} ({error.strerror}); nothing of slot "
            f"{slot:%Y-%m-%d %H:%M}Z is recorded: free the disk or mend the folder, the next run goes on by itself"
        ) from error
    return target


def waiting(spool: Path, slot: datetime | None = None) -> list[Path]:
    """Return the spool's files in the order of their slots; with a slot, those of that slot alone."""
    pattern = f"*{SUFFIX}" if slot is None else f"{slot:{STAMP}}Z-*{SUFFIX}"
    return sorted(path for path in spool.glob(pattern) if path.is_file())


def odd_entries(spool: Path) -> list[Path]:
    """Return what bears the name of a poll and is no file: a folder, a pipe, a link to nothing."""
    return sorted(path for path in spool.glob(f"*{SUFFIX}") if not path.is_file() and os.path.lexists(path))


def waiting_after(spool: Path, slot: datetime) -> list[Path]:
    """Return the files of later slots, in the order of their slots."""
    return [file for file in waiting(spool) if file.name.partition("-")[0] > f"{slot:{STAMP}}Z"]


def parts(spooled: list[Path], largest: int) -> Iterator[list[Path]]:
    """Part files, in their order, so that those of a part have at most so many bytes together, or are one."""
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
    """Return the files of the spool's newest slot that is not after another one."""
    spooled = [file for file in waiting(spool) if file.name.partition("-")[0] <= f"{until:{STAMP}}Z"]
    return [file for file in spooled if file.name.partition("-")[0] == spooled[-1].name.partition("-")[0]]


def set_aside_files(spool: Path) -> list[Path]:
    """Return the files that could not be read, which a person has to look at."""
    return sorted((spool / SET_ASIDE).glob("*"))


def clear_unfinished(spool: Path) -> None:
    """Remove what killed polls left half-written: it was never acknowledged. Only under the process lock."""
    for path in spool.glob(f"*{files.UNFINISHED}"):
        # It is in nobody's way.
        with suppress(OSError):
            path.unlink()


def remove(spooled: list[Path]) -> list[Path]:
    """Remove files whose rows are in the database.

    Returns
    -------
    list
        Those that cannot be removed: they come in again, and their rows are dropped as those that are there.
    """
    staying = []
    for path in spooled:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            staying.append(path)
    return staying


def set_aside(spool: Path, path: Path) -> Path:
    """Put what cannot be read out of the way of the others; it is kept under its name.

    Raises
    ------
    OSError
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
