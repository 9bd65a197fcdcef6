"""``poolscope waits``, ``failures``, ``flows`` and ``coverage``: the estimates, on a terminal or in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from analysis.errors import RecordUnreadable, RequestRefused

OPTIONS = (
    click.option("--db", type=click.Path(path_type=Path), help="The record; that of the configuration by default."),
    click.option(
        "--since", metavar="30d|DATE", help="The record from here on: a date, or so long before its last slot."
    ),
    click.option("--until", metavar="1d|DATE", help="The record up to here."),
    click.option("--every", default="1w", show_default=True, metavar="1h|1d|1w|1mo|all", help="The windows' length."),
    click.option("--zone", default="UTC", show_default=True, metavar="NAME", help="Whose days, weeks and dates."),
    click.option("--project", multiple=True, metavar="PATTERN", help="Only these projects."),
    click.option("--pool", multiple=True, metavar="PATTERN", help="Only these pools, by id or display name."),
    click.option("--type", multiple=True, metavar="PATTERN", help="Only these job types."),
    click.option(
        "--by", default="pool,type", show_default=True, metavar="pool,type|pool|type|all", help="What is a row."
    ),
    click.option(
        "--queue",
        default="queue+pending",
        show_default=True,
        metavar="queue|queue+pending|queue+pending+creating",
        help="Which statuses are waiting.",
    ),
    click.option("--slo", metavar="15m", help="Also the share of jobs that waited longer."),
    click.option(
        "--order",
        multiple=True,
        default=("unknown",),
        show_default=True,
        metavar="[POOL=]unknown|fifo|backfill",
        help="The order of service that points assume, of all or some pools; bounds hold for any.",
    ),
    click.option("--format", "format_", default="table", type=click.Choice(["table", "csv", "json", "parquet"])),
    click.option("--output", type=click.Path(path_type=Path), help="A file to write to."),
)


def _waits(row: "pd.Series", interval: float) -> dict[str, str]:
    from analysis.output import number, share_with_bounds, with_bounds  # noqa: PLC0415 - see _command

    cells = {"jobs": number(row["arrivals"]), "mean wait": with_bounds(row, "mean", interval)}
    if "over_slo" in row:
        return cells | {"over the limit": share_with_bounds(row, "over_slo")}
    return cells | {"9 of 10 within": with_bounds(row, "p90", interval)}


def _failures(row: "pd.Series", _interval: float) -> dict[str, str]:
    from analysis.output import number, percent, share_with_bounds  # noqa: PLC0415 - see _command

    return {
        "ended": number(row["finished"]),
        "failed": number(row["failed"]),
        "failure rate": share_with_bounds(row, "failure_rate"),
        "of those that ran": percent(row["failure_rate_of_ran"]),
    }


def _flows(row: "pd.Series", interval: float) -> dict[str, str]:
    from analysis.output import number, with_bounds  # noqa: PLC0415 - see _command

    return {
        "came": number(row["arrivals"]),
        "left": number(row["departures"]),
        "done": number(row["completed"]),
        "failed": number(row["failed"]),
        "term.": number(row["terminated"]),
        "queue": number(row["queue_end"]),
        "drains in": with_bounds(row, "drain", interval),
    }


def _coverage(row: "pd.Series", _interval: float) -> dict[str, str]:
    from analysis.output import duration, number  # noqa: PLC0415 - see _command

    return {"slots": number(row["slots"]), "longest gap": duration(row["longest_gap_seconds"]), "kept": row["history"]}


class _Refused(click.ClickException):
    """An error of analysis, told as the command line tells errors."""

    def __init__(self, error: "RecordUnreadable | RequestRefused") -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click types it for the class, and reads the instance


def _command(name: str, text: str, cells: "Callable[[pd.Series, float], dict[str, str]]") -> click.Command:
    """Make the command of an estimate: the options are the keywords of `History`'s method of the same name."""

    @click.pass_obj
    def run(context: Any, /, db: Path | None, format_: str, output: Path | None, **options: Any) -> None:  # noqa: ANN401 - click's
        # What estimates are computed with loads when they are: `poolscope --help` does without.
        from analysis.errors import RecordUnreadable, RequestRefused  # noqa: PLC0415
        from analysis.history import History  # noqa: PLC0415
        from analysis.output import table, write  # noqa: PLC0415
        from analysis.windows import zone_of  # noqa: PLC0415

        if db is None:
            paths = context.config().paths
            history = History(paths.database, paths.spool)
        else:
            history = History(db)
        try:
            frame = getattr(history, name)(**options)
            zone = zone_of(options["zone"])
            interval = frame.attrs["interval_seconds"]
            text = write(frame, format_, output, lambda: table(frame, cells, options["every"], zone, interval))
        except (RecordUnreadable, RequestRefused) as error:
            raise _Refused(error) from None
        if text:
            click.echo(text, nl=False)

    for option in reversed(OPTIONS):
        run = option(run)
    return click.command(name, help=text)(run)


waits = _command(
    "waits",
    """Estimate how long jobs waited in the queue.

    Of the jobs that arrived in each window: how many, and the mean and quantiles of their waits, with bounds that hold
    for every order of service. A window is (start, end]; weeks start on Monday.
    """,
    _waits,
)
failures = _command(
    "failures",
    """Estimate how often jobs fail.

    Of the jobs that ended in each window: the share that failed, with a 95 % interval of the underlying rate.
    """,
    _failures,
)
flows = _command(
    "flows",
    """Sum up what came, left the queue and ended.

    And how long the queue at each window's end takes to drain at the window's rate, when nothing more comes.
    """,
    _flows,
)
coverage = _command(
    "coverage",
    """Show how much of each window was observed.

    And how the API keeps finished jobs: kept, rolling, purged, capped, absent or silent.
    """,
    _coverage,
)
