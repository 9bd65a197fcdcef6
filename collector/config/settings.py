"""The configuration as data: one class a section. `reader` reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collector.api.credentials import CredentialProfile
from collector.config.values import LOOPBACK

PREFIX = "POOLSCOPE_"
MAIL_PASSWORD = "POOLSCOPE_MAIL_PASSWORD"  # noqa: S105 - the name of a variable, not a secret
NO_VALUES = {"POOLSCOPE_CONFIG", MAIL_PASSWORD}
"""The variables with our prefix that are no values of the configuration."""


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


def from_environment(environment: Mapping[str, str]) -> bool:
    """Return whether any value of the configuration comes from the environment."""
    return any(name.startswith(PREFIX) and name != f"{PREFIX}CONFIG" for name in environment)
