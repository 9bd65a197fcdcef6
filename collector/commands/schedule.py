"""``poolscope schedule``: shows, installs or removes the crontab line of a configuration."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from collector.cli import check_options
from collector.config.settings import Config
from collector.config.values import OPTIONAL_SECTIONS
from collector.console import say, warn
from collector.context import Context, refuse
from collector.crontab import (
    COLLECT,
    MORNINGS,
    REPORT,
    crontab_line,
    read_crontab,
    report_line,
    unlike_the_shell,
    what_a_mail_lacks,
    what_cron_lacks,
    with_line,
    without,
    write_crontab,
)
from collector.errors import ConfigError

EXAMPLE: Final = "poolscope schedule --report -- --slo 15m --mail-to team@example.com"


class _Schedule(click.Command):
    """The command, which says where the options of a report are written."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an unknown option beside --report may be one of the report."""
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if "--report" not in words:
                raise
            text = f"{error.option_name} is no option of schedule: those of the report come after --, as in {EXAMPLE}"
            raise click.UsageError(text, ctx) from None


@click.command("schedule", cls=_Schedule)
@click.option(
    "--install",
    is_flag=True,
    help="Put the line into your crontab, in place of the line of an earlier --install; other lines stay.",
)
@click.option("--remove", is_flag=True, help="Remove the line from your crontab.")
@click.option(
    "--report",
    is_flag=True,
    help="Show, install or remove the line that writes reports, instead of the line that polls; the report's options "
    f"come after --, as in {EXAMPLE}.",
)
@click.option(
    "--every",
    type=click.Choice(list(MORNINGS)),
    help="How often --report writes one: every morning (default), on Mondays, or on the first day of a month.",
)
@click.argument("options", nargs=-1, metavar="[-- REPORT OPTIONS]")
@click.pass_obj
def command(
    context: Context, install: bool, remove: bool, report: bool, every: str | None, options: tuple[str, ...]
) -> None:
    """Show or install the crontab line.

    The line runs collect once an interval, with absolute paths. Warnings and errors go to collect.log beside the
    database (at most 1 MB, and one older file). Other lines of the crontab are not changed. Secrets must come from
    files.

    With --report, the line writes a report to the folder reports beside the database at 06:10 of cron's time zone, and
    keeps the reports of the 90 newest dates. The report is about the last 30 days, with --every week 28, with --every
    month 90; after --, --since sets another period, and --zone the time zone of its days. Warnings and errors go to
    the mail of cron (MAILTO in the crontab).
    """
    if install and remove:
        raise click.UsageError("use either --install or --remove")
    if options and not report:
        raise click.UsageError(f"{options[0]} is an option of a report: use it with --report")
    if every is not None and not report:
        raise click.UsageError("--every is for reports: use it with --report; collect.interval says when to poll")
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
    config = context.config(*(OPTIONAL_SECTIONS if report else ()))
    lacking = {} if report else unlike_the_shell(config, context.environment, Path().absolute())
    for name, fix in lacking.items():
        text = f"{name} is set here, but not for cron: {fix}"
        warn("not_in_cron", text, variable=name, message=text)
    if report:
        if recipients := check_options("report", options)["mail_to"]:
            refuse(what_a_mail_lacks(config) or _mail_problems(context, config, recipients))
        line = report_line(config, file, sys.executable, options, every or "day")
    else:
        refuse(what_cron_lacks(config, context.environment))
        line = crontab_line(config, file, sys.executable, context.clock.now().astimezone())
    if not install:
        click.echo(line)
        return
    before = read_crontab()
    write_crontab(before, with_line(before, file, line, what))
    say("installed", f"your crontab now has this line:\n{line}", config=str(file), line=line)


def _mail_problems(context: Context, config: Config, recipients: Sequence[str]) -> list[str]:
    """Return what would stop a report from being mailed, apart from the server; cron has no variables."""
    from collector.mail import mailer  # noqa: PLC0415 - most lines send no mail

    _sender, problems = mailer(config.mail, recipients, {}, context.clock)
    return problems
