"""The first lines of a report: the period that it is about, and a summary."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from analysis.queue.verdict import MAY_BE_OVER, WITHIN
from analysis.report.findings import CHANCE
from analysis.report.gather import Report
from analysis.report.limit import Unjudged, sentence, unjudged_pools, unjudged_series
from analysis.report.tables import limit_of
from analysis.text.language import _, plural, together
from analysis.text.units import duration, percent

SHOWN: Final = 20
"""The most sure findings that a page shows, and the most uncertain findings."""
NAMED: Final = 3
"""The most series that the summary names where they cannot be judged."""


def period(report: Report) -> list[str]:
    """Return sentences on the period, the poll interval and the other period."""
    if report.start is None or report.end is None:
        return [_("Nothing has been observed yet.")]
    zone = report.request.tz
    start, end = (f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" for instant in (report.start, report.end))
    lines = [_("From {start} to {end} ({zone}).").format(start=start, end=end, zone=zone)]
    if "whole" not in report.series:
        return lines if report.waits_failed else [*lines, _("Nothing was observed in this period.")]
    whole = report.series["whole"]
    first = whole["window_start"].min()
    if first > report.start + timedelta(seconds=2 * float(whole["interval_seconds"].max())):
        lines.append(_("The record begins on {start}.").format(start=f"{first:%Y-%m-%d %H:%M}"))
    shortest, longest = duration(whole["interval_seconds"].min()), duration(whole["interval_seconds"].max())
    polled = _("Polled every {interval}.") if shortest == longest else _("Polled every {interval} to {longest}.")
    lines.append(polled.format(interval=shortest, longest=longest))
    if "compare" in report.series:
        row = report.series["compare"].iloc[0]
        unknown = report.series["compare"]["other"].isna().all()
        start, end = (f"{row[name]:%Y-%m-%d %H:%M}" for name in ("other_start", "other_end"))
        text = (
            _("Compared with {start} to {end}, for which there is no estimate.")
            if unknown
            else _("Compared with {start} to {end}.")
        )
        lines.append(text.format(start=start, end=end))
    return lines


def summary(report: Report) -> list[str]:
    """Return the sentences before the findings: on series that became worse, the limit, and the number of series."""
    if "whole" not in report.series:
        unobserved = _("There are no estimates: nothing was observed. All attempts are listed below.")
        return [_("The waits could not be estimated.") if report.waits_failed else unobserved]
    total = len(report.series_keys)
    lines = [*_none_worse(report, total), *_limit(report, total)]
    lines.append(plural("{n} series was evaluated.", "{n} series were evaluated.", total).format(n=total))
    if any(finding.kind == "changed" for finding in report.findings):
        text = _("Among {all} series, about {n} would show a trend or a change by chance alone.")
        lines.append(text.format(n=f"{max(1, round(CHANCE * total))}", all=total))
    left_sure, left_uncertain = (
        sum(finding.sure == sure for finding in report.findings) - SHOWN for sure in (True, False)
    )
    if left_sure > 0:
        text = plural("{n} more sure finding is left out here.", "{n} more sure findings are left out here.", left_sure)
        lines.append(text.format(n=left_sure))
    if left_uncertain > 0:
        text = plural(
            "{n} more uncertain finding is left out here.",
            "{n} more uncertain findings are left out here.",
            left_uncertain,
        )
        lines.append(text.format(n=left_uncertain))
    return lines


def _none_worse(report: Report, total: int) -> Iterator[str]:
    """Yield the sentence that no series, or of how many this is unknown, became worse; nothing after sure findings."""
    if any(finding.sure for finding in report.findings):
        return
    if "compare" not in report.series:
        yield _("Whether any series became worse cannot be judged.")
        return
    compare = report.series["compare"]
    unknown = total - int((compare["measure"].eq("wait") & compare["difference"].notna()).sum())
    if not unknown:
        yield _("No series is shown to have become worse.")
    elif unknown == total:
        yield _("Whether any series became worse cannot be judged.")
    else:
        text = _(
            "Whether {n} of {all} series became worse cannot be judged; no other series is shown to have become worse."
        )
        yield text.format(n=unknown, all=total)


def _limit(report: Report, total: int) -> Iterator[str]:
    """Yield sentences on the limit: the series that cannot be judged, that are within it, and that may be over it."""
    limit = limit_of(report)
    if limit is None:
        yield _("No limit on waits was given: add one, such as --slo 15m, to see which series exceed it.")
        return
    series, pools = unjudged_series(report), list(unjudged_pools(report))
    if series:
        text = _("{n} of {all} series cannot be judged by the limit: {reasons}.")
        yield text.format(n=len(series), all=total, reasons=_reasons(series))
    for unjudged in series[:NAMED]:
        if unjudged.waiting:
            text = plural("{n} job waits in {series}.", "{n} jobs wait in {series}.", unjudged.waiting)
            yield text.format(n=f"{unjudged.waiting:,}", series=unjudged.name)
    if pools:
        yield _("Cannot be judged: {reasons}.").format(reasons=_reasons(pools))
    whole = report.series["whole"]
    within = int((whole["verdict"] == WITHIN).sum())
    # A series over the limit by its point estimate is a finding, and is shown there.
    may_be_over = int(((whole["verdict"] == MAY_BE_OVER) & ~(whole["over_slo"] > report.request.allowed)).sum())
    fields = {"share": percent(report.request.allowed), "limit": duration(limit), "all": total}
    if within == total and not pools:
        yield _("In no series did more than {share} of the jobs wait longer than {limit}.").format(**fields)
    elif within:
        text = _("In {n} of {all} series no more than {share} of the jobs waited longer than {limit}.")
        yield text.format(n=within, **fields)
    if may_be_over:
        text = _(
            "In {n} of {all} series, with another service discipline, more than {share} of the jobs may have waited "
            "longer than {limit}."
        )
        yield text.format(n=may_be_over, **fields)


def _reasons(unjudged: Sequence[Unjudged]) -> str:
    return together(map(sentence, unjudged[:NAMED])) + (" …" if unjudged[NAMED:] else "")
