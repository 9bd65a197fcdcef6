"""A folder that a process writes without the process lock: locked by that process, removed once that was killed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from collector.record.files import left_unfinished, remove


@contextmanager
def made_and_held(folder: Path) -> Iterator[None]:
    """Make a folder and lock it until the end of the block; it may be renamed meanwhile."""
    folder.mkdir(mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # On a file system without locks, `clear_abandoned` removes no folder either.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def clear_abandoned(folder: Path) -> None:
    """Remove the unfinished folders that killed processes left; those being written are locked and stay."""
    for path in left_unfinished(folder):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(path)
            finally:
                os.close(descriptor)
