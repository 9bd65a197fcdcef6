"""``poolscope report``: the command, its options, and what it says."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analysis.cli.estimates import SELECTION, Refused, configured_of, options_of, record_of
from analysis.errors import RequestRefused
from collector.record import RecordUnreadable

if TYPE_CHECKING:
    from analysis.figures.draw import Picture


def _draw(wanted: "Sequence[Picture]", form: str, limit: float | None) -> Iterator[str | bytes | Exception]:
    """Draw pictures, with a progress bar on a terminal."""
    from analysis.figures.draw import draw  # noqa: PLC0415 - `poolscope --help` does without pandas and numba

    drawn = draw(wanted, form, limit)
    label = f"drawing {form}"
    bar = click.progressbar(drawn, length=len(wanted), label=label, show_pos=True, file=sys.stderr)
    with bar if sys.stderr.isatty() else nullcontext(drawn) as pictures:
        yield from pictures


@click.command("report")
@options_of(
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
        metavar="10%",
        help="Exit with 9 where more of a series' jobs waited longer than --slo, with 10 where that cannot be judged.",
    ),
)
@click.pass_obj
def report(
    context: Any,  # noqa: ANN401 - `poolscope --help` does without pandas and numba
    /,
    db: Path | None,
    out: Path,
    forms: str,
    lang: str,
    compare: str,
    keep: int | None,
    fail_above: str | None,
    **options: Any,  # noqa: ANN401 - a text, or several
) -> int:
    """Write a report for a browser, mail, or a program.

    What matters, every pool, every series, how collecting went, and how it was all found out. One HTML file needs
    nothing else; Markdown has its pictures in a folder beside it. The same data makes the same bytes. Exit code 8: a
    part could not be made, which is said in its place; 9, 10: see --fail-above.
    """
    from analysis.query.request import Request  # noqa: PLC0415 - likewise
    from analysis.record.database import Record  # noqa: PLC0415 - `poolscope --help` does without pandas and numba
    from analysis.report.limit import sentence  # noqa: PLC0415 - likewise
    from analysis.report.write import write_report  # noqa: PLC0415 - likewise

    try:
        request = Request(**options)
        written = write_report(
            Record(*record_of(context, db)),
            request,
            out,
            partial(_draw, limit=request.limit),
            language=lang,
            forms=forms,
            against=compare,
            fail_above=fail_above,
            keep=keep,
            **configured_of(context, ("flavors", "targets")),
        )
    except (RecordUnreadable, RequestRefused) as error:
        raise Refused(error) from None
    for file in written.files:
        click.echo(file)
    for failure in written.failed:
        click.echo(f"could not be made: {failure.section}: {failure.message}", err=True)
    if written.boxes:
        click.echo("no font here shows Chinese, pictures have boxes: install fonts-noto-cjk or Noto Sans CJK", err=True)
    for series in written.above:
        click.echo(f"above the share allowed: {series}", err=True)
    for left in written.unjudged:
        click.echo(f"cannot be judged: {sentence(left)}", err=True)
    return written.exit_code
