"""Files that are looked for in this folder and in the folders above it, as far as they belong to the user."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DEMO: Final = Path("data", "demo", "demo.duckdb")
"""The database of ``poolscope demo``, from the folder in which it was called."""


def upwards(start: Path) -> Iterator[Path]:
    """Yield a folder, and the folders above it up to the first that belongs to another user.

    A file in a folder of another user is not taken: its writer would decide where records are and where keys are sent.
    """
    yield start
    for folder in start.parents:
        if not _own(folder):
            return
        yield folder


def find_upwards(name: Path, start: Path) -> Path | None:
    """Return the nearest file with this name or relative path, see `upwards`; None where there is none.

    Above `start` the file itself must belong to the user too: everyone can write to a folder such as that of temporary
    files.
    """
    for folder in upwards(start):
        file = folder / name
        if file.exists() and (folder == start or _own(file)):
            return file
    return None


def _own(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.geteuid()
    except OSError:
        return False
