"""A report, from the record to its files, and the result for the caller."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Final

from analysis.errors import RequestRefused
from analysis.figures import draw
from analysis.query.engines import Engine
from analysis.query.request import Request
from analysis.query.targets import Targets
from analysis.record.database import Record
from analysis.report.files import publish, remove_older, stem
from analysis.report.gather import Failure, gather
from analysis.report.limit import Unjudged, above, unjudged
from analysis.report.mail import mail, mail_text
from analysis.report.render import FORMATS, Draw, pages
from analysis.text.language import LANGUAGES

PART_FAILED: Final = 8
ABOVE: Final = 9
UNJUDGED: Final = 10
CHINESE: Final = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True)
class Form:
    """The form of a report, and the share by which it is judged."""

    language: str = "en"
    """One of `language.LANGUAGES`."""
    forms: str = "html"
    """Some of `render.FORMATS`, with commas between them."""
    against: str = "previous"
    """The period to compare with: see `Request.periods`."""
    fail_above: str | float | None = None
    """The share of a series' jobs that may wait longer than the limit, as `Request.share`; None: nothing is judged."""
    keep: int | None = None
    """The number of newest dates whose reports are kept in the folder; None: all."""
    mailed: bool = False
    """Whether the report is made as a mail too."""


@dataclass(frozen=True)
class Written:
    """The result of a report that was written."""

    files: Sequence[Path]
    removed: Sequence[Path]
    failed: Sequence[Failure]
    above: Sequence[str]
    """Pool and type of each series in which more jobs than allowed waited longer than the limit."""
    unjudged: Sequence[Unjudged]
    """The series, pools and projects that cannot be judged; like `above`, empty where nothing is judged."""
    boxes: bool
    """Whether pictures show boxes instead of Chinese characters, as no installed font has these."""
    message: EmailMessage | None
    """The report as a mail without sender and recipients; None where none was asked for."""

    @property
    def exit_code(self) -> int:
        """9: a series is above the share allowed; 10: one cannot be judged; 8: a part could not be made; else 0."""
        codes = ((self.above, ABOVE), (self.unjudged, UNJUDGED), (self.failed, PART_FAILED))
        return next((code for cause, code in codes if cause), 0)


def write_report(
    record: Record,
    request: Request,
    out: Path,
    draw: Draw,
    form: Form,
    flavors: Mapping[str, int] | None = None,
    targets: Targets | None = None,
    engine: Engine | None = None,
) -> Written:
    """Write a report, and return its files, failures and judgements.

    Parameters
    ----------
    request
        Its ``since`` is the start of the period.
    out
        The folder of the report.
    flavors
        Cards per node, by flavor.
    targets
        Targets of pools, where the request has no limit; see `Targets`.
    engine
        Where pools are computed, see `answers`.

    Raises
    ------
    RecordUnreadable, RequestRefused
    """
    forms = [name.strip() for name in form.forms.split(",")]
    for option, value, allowed in (("lang", form.language, LANGUAGES), *(("format", name, FORMATS) for name in forms)):
        if value not in allowed:
            raise RequestRefused(f"--{option} cannot be {value!r}: take {', '.join(allowed)}")
    judged = form.fail_above is not None
    if judged and request.limit is None:
        raise RequestRefused("--fail-above needs a limit on waits: add one, such as --slo 15m")
    request = request if form.fail_above is None else replace(request, share=form.fail_above)
    report = gather(record, request, form.against, flavors, targets, engine)
    name = stem(report, form.language)
    rendered = pages(report, forms, form.language, name, draw)
    files = publish(out, name, rendered.pages)
    removed = remove_older(out, form.keep) if form.keep is not None else []
    over, open_series = (above(report), unjudged(report)) if judged else ([], [])
    message = mail(report, rendered, form.language, draw, name) if form.mailed else None
    pictured = [page.text for page in rendered.pages if page.beside]
    pictured += [] if message is None else [mail_text(message)]
    boxes = any(map(_in_boxes, pictured))
    return Written(files, removed, rendered.failed, over, open_series, boxes, message)


def _in_boxes(text: str) -> bool:
    """Return whether a page or a mail has Chinese characters that its PNG pictures cannot show."""
    if not CHINESE.search(text):
        return False
    from analysis.figures.sheets import shows_chinese  # noqa: PLC0415 - a report without pictures does without matplotlib

    return not shows_chinese()


def write_first(database: Path, spool: Path, out: Path, targets: Targets) -> list[Path]:
    """Write a report of a record's last 14 days, with a limit of 15 minutes and these prices; return its files."""
    request = Request(every="1d", slo="15m")
    record = Record(database, spool)
    drawing = partial(draw.draw, limit=request.limit)
    period = replace(request, since="14d")
    return list(write_report(record, period, out, drawing, Form(), targets=targets).files)
