"""``poolscope waits`` and the other estimates and trends: on a terminal or in a file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from analysis.errors import RequestRefused
from collector.record import RecordUnreadable

Decorator = Callable[[Any], Any]

POOLS = (
    click.option("--db", type=click.Path(path_type=Path), help="The record; that of the configuration by default."),
    click.option("--until", metavar="1d|DATE", help="The record up to here."),
    click.option("--zone", default="UTC", show_default=True, metavar="NAME", help="Whose days, weeks and dates."),
    click.option("--project", multiple=True, metavar="PATTERN", help="Only these projects."),
    click.option("--pool", multiple=True, metavar="PATTERN", help="Only these pools, by id or display name."),
    click.option(
        "--queue",
        default="queue+pending",
        show_default=True,
        metavar="queue|queue+pending|queue+pending+creating",
        help="Which statuses are waiting.",
    ),
    click.option(
        "--order",
        multiple=True,
        default=("unknown",),
        show_default=True,
        metavar="[POOL=]unknown|fifo|backfill",
        help="The order of service that points assume, of all or some pools; bounds hold for any.",
    ),
)
SELECTED = ("since", "until", "zone", "project", "pool", "queue", "order")
SELECTION = (
    *POOLS,
    click.option("--type", multiple=True, metavar="PATTERN", help="Only these job types."),
    click.option("--slo", metavar="15m", help="Also the share of jobs that waited longer."),
)
SINCE = click.option(
    "--since", metavar="30d|DATE", help="The record from here on: a date, or so long before its last slot."
)
OUTPUT = (
    click.option("--format", "format_", default="table", type=click.Choice(["table", "csv", "json", "parquet"])),
    click.option("--output", type=click.Path(path_type=Path), help="A file to write to."),
)
OPTIONS = (
    SINCE,
    *SELECTION,
    click.option("--share", default="10%", show_default=True, help="So many may wait longer than --slo."),
    click.option(
        "--by", default="pool,type", show_default=True, metavar="pool,type|pool|type|all", help="What is a row."
    ),
    *OUTPUT,
)


EVERY = click.option(
    "--every", default="1w", show_default=True, metavar="1h|3h|6h|1d|1w|1mo|all", help="The windows' length."
)


class Refused(click.ClickException):
    """An error of analysis, told as the command line tells errors."""

    def __init__(self, error: RecordUnreadable | RequestRefused) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click types it for the class, and reads the instance


def configured_of(context: Any, names: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401 - the collector's, which analysis does not know by name
    """Return values of the configuration; refuse what is wrong with them, and pass over what else is wrong there."""
    config, problems = context.read_config()
    if wrong := [problem for problem in problems if names and problem.startswith(tuple(names))]:
        raise RequestRefused("; ".join(wrong))
    return {name: getattr(config, name) for name in names}


def record_of(context: Any, db: Path | None) -> tuple[Path, Path | None]:  # noqa: ANN401 - the collector's, which analysis does not know by name
    """Return the database and the spool that a call is about."""
    if db is not None:
        return db, None
    paths = context.config().paths
    return paths.database, paths.spool


def options_of(*options: Decorator) -> Decorator:
    """Add options to a command, in the order in which its help shows them."""

    def add(run: Any) -> Any:  # noqa: ANN401 - a function that click decorates
        for option in reversed(options):
            run = option(run)
        return run

    return add


def command_of(name: str, text: str, *options_: Decorator, configured: Sequence[str] = ()) -> click.Command:
    """Make the command of an estimate: the options are the keywords of `History`'s method of the same name.

    It also takes the values of the configuration that are named.
    """

    @click.pass_obj
    def run(
        context: Any,  # noqa: ANN401 - the collector's, which analysis does not know by name
        /,
        db: Path | None,
        format_: str,
        output: Path | None,
        **options: Any,  # noqa: ANN401 - a text, or several
    ) -> None:
        from analysis.cli.output import answer  # noqa: PLC0415 - `poolscope --help` does without pandas and numba

        asked = name
        try:
            if options.pop("check", False):
                asked, options = "check", _selection(options)
            options |= configured_of(context, configured if asked == name else ())
            click.echo(answer(asked, *record_of(context, db), options, format_, output), nl=False)
        except (RecordUnreadable, RequestRefused) as error:
            raise Refused(error) from None

    return click.command(name, help=text)(options_of(*options_)(run))


def _selection(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that select, of those of a plan that is to be checked."""
    usual = {"demand": 1.0}
    wishes = {name: value for name, value in options.items() if name not in SELECTED and value is not None}
    if given := [name for name, value in wishes.items() if value != usual.get(name)]:
        raise RequestRefused(f"--check asks what happened: {given[0].replace('_', '-')} cannot be said beside it")
    return {name: value for name, value in options.items() if name in SELECTED}


waits = command_of(
    "waits",
    """Estimate how long jobs waited in the queue.

    Of the jobs that arrived in each window: how many, and the mean and quantiles of their waits, with bounds that hold
    for every order of service. A window is (start, end]; weeks start on Monday. With --slo a verdict says whether more
    than --share of the jobs waited longer: over, may be over, within, or cannot be judged.
    """,
    EVERY,
    *OPTIONS,
)
failures = command_of(
    "failures",
    """Estimate how often jobs fail.

    Of the jobs that ended in each window: the share that failed, with a 95 % interval of the underlying rate.
    """,
    EVERY,
    *OPTIONS,
)
flows = command_of(
    "flows",
    """Sum up what came, left the queue and ended.

    And how long the queue at each window's end takes to drain at the window's rate, when nothing more comes.
    """,
    EVERY,
    *OPTIONS,
)
coverage = command_of(
    "coverage",
    """Show how much of each window was observed.

    And how the API keeps finished jobs: kept, rolling, purged, capped, absent or silent.
    """,
    EVERY,
    *OPTIONS,
)
trend = command_of(
    "trend",
    """Tell whether waits, arrivals and failures rise or fall.

    Of each: its level and its slope after the week's rhythm, with 95 % intervals that respect how much days are alike.
    With --slo also of the share of jobs that waited longer. Below ten effective days nothing is claimed.
    """,
    *OPTIONS,
)
changes = command_of(
    "changes",
    """Tell when waits, arrivals and failures changed, and by how much.

    Only changes that the days' own likeness would not have made are told, with an interval for the date.
    """,
    *OPTIONS,
)
profile = command_of(
    "profile",
    """Show a usual week: arrivals, waits and the queue by hour.

    In the hours of --zone; a table shows them by hour of the day, a file all 168.
    """,
    *OPTIONS,
)
compare = command_of(
    "compare",
    """Tell by how much a period differs from another.

    The period is that of --since (the last 30 days) and --until.
    """,
    click.option(
        "--against", default="previous", show_default=True, metavar="previous|START..END", help="The other period."
    ),
    *OPTIONS,
)
