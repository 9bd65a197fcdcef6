"""``poolscope schedule``: shows, installs or removes the crontab line of a configuration."""

import sys
from pathlib import Path

import click

from collector.cli import Context, check_options, refuse
from collector.console import say, warn
from collector.crontab import (
    COLLECT,
    REPORT,
    crontab_line,
    read_crontab,
    report_line,
    unlike_the_shell,
    what_cron_lacks,
    with_line,
    without,
    write_crontab,
)
from collector.errors import ConfigError


@click.command("schedule")
@click.option(
    "--install",
    is_flag=True,
    help="Put the line into your crontab, in place of the line of an earlier --install; other lines stay.",
)
@click.option("--remove", is_flag=True, help="Remove the line from your crontab.")
@click.option(
    "--report",
    is_flag=True,
    help="Show, install or remove the line that writes a daily report, instead of the line that polls; the report's "
    "options come after --, as in -- --slo 15m.",
)
@click.argument("options", nargs=-1)
@click.pass_obj
def command(context: Context, install: bool, remove: bool, report: bool, options: tuple[str, ...]) -> None:
    """Show or install the crontab line.

    The line runs collect once an interval, with absolute paths. Warnings and errors go to collect.log beside the
    database (at most 1 MB, and one older file). With --report, the line writes a report every morning to the folder
    reports beside the database, and keeps the reports of 90 days. Other lines of the crontab are not changed. Secrets
    must come from files.
    """
    if install and remove:
        raise click.UsageError("use either --install or --remove")
    if options and not report:
        raise click.UsageError(f"{options[0]} is an option of a report: use it with --report")
    file = context.found_file()
    if file is None:
        raise ConfigError(f"cron needs a file, as it does not have your environment: {context.no_file()}")
    what = REPORT if report else COLLECT
    if remove:
        # The line is found by the file's path, so that it can be removed even if the file is damaged or missing.
        before = read_crontab()
        after = without(before, file, what)
        write_crontab(before, after)
        say("removed" if after != before else "not_there", f"your crontab has no line for {file}", config=str(file))
        return
    config = context.config()
    lacking = {} if report else unlike_the_shell(config, context.environment, Path().absolute())
    for name, fix in lacking.items():
        text = f"{name} is set here, but not for cron: {fix}"
        warn("not_in_cron", text, variable=name, message=text)
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
    write_crontab(before, with_line(before, file, line, what))
    say("installed", f"your crontab now has this line:\n{line}", config=str(file), line=line)
