"""The process lock: whoever writes to a record holds it, and a second one is turned away at once."""

import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from collector.clock import Clock
from collector.errors import LockHeld, RecordNotWritten

LOOK_SECONDS: Final = 0.1


def lock_file(database: Path) -> Path:
    """Return the lock of a record: beside its database."""
    return database.with_name(database.name + ".lock")


def writing(database: Path) -> AbstractContextManager[None]:
    """Hold the lock of a record; it goes with the process, however that ends.

    Raises
    ------
    LockHeld
        When another process holds it; the message names that process.
    RecordNotWritten
        When the lock's file cannot be made.
    """
    return holding(lock_file(database), f"writing to {database}")


@asynccontextmanager
async def writing_in_turn(database: Path, clock: Clock, wait_seconds: float) -> AsyncIterator[None]:
    """Hold the lock of a record, see `writing`, once a poll that is under way has ended."""
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
    """Hold a lock of any kind, see `writing`; `doing` says what its holder does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_strange_folder(path.parent)
        # A link would lead to a file of somebody else's choice, which is then written over.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RecordNotWritten(f"{path} is a link: remove it, a lock is a file of its own") from None
        raise RecordNotWritten(f"{path} cannot be made ({error.strerror}): mend the folder or [paths]") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip() or "unknown"
            raise LockHeld(
                f"another run is {doing} (process {holder}): nothing was done; "
                "the next run goes on by itself, or wait for that one to end"
            ) from None
        except OSError as error:
            raise RecordNotWritten(
                f"{path} cannot be locked ({error.strerror}): mount its file system with locks (flock), or name a "
                "folder on a local disk in [paths]"
            ) from error
        # The number is a courtesy to the one turned away: a full disk does not take the lock from its holder.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _refuse_strange_folder(folder: Path) -> None:
    """Refuse to write where another user could put files in our way, or could not read what we leave."""
    owner, user = folder.stat().st_uid, os.geteuid()
    if owner in (user, 0):
        return
    if user == 0:
        raise RecordNotWritten(
            f"{folder} is not root's, and its owner could not use what root writes there: run this as its owner"
            f" (sudo -u '#{owner}' poolscope ...)"
        )
    raise RecordNotWritten(
        f"{folder} is another user's (number {owner}): run this as its owner, or name a folder of yours in [paths]"
    )
