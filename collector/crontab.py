"""The lines of a crontab that poll and report: when they run, what they run, how they get into a crontab and out."""

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from collector.config.settings import PREFIX, Config
from collector.errors import ConfigError

COLLECT: Final = "poolscope"
REPORT: Final = "poolscope report"
MORNING: Final = "10 6 * * *"
KEEP: Final = "90"
WAY_VARIABLES: Final = frozenset(
    {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)


def crontab_line(config: Config, file: Path, python: str, now: datetime) -> str:
    """Return the line that polls once an interval.

    Parameters
    ----------
    file
        The configuration, absolute.
    python
        The interpreter that Poolscope is installed for.
    now
        In the zone that cron runs in: slots begin on whole minutes of UTC, which may be half hours there.

    Raises
    ------
    ConfigError
        When cron cannot run at this interval, or a path cannot stand in a crontab.
    """
    log = config.paths.log
    call = _call(file, python, ["collect", "--log", str(log)])
    return _line(_fields(config.collect.interval, now), call, _mark(file, COLLECT))


def report_line(config: Config, file: Path, python: str, options: Sequence[str]) -> str:
    """Return the line that writes a report every morning into ``reports`` beside the record; see `crontab_line`.

    Parameters
    ----------
    options
        More words of the call: the later of two options of one name counts.
    """
    out = config.paths.database.with_name("reports")
    call = _call(file, python, ["report", "--out", str(out), "--keep", KEEP, *options])
    # What is not well goes to whom cron sends mail.
    return _line(MORNING, f"{call} > /dev/null", _mark(file, REPORT))


def _call(file: Path, python: str, words: Sequence[str]) -> str:
    # Without -P a folder of that name where cron starts would be taken for Poolscope.
    words = [python, "-P", "-m", "collector", "--config", str(file), *words]
    if any(character in word for word in words for character in "\n\r\0"):
        raise ConfigError("a path with a line break cannot stand in a crontab: move the configuration or the record")
    return shlex.join(words)


def _line(fields: str, call: str, mark: str) -> str:
    # Cron takes % for a line break.
    return f"{fields} {call} {mark}".replace("%", "\\%")


def _fields(interval: timedelta, now: datetime) -> str:
    if interval % MINUTE:
        raise ConfigError("cron runs once a minute at most: take whole minutes as collect.interval, or poolscope watch")
    if interval < HOUR:
        if HOUR % interval:
            raise ConfigError("cron needs an interval that divides an hour (1m, 5m, 20m) or whole hours; or use watch")
        return "* * * * *" if interval == MINUTE else f"*/{interval // MINUTE} * * * *"
    if interval % HOUR:
        raise ConfigError("cron needs an interval that divides an hour (1m, 5m, 20m) or whole hours; or use watch")
    # Every hour also for longer intervals: summer time cannot make it miss a slot, and a slot is polled once anyway.
    offset = now.utcoffset() or timedelta()
    return f"{offset % HOUR // MINUTE} * * * *"


def _mark(file: Path, what: str) -> str:
    """Return the comment, of the shell, by which a line of a configuration is known."""
    return f"# {what} {file}"


def without(crontab: bytes, file: Path, what: str = COLLECT) -> bytes:
    """Return a crontab without one line of a configuration, `COLLECT` or `REPORT`; everything else byte for byte."""
    mark = _mark(file, what).replace("%", "\\%").encode()
    return b"".join(
        line for line in crontab.splitlines(keepends=True) if not line.rstrip(b"\r\n").endswith(b" " + mark)
    )


def has_line(crontab: bytes, file: Path) -> bool:
    """Return whether a crontab has the line of a configuration."""
    return without(crontab, file) != crontab


def with_line(crontab: bytes, file: Path, line: str, what: str = COLLECT) -> bytes:
    """Return a crontab with a line of a configuration, in the place of an earlier one or at the end."""
    if line.encode() in crontab.split(b"\n"):
        return crontab
    kept = without(crontab, file, what)
    return kept + (b"" if not kept or kept.endswith(b"\n") else b"\n") + line.encode() + b"\n"


def what_cron_lacks(config: Config, environment: Mapping[str, str]) -> list[str]:
    """Return what this configuration takes from the environment, which cron does not have, each with its mend."""
    lacks = [
        f"{name} is set in the environment, cron does not have it: put its value into the file"
        for name in sorted(environment)
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG"
    ]
    for name in dict.fromkeys(project.credentials for project in config.projects):
        profile = config.credentials[name]
        parts = ("password",) if profile.user is not None else ("access_key", "secret_key")
        lacks += [
            f"credentials.{name}: cron has no environment: write the {part.replace('_', ' ')} into a file that only "
            f"you can read (chmod 600) and name it with credentials.{name}.{part}_file"
            for part in parts
            if getattr(profile, f"{part}_file") is None
        ]
    return lacks


def unlike_the_shell(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that decide how the shell's polls reach the API, which cron does not have."""
    return [name for name in sorted(environment) if name.upper() in WAY_VARIABLES]


def _program() -> str:
    program = shutil.which("crontab")
    if program is None:
        raise ConfigError("there is no program crontab on this machine: install cron, or use poolscope watch")
    return program


def read_crontab() -> bytes:
    """Return the user's crontab, empty where there is none.

    Raises
    ------
    ConfigError
        When it cannot be read.
    """
    done = subprocess.run([_program(), "-l"], capture_output=True, check=False)  # noqa: S603 - the user's own crontab
    # BusyBox says of a crontab that is not there that it cannot be opened.
    none_yet = any(sign in done.stderr for sign in (b"no crontab", b"No such file or directory"))
    if done.returncode and not none_yet:
        raise ConfigError(f"crontab -l failed: {done.stderr.decode(errors='replace').strip()}")
    return b"" if done.returncode else done.stdout


def write_crontab(before: bytes, after: bytes) -> None:
    """Put a crontab in the place of the one that was read; nothing is done where they are the same.

    Raises
    ------
    ConfigError
        When it cannot be written.
    """
    if after == before:
        return
    done = subprocess.run([_program(), "-"], input=after, capture_output=True, check=False)  # noqa: S603 - likewise
    if done.returncode:
        raise ConfigError(f"crontab was not changed: {done.stderr.decode(errors='replace').strip()}")
