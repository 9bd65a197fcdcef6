"""The line of a crontab that polls: when it runs, what it runs, and how it is put into a crontab and out of it."""

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from collector.config import PREFIX, Config
from collector.errors import ConfigError

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
    log = config.paths.database.with_name("collect.log")
    # Without -P a folder of that name where cron starts would be taken for Poolscope.
    words = [python, "-P", "-m", "collector", "--config", str(file), "collect", "--log", str(log)]
    if any(character in word for word in words for character in "\n\r\0"):
        raise ConfigError("a path with a line break cannot stand in a crontab: move the configuration or the record")
    # Cron takes % for a line break.
    return f"{_fields(config.collect.interval, now)} {shlex.join(words)} {_mark(file)}".replace("%", "\\%")


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


def _mark(file: Path) -> str:
    """Return the comment, of the shell, by which the line of a configuration is known."""
    return f"# poolscope {file}"


def without(crontab: bytes, file: Path) -> bytes:
    """Return a crontab without the line of a configuration; everything else byte for byte."""
    mark = _mark(file).replace("%", "\\%").encode()
    return b"".join(
        line for line in crontab.splitlines(keepends=True) if not line.rstrip(b"\r\n").endswith(b" " + mark)
    )


def has_line(crontab: bytes, file: Path) -> bool:
    """Return whether a crontab has the line of a configuration."""
    return without(crontab, file) != crontab


def with_line(crontab: bytes, file: Path, line: str) -> bytes:
    """Return a crontab with the line of a configuration, in the place of an earlier one or at the end."""
    if line.encode() in crontab.split(b"\n"):
        return crontab
    kept = without(crontab, file)
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
