"""The command line and composition root: the only place that touches environment, clock, network and the user's paths.

`catalogue` lists the commands, `group` imports each when it is called, so that a cron tick loads no more than it uses.
"""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, cast

import click

from collector import __version__
from collector.api.credentials import AnyCredential, read_owner_only, resolve
from collector.clock import Clock, SystemClock
from collector.config.settings import Config, Paths, from_environment, read_config
from collector.config.values import OPTIONAL_SECTIONS
from collector.console import warn
from collector.errors import ConfigError, PoolscopeError, interrupted
from collector.exit_codes import help_text
from collector.group import LazyGroup, shared_options
from collector.output.visible import show_only_visible
from collector.record.folders import find_upwards, upwards
from collector.record.log import LOG
from collector.record.places import Place, is_in_store, place_of, spool_of
from collector.record.store import Access

if TYPE_CHECKING:
    from collector.mail import Mailer

DEFAULT_FILE = Path("poolscope.toml")
NO_FILE = f"no {DEFAULT_FILE} here"
DEFECT = 70
INTERRUPTED = 130


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

        found, problems = mailer(self.config("mail").mail, recipients, self.environment, self.clock)
        refuse(problems)
        return cast("Mailer", found)

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


def flows_of_pools(database: Path, spool: Path) -> list[dict[str, Any]]:
    """Return the rows of `poolscope flows --every all --by pool`, one per pool; an unknown value is None."""
    history = importlib.import_module("analysis.history").History(database, spool)
    rows = history.flows(every="all", by="pool").to_dict("records")
    # An unknown value is NaN or NaT, which does not equal itself.
    return [{name: value if value == value else None for name, value in row.items()} for row in rows]  # noqa: PLR0124


def write_report(database: Path, spool: Path, out: Path, targets: Mapping[str, Mapping[str, object]]) -> list[Path]:
    """Write a report of the last two weeks of a record, with targets by pattern of pools, and return its files."""
    files: list[Path] = importlib.import_module("analysis.report.write").write_first(database, spool, out, targets)
    return files


def check_options(name: str, options: Sequence[str]) -> Mapping[str, Any]:
    """Return the values of a command's options, checked early: otherwise the error would come after a long wait.

    Raises
    ------
    click.UsageError
        When it does not have one of them.
    """
    context = click.get_current_context().find_root()
    command = poolscope.get_command(context, name)
    return {} if command is None else command.make_context(name, list(options), parent=context).params


@click.group(
    cls=LazyGroup,
    params=shared_options(),
    epilog=help_text(),
    context_settings={"help_option_names": ["-h", "--help"], "obj": Context(os.environ)},
)
@click.version_option(__version__, "-V", "--version", prog_name="poolscope")
def poolscope() -> None:
    """Queue waits, failures and capacity of ModelArts dedicated resource pools."""


def main() -> NoReturn:
    """Run the command of the arguments and exit with its code."""
    # Set before analysis loads OpenBLAS: pools are estimated in parallel, and its threads would wait for each other at
    # each of many small steps (a forecast took eight times as long).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    # Ctrl-C during the exit would change the exit code.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        _discard_unwritten(stream)
    sys.exit(code)


def _discard_unwritten(stream: TextIO) -> None:
    """Discard what a stream could not write, such as to a log on a full disk: Python would exit with 120 for it."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run() -> int:
    """Run the command, show the error that ended it, if any, and return the exit code."""
    # Only the owner should see the record: it holds names of pools, their load and errors of an account.
    os.umask(0o077)
    show_only_visible()
    try:
        code = poolscope.main(prog_name="poolscope", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PoolscopeError as error:
        warn("error", f"poolscope: {error}", exit_code=error.exit_code, message=str(error))
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        # The program that read our output has ended: a message would reach nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # noqa: BLE001 - Python would exit with 1, which means here that failures are recorded
        if not interrupted(error):
            # print_exc would colour it on a terminal.
            click.echo(traceback.format_exc(), err=True)
        return INTERRUPTED if interrupted(error) else DEFECT
    return code if isinstance(code, int) else 0
