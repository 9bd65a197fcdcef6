"""Checks of a record's files: spool, log, lock and disk, and whether the file system has locks."""

import fcntl
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from collector.config.settings import Config
from collector.doctor.findings import Finding
from collector.polling import backoff
from collector.record import spool
from collector.record.counted import counted
from collector.storage.lock import lock_file

LITTLE_SPACE: Final = 1 << 30
NO_SPACE: Final = 1 << 26
MUCH_WAITING: Final = 60


def look_at_files(config: Config) -> Iterator[Finding]:
    """Check spool, log, lock and disk; nothing is left behind, and no poll is turned away."""
    paths = config.paths
    waiting, aside = len(spool.waiting(paths.spool)), spool.set_aside_files(paths.spool)
    if waiting > MUCH_WAITING:
        fix = "close the program that has the database open (a notebook?): the next poll then stores all these polls"
        yield Finding("spool", "warning", f"{counted(waiting, 'poll')} not yet in the database", fix)
    else:
        yield Finding("spool", "ok", f"{counted(waiting, 'poll')} not yet in the database")
    for path in aside:
        yield Finding(
            "spool", "warning", f"{path} was damaged and set aside", "repair it and move it back, or remove it"
        )
    for path in spool.odd_entries(paths.spool):
        yield Finding(
            "spool",
            "warning",
            f"{path} is not a regular file, so it cannot be a poll",
            "remove it: the next poll sets it aside",
        )
    if backoff.is_odd(paths.spool):
        text = f"{paths.spool / backoff.FILE} is damaged: it is not known which credentials were refused"
        yield Finding("spool", "warning", text, "remove the file")
    log = paths.log
    if os.path.lexists(log) and (reason := _why_not_written(log)):
        fix = f"run chown $USER {log}, or remove it: until then the messages of collect go to cron's mail"
        yield Finding("log", "warning", f"{log} cannot be written ({reason})", fix)
    lock = lock_file(paths.database)
    if lock.exists() and not os.access(lock, os.W_OK):
        yield Finding("lock", "error", f"{lock} cannot be written by this user", f"run chown $USER {lock}")
    for folder in dict.fromkeys((paths.database.parent, paths.spool)):
        yield _disk(folder)


def look_at_compilation(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Check whether a folder can keep the compiled functions of analysis: beside the source, or of the user."""
    spec = importlib.util.find_spec("analysis")
    installed = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    home = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME") or os.sep) / ".cache")
    folders = [*installed, Path(home)]
    if named := environment.get("NUMBA_CACHE_DIR"):
        folders.append(Path(named))
    if not any(os.access(_existing(folder), os.W_OK) for folder in folders):
        text = f"nothing can be written to {' or '.join(map(str, folders))}: each call of analysis compiles for seconds"
        yield Finding("compilation", "warning", text, "set NUMBA_CACHE_DIR to a folder of your own")


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest folder above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _why_not_written(log: Path) -> str | None:
    """Return why a log cannot be written; None where it can."""
    try:
        os.close(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        return error.strerror
    return None


def _disk(folder: Path) -> Finding:
    """Check that a file can be written to a folder, or to its nearest parent that exists, and the free space there."""
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".doctor-") as file:
            file.write(b"written")
            lacking = _lacking_locks(file.fileno())
        free = shutil.disk_usage(existing).free
    except OSError as error:
        fix = "make it writable for this user, or name another folder in [paths]: until then collect exits with 4"
        return Finding("disk", "error", f"{folder} cannot be written to ({error.strerror})", fix)
    if lacking:
        fix = "name a folder on a local disk in [paths], or mount this one with locks"
        return Finding("disk", "error", f"the file system of {folder} has no locks ({', '.join(lacking)})", fix)
    text = f"{free / 1e9:,.1f} GB are free for {folder}"
    if free > LITTLE_SPACE:
        return Finding("disk", "ok", text)
    fix = "free space on the disk, or name another one in [paths]: a poll that cannot be written is lost"
    return Finding("disk", "error" if free < NO_SPACE else "warning", text, fix)


def _lacking_locks(descriptor: int) -> list[str]:
    """Return the locks that a file system lacks: flock, which Poolscope uses, and fcntl, which DuckDB uses."""
    lacking = []
    for name, lock in (("flock", fcntl.flock), ("fcntl", fcntl.lockf)):
        try:
            lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lacking.append(f"{name}: {error.strerror}")
    return lacking
