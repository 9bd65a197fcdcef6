"""The configuration: a TOML file, whose values the environment overrides; all problems are reported together."""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collector.api.credentials import CredentialProfile
from collector.config.values import (
    COLLECT,
    CREDENTIALS,
    DATASET,
    FLAVORS,
    LOOPBACK,
    MAIL,
    NAMED_SECTIONS,
    PATHS,
    PREEMPTING,
    PROJECTS,
    SECTIONS,
    TARGETS,
)

PREFIX = "POOLSCOPE_"
MAIL_PASSWORD = "POOLSCOPE_MAIL_PASSWORD"  # noqa: S105 - the name of a variable, not a secret
NO_VALUES = {"POOLSCOPE_CONFIG", MAIL_PASSWORD}
"""The variables with our prefix that are no values of the configuration."""
SECRET_KEYS = {"access_key", "secret_key", "security_token", "ak", "sk", "password", "token", "secret"}


@dataclass(frozen=True)
class CollectSettings:
    """The settings of a poll: the section ``[collect]``."""

    interval: timedelta = timedelta(minutes=1)
    deadline: timedelta | None = None
    concurrency: int = 8
    requests_per_second: float = 100.0
    attempts: int = 4
    # If the first name server is down, a look-up takes 5 s before a connection can begin.
    connect_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=10)
    total_timeout: timedelta = timedelta(seconds=20)
    discovery_interval: timedelta = timedelta(hours=1)
    proxy: str | None = None
    """The URL of the proxy, with its user if it wants one; empty for none; None for the proxy of the environment."""
    proxy_password_file: Path | None = None
    ca_file: Path | None = None
    """A PEM file with the certificates to trust; None for ``SSL_CERT_FILE``, or else the usual ones."""

    @property
    def longest_poll(self) -> timedelta:
        """The longest duration of a poll: the deadline, or three quarters of the interval if there is none."""
        return self.deadline if self.deadline is not None else self.interval * 0.75


@dataclass(frozen=True)
class Paths:
    """Where the record is stored."""

    database: Path = Path("data/poolscope.duckdb")
    spool: Path = Path("data/spool")

    @property
    def log(self) -> Path:
        """The file to which a poll from cron writes its warnings and errors."""
        return self.database.with_name("collect.log")


@dataclass(frozen=True)
class DatasetSettings:
    """The dataset that polls bring up to date, and how its object store is reached: the section ``[dataset]``."""

    path: Path | str | None = None
    """A folder, or an address in an object store; None publishes nothing."""
    every: timedelta = timedelta(hours=1)
    endpoint: str | None = None
    region: str | None = None
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    """How the store is reached; where a value is missing, the ``AWS_`` variables say it."""


@dataclass(frozen=True)
class MailSettings:
    """The mail server that takes reports: the section ``[mail]``."""

    host: str
    sender: str
    """The address in From, ``from`` in the file."""
    port: int
    sender_name: str = ""
    """The name before that address; empty for none."""
    tls: str = "starttls"
    """starttls, tls, or on loopback none."""
    user: str | None = None
    """None: the server asks for no password."""
    password_file: Path | None = None
    """None: the password is in the variable `MAIL_PASSWORD`."""
    timeout: timedelta = timedelta(seconds=30)
    ca_file: Path | None = None
    """A PEM file with the certificates to trust; None for the usual ones."""


NO_MAIL_SERVER = """\
--mail-to needs a mail server: add these lines, with your values, to the configuration:
      [mail]
      host = "smtp.example.com"
      from = "Poolscope <poolscope@example.com>"
      tls = "starttls"  # or "tls"; "none" for a server on this machine
      # user = "poolscope"  # where the server wants one, with a file that only you can read (chmod 600):
      # password_file = "mail-password\""""
PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""The usual port of a mail server by its TLS."""


@dataclass(frozen=True)
class Project:
    """One project of an account: its endpoint, and which of its pools are polled."""

    name: str
    project_id: str = ""
    region: str | None = None
    endpoint: str = ""
    workspaces: tuple[str, ...] = ("0",)
    pools: tuple[str, ...] | None = None
    """Pool ids; None polls all discovered pools."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    credentials: str = "default"
    iam_endpoint: str = ""
    """Where tokens are requested, for credentials with a password."""

    @property
    def on_loopback(self) -> bool:
        """Whether the endpoint is on this machine."""
        return urlsplit(self.endpoint).hostname in LOOPBACK


@dataclass(frozen=True)
class Config:
    """The whole configuration."""

    collect: CollectSettings = field(default_factory=CollectSettings)
    paths: Paths = field(default_factory=Paths)
    credentials: Mapping[str, CredentialProfile] = field(default_factory=dict)
    projects: tuple[Project, ...] = ()
    flavors: Mapping[str, int] = field(default_factory=dict)
    """Cards per node, by flavor."""
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The values of ``[targets]`` by pattern of pool ids or display names, ``*`` first: wait, quantile,
    price_per_node_hour, currency, spare_nodes, lead_time. A later pattern overrides an earlier one."""
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    mail: MailSettings | None = None
    """None where no mail server is configured."""
    preempting: tuple[str, ...] = ()
    """Patterns of the ids or display names of pools that pre-empt: an urgent job displaces a running one, which returns
    to the queue. From the section ``[preempting]``."""

    @property
    def publishing_interval(self) -> timedelta:
        """The time between two publishings: `every`, or the poll interval where that is longer."""
        return max(self.collect.interval, self.dataset.every)


class _Reader:
    """Reads tables of values and collects all problems instead of stopping at the first."""

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
                parsed = readers[key](value)
            except ValueError as error:
                self.problems.append(f"{where}.{key}: {error}")
            else:
                values[key] = self._folder / parsed if isinstance(parsed, Path) else parsed
        return values

    def unknown(self, where: str, key: str, known: Mapping[str, object]) -> None:
        name = f"{where}.{key}".lstrip(".")
        if key.lower() in SECRET_KEYS:
            if known is MAIL:
                self.problems.append(
                    f"{name}: secrets must not be in this file: set the environment variable {MAIL_PASSWORD}, or set "
                    "mail.password_file to a file that only you can read"
                )
                return
            variables = "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"
            if known is DATASET:
                variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            self.problems.append(
                f"{name}: secrets must not be in this file: set the environment variables {variables}, "
                "or set access_key_file and secret_key_file to files that only you can read"
            )
            return
        nearest = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.0)
        hint = f"the nearest known key is {nearest[0]!r}" if nearest else "the file has no keys in this section"
        self.problems.append(f"{name}: unknown key; {hint}")


def read_config(
    file: Path | None, environment: Mapping[str, str], folder: Path, without: Collection[str] = ()
) -> tuple[Config, list[str]]:
    """Read the configuration.

    Parameters
    ----------
    file
        The TOML file; None if there is none and all values come from the environment.
    environment
        A variable ``POOLSCOPE_SECTION__KEY`` or ``POOLSCOPE_PROJECTS__NAME__KEY`` overrides the file's value.
    folder
        The folder for relative paths: that of the file.
    without
        The sections, of `OPTIONAL_SECTIONS`, that are not read: their problems are not reported.

    Returns
    -------
    tuple
        The configuration and its problems, each with its place and how to fix it. Do not use a configuration that has
        problems.
    """
    reader = _Reader(folder)
    tree: dict[str, Any] = {}
    if file is not None:
        try:
            tree = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            return Config(), [f"{file} cannot be read ({error.strerror}): poolscope init writes one to start from"]
        except (ValueError, RecursionError) as error:
            # tomllib also raises Python's own errors, for numbers that are too long and nesting that is too deep.
            return Config(), [f"{file} is not valid TOML: {error}"]
    tree = {key: table for key, table in tree.items() if key not in without}
    known = {**SECTIONS, **NAMED_SECTIONS, "flavors": FLAVORS}
    for key, table in list(tree.items()):
        if key not in known:
            reader.unknown("", key, known)
        elif not isinstance(table, dict) or (
            key in NAMED_SECTIONS and not all(isinstance(t, dict) for t in table.values())
        ):
            example = f"[{key}.NAME]" if key in NAMED_SECTIONS else f"[{key}]"
            reader.problems.append(f"{key}: must be a table, with the heading {example}")
            del tree[key]
    _overlay(tree, environment, reader, without)

    settings = CollectSettings(**reader.section("collect", tree.get("collect", {}), COLLECT))
    if settings.deadline is not None and settings.deadline >= settings.interval:
        reader.problems.append("collect.deadline: must be shorter than the interval, so that polls do not overlap")
    has_user = bool(settings.proxy) and "@" in str(settings.proxy)
    if has_user and settings.proxy_password_file is None:
        reader.problems.append("collect.proxy_password_file: is missing: name the file with the password of the proxy")
    if not has_user and settings.proxy_password_file is not None:
        reader.problems.append("collect.proxy: must have the user of the password: write http://USER@HOST:PORT")
    defaults = {"database": str(Paths.database), "spool": str(Paths.spool)}
    paths = Paths(**reader.section("paths", defaults | tree.get("paths", {}), PATHS))
    profiles = {"default": CredentialProfile("default")}
    for name, table in tree.get("credentials", {}).items():
        profiles[name] = CredentialProfile(name, **reader.section(f"credentials.{name}", table, CREDENTIALS))
    projects = [_project(name, table, profiles, reader) for name, table in tree.get("projects", {}).items()]
    flavors = reader.section("flavors", tree.get("flavors", {}), dict.fromkeys(tree.get("flavors", {}), FLAVORS))
    targets = _targets(tree.get("targets", {}), reader)
    dataset = _dataset(tree.get("dataset", {}), paths, reader)
    mail = _mail(tree["mail"], reader) if tree.get("mail") else None
    preempting = reader.section("preempting", tree.get("preempting", {}), PREEMPTING).get("pools", ())
    read = settings, paths, profiles, tuple(projects), flavors, targets, dataset, mail, preempting
    return Config(*read), reader.problems


def _dataset(table: Mapping[str, object], paths: Paths, reader: _Reader) -> DatasetSettings:
    settings = DatasetSettings(**reader.section("dataset", table, DATASET))
    if "path" not in table and "every" in table:
        reader.problems.append("dataset.path: is missing: name the folder to publish to")
    if settings.path in (paths.database, paths.spool):
        reader.problems.append("dataset.path: must be a folder of its own, not that of [paths]")
    if (settings.access_key_file is None) != (settings.secret_key_file is None):
        reader.problems.append("dataset: set both access_key_file and secret_key_file, or neither")
    return settings


def _mail(table: Mapping[str, object], reader: _Reader) -> MailSettings | None:
    """Return the settings of the mail server; None where they have problems."""
    before = len(reader.problems)
    values = reader.section("mail", table, MAIL)
    if len(reader.problems) > before:
        return None
    for key, example in (("host", "smtp.example.com"), ("from", "poolscope@example.com")):
        if key not in values:
            reader.problems.append(f"mail.{key}: is missing: set it, such as {example}")
    tls = values.get("tls", "starttls")
    if tls == "none" and values.get("host", LOOPBACK[0]) not in LOOPBACK:
        reader.problems.append("mail.tls: none is allowed only for a server on this machine: use starttls or tls")
    if "password_file" in values and "user" not in values:
        reader.problems.append("mail.user: is missing: name the user of the password")
    if len(reader.problems) > before:
        return None
    name, address = values.pop("from")
    return MailSettings(sender=address, sender_name=name, **{"port": PORTS[tls], **values})


def _targets(table: Mapping[str, Any], reader: _Reader) -> dict[str, dict[str, Any]]:
    """Return the targets by pattern, those of all pools under ``*``."""
    everywhere = {key: value for key, value in table.items() if not isinstance(value, dict)}
    targets = {"*": reader.section("targets", everywhere, TARGETS)}
    for pattern, values in table.items():
        if isinstance(values, dict):
            targets[pattern] = targets.get(pattern, {}) | reader.section(f'targets."{pattern}"', values, TARGETS)
    return {pattern: values for pattern, values in targets.items() if values}


def _project(
    name: str, table: Mapping[str, object], profiles: Mapping[str, CredentialProfile], reader: _Reader
) -> Project:
    where = f"projects.{name}"
    if not name.strip() or not name.isprintable():
        reader.problems.append(f"projects.{name!r}: the name must not be empty or contain control characters")
    before = len(reader.problems)
    values = reader.section(where, table, PROJECTS)
    if len(reader.problems) == before:
        if "project_id" not in values:
            reader.problems.append(f"{where}.project_id: is missing: the console shows it (My Credentials > Projects)")
        if "region" not in values and "endpoint" not in values:
            reader.problems.append(f"{where}.region: is missing: set it (such as cn-north-4), or set endpoint")
        if values.get("credentials", "default") not in profiles:
            reader.problems.append(f"{where}.credentials: there is no section [credentials.{values['credentials']}]")
    if "region" in values:
        values.setdefault("endpoint", f"https://modelarts.{values['region']}.myhuaweicloud.com")
        values.setdefault("iam_endpoint", f"https://iam.{values['region']}.myhuaweicloud.com")
    profile = profiles.get(values.get("credentials", "default"))
    if profile is not None and profile.user is not None and not values.get("iam_endpoint"):
        reader.problems.append(f"{where}.iam_endpoint: is missing: credentials with a password need it, or a region")
    return Project(name, **values)


def from_environment(environment: Mapping[str, str]) -> bool:
    """Return whether any value of the configuration comes from the environment."""
    return any(name.startswith(PREFIX) and name != f"{PREFIX}CONFIG" for name in environment)


def _overlay(tree: dict[str, Any], environment: Mapping[str, str], reader: _Reader, without: Collection[str]) -> None:
    """Override the file's values with those of the environment."""
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in NO_VALUES:
            continue
        parts = variable.removeprefix(PREFIX).lower().split("__")
        section = parts[0]
        if section in without:
            continue
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
            reader.problems.append(f"{variable}: is not a configuration value; names look like {example}")
            continue
        if key not in known:
            reader.unknown(variable, key, known)
        else:
            table[key] = environment[variable]


def _names(table: Mapping[str, object]) -> dict[str, str]:
    """Return the file's names by their spelling in a variable, in lower case: my-project is my_project."""
    return {re.sub(r"[^a-z0-9]", "_", name.lower()): name for name in table}
