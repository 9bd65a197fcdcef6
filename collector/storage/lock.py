"""The process lock: a process that writes to a record holds it, and a second one is turned away immediately."""

import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from collector.clock import Clock
from collector.errors import LockHeld, RecordNotWritten
from collector.record.files import read_small

LOOK_SECONDS: Final = 0.1
POLL_SECONDS: Final = 60.0
"""How long to wait for a running poll, which ends within three quarters of its interval (a minute by default)."""


def lock_file(database: Path) -> Path:
    """Return the lock file of a record, which is beside its database."""
    return database.with_name(database.name + ".lock")


def compacting_lock(database: Path) -> Path:
    """Return the lock file of the process that compacts a database."""
    return database.with_name(database.name + ".compacting.lock")


def publishing_lock(database: Path) -> Path:
    """Return the lock file of the process that publishes a record by itself."""
    return database.with_name(database.name + ".publishing.lock")


def refuse_dataset(database: Path) -> None:
    """Refuse to write to a dataset.

    Raises
    ------
    RecordNotWritten
        When the database is a folder.
    """
    if database.is_dir():
        raise RecordNotWritten(f"{database} is a folder; a dataset can only be read: name a database file in [paths]")


def writing(database: Path) -> AbstractContextManager[None]:
    """Hold the lock of a record; it is released when the block or the process ends, in whatever way.

    Raises
    ------
    LockHeld
        When another process holds it; the message has the number of that process.
    RecordNotWritten
        When the lock file cannot be made or locked.
    """
    return holding(lock_file(database), f"writing to {database}")


@asynccontextmanager
async def writing_in_turn(database: Path, clock: Clock, wait_seconds: float) -> AsyncIterator[None]:
    """Hold the lock of a record, see `writing`; wait up to `wait_seconds` for a process that holds it."""
    refuse_dataset(database)
    until = clock.monotonic() + wait_seconds
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(writing(database))
                break
            except LockHeld:
                if clock.monotonic() >= until:
                    raise
            await clock.sleep(LOOK_SECONDS)
        yield


@contextmanager
def holding(path: Path, doing: str) -> Iterator[None]:
    """Hold any lock file, see `writing`; `doing` describes the holder's task for the message to others."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_strange_folder(path.parent)
        # O_NOFOLLOW: through a link, another user could make us overwrite a file.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RecordNotWritten(f"{path} is a link, but a lock must be a file of its own: remove the link") from None
        raise RecordNotWritten(
            f"{path} cannot be made ({error.strerror}): repair the folder, or name another one in [paths]"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip() or "unknown"
            raise LockHeld(
                f"another run is {doing} (process {holder}): nothing was done; "
                "wait for that run to end, or leave it to the next scheduled run"
            ) from None
        except OSError as error:
            raise RecordNotWritten(
                f"{path} cannot be locked ({error.strerror}): mount its file system with locks (flock), or name a "
                "folder on a local disk in [paths]"
            ) from error
        # The number is only for the message to others: on a full disk the lock holds without it.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def compacts_or_publishes(database: Path, holder: str) -> bool:
    """Return whether the process that has a database open, in DuckDB's description of it, compacts or publishes it."""
    return any(
        f"(PID {_last_holder(path)})" in holder
        for path in (compacting_lock(database.resolve()), publishing_lock(database))
    )


def _last_holder(path: Path) -> str | None:
    """Return the number of the process that holds a lock file or held it last; None where it is not known."""
    try:
        return read_small(path).strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _refuse_strange_folder(folder: Path) -> None:
    """Refuse to write in another user's folder: that user could replace our files, or could not read root's files."""
    owner, user = folder.stat().st_uid, os.geteuid()
    if owner in (user, 0):
        return
    if user == 0:
        raise RecordNotWritten(
            f"{folder} is not root's, and its owner could not use the files that root writes: run this as its owner"
            f" (sudo -u '#{owner}' poolscope ...)"
        )
    raise RecordNotWritten(
        f"{folder} belongs to another user (number {owner}): run this as that user, or name your own folder in [paths]"
    )
