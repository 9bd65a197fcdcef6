"""``poolscope waits`` and the other estimates and trends, on a terminal or in a file; ``poolscope report``."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analysis.errors import RecordUnreadable, RequestRefused

if TYPE_CHECKING:
    from analysis.drawing import Picture

Decorator = Callable[[Any], Any]

SELECTION = (
    click.option("--db", type=click.Path(path_type=Path), help="The record; that of the configuration by default."),
    click.option("--until", metavar="1d|DATE", help="The record up to here."),
    click.option("--zone", default="UTC", show_default=True, metavar="NAME", help="Whose days, weeks and dates."),
    click.option("--project", multiple=True, metavar="PATTERN", help="Only these projects."),
    click.option("--pool", multiple=True, metavar="PATTERN", help="Only these pools, by id or display name."),
    click.option("--type", multiple=True, metavar="PATTERN", help="Only these job types."),
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
)
OPTIONS = (
    click.option(
        "--since", metavar="30d|DATE", help="The record from here on: a date, or so long before its last slot."
    ),
    *SELECTION,
    click.option(
        "--by", default="pool,type", show_default=True, metavar="pool,type|pool|type|all", help="What is a row."
    ),
    click.option("--format", "format_", default="table", type=click.Choice(["table", "csv", "json", "parquet"])),
    click.option("--output", type=click.Path(path_type=Path), help="A file to write to."),
)


EVERY = click.option(
    "--every", default="1w", show_default=True, metavar="1h|3h|6h|1d|1w|1mo|all", help="The windows' length."
)


class _Refused(click.ClickException):
    """An error of analysis, told as the command line tells errors."""

    def __init__(self, error: RecordUnreadable | RequestRefused) -> None:
        super().__init__(str(error))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click types it for the class, and reads the instance


def _record(context: Any, db: Path | None) -> tuple[Path, Path | None]:  # noqa: ANN401 - as in `_command`
    """Return the database and the spool that a call is about."""
    if db is not None:
        return db, None
    paths = context.config().paths
    return paths.database, paths.spool


def _with(*options: Decorator) -> Decorator:
    """Add options to a command, in the order in which its help shows them."""

    def add(run: Any) -> Any:  # noqa: ANN401 - a function that click decorates
        for option in reversed(options):
            run = option(run)
        return run

    return add


def _command(name: str, text: str, *more: Decorator) -> click.Command:
    """Make the command of an estimate: the options are the keywords of `History`'s method of the same name."""

    @click.pass_obj
    def run(
        context: Any,  # noqa: ANN401 - the collector's, which analysis does not know by name
        /,
        db: Path | None,
        format_: str,
        output: Path | None,
        **options: Any,  # noqa: ANN401 - a text, or several
    ) -> None:
        from analysis.output import answer  # noqa: PLC0415 - `poolscope --help` does without pandas and numba

        try:
            click.echo(answer(name, *_record(context, db), options, format_, output), nl=False)
        except (RecordUnreadable, RequestRefused) as error:
            raise _Refused(error) from None

    return click.command(name, help=text)(_with(*more, *OPTIONS)(run))


waits = _command(
    "waits",
    """Estimate how long jobs waited in the queue.

    Of the jobs that arrived in each window: how many, and the mean and quantiles of their waits, with bounds that hold
    for every order of service. A window is (start, end]; weeks start on Monday.
    """,
    EVERY,
)
failures = _command(
    "failures",
    """Estimate how often jobs fail.

    Of the jobs that ended in each window: the share that failed, with a 95 % interval of the underlying rate.
    """,
    EVERY,
)
flows = _command(
    "flows",
    """Sum up what came, left the queue and ended.

    And how long the queue at each window's end takes to drain at the window's rate, when nothing more comes.
    """,
    EVERY,
)
coverage = _command(
    "coverage",
    """Show how much of each window was observed.

    And how the API keeps finished jobs: kept, rolling, purged, capped, absent or silent.
    """,
    EVERY,
)
trend = _command(
    "trend",
    """Tell whether waits, arrivals and failures rise or fall.

    Of each: its level and its slope after the week's rhythm, with 95 % intervals that respect how much days are alike.
    With --slo also of the share of jobs that waited longer. Below ten effective days nothing is claimed.
    """,
)
changes = _command(
    "changes",
    """Tell when waits, arrivals and failures changed, and by how much.

    Only changes that the days' own likeness would not have made are told, with an interval for the date.
    """,
)
profile = _command(
    "profile",
    """Show a usual week: arrivals, waits and the queue by hour.

    In the hours of --zone; a table shows them by hour of the day, a file all 168.
    """,
)
compare = _command(
    "compare",
    """Tell by how much a period differs from another.

    The period is that of --since (the last 30 days) and --until.
    """,
    click.option(
        "--against", default="previous", show_default=True, metavar="previous|START..END", help="The other period."
    ),
)


def _share(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """Read 10% or 0.1."""
    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise click.BadParameter(f"{text!r} is no share: take 10% or 0.1")
    return share


def _draw(wanted: "Sequence[Picture]", form: str, limit: float | None) -> Iterator[str | bytes | Exception]:
    """Draw pictures, with a progress bar on a terminal."""
    from analysis.drawing import draw  # noqa: PLC0415 - as in `_command`

    drawn = draw(wanted, form, limit)
    label = f"drawing {form}"
    bar = click.progressbar(drawn, length=len(wanted), label=label, show_pos=True, file=sys.stderr)
    with bar if sys.stderr.isatty() else nullcontext(drawn) as pictures:
        yield from pictures


@click.command("report")
@_with(
    click.option("--since", default="30d", show_default=True, metavar="30d|DATE", help="Where the period begins."),
    *SELECTION,
    click.option("--every", default="1d", show_default=True, metavar="1h|3h|6h|1d|1w|1mo", help="The windows' length."),
    click.option(
        "--compare", default="previous", show_default=True, metavar="previous|START..END", help="The other period."
    ),
    click.option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True),
    click.option("--format", "forms", default="html", show_default=True, metavar="html,md,json"),
    click.option("--lang", default="en", show_default=True, metavar="en|zh"),
    click.option("--keep", type=click.IntRange(1), help="Remove this folder's reports but those of so many days."),
    click.option(
        "--fail-above",
        callback=_share,
        metavar="10%",
        help="Exit with 9 where a larger share of a series' jobs waited longer than --slo.",
    ),
)
@click.pass_obj
def report(
    context: Any,  # noqa: ANN401 - as in `_command`
    /,
    db: Path | None,
    out: Path,
    forms: str,
    lang: str,
    compare: str,
    keep: int | None,
    fail_above: float | None,
    **options: Any,  # noqa: ANN401 - a text, or several
) -> int:
    """Write a report for a browser, mail, or a program.

    What matters, every pool, every series, how collecting went, and how it was all found out. One HTML file needs
    nothing else; Markdown has its pictures in a folder beside it. The same data makes the same bytes. Exit code 8: a
    part could not be made, which is said in its place; 9: see --fail-above.
    """
    from analysis.record import Record  # noqa: PLC0415 - as in `_command`
    from analysis.reporting import write_report  # noqa: PLC0415 - likewise
    from analysis.request import Request  # noqa: PLC0415 - likewise

    try:
        request = Request(**options)
        written = write_report(
            Record(*_record(context, db)),
            request,
            out,
            partial(_draw, limit=request.limit),
            language=lang,
            forms=forms,
            against=compare,
            fail_above=fail_above,
            keep=keep,
        )
    except (RecordUnreadable, RequestRefused) as error:
        raise _Refused(error) from None
    for file in written.files:
        click.echo(file)
    for failure in written.failed:
        click.echo(f"could not be made: {failure.section}: {failure.message}", err=True)
    if written.boxes:
        click.echo("no font here shows Chinese, pictures have boxes: install fonts-noto-cjk or Noto Sans CJK", err=True)
    for series in written.above:
        click.echo(f"above the share allowed: {series}", err=True)
    return written.exit_code
