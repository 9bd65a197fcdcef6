"""The command line and composition root: the only place that touches environment, clock, network and the user's paths.

`catalogue` lists the commands, `group` imports each when it is called, so that a cron tick loads no more than it uses.
"""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from collector import __version__
from collector.console import warn
from collector.context import Context
from collector.errors import PoolscopeError, interrupted
from collector.exit_codes import help_text
from collector.group import LazyGroup, shared_options
from collector.output.visible import show_only_visible

DEFECT = 70
INTERRUPTED = 130


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
