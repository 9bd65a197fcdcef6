"""The command line and composition root: the only place that touches environment, clock, network and the user's paths.

A command is imported when it is called, so that a cron tick loads no more than it uses. The commands of `analysis` are
mounted here by name alone.
"""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from collector import __version__
from collector.api.credentials import AnyCredential, read_owner_only, resolve
from collector.clock import Clock, SystemClock
from collector.config.settings import Config, read_config
from collector.console import tell_in_any_encoding, warn
from collector.errors import ConfigError, PoolscopeError, interrupted
from collector.local_path import LocalPath
from collector.record.places import Place, is_in_store, place_of
from collector.record.store import Access

COMMANDS = {
    "init": "collector.commands.init",
    "collect": "collector.commands.collect",
    "schedule": "collector.commands.schedule",
    "watch": "collector.commands.watch",
    "status": "collector.commands.status",
    "doctor": "collector.commands.doctor",
    "pools": "collector.commands.pools",
    "compact": "collector.commands.compact",
    "backup": "collector.commands.backup",
    "restore": "collector.commands.restore",
    "prune": "collector.commands.prune",
    "import": "collector.commands.import_",
    "export": "collector.commands.export",
    "publish": "collector.commands.publish",
    "waits": "analysis.cli.estimates:waits",
    "failures": "analysis.cli.estimates:failures",
    "flows": "analysis.cli.estimates:flows",
    "coverage": "analysis.cli.estimates:coverage",
    "trend": "analysis.cli.estimates:trend",
    "changes": "analysis.cli.estimates:changes",
    "profile": "analysis.cli.estimates:profile",
    "compare": "analysis.cli.estimates:compare",
    "load": "analysis.cli.capacity:load",
    "plan": "analysis.cli.capacity:plan",
    "forecast": "analysis.cli.capacity:forecast",
    "report": "analysis.cli.report:report",
    "notebooks": "analysis.cli.notebooks:notebooks",
    "sandbox": "collector.commands.sandbox",
    "demo": "collector.commands.demo",
}
DEFAULT_FILE = Path("poolscope.toml")
DEFECT = 70
INTERRUPTED = 130
EXIT_CODES = """\b
Exit codes:
  0  all is well
  1  some pools failed; the failures are recorded
  2  the command line or the configuration is wrong; nothing was done
  3  another run is writing to the same record; nothing was done
  4  a file or the record could not be written (disk, permissions)
  5  the database is damaged, in use, from a newer Poolscope, or was not made by Poolscope
  6  an input file cannot be used; nothing of it was written
  7  the record is older than --max-age
  8  a part of a report or of an answer could not be made; the rest is there
  9  more jobs waited too long than --fail-above allows
  10 some series cannot be judged against --fail-above
  70 a defect of Poolscope: please report the message
  130 ended by Ctrl-C
  141 the program that read the output has ended
doctor has its own codes: 1 there are warnings, 2 there are errors
"""


@dataclass(frozen=True)
class Context:
    """What a command gets from the outside world: environment, clock and configuration file."""

    environment: Mapping[str, str]
    clock: Clock = field(default_factory=SystemClock)
    config_file: Path | None = None

    def read_config(self) -> tuple[Config, list[str]]:
        """Read the configuration of this call, and return it with its problems (none where it is valid)."""
        file = self.found_file()
        return read_config(file, self.environment, file.parent if file else Path().absolute())

    def found_file(self) -> Path | None:
        """Return the configuration file of this call, absolute; None where there is only the environment."""
        if self.config_file is None and not DEFAULT_FILE.exists():
            return None
        return (self.config_file or DEFAULT_FILE).absolute()

    def config(self) -> Config:
        """Read the configuration.

        Raises
        ------
        ConfigError
            When it has problems: all are in one message.
        """
        config, problems = self.read_config()
        refuse(problems)
        return config

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
        config, problems = self.read_config()
        credentials: dict[str, AnyCredential] = {}
        if not problems and not config.projects:
            problems.append("there is no project: add a section [projects.NAME] (poolscope init writes an example)")
        for profile in dict.fromkeys(project.credentials for project in config.projects):
            if profile in config.credentials:
                credential, missing = resolve(config.credentials[profile], self.environment)
                problems += missing
                if credential is not None:
                    credentials[profile] = credential
        refuse(problems)
        return config, credentials


def refuse(problems: list[str]) -> None:
    """Raise one ConfigError with all problems of a configuration; do nothing where there are none."""
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


def check_options(name: str, options: Sequence[str]) -> None:
    """Check early that a command has these options: without this check, the error would come after a long wait.

    Raises
    ------
    click.UsageError
        When it does not have one of them.
    """
    command = poolscope.get_command(click.Context(poolscope), name)
    if command is not None:
        command.make_context(name, list(options))


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order in which a new user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command and return it; None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name or "command")
        return command if isinstance(command, click.Command) else None


@click.group(cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_file",
    envvar="POOLSCOPE_CONFIG",
    type=LocalPath(),
    help="The configuration file; default: poolscope.toml in this folder.",
)
@click.version_option(__version__, prog_name="poolscope")
@click.pass_context
def poolscope(ctx: click.Context, config_file: Path | None) -> None:
    """Queue waits, failures and capacity of ModelArts dedicated resource pools."""
    ctx.obj = Context(os.environ, config_file=config_file)


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
    tell_in_any_encoding()
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
            traceback.print_exc()
        return INTERRUPTED if interrupted(error) else DEFECT
    return code if isinstance(code, int) else 0
