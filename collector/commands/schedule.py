"""``poolscope schedule``: the crontab line of a configuration, into the user's crontab and out of it."""

import sys

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
        write_crontab(before, after)
        say("removed" if after != before else "not_there", f"your crontab has no line of {file}", config=str(file))
        return
    config = context.config()
    for name in [] if report else unlike_the_shell(context.environment):
        text = f"{name} is set here, cron does not have it: write it above the line in your crontab (crontab -e)"
        warn("not_in_cron", text, variable=name)
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
    say("installed", f"your crontab has this line:\n{line}", config=str(file), line=line)
