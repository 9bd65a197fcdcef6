"""The crontab lines that poll and report: when they run, what they run, how they are added and removed."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collector.api.credentials import WRITE_PASSWORD
from collector.config.settings import NO_MAIL_SERVER, NO_VALUES, PREFIX, Config
from collector.errors import ConfigError

COLLECT: Final = "poolscope"
REPORT: Final = "poolscope report"
MORNINGS: Final = {"day": "10 6 * * *", "week": "10 6 * * 1", "month": "10 6 1 * *"}
"""When a report is written: every morning, on Mondays, or on the first day of a month."""
PERIODS: Final = {"day": "30d", "week": "28d", "month": "90d"}
"""The period of a report: whole weeks, where it is weekly, have as many weekends as the weeks that they follow."""
KEEP: Final = "90"
# Every endpoint that is not on this machine has an https address, so that HTTP_PROXY is never used.
PROXIES: Final = ("HTTPS_PROXY", "ALL_PROXY")
CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# BusyBox shows the file that it cannot open: only the reason tells a missing crontab from one that it may not read.
NO_CRONTAB: Final = re.compile(rb"no crontab|can't open '[^'\n]*'(: No such file or directory)?\s*$")
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
NO_CRON_INTERVAL: Final = (
    "cron cannot run at this interval: set collect.interval to a divisor of an hour (1m, 5m, 20m) or to whole hours,"
    " or use poolscope watch"
)


def crontab_line(config: Config, file: Path, python: str, now: datetime) -> str:
    """Return the crontab line that polls once an interval.

    Parameters
    ----------
    file
        The configuration file, absolute.
    python
        The interpreter that Poolscope is installed for.
    now
        The time in cron's zone: slots begin on whole hours of UTC, which may be half hours in that zone.

    Raises
    ------
    ConfigError
        When cron cannot run at this interval, or a path cannot be written in a crontab.
    """
    log = config.paths.log
    call = _call(file, python, ["collect", "--log", str(log)])
    return _line(_fields(config.collect.interval, now), call, _mark(file, COLLECT))


def report_line(config: Config, file: Path, python: str, options: Sequence[str], every: str = "day") -> str:
    """Return the line that writes reports in the morning into ``reports`` beside the record; see `crontab_line`.

    Parameters
    ----------
    every
        One of `MORNINGS`.
    options
        Further words of the command line; of two options of one name the later one counts.
    """
    out = config.paths.database.with_name("reports")
    call = _call(file, python, ["report", "--out", str(out), "--keep", KEEP, "--since", PERIODS[every], *options])
    # Warnings and errors stay visible: cron sends them by mail.
    return _line(MORNINGS[every], f"{call} > /dev/null", _mark(file, REPORT))


def _call(file: Path, python: str, words: Sequence[str]) -> str:
    # Without -P a folder `collector` where cron starts would be imported in place of Poolscope.
    words = [python, "-P", "-m", "collector", "--config", str(file), *words]
    if any(character in word for word in words for character in "\n\r\0"):
        raise ConfigError("a path has a line break, which a crontab cannot hold: move the configuration or the record")
    return shlex.join(words)


def _line(fields: str, call: str, mark: str) -> str:
    # Cron reads % as a line break.
    return f"{fields} {call} {mark}".replace("%", "\\%")


def _fields(interval: timedelta, now: datetime) -> str:
    if interval % MINUTE:
        raise ConfigError(
            "cron cannot run at this interval: set collect.interval to whole minutes, or use poolscope watch"
        )
    if interval < HOUR:
        if HOUR % interval:
            raise ConfigError(NO_CRON_INTERVAL)
        return "* * * * *" if interval == MINUTE else f"*/{interval // MINUTE} * * * *"
    if interval % HOUR:
        raise ConfigError(NO_CRON_INTERVAL)
    # Hourly for longer intervals too: summer time then never causes a missed slot, and a slot is polled once anyway.
    offset = now.utcoffset() or timedelta()
    return f"{offset % HOUR // MINUTE} * * * *"


def _mark(file: Path, what: str) -> str:
    """Return the shell comment that marks the crontab line of a configuration."""
    return f"# {what} {file}"


def without(crontab: bytes, file: Path, what: str = COLLECT) -> bytes:
    """Return a crontab without the `COLLECT` or `REPORT` line of a configuration; all other bytes are unchanged."""
    mark = _mark(file, what).replace("%", "\\%").encode()
    return b"".join(
        line for line in crontab.splitlines(keepends=True) if not line.rstrip(b"\r\n").endswith(b" " + mark)
    )


def has_line(crontab: bytes, file: Path) -> bool:
    """Return whether a crontab has the line that polls a configuration."""
    return without(crontab, file) != crontab


def with_line(crontab: bytes, file: Path, line: str, what: str = COLLECT) -> bytes:
    """Return a crontab with a line of a configuration at its end; an earlier one of the same kind is removed."""
    if line.encode() in crontab.split(b"\n"):
        return crontab
    kept = without(crontab, file, what)
    return kept + (b"" if not kept or kept.endswith(b"\n") else b"\n") + line.encode() + b"\n"


def what_cron_lacks(config: Config, environment: Mapping[str, str]) -> list[str]:
    """Return the settings that come from the environment, which cron does not have, and how to replace each."""
    lacking = [
        f"{name} is set in the environment, which cron does not have: put its value into the configuration file"
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in NO_VALUES
    ]
    for name in dict.fromkeys(project.credentials for project in config.projects):
        profile = config.credentials[name]
        parts = ("password",) if profile.user is not None else ("access_key", "secret_key")
        lacking += [
            f"credentials.{name}: the {part.replace('_', ' ')} is in the environment, which cron does not have: write"
            f" it into a file that only you can read (chmod 600) and name it with credentials.{name}.{part}_file"
            for part in parts
            if getattr(profile, f"{part}_file") is None
        ]
    return lacking


def what_a_mail_lacks(config: Config) -> list[str]:
    """Return the settings of mails that cron lacks, and how to replace each."""
    if config.mail is None:
        return [NO_MAIL_SERVER]
    if config.mail.user is None or config.mail.password_file is not None:
        return []
    lacking = (
        "mail: the password is in the environment, which cron does not have: write it into a file that only you can"
        " read (chmod 600) and name it with mail.password_file"
    )
    return [lacking]


def unlike_the_shell(config: Config, environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the proxy and certificate variables of this shell that cron lacks, each with how to replace it.

    Parameters
    ----------
    folder
        Where the command was typed: the variables may hold paths relative to it.
    """
    settings = config.collect
    # Where a variable is spelled both ways, the one in small letters is used.
    spelled = {name.upper(): name for name in sorted(environment) if environment[name]}
    fixes: dict[str, str] = {}
    by_proxy = bool(settings.proxy)
    if settings.proxy is None:
        for name in (spelled[variable] for variable in PROXIES if variable in spelled):
            by_proxy = True
            fixes[name] = _proxy_in_configuration(environment[name]) or _above(name)
    if by_proxy and "NO_PROXY" in spelled:
        fixes[spelled["NO_PROXY"]] = _above(spelled["NO_PROXY"])
    named = next((name for name in CERTIFICATES if environment.get(name)), None)
    if settings.ca_file is None and named is not None:
        path = folder / environment[named]
        if named == "SSL_CERT_FILE":
            fixes[named] = f"set ca_file = {_quoted(str(path))} in [collect]"
        else:
            together = f"cat {shlex.quote(str(path))}/*.pem > ca.pem"
            fixes[named] = f'write its certificates into one file ({together}), and set ca_file = "ca.pem" in [collect]'
    return fixes


def _proxy_in_configuration(address: str) -> str | None:
    """Return how to write a proxy of the environment in the configuration, without its password; None if it cannot."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    user = f"{parts.username}@" if parts.username else ""
    place = f"[{host}]" if ":" in host else host
    url = f"{parts.scheme}://{user}{place}{f':{port}' if port else ''}"
    fix = f"set proxy = {_quoted(url)} in [collect]"
    return f'{fix} and proxy_password_file = "proxy-password", and write that file: {WRITE_PASSWORD}' if user else fix


def _above(name: str) -> str:
    return f"write the variable {name} above the line in your crontab (crontab -e)"


def _quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)


def _program() -> str:
    program = shutil.which("crontab")
    if program is None:
        raise ConfigError("the program crontab is not on this machine: install cron, or use poolscope watch")
    return program


def read_crontab() -> bytes:
    """Return the user's crontab; empty where there is none.

    Raises
    ------
    ConfigError
        When it cannot be read.
    """
    # Its message is searched for English words.
    call = ["env", "LC_ALL=C", _program(), "-l"]
    listing = subprocess.run(call, capture_output=True, check=False)  # noqa: S603 - the user's own crontab
    if listing.returncode and NO_CRONTAB.search(listing.stderr) is None:
        raise ConfigError(f"crontab -l failed: {listing.stderr.decode(errors='replace').strip()}")
    return b"" if listing.returncode else listing.stdout


def write_crontab(before: bytes, after: bytes) -> None:
    """Replace the crontab that was read; do nothing where both are the same.

    Raises
    ------
    ConfigError
        When it cannot be written.
    """
    if after == before:
        return
    result = subprocess.run([_program(), "-"], input=after, capture_output=True, check=False)  # noqa: S603 - likewise
    if result.returncode:
        raise ConfigError(f"crontab was not changed: {result.stderr.decode(errors='replace').strip()}")
