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

from collector.api.credentials import CredentialProfile
from collector.config.values import (
    COLLECT,
    CREDENTIALS,
    FLAVORS,
    LOOPBACK,
    NAMED_SECTIONS,
    PATHS,
    PROJECTS,
    SECTIONS,
    TARGETS,
)

PREFIX = "POOLSCOPE_"
SECRET_KEYS = {"access_key", "secret_key", "security_token", "ak", "sk", "password", "token", "secret"}


@dataclass(frozen=True)
class CollectSettings:
    """How a poll goes; the durations are those of the section ``[collect]``."""

    interval: timedelta = timedelta(minutes=1)
    deadline: timedelta | None = None
    concurrency: int = 8
    requests_per_second: float = 100.0
    attempts: int = 4
    # Where the first name server is dead a look-up takes 5 s before there can be a connection.
    connect_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=10)
    total_timeout: timedelta = timedelta(seconds=20)
    discovery_interval: timedelta = timedelta(hours=1)

    @property
    def longest_poll(self) -> timedelta:
        """How long after its start a poll ends at the latest: the deadline, three quarters of the interval if unset."""
        return self.deadline if self.deadline is not None else self.interval * 0.75


@dataclass(frozen=True)
class Paths:
    """Where the record lies."""

    database: Path = Path("data/poolscope.duckdb")
    spool: Path = Path("data/spool")

    @property
    def log(self) -> Path:
        """Where a poll from cron tells what is not well."""
        return self.database.with_name("collect.log")


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
    iam_endpoint: str = ""
    """Where tokens are had, for credentials with a password."""

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
    flavors: Mapping[str, int] = field(default_factory=dict)
    """Cards a node, by flavor."""
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the pools are for, by pattern of pool ids or names, ``*`` first: wait, quantile, price_per_node_hour,
    currency, spare_nodes, lead_time. A later pattern's values go before those of an earlier one."""


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
        nearest = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.0)
        hint = f"the nearest known one is {nearest[0]!r}" if nearest else "the file has none of this kind"
        self.problems.append(f"{name}: unknown key; {hint}")


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
    known = {**SECTIONS, **NAMED_SECTIONS, "flavors": FLAVORS}
    for key, table in list(tree.items()):
        if key not in known:
            reader.unknown("", key, known)
        elif not isinstance(table, dict) or (
            key in NAMED_SECTIONS and not all(isinstance(t, dict) for t in table.values())
        ):
            example = f"[{key}.NAME]" if key in NAMED_SECTIONS else f"[{key}]"
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
    flavors = reader.section("flavors", tree.get("flavors", {}), dict.fromkeys(tree.get("flavors", {}), FLAVORS))
    targets = _targets(tree.get("targets", {}), reader)
    return Config(settings, paths, profiles, tuple(projects), flavors, targets), reader.problems


def _targets(table: Mapping[str, Any], reader: _Reader) -> dict[str, dict[str, Any]]:
    """Read what all pools are for, and what those of each pattern are."""
    everywhere = {key: value for key, value in table.items() if not isinstance(value, dict)}
    targets = {"*": reader.section("targets", everywhere, TARGETS)}
    for pattern, of in table.items():
        if isinstance(of, dict):
            targets[pattern] = targets.get(pattern, {}) | reader.section(f'targets."{pattern}"', of, TARGETS)
    return {pattern: of for pattern, of in targets.items() if of}


def _project(
    name: str, table: Mapping[str, object], profiles: Mapping[str, CredentialProfile], reader: _Reader
) -> Project:
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
        values.setdefault("iam_endpoint", f"https://iam.{values['region']}.myhuaweicloud.com")
    profile = profiles.get(values.get("credentials", "default"))
    if profile is not None and profile.user is not None and not values.get("iam_endpoint"):
        reader.problems.append(f"{where}.iam_endpoint: is missing: a password needs it, or the region")
    return Project(name, **values)


def _overlay(tree: dict[str, Any], environment: Mapping[str, str], reader: _Reader) -> None:
    """Lay the environment's values over the file's."""
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable == f"{PREFIX}CONFIG":
            continue
        parts = variable.removeprefix(PREFIX).lower().split("__")
        section = parts[0]
        known: Mapping[str, object]
        if section in SECTIONS and len(parts) == 2:
            table, key, known = tree.setdefault(section, {}), parts[1], SECTIONS[section]
        elif section == "flavors" and len(parts) == 2:
            table = known = tree.setdefault(section, {})
            key = _names(table).get(parts[1], parts[1])
        elif section in NAMED_SECTIONS and len(parts) == 3:
            tables = tree.setdefault(section, {})
            table, key = tables.setdefault(_names(tables).get(parts[1], parts[1]), {}), parts[2]
            known = NAMED_SECTIONS[section]
        else:
            example = "POOLSCOPE_COLLECT__INTERVAL, POOLSCOPE_PROJECTS__MYPROJECT__REGION or POOLSCOPE_CONFIG"
            reader.problems.append(f"{variable}: names no value of the configuration; a name looks like {example}")
            continue
        if key not in known:
            reader.unknown(variable, key, known)
        else:
            table[key] = environment[variable]


def _names(table: Mapping[str, object]) -> dict[str, str]:
    """Return names by how a variable spells them, with neither hyphens nor small letters: my-project is MY_PROJECT."""
    return {re.sub(r"[^a-z0-9]", "_", name.lower()): name for name in table}
