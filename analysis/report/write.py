"""A report from the record to the disk: gathered, made into pages, written; and what a caller has to know of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from analysis.errors import RequestRefused
from analysis.figures import draw
from analysis.query.request import Request
from analysis.record.database import Record
from analysis.report.files import publish, remove_older, stem
from analysis.report.findings import SHARE
from analysis.report.gather import Failure, Report, gather
from analysis.report.render import FORMATS, Draw, Page, pages
from analysis.text.language import LANGUAGES

PART_FAILED: Final = 8
ABOVE: Final = 9
CHINESE: Final = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True)
class Written:
    """What became of a report."""

    files: Sequence[Path]
    removed: Sequence[Path]
    failed: Sequence[Failure]
    above: Sequence[str]
    """The series of which more waited longer than the limit than was allowed: pool and type."""
    boxes: bool
    """Whether pictures have boxes in the place of Chinese: no font here has it."""

    @property
    def exit_code(self) -> int:
        """0 all is well; 9 more waited too long than was allowed; 8 a part could not be made."""
        return ABOVE if self.above else PART_FAILED if self.failed else 0


def write_report(
    record: Record,
    request: Request,
    out: Path,
    draw: Draw,
    *,
    language: str = "en",
    forms: str = "html",
    against: str = "previous",
    fail_above: float | None = None,
    keep: int | None = None,
    flavors: Mapping[str, int] | None = None,
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
        A share of 1: so many jobs of a series may wait longer than the limit.
    keep
        Reports of so many days stay, older ones of this folder go.
    flavors
        Cards a node, by flavor.

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
    report = gather(record, request, against, SHARE if fail_above is None else fail_above, flavors)
    name = stem(report, language)
    made = pages(report, wanted, language, name, draw)
    files = publish(out, name, made)
    removed = remove_older(out, keep) if keep is not None else []
    above = [] if fail_above is None else _above(report, fail_above)
    return Written(files, removed, report.failed, above, boxes=any(map(_in_boxes, made)))


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


def _above(report: Report, share: float) -> list[str]:
    """Return the series of which more jobs than a share waited too long: by the point, or by the lower bound alone."""
    if "whole" not in report.series:
        return []
    whole = report.series["whole"]
    over = whole["over_slo"].fillna(whole["over_slo_low"]).to_numpy(float)
    return [f"{row.pool} {row.type}" for row in whole[np.nan_to_num(over) > share].itertuples()]
