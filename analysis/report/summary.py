"""What a report says first: what it is about, and how it stands, in a line or two each."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from analysis.queue.verdict import MAY_BE_OVER
from analysis.report.gather import SERIES, Report
from analysis.report.limit import sentence, unjudged
from analysis.report.tables import limit_of
from analysis.text.language import _, plural
from analysis.text.units import duration, percent

TOLD: Final = 20
"""As many findings are told of what is sure, and of what is not."""
NAMED: Final = 3
"""As many series are named of which something cannot be judged."""


def period(report: Report) -> list[str]:
    """Say what the report is about."""
    if report.start is None or report.end is None:
        return [_("Nothing has been observed yet.")]
    zone = report.request.tz
    start, end = (f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" for instant in (report.start, report.end))
    said = [_("From {start} to {end} ({zone}).").format(start=start, end=end, zone=zone)]
    if "whole" not in report.series:
        return [*said, _("Nothing was observed in this period.")]
    whole = report.series["whole"]
    first = whole["window_start"].min()
    if first > report.start + timedelta(seconds=2 * report.interval):
        said.append(_("The record begins on {start}.").format(start=f"{first:%Y-%m-%d %H:%M}"))
    shortest, longest = duration(whole["interval_seconds"].min()), duration(whole["interval_seconds"].max())
    polled = _("Polled every {interval}.") if shortest == longest else _("Polled every {interval} to {longest}.")
    said.append(polled.format(interval=shortest, longest=longest))
    if "compare" in report.series:
        row = report.series["compare"].iloc[0]
        none = report.series["compare"]["other"].isna().all()
        start, end = (f"{row[name]:%Y-%m-%d %H:%M}" for name in ("other_start", "other_end"))
        text = (
            _("Compared with {start} to {end}, of which nothing is known.")
            if none
            else _("Compared with {start} to {end}.")
        )
        said.append(text.format(start=start, end=end))
    return said


def summary(report: Report) -> list[str]:
    """Say in a line or two how it stands, before any finding."""
    if "whole" not in report.series:
        return [_("There are no figures: nothing was observed. What was tried is below.")]
    number_of = len(report.series_keys)
    said = [*_worse(report, number_of), *_limit(report, number_of)]
    told = plural("{n} series was looked at.", "{n} series were looked at.", number_of).format(n=number_of)
    said.append(told)
    if any(found.kind == "changed" for found in report.found):
        text = _("Of so many series about {n} would show a trend or a change by chance alone.")
        said.append(text.format(n=f"{max(1, round(0.05 * number_of))}"))
    left_sure, left_unsure = (sum(found.sure == sure for found in report.found) - TOLD for sure in (True, False))
    if left_sure > 0:
        text = plural("{n} more sure finding is left out here.", "{n} more sure findings are left out here.", left_sure)
        said.append(text.format(n=left_sure))
    if left_unsure > 0:
        text = plural(
            "{n} more unsure finding is left out here.", "{n} more unsure findings are left out here.", left_unsure
        )
        said.append(text.format(n=left_unsure))
    return said


def _worse(report: Report, number_of: int) -> Iterator[str]:
    """Say that nothing became worse, of those of which that is known."""
    if any(found.sure for found in report.found):
        return
    if "compare" not in report.series:
        yield _("Whether anything became worse cannot be judged.")
        return
    known = report.series["compare"].dropna(subset=["difference"])
    left = number_of - len(known[list(SERIES)].drop_duplicates())
    if not left:
        yield _("Nothing is sure to have become worse.")
    elif left == number_of:
        yield _("Whether anything became worse cannot be judged.")
    else:
        text = _("Of {n} of {all} series it cannot be judged whether they became worse; of the others none is sure to.")
        yield text.format(n=left, all=number_of)


def _limit(report: Report, number_of: int) -> Iterator[str]:
    """Say who passes the limit, and of whom that cannot be judged; of all series only where all are judged."""
    limit = limit_of(report)
    if limit is None:
        yield _("No limit on waits was given: with --slo 15m it is told who passes it.")
        return
    share, told = percent(report.request.allowed), any(found.kind == "limit" for found in report.found)
    left = unjudged(report)
    if left:
        text = plural(
            "{n} of {all} series cannot be judged by the limit: {what}.",
            "{n} of {all} series cannot be judged by the limit: {what}.",
            len(left),
        )
        names = "; ".join(map(sentence, left[:NAMED]))
        yield text.format(n=len(left), all=max(number_of, len(left)), what=names + (" …" if left[NAMED:] else ""))
        waiting = [each for each in left if each.waiting]
        if waiting:
            text = plural("{n} job waits in {who}.", "{n} jobs wait in {who}.", waiting[0].waiting)
            yield from (text.format(n=f"{each.waiting:,}", who=each.who) for each in waiting[:NAMED])
        if not told and len(left) < number_of:
            text = _("Of the others in none more than {share} of the jobs waited longer than {limit}.")
            yield text.format(share=share, limit=duration(limit))
    elif not told:
        text = _("In no series did more than {share} of the jobs wait longer than {limit}.")
        yield text.format(share=share, limit=duration(limit))
    verdicts = report.series["whole"]
    close = verdicts[(verdicts["verdict"] == MAY_BE_OVER) & ~(verdicts["over_slo"] > report.request.allowed)]
    if len(close):
        text = plural(
            "Of {n} other series it may be more than {share}, in another order of service.",
            "Of {n} other series it may be more than {share}, in another order of service.",
            len(close),
        )
        yield text.format(n=len(close), share=share)
