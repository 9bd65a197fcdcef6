"""The files of a record: spool, lock, log and disk, and what its file system can do."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from collector.config.settings import Config
from collector.doctor.findings import Finding
from collector.polling import backoff
from collector.record import spool
from collector.storage.lock import lock_file

LITTLE_SPACE: Final = 1 << 30
NO_SPACE: Final = 1 << 26
MUCH_WAITING: Final = 60


def look_at_files(config: Config) -> Iterator[Finding]:
    """Look at spool, lock and disk; nothing is left behind, and no poll turned away."""
    paths = config.paths
    waiting, aside = len(spool.waiting(paths.spool)), spool.set_aside_files(paths.spool)
    if waiting > MUCH_WAITING:
        mend = "close what holds the database open (a notebook?): the next poll takes all in"
        yield Finding("spool", "warning", f"{waiting:,} polls wait for the database", mend)
    else:
        yield Finding("spool", "ok", f"{waiting} polls wait for the database")
    for path in aside:
        yield Finding("spool", "warning", f"{path} was damaged and set aside", "mend and move it back, or remove it")
    for path in spool.odd_entries(paths.spool):
        yield Finding("spool", "warning", f"{path} is no poll: no file", "remove it: the next poll sets it aside")
    if backoff.is_odd(paths.spool):
        told = f"{paths.spool / backoff.FILE} is not as it was written: which credentials were refused is not known"
        yield Finding("spool", "warning", told, "remove it")
    log = paths.log
    if os.path.lexists(log) and (reason := _refused(log)):
        mend = f"run chown $USER {log}, or remove it: until then what collect tells goes to cron's mail"
        yield Finding("log", "warning", f"{log} cannot be written ({reason})", mend)
    lock = lock_file(paths.database)
    if lock.exists() and not os.access(lock, os.W_OK):
        yield Finding("lock", "error", f"{lock} cannot be taken by this user", f"run chown $USER {lock}")
    for folder in dict.fromkeys((paths.database.parent, paths.spool)):
        yield _room(folder)


def _refused(log: Path) -> str | None:
    """Return why nothing can be written to a log."""
    try:
        os.close(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        return error.strerror
    return None


def _room(folder: Path) -> Finding:
    """Look whether a file can be written to a folder, or to where it will be made, and how much is free there."""
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-") as file:
            file.write(b"written")
            lacking = _lacking_locks(file.fileno())
        free = shutil.disk_usage(there).free
    except OSError as error:
        mend = "make it a folder that this user may write to, or name another one in [paths]: collect exits with 4"
        return Finding("disk", "error", f"{folder} cannot be written to ({error.strerror})", mend)
    if lacking:
        mend = "name a folder on a local disk in [paths], or mount this one with locks"
        return Finding("disk", "error", f"the file system of {folder} has no locks ({', '.join(lacking)})", mend)
    told = f"{free / 1e9:,.1f} GB are free for {folder}"
    if free > LITTLE_SPACE:
        return Finding("disk", "ok", told)
    mend = "free the disk, or name another one in [paths]: a poll that cannot be kept is lost"
    return Finding("disk", "error" if free < NO_SPACE else "warning", told, mend)


def _lacking_locks(descriptor: int) -> list[str]:
    """Return what locks a file system lacks: those of runs of Poolscope (flock), those of DuckDB (fcntl)."""
    lacking = []
    for name, lock in (("flock", fcntl.flock), ("fcntl", fcntl.lockf)):
        try:
            lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lacking.append(f"{name}: {error.strerror}")
    return lacking
