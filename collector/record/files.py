"""Files that appear whole or not at all: written beside their target, synced and renamed, and the folder synced.

A killed process leaves a file or folder ``.NAME.PID.unfinished`` behind, where NAME is that of the target.
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
_OTHERS: Final = 0o055
"""The rights of group and others to read a folder and to enter it."""
_OTHERS_READ: Final = 0o044


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to, beside the target file or folder; at the end of the block it replaces the target.

    The target then survives a crash of the machine. Where the block raises, the new file is removed. Files that an
    earlier process left unfinished stay, see `clear_unfinished`.

    Raises
    ------
    OSError
        When it cannot be made durable. The old target is still there, unless only the sync of the folder failed.
    """
    beside = unfinished(target)
    # It may be left by a process of the same number, or be a link that leads elsewhere: the new file must be new. If it
    # cannot be removed, the write fails with the reason.
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


def write(target: Path, content: bytes, *, shared: bool = False) -> None:
    """Write a small file that only its owner may read; if it is `shared`, also those who can read its folder.

    Raises
    ------
    OSError
        When it cannot be written: the old file is still there.
    """
    with replacing(target) as beside:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if shared:
            follow_rights(beside, target.parent)


def read_small(path: Path) -> str:
    """Return the text of a small file, without waiting where it is a pipe.

    Raises
    ------
    OSError, UnicodeDecodeError
        When it cannot be read, or is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a file")
        return file.read(LARGEST_SMALL).decode("utf-8")


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, durable and for their owner only; do nothing where it exists."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        sync(folder.parent)


def follow_rights(path: Path, folder: Path) -> None:
    """Let group and others read a file, or enter a folder within, if they have these rights in a folder of ours."""
    mode, rights = path.stat().st_mode, folder.stat().st_mode & _OTHERS
    if not stat.S_ISDIR(mode):
        rights &= _OTHERS_READ
    if mode & _OTHERS != rights:
        # A file system without rights refuses this, and lets everybody or nobody read.
        with suppress(OSError):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS | rights)


def unfinished(target: Path) -> Path:
    """Return the path that this process writes to before it is renamed to the target."""
    return target.with_name(f".{target.name}.{os.getpid()}{UNFINISHED}")


def clear_unfinished(target: Path) -> None:
    """Remove the unfinished files of a target that killed processes left; only while no other process writes it."""
    for path in left_unfinished(target):
        # If it cannot be removed and is in the way, the write fails with the reason.
        with suppress(OSError):
            remove(path)


def left_unfinished(target: Path) -> list[Path]:
    """Return the unfinished files of a target, left over or being written, and DuckDB's files beside them."""
    if not target.parent.is_dir():
        return []
    # A target `kept.2` must not match the name of `kept`.
    name = re.compile(rf"\.{re.escape(target.name)}\.\d+{re.escape(UNFINISHED)}(\..*)?")
    return [path for path in target.parent.iterdir() if name.fullmatch(path.name)]


def sync(path: Path) -> None:
    """Make the content of a file, or the entries of a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content; do nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
