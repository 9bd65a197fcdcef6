"""``poolscope report``: the command, its options, and its messages."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import click

from analysis.cli.estimates import ON, POOLS, SLO, TYPE, Refused, configured_of, local_path, options_of
from analysis.errors import RequestRefused
from collector.record import RecordUnreadable

if TYPE_CHECKING:
    from analysis.figures.draw import Picture


STDOUT: Final = Path("-")


def _draw(wanted: "Sequence[Picture]", form: str, limit: float | None) -> Iterator[str | bytes | Exception]:
    """Draw pictures, with a progress bar on a terminal."""
    from analysis.cli.progress import shows_progress  # noqa: PLC0415 - `poolscope --help` does without pandas and numba
    from analysis.figures.draw import draw  # noqa: PLC0415 - likewise

    drawn = draw(wanted, form, limit)
    label = f"drawing {form}"
    bar = click.progressbar(drawn, length=len(wanted), label=label, show_pos=True, file=sys.__stderr__)
    with bar if shows_progress() else nullcontext(drawn) as pictures:
        yield from pictures


@click.command("report")
@options_of(
    click.option(
        "--since",
        default="30d",
        show_default=True,
        metavar="30d|DATE",
        help="The start of the period: a date, or a duration before the last slot.",
    ),
    *POOLS,
    TYPE,
    SLO,
    ON,
    click.option(
        "--every", default="1d", show_default=True, metavar="1h|3h|6h|1d|1w|1mo", help="The length of the windows."
    ),
    click.option(
        "--compare",
        default="previous",
        show_default=True,
        metavar="previous|START..END",
        help="The period to compare with; previous: the period of the same length just before.",
    ),
    click.option(
        "--out",
        type=click.Path(),
        callback=local_path,
        default="reports",
        show_default=True,
        help="The folder for the report's files; - is standard output, for one report as HTML or JSON.",
    ),
    click.option(
        "--format",
        "forms",
        default="html",
        show_default=True,
        metavar="html,md,json",
        help="One or more formats, with commas between them.",
    ),
    click.option(
        "--lang",
        default="en",
        show_default=True,
        metavar="en|zh",
        help="The language of the report: English or Chinese.",
    ),
    click.option(
        "--keep",
        type=click.IntRange(1),
        metavar="N",
        help="Keep the reports of the N newest dates in the folder, and remove older reports; default: keep all.",
    ),
    click.option(
        "--fail-above",
        metavar="10%",
        help="The share of a series' jobs that may wait longer than --slo. Exit with 9 if more jobs of a series did, "
        "with 10 if a series cannot be judged.",
    ),
)
@click.option(
    "--mail-to",
    multiple=True,
    metavar="ADDRESS",
    help="Also mail the report to this address, by the mail server of [mail]; several with commas between them.",
)
@click.pass_obj
def report(
    context: Any,  # noqa: ANN401 - `poolscope --help` does without pandas and numba
    /,
    out: Path,
    forms: str,
    lang: str,
    compare: str,
    keep: int | None,
    fail_above: str | None,
    on: str | None,
    mail_to: tuple[str, ...],
    **options: Any,  # noqa: ANN401 - a text, or several
) -> int:
    """Write a report for a browser, mail, or a program.

    It has the findings, all pools, all series, the collection of the data, and the method. HTML is one file that needs
    no other; Markdown has its pictures in a folder beside it. The same data gives the same bytes. Exit code 8: a part
    of the report could not be made, and the report gives the reason in its place; 9 and 10: see --fail-above; 11: the
    report was written, but not mailed to all, whatever else happened.
    """
    from analysis.cli.progress import working  # noqa: PLC0415 - likewise
    from analysis.query.request import Request  # noqa: PLC0415 - likewise
    from analysis.record.database import Record  # noqa: PLC0415 - `poolscope --help` does without pandas and numba
    from analysis.report.limit import sentence  # noqa: PLC0415 - likewise
    from analysis.report.write import Form, write_report  # noqa: PLC0415 - likewise

    # What is wrong with it is said before the work.
    mailer = context.mailer(mail_to) if mail_to else None
    try:
        request = Request(**options, **configured_of(context, ("preempting",)))
        to_stdout = out == STDOUT
        if to_stdout and forms not in ("html", "json"):
            raise RequestRefused(f"{forms} is more than one file: name a folder with --out, or take html or json")
        with ExitStack() as stack:
            out = Path(stack.enter_context(TemporaryDirectory())) if to_stdout else out
            engine = stack.enter_context(working(on, "report"))
            written = write_report(
                Record(*context.record()),
                request,
                out,
                partial(_draw, limit=request.limit),
                Form(lang, forms, compare, fail_above, keep, mailed=mailer is not None),
                **configured_of(context, ("flavors", "targets")),
                engine=engine,
            )
            if to_stdout:
                click.echo(written.files[0].read_bytes(), nl=False)
    except (RecordUnreadable, RequestRefused) as error:
        raise Refused(error) from None
    for file in [] if to_stdout else written.files:
        click.echo(file)
    for failure in written.failed:
        click.echo(f"could not be made: {failure.section}: {failure.message}", err=True)
    if written.boxes:
        click.echo(
            "pictures show boxes instead of Chinese characters, as no installed font has these: install fonts-noto-cjk "
            "or Noto Sans CJK",
            err=True,
        )
    for series in written.above:
        click.echo(f"above the allowed share: {series}", err=True)
    for unjudged in written.unjudged:
        click.echo(f"cannot be judged: {sentence(unjudged)}", err=True)
    if mailer is not None:
        mailer.send(written.message)
        click.echo(f"mailed to {', '.join(mailer.recipients)}", err=to_stdout)
    return written.exit_code
