"""``poolscope schedule``: the crontab line of a configuration, into the user's crontab and out of it."""

import shutil
import subprocess
import sys

import click

from collector.cli import Context, check_options, refuse
from collector.console import say
from collector.errors import ConfigError
from collector.schedule import COLLECT, REPORT, crontab_line, report_line, what_cron_lacks, with_line, without


@click.command("schedule")
@click.option("--install", is_flag=True, help="Put the line into your crontab, in the place of an earlier one.")
@click.option("--remove", is_flag=True, help="Take it out again.")
@click.option("--report", is_flag=True, help="The line of the report; its options follow --, as in -- --slo 15m.")
@click.argument("options", nargs=-1)
@click.pass_obj
def command(context: Context, install: bool, remove: bool, report: bool, options: tuple[str, ...]) -> None:
    """Show or install the crontab line.

    It runs collect once an interval, with absolute paths, and logs what is not well beside the record (1 MB at most,
    and as much of what was before). With --report it writes a report every morning into reports beside the record, and
    keeps those of 90 days. Everything else in the crontab stays as it is. Secrets have to come from files.
    """
    if install and remove:
        raise click.UsageError("--install or --remove, not both")
    if options and not report:
        raise click.UsageError(f"{options[0]} is an option of a report: say it with --report")
    file = context.found_file()
    if file is None:
        raise ConfigError("there is no configuration file: poolscope init writes one, cron has no environment")
    what = REPORT if report else COLLECT
    if remove:
        # The line is known by the file's path: what is in it, or that it is there no more, keeps nobody from this.
        before = read_crontab()
        after = without(before, file, what)
        _write_crontab(before, after)
        say("removed" if after != before else "not_there", f"your crontab has no line of {file}", config=str(file))
        return
    config = context.config()
    if report:
        check_options("report", options)
        line = report_line(config, file, sys.executable, options)
    else:
        refuse(what_cron_lacks(config, context.environment))
        line = crontab_line(config, file, sys.executable, context.clock.now().astimezone())
    if not install:
        click.echo(line)
        return
    before = read_crontab()
    _write_crontab(before, with_line(before, file, line, what))
    say("installed", f"your crontab has this line:\n{line}", config=str(file), line=line)


def _crontab() -> str:
    program = shutil.which("crontab")
    if program is None:
        raise ConfigError("there is no program crontab on this machine: install cron, or use poolscope watch")
    return program


def read_crontab() -> bytes:
    """Return the user's crontab, empty where there is none.

    Raises
    ------
    ConfigError
        When it cannot be read.
    """
    done = subprocess.run([_crontab(), "-l"], capture_output=True, check=False)  # noqa: S603 - the user's own crontab
    if done.returncode and b"no crontab" not in done.stderr:
        raise ConfigError(f"crontab -l failed: {done.stderr.decode(errors='replace').strip()}")
    return b"" if done.returncode else done.stdout


def _write_crontab(before: bytes, after: bytes) -> None:
    if after == before:
        return
    done = subprocess.run([_crontab(), "-"], input=after, capture_output=True, check=False)  # noqa: S603 - likewise
    if done.returncode:
        raise ConfigError(f"crontab was not changed: {done.stderr.decode(errors='replace').strip()}")
