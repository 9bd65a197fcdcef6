"""A folder that one process writes without the process lock: held as long as it does, cleared once it has gone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from collector.record.files import left_unfinished, remove


@contextmanager
def made_and_held(folder: Path) -> Iterator[None]:
    """Make a folder, and lock it as long as it is written to; its name may change meanwhile."""
    folder.mkdir(mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Where there are no locks nobody clears the folder either.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def clear_abandoned(folder: Path) -> None:
    """Remove what killed processes left of a folder; what is written now is locked."""
    for path in left_unfinished(folder):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(path)
            finally:
                os.close(descriptor)
