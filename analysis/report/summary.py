"""What a report says first: what it is about, and how it stands, in a line or two each."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from analysis.queue.verdict import MAY_BE_OVER, WITHIN
from analysis.report.gather import Report
from analysis.report.limit import Unjudged, sentence, unjudged_pools, unjudged_series
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
        return said if report.waits_failed else [*said, _("Nothing was observed in this period.")]
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
        nothing = _("There are no figures: nothing was observed. What was tried is below.")
        return [_("The waits could not be estimated.") if report.waits_failed else nothing]
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
    compare = report.series["compare"]
    left = number_of - int((compare["measure"].eq("wait") & compare["difference"].notna()).sum())
    if not left:
        yield _("Nothing is sure to have become worse.")
    elif left == number_of:
        yield _("Whether anything became worse cannot be judged.")
    else:
        text = _("Of {n} of {all} series it cannot be judged whether they became worse; of the others none is sure to.")
        yield text.format(n=left, all=number_of)


def _limit(report: Report, number_of: int) -> Iterator[str]:
    """Say how many series pass the limit or may, and what cannot be judged; of all series only where all are judged."""
    limit = limit_of(report)
    if limit is None:
        yield _("No limit on waits was given: with --slo 15m it is told who passes it.")
        return
    series, pools = unjudged_series(report), list(unjudged_pools(report))
    if series:
        text = _("{n} of {all} series cannot be judged by the limit: {what}.")
        yield text.format(n=len(series), all=number_of, what=_first(series))
    for one in series[:NAMED]:
        if one.waiting:
            text = plural("{n} job waits in {who}.", "{n} jobs wait in {who}.", one.waiting)
            yield text.format(n=f"{one.waiting:,}", who=one.name)
    if pools:
        yield _("Nothing can be judged of {what}.").format(what=_first(pools))
    whole = report.series["whole"]
    within = int((whole["verdict"] == WITHIN).sum())
    # By its point a series is a finding, which is told of.
    may_be_over = int(((whole["verdict"] == MAY_BE_OVER) & ~(whole["over_slo"] > report.request.allowed)).sum())
    said = {"share": percent(report.request.allowed), "limit": duration(limit), "all": number_of}
    if within == number_of and not pools:
        yield _("In no series did more than {share} of the jobs wait longer than {limit}.").format(**said)
    elif within:
        text = _("In {n} of {all} series no more than {share} of the jobs waited longer than {limit}.")
        yield text.format(n=within, **said)
    if may_be_over:
        text = _("In {n} of {all} series it may be more than {share}, in another order of service.")
        yield text.format(n=may_be_over, **said)


def _first(left: Sequence[Unjudged]) -> str:
    return "; ".join(map(sentence, left[:NAMED])) + (" …" if left[NAMED:] else "")
