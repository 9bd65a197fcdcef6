"""``poolscope waits`` and the other estimates and trends, and the options that all commands of analysis share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from analysis.errors import Incomplete, RequestRefused
from collector.output.forms import Target, output_options
from collector.record import RecordUnreadable
from collector.record.places import has_scheme

Decorator = Callable[[Any], Any]


def local_path(_context: click.Context, _option: click.Parameter, text: str | None) -> Path | None:
    """Return the path that a text is; refuse an address in an object store, which would become the name of a folder."""
    if text is not None and has_scheme(text):
        raise click.BadParameter(f"{text} is not a path: name a file or folder of this machine")
    return None if text is None else Path(text)


POOLS = (
    click.option(
        "--until", metavar="1d|DATE", help="Read the record up to this date, or up to this long before its last slot."
    ),
    click.option(
        "--zone",
        default="UTC",
        show_default=True,
        metavar="NAME",
        help="The time zone of days, weeks and dates, such as Asia/Shanghai.",
    ),
    click.option("--project", multiple=True, metavar="PATTERN", help="Read only these projects."),
    click.option("--pool", multiple=True, metavar="PATTERN", help="Read only these pools, by id or display name."),
    click.option(
        "--queue",
        default="queue+pending",
        show_default=True,
        metavar="queue|queue+pending|queue+pending+creating",
        help="The statuses that count as waiting.",
    ),
    click.option(
        "--order",
        multiple=True,
        default=("unknown",),
        show_default=True,
        metavar="[POOL=]unknown|fifo|backfill",
        help="The service discipline that point estimates assume, for all pools or one; bounds do not depend on it.",
    ),
)
SELECTED = ("since", "until", "zone", "project", "pool", "queue", "order")
TYPE = click.option("--type", multiple=True, metavar="PATTERN", help="Read only these job types.")
SLO = click.option(
    "--slo", metavar="15m", help="The limit on waits: also show the share of the jobs that waited longer."
)
SINCE = click.option(
    "--since", metavar="30d|DATE", help="Read the record from this date on, or from this long before its last slot."
)
ON = click.option(
    "--on",
    metavar="processes:N|spark://HOST:PORT|local[N]",
    help="Where pools are computed: in N processes of this machine, or on Spark; default: here, in processes if the "
    "record is large and there are more than two cores.",
)
OUTPUT = (ON, output_options)
SHARE = click.option(
    "--share",
    default="10%",
    show_default=True,
    help="The share of the jobs that may wait longer than --slo; the verdict depends on it.",
)
SERIES = (
    SINCE,
    *POOLS,
    TYPE,
    click.option(
        "--by",
        default="pool,type",
        show_default=True,
        metavar="pool,type|pool|type|all",
        help="One row per pool and type, per pool, per type, or one row for all jobs.",
    ),
)
EVERY = click.option(
    "--every", default="1w", show_default=True, metavar="1h|3h|6h|1d|1w|1mo|all", help="The length of the windows."
)


class Refused(click.ClickException):
    """An error of analysis, shown as the command line shows errors."""

    def __init__(self, error: RecordUnreadable | RequestRefused | Incomplete) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click types it for the class, and reads the instance


def configured_of(context: Any, names: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401 - the collector's, which analysis does not know by name
    """Return the values of some sections of the configuration, by name.

    Raises
    ------
    RequestRefused
        When one of these values is invalid. Errors elsewhere in the configuration are ignored.
    """
    config, problems = context.read_config()
    if own := [problem for problem in problems if names and problem.startswith(tuple(names))]:
        raise RequestRefused("; ".join(own))
    return {name: getattr(config, name) for name in names}


def options_of(*options: Decorator) -> Decorator:
    """Add options to a command, in the order in which its help shows them."""

    def add(run: Any) -> Any:  # noqa: ANN401 - a function that click decorates
        for option in reversed(options):
            run = option(run)
        return run

    return add


def command_of(name: str, text: str, *options_: Decorator, configured: Sequence[str] = ()) -> click.Command:
    """Return the command of an estimate.

    Parameters
    ----------
    name
        The name of the command and of the method of `History` that it calls; its options are the method's parameters.
    text
        The help of the command.
    configured
        The sections of the configuration that the method takes too.
    """

    @click.pass_obj
    def run(
        context: Any,  # noqa: ANN401 - the collector's, which analysis does not know by name
        /,
        target: Target,
        on: str | None,
        **options: Any,  # noqa: ANN401 - a text, or several
    ) -> None:
        from analysis.cli.output import answer  # noqa: PLC0415 - `poolscope --help` does without pandas and numba
        from analysis.cli.progress import working  # noqa: PLC0415 - likewise
        from analysis.history import History  # noqa: PLC0415 - likewise

        method = name
        try:
            if options.pop("check", False):
                method, options = "check", _selection(options)
            options |= configured_of(context, configured if method == name else ())
            with working(on, name) as engine:
                history = History(*context.record(), engine=engine, **configured_of(context, ("preempting",)))
                incomplete = answer(history, method, options, target)
            if incomplete is not None:
                raise incomplete
        except (RecordUnreadable, RequestRefused, Incomplete) as error:
            raise Refused(error) from None

    return click.command(name, help=text)(options_of(*options_)(run))


def _selection(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a plan that select a part of the record; ``--check`` accepts no other options."""
    defaults = {"demand": 1.0}
    scenario = {name: value for name, value in options.items() if name not in SELECTED and value is not None}
    if changed := [name for name, value in scenario.items() if value != defaults.get(name)]:
        option = changed[0].replace("_", "-")
        raise RequestRefused(
            f"--{option} cannot be used with --check, which compares plans with what was observed: leave one out"
        )
    return {name: value for name, value in options.items() if name in SELECTED}


waits = command_of(
    "waits",
    """Estimate how long jobs waited in the queue.

    Shows the number of jobs that arrived in each window, and the mean and quantiles of their waits, with bounds that
    hold for every service discipline, if no job returned to the queue unseen. A window is (start, end]; weeks start on
    Monday. With --slo there is a verdict on whether more than --share of the jobs waited longer: over, may be over,
    within, or cannot be judged.
    """,
    EVERY,
    *SERIES,
    SLO,
    SHARE,
    *OUTPUT,
)
failures = command_of(
    "failures",
    """Estimate how often jobs fail.

    Shows the share of the jobs that ended in each window by failing, with a 95% interval of the underlying rate.
    """,
    EVERY,
    *SERIES,
    *OUTPUT,
)
flows = command_of(
    "flows",
    """Count the arrivals, ended jobs and waiting jobs of each window.

    Also shows how long the queue at the end of the window would take to drain, at the window's rate of departures and
    without further arrivals.
    """,
    EVERY,
    *SERIES,
    *OUTPUT,
)
coverage = command_of(
    "coverage",
    """Show how much of each window was observed.

    Also shows how the API keeps finished jobs: kept, rolling, purged, capped, absent or silent (no job ended).
    """,
    EVERY,
    *SERIES,
    *OUTPUT,
)
trend = command_of(
    "trend",
    """Show whether waits, arrivals and failures rise or fall.

    Shows the level of each measure, and its slope without the weekly pattern, with 95% intervals that allow for the
    correlation of days. With --slo, the share of jobs that waited longer is a measure too. With fewer than ten
    independent days there is no direction.
    """,
    *SERIES,
    SLO,
    *OUTPUT,
)
changes = command_of(
    "changes",
    """Show when waits, arrivals and failures changed, and by how much.

    Shows only changes larger than chance explains, given that days are correlated; each has an interval of its date.
    """,
    *SERIES,
    SLO,
    *OUTPUT,
)
profile = command_of(
    "profile",
    """Show a usual week: arrivals, waits and the queue by hour.

    Hours are those of --zone. The table has the mean wait by hour and day of the week; other formats have all columns.
    """,
    *SERIES,
    *OUTPUT,
)
compare = command_of(
    "compare",
    """Compare a period with another one.

    The period lasts from --since (default: 30 days before its end) to --until.
    """,
    click.option(
        "--against",
        default="previous",
        show_default=True,
        metavar="previous|START..END",
        help="The period to compare with; previous: the period of the same length just before.",
    ),
    *SERIES,
    SLO,
    *OUTPUT,
)
