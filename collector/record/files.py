"""Files that appear whole or not at all: written beside their place, synced, renamed, and the folder synced.

What a killed process leaves behind is named ``.NAME.PID.unfinished``, whatever it was to become.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

UNFINISHED: Final = ".unfinished"
LARGEST_SMALL: Final = 1 << 20


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path beside a file or folder to write to, which takes its place once the block ends well.

    It survives a crash of the machine then; where the block raises, nothing is left of it. What an earlier process left
    of the same target stays, see `clear_unfinished`.

    Raises
    ------
    OSError
        When it cannot be kept; what was in its place is there still, unless it is the folder that could not be synced.
    """
    beside = unfinished(target)
    # Left by a process of the same number, or a link that leads elsewhere: what is written is new. What cannot be
    # removed is told by who writes there.
    with suppress(OSError):
        beside.unlink()
    try:
        yield beside
        for path in (*(sorted(beside.iterdir()) if beside.is_dir() else ()), beside):
            sync(path)
        beside.rename(target)
    except BaseException:
        with suppress(OSError):
            remove(beside)
        raise
    sync(target.parent)


def write(target: Path, content: bytes) -> None:
    """Write a small file that only its owner may read.

    Raises
    ------
    OSError
        When it cannot be kept: what was there before is there still.
    """
    with replacing(target) as beside:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def read_small(path: Path) -> str:
    """Return the text of a small file; a pipe is not waited for.

    Raises
    ------
    OSError, UnicodeDecodeError
        When it cannot be read, or is no file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a file")
        return file.read(LARGEST_SMALL).decode("utf-8")


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, so that it survives a crash; nothing where it is there."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        sync(folder.parent)


def unfinished(target: Path) -> Path:
    """Return where this process writes what is to become a file."""
    return target.with_name(f".{target.name}.{os.getpid()}{UNFINISHED}")


def clear_unfinished(target: Path) -> None:
    """Remove what killed processes left of a file, and what DuckDB put beside it; only where no other writes it now."""
    for path in left_unfinished(target):
        # What stands in the way is told by who writes there.
        with suppress(OSError):
            remove(path)


def left_unfinished(target: Path) -> list[Path]:
    """Return what processes left of a file or folder, or write now, and what DuckDB put beside it."""
    if not target.parent.is_dir():
        return []
    # That of `kept.2` begins as that of `kept` does.
    name = re.compile(rf"\.{re.escape(target.name)}\.\d+{re.escape(UNFINISHED)}(\..*)?")
    return [path for path in target.parent.iterdir() if name.fullmatch(path.name)]


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
