"""The configuration: one TOML file and the environment over it, read whole so that all problems come at once."""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collector.credentials import CredentialProfile
from collector.slots import parse_duration

PREFIX = "POOLSCOPE_"
DAY = timedelta(days=1)
SECRET_KEYS = {"access_key", "secret_key", "security_token", "ak", "sk", "password", "token", "secret"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class CollectSettings:
    """How a poll goes; the durations are those of the section ``[collect]``."""

    interval: timedelta = timedelta(minutes=1)
    deadline: timedelta | None = None
    concurrency: int = 8
    requests_per_second: float = 100.0
    attempts: int = 4
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=10)
    total_timeout: timedelta = timedelta(seconds=20)

    @property
    def longest_poll(self) -> timedelta:
        """How long after its start a poll ends at the latest: the deadline, three quarters of the interval if unset."""
        return self.deadline if self.deadline is not None else self.interval * 0.75


@dataclass(frozen=True)
class Paths:
    """Where the record lies."""

    database: Path = Path("data/poolscope.duckdb")
    spool: Path = Path("data/spool")


@dataclass(frozen=True)
class Project:
    """One project of an account: where it is and which of its pools are polled."""

    name: str
    project_id: str = ""
    region: str | None = None
    endpoint: str = ""
    workspaces: tuple[str, ...] = ("0",)
    pools: tuple[str, ...] | None = None
    """Pool ids; None polls all that are discovered."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    credentials: str = "default"

    @property
    def on_loopback(self) -> bool:
        """Whether the endpoint lies on this machine."""
        return urlsplit(self.endpoint).hostname in LOOPBACK


@dataclass(frozen=True)
class Config:
    """The whole configuration."""

    collect: CollectSettings = field(default_factory=CollectSettings)
    paths: Paths = field(default_factory=Paths)
    credentials: Mapping[str, CredentialProfile] = field(default_factory=dict)
    projects: tuple[Project, ...] = ()


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("a text is expected")
    return value.strip()


def _texts(value: object) -> tuple[str, ...]:
    # An environment variable cannot hold a list: commas part it.
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("a list of texts is expected")
    return tuple(part.strip() for part in parts if part.strip())


def _pools(value: object) -> tuple[str, ...] | None:
    if value == "all":
        return None
    pools = _texts(value)
    if not pools:
        raise ValueError('"all" or a list of pool ids is expected')
    return tuple(dict.fromkeys(pools))


def _duration(value: object) -> timedelta:
    length = parse_duration(_text(value))
    if not length:
        raise ValueError("a length of time above zero is expected")
    return length


def _interval(value: object) -> timedelta:
    length = _duration(value)
    if DAY % length:
        raise ValueError(
            "an interval that divides a day is expected (1m, 5m, 1h), so that every day has the same slots"
        )
    return length


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest} is expected")
        return value

    return read


def _rate(value: object) -> float:
    try:
        rate = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        rate = 0.0
    if not 0 < rate <= 10_000:
        raise ValueError("a number above 0 and up to 10000 is expected")
    return rate


def _endpoint(value: object) -> str:
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"no URL ({error})") from None
    if parts.scheme not in ("https", "http") or not host or parts.path or parts.query or parts.fragment:
        raise ValueError("a URL such as https://modelarts.cn-north-4.myhuaweicloud.com is expected")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL without user and password is expected")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("credentials are sent over https:// only (plain http:// is for this machine's own loopback)")
    return text


def _named(pattern: str, what: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _text(value)
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"{what} is expected")
        return text

    return read


def _path(value: object) -> Path:
    try:
        return Path(_text(value)).expanduser()
    except RuntimeError as error:
        raise ValueError(f"a path is expected ({error})") from None


COLLECT: dict[str, Callable[[object], Any]] = {
    "interval": _interval,
    "deadline": _duration,
    "concurrency": _whole(1, 256),
    "requests_per_second": _rate,
    "attempts": _whole(1, 20),
    "connect_timeout": _duration,
    "read_timeout": _duration,
    "total_timeout": _duration,
}
PATHS: dict[str, Callable[[object], Any]] = {"database": _path, "spool": _path}
CREDENTIALS: dict[str, Callable[[object], Any]] = {
    "access_key_env": _text,
    "secret_key_env": _text,
    "security_token_env": _text,
    "access_key_file": _path,
    "secret_key_file": _path,
    "security_token_file": _path,
}
PROJECTS: dict[str, Callable[[object], Any]] = {
    "project_id": _named(r"[A-Za-z0-9-]{1,64}", "a project id (letters, digits and hyphens)"),
    "region": _named(r"[a-z]{2,20}(-[a-z0-9]+)+", "a region such as cn-north-4"),
    "endpoint": _endpoint,
    "workspaces": _texts,
    "pools": _pools,
    "include": _texts,
    "exclude": _texts,
    "credentials": _text,
}
SECTIONS = {"collect": COLLECT, "paths": PATHS}
NAMED_SECTIONS = {"credentials": CREDENTIALS, "projects": PROJECTS}


class _Reader:
    """Reads a tree of tables, gathering problems instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self._folder = folder

    def section(
        self, where: str, table: Mapping[str, object], readers: Mapping[str, Callable[[object], Any]]
    ) -> dict[str, Any]:
        values = {}
        for key, value in table.items():
            if key not in readers:
                self.unknown(where, key, readers)
                continue
            try:
                read = readers[key](value)
            except ValueError as error:
                self.problems.append(f"{where}.{key}: {error}")
            else:
                values[key] = self._folder / read if isinstance(read, Path) else read
        return values

    def unknown(self, where: str, key: str, known: Mapping[str, object]) -> None:
        name = f"{where}.{key}".lstrip(".")
        if key.lower() in SECRET_KEYS:
            self.problems.append(
                f"{name}: secrets never go into this file: set the environment variables HUAWEICLOUD_SDK_AK and "
                "HUAWEICLOUD_SDK_SK, or name files that only you can read with access_key_file and secret_key_file"
            )
            return
        nearest = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.0)[0]
        self.problems.append(f"{name}: unknown key; the nearest known one is {nearest!r}")


def read_config(file: Path | None, environment: Mapping[str, str], folder: Path) -> tuple[Config, list[str]]:
    """Read the configuration.

    Parameters
    ----------
    file
        The TOML file; None where there is none and the environment says it all.
    environment
        Each value may also come as ``POOLSCOPE_SECTION__KEY`` or ``POOLSCOPE_PROJECTS__NAME__KEY``, which wins.
    folder
        What relative paths are relative to: the file's folder.

    Returns
    -------
    tuple
        The configuration and every problem found, each with its place and mend; with problems it is not to be used.
    """
    reader = _Reader(folder)
    tree: dict[str, Any] = {}
    if file is not None:
        try:
            tree = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            return Config(), [f"{file} cannot be read ({error.strerror}): poolscope init writes one to start from"]
        except (ValueError, RecursionError) as error:
            # Beside its own error tomllib lets through what Python says of numbers too long and nesting too deep.
            return Config(), [f"{file} is no TOML: {error}"]
    for key, table in list(tree.items()):
        if key not in SECTIONS | NAMED_SECTIONS:
            reader.unknown("", key, SECTIONS | NAMED_SECTIONS)
        elif not isinstance(table, dict) or (
            key in NAMED_SECTIONS and not all(isinstance(t, dict) for t in table.values())
        ):
            example = f"[{key}]" if key in SECTIONS else f"[{key}.NAME]"
            reader.problems.append(f"{key}: a table is expected, headed {example}")
            del tree[key]
    _overlay(tree, environment, reader)

    settings = CollectSettings(**reader.section("collect", tree.get("collect", {}), COLLECT))
    if settings.deadline is not None and settings.deadline >= settings.interval:
        reader.problems.append("collect.deadline: must be shorter than the interval, or a poll would meet the next one")
    defaults = {"database": str(Paths.database), "spool": str(Paths.spool)}
    paths = Paths(**reader.section("paths", defaults | tree.get("paths", {}), PATHS))
    profiles = {"default": CredentialProfile("default")}
    for name, table in tree.get("credentials", {}).items():
        profiles[name] = CredentialProfile(name, **reader.section(f"credentials.{name}", table, CREDENTIALS))
    projects = [_project(name, table, profiles, reader) for name, table in tree.get("projects", {}).items()]
    return Config(settings, paths, profiles, tuple(projects)), reader.problems


def _project(name: str, table: Mapping[str, object], profiles: Mapping[str, object], reader: _Reader) -> Project:
    where = f"projects.{name}"
    if not name.strip() or not name.isprintable():
        reader.problems.append(f"projects.{name!r}: a name that can be printed is expected")
    before = len(reader.problems)
    values = reader.section(where, table, PROJECTS)
    if len(reader.problems) == before:
        if "project_id" not in values:
            reader.problems.append(f"{where}.project_id: is missing (console: My Credentials > Projects)")
        if "region" not in values and "endpoint" not in values:
            reader.problems.append(f"{where}.region: is missing (such as cn-north-4); an endpoint would do as well")
        if values.get("credentials", "default") not in profiles:
            reader.problems.append(f"{where}.credentials: there is no profile [credentials.{values['credentials']}]")
    if "region" in values:
        values.setdefault("endpoint", f"https://modelarts.{values['region']}.myhuaweicloud.com")
    return Project(name, **values)


def _overlay(tree: dict[str, Any], environment: Mapping[str, str], reader: _Reader) -> None:
    """Lay the environment's values over the file's."""
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable == f"{PREFIX}CONFIG":
            continue
        parts = variable.removeprefix(PREFIX).lower().split("__")
        section = parts[0]
        if section in SECTIONS and len(parts) == 2:
            table, key, known = tree.setdefault(section, {}), parts[1], SECTIONS[section]
        elif section in NAMED_SECTIONS and len(parts) == 3:
            tables = tree.setdefault(section, {})
            # A variable's name has neither hyphens nor small letters: my-project is MY_PROJECT.
            names = {re.sub(r"[^a-z0-9]", "_", name.lower()): name for name in tables}
            table, key = tables.setdefault(names.get(parts[1], parts[1]), {}), parts[2]
            known = NAMED_SECTIONS[section]
        else:
            example = "POOLSCOPE_COLLECT__INTERVAL, POOLSCOPE_PROJECTS__MYPROJECT__REGION or POOLSCOPE_CONFIG"
            reader.problems.append(f"{variable}: names no value of the configuration; a name looks like {example}")
            continue
        if key not in known:
            reader.unknown(variable, key, known)
        else:
            table[key] = environment[variable]
