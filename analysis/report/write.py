"""A report from the record to the disk: gathered, made into pages, written; and what a caller has to know of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from analysis.errors import RequestRefused
from analysis.figures import draw
from analysis.query.request import Request
from analysis.query.targets import Targets
from analysis.record.database import Record
from analysis.report.files import publish, remove_older, stem
from analysis.report.gather import Failure, gather
from analysis.report.limit import Unjudged, above, unjudged
from analysis.report.render import FORMATS, Draw, Page, pages
from analysis.text.language import LANGUAGES

PART_FAILED: Final = 8
ABOVE: Final = 9
UNJUDGED: Final = 10
CHINESE: Final = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True)
class Written:
    """What became of a report."""

    files: Sequence[Path]
    removed: Sequence[Path]
    failed: Sequence[Failure]
    above: Sequence[str]
    """The series of which more waited longer than the limit than was allowed: pool and type."""
    unjudged: Sequence[Unjudged]
    """Of whom that cannot be judged; both are empty where no share was given."""
    boxes: bool
    """Whether pictures have boxes in the place of Chinese: no font here has it."""

    @property
    def exit_code(self) -> int:
        """9 more waited too long than may; 10 of some that cannot be judged; 8 a part could not be made; else 0."""
        codes = ((self.above, ABOVE), (self.unjudged, UNJUDGED), (self.failed, PART_FAILED))
        return next((code for told, code in codes if told), 0)


def write_report(
    record: Record,
    request: Request,
    out: Path,
    draw: Draw,
    *,
    language: str = "en",
    forms: str = "html",
    against: str = "previous",
    fail_above: str | float | None = None,
    keep: int | None = None,
    flavors: Mapping[str, int] | None = None,
    targets: Targets | None = None,
) -> Written:
    """Write a report.

    Parameters
    ----------
    request
        ``since`` begins the period.
    out
        The folder.
    forms
        Of `render.FORMATS`, with commas between.
    against
        See `Request.periods`.
    fail_above
        A share, as `Request.share`: so many jobs of a series may wait longer than the limit.
    keep
        Reports of so many days stay, older ones of this folder go.
    flavors
        Cards a node, by flavor.
    targets
        What pools are for, where the request has no limit; see `Targets`.

    Raises
    ------
    RecordUnreadable, RequestRefused
    """
    wanted = [form.strip() for form in forms.split(",")]
    for what, value, allowed in (("lang", language, LANGUAGES), *(("format", form, FORMATS) for form in wanted)):
        if value not in allowed:
            raise RequestRefused(f"{what} cannot be {value!r}: take {', '.join(allowed)}")
    if fail_above is not None and request.limit is None:
        raise RequestRefused(
            "--fail-above is a share of the jobs that wait longer than a limit: give it with --slo 15m"
        )
    if fail_above is not None:
        request = replace(request, share=fail_above)
    report = gather(record, request, against, flavors, targets)
    name = stem(report, language)
    made = pages(report, wanted, language, name, draw)
    files = publish(out, name, made)
    removed = remove_older(out, keep) if keep is not None else []
    judged = fail_above is not None
    over, open_ = (above(report), unjudged(report)) if judged else ([], [])
    return Written(files, removed, report.failed, over, open_, boxes=any(map(_in_boxes, made)))


def _in_boxes(page: Page) -> bool:
    """Tell whether pictures beside a page that has Chinese in it cannot show it."""
    if not page.beside or not CHINESE.search(page.text):
        return False
    from analysis.figures.sheets import shows_chinese  # noqa: PLC0415 - a report without pictures does without matplotlib

    return not shows_chinese()


def write_first(database: Path, spool: Path, out: Path) -> list[Path]:
    """Write a report of a record's last fortnight, with a limit of a quarter of an hour; return its files."""
    request = Request(every="1d", slo="15m")
    record = Record(database, spool)
    drawing = partial(draw.draw, limit=request.limit)
    return list(write_report(record, replace(request, since="14d"), out, drawing).files)
