"""What a command gets from the outside world: the command line makes one `Context` and hands it to each command."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from collector.api.credentials import AnyCredential, read_owner_only, resolve
from collector.clock import Clock, SystemClock
from collector.config.reader import read_config
from collector.config.settings import Config, Paths, from_environment
from collector.config.values import OPTIONAL_SECTIONS
from collector.console import warn
from collector.errors import ConfigError
from collector.record.folders import find_upwards, upwards
from collector.record.log import LOG
from collector.record.places import Place, is_in_store, place_of, spool_of
from collector.record.store import Access

if TYPE_CHECKING:
    from collector.mail import Mailer

DEFAULT_FILE = Path("poolscope.toml")
NO_FILE = f"no {DEFAULT_FILE} here"


@dataclass(frozen=True)
class Context:
    """What a command gets from the outside world: environment, clock, configuration file and named record."""

    environment: Mapping[str, str]
    clock: Clock = field(default_factory=SystemClock)
    config_file: Path | None = None
    database: str | None = None
    """The record that ``--db`` names; None: that of the configuration."""
    warned: set[str] = field(default_factory=set)
    """The problems of the configuration that were shown as warnings: each is shown once, although watch reads anew."""

    def read_config(self, without: Collection[str] = ()) -> tuple[Config, list[str]]:
        """Read the configuration of this call, and return it with its problems (none where it is valid).

        Its database is that of ``--db``, if one is named there.

        Parameters
        ----------
        without
            The optional sections that are not read.
        """
        file = self.found_file()
        config, problems = read_config(file, self.environment, file.parent if file else Path().absolute(), without)
        LOG.debug("configuration: %s", file or "only the environment")
        if self.database is not None:
            config = replace(config, paths=self._named(config.paths, Path(self.database)))
        elif file is None and not from_environment(self.environment):
            problems.insert(0, self.no_file())
        return config, problems

    def needed_config(self, *used: str) -> tuple[Config, list[str], list[str]]:
        """Read the configuration, and part its problems by whether a command can do without the section.

        Parameters
        ----------
        used
            The optional sections that the command uses.

        Returns
        -------
        tuple
            The configuration, its problems, and the problems of optional sections that the command does not use: where
            there are any, the configuration is without these sections.
        """
        config, problems = self.read_config()
        if not problems:
            return config, [], []
        config, needed = self.read_config([section for section in OPTIONAL_SECTIONS if section not in used])
        return config, needed, [problem for problem in problems if problem not in needed]

    def found_file(self) -> Path | None:
        """Return the configuration file of this call, absolute; None where there is only the environment."""
        if self.config_file is not None:
            return self.config_file.absolute()
        return find_upwards(DEFAULT_FILE, Path().absolute())

    def no_file(self) -> str:
        """Return what is wrong where there is no configuration file, and what to do."""
        folders = ", ".join(map(str, upwards(Path().absolute())))
        return (
            f"{NO_FILE}; looked in {folders}: write one with poolscope init, name one with --config FILE,"
            " or name a record with --db"
        )

    def record(self) -> tuple[Place, Path]:
        """Return the database or dataset to read, and the spool: of ``--db``, else of the configuration.

        Raises
        ------
        ConfigError
        """
        if self.database is not None and is_in_store(self.database):
            return self.place(self.database), Path()
        paths = self.config().paths if self.database is None else self.read_config()[0].paths
        return paths.database, paths.spool

    def words(self) -> list[str]:
        """Return the words of the command line with which another process has the same configuration and database."""
        file, database = self.found_file(), self.database
        return [
            *([] if file is None else ["--config", str(file)]),
            *([] if database is None else ["--db", str(Path(database).absolute())]),
        ]

    @staticmethod
    def _named(paths: Paths, database: Path) -> Paths:
        """Return the paths of a named database; its spool is that of the configuration if it is its database."""
        same = database.absolute() == paths.database.absolute()
        return Paths(database, paths.spool if same else spool_of(database))

    def config(self, *used: str) -> Config:
        """Read the configuration, and warn of problems in optional sections that the command does not use.

        Parameters
        ----------
        used
            The optional sections that the command uses.

        Raises
        ------
        ConfigError
            When it has other problems: all are in one message.
        """
        config, problems, unused = self.needed_config(*used)
        refuse([*problems, *unused] if problems else [])
        self._warn_of(unused)
        return config

    def _warn_of(self, problems: Sequence[str]) -> None:
        for problem in problems:
            if problem not in self.warned:
                self.warned.add(problem)
                text = f"{problem}; this command goes on without the section"
                warn("unusable_section", text, problem=problem, message=text)

    def place(self, text: str | Path) -> Place:
        """Return the folder, file or address in an object store that a text is, the latter with the settings for it.

        Raises
        ------
        ConfigError
            When the configuration has problems, or others can read a file with a key.
        """
        if not is_in_store(text):
            return Path(text)
        settings = self.config().dataset
        keys, problems = {}, []
        for name, file in (("access_key", settings.access_key_file), ("secret_key", settings.secret_key_file)):
            if file is not None:
                keys[name], problem = read_owner_only(file)
                problems += [f"dataset.{name}_file: {problem}"] if problem else []
        refuse(problems)
        return place_of(text, Access(settings.endpoint, settings.region, **keys))

    def mailer(self, recipients: Sequence[str]) -> "Mailer":
        """Return the object that sends a mail to these addresses, before the work begins that is to be mailed.

        Raises
        ------
        ConfigError
            When there is no mail server in the configuration, an address is none, or the password is missing.
        """
        from collector.mail import mailer  # noqa: PLC0415 - a cron tick sends no mail

        sender, problems = mailer(self.config("mail").mail, recipients, self.environment, self.clock)
        refuse(problems)
        return cast("Mailer", sender)

    def ready_to_poll(self) -> tuple[Config, dict[str, AnyCredential]]:
        """Read the configuration and the credentials, before the first request of a poll.

        Returns
        -------
        tuple
            The configuration, and the credentials by profile.

        Raises
        ------
        ConfigError
            When there are problems: all are in one message.
        """
        config, problems, unused = self.needed_config()
        credentials: dict[str, AnyCredential] = {}
        if not problems and not config.projects:
            example = "there is no project: add a section [projects.NAME] (poolscope init writes an example)"
            problems.append(self.no_file() if self.found_file() is None else example)
        for profile in dict.fromkeys(project.credentials for project in config.projects):
            if profile in config.credentials:
                credential, missing = resolve(config.credentials[profile], self.environment)
                problems += missing
                if credential is not None:
                    credentials[profile] = credential
        refuse([*problems, *unused] if problems else [])
        self._warn_of(unused)
        return config, credentials


def refuse(problems: list[str]) -> None:
    """Raise one ConfigError with all problems of a configuration; do nothing where there are none."""
    if len(problems) == 1 and problems[0].startswith(NO_FILE):
        raise ConfigError(problems[0])
    if problems:
        raise ConfigError("the configuration is not usable:\n" + "\n".join(f"  - {problem}" for problem in problems))
