"""Findings as sentences: in full, with bounds, difference and coverage, or in brief, for a report's first screen."""

import numpy as np

from analysis.report.findings import Finding
from analysis.text.language import _
from analysis.text.measures import figure
from analysis.text.units import duration, isolated, percent


def brief(finding: Finding) -> str:
    """Return the change that a finding is about as a short sentence, without its interval and without its series."""
    risen = not finding.value < finding.other
    text = {
        ("wait", True): _("the mean wait rose from {other} to {value}{since}"),
        ("wait", False): _("the mean wait fell from {other} to {value}{since}"),
        ("over", True): _("the share over the limit rose from {other} to {value}{since}"),
        ("over", False): _("the share over the limit fell from {other} to {value}{since}"),
        ("failures", True): _("the failure rate rose from {other} to {value}{since}"),
        ("failures", False): _("the failure rate fell from {other} to {value}{since}"),
    }[finding.measure, risen]
    return text.format(value=_text(finding, finding.value), other=_text(finding, finding.other), since=_since(finding))


def series_name(finding: Finding) -> str:
    """Return the name of a finding's series: its pool and its type."""
    return f"{isolated(finding.pool_name or finding.pool)} · {isolated(finding.type or '')}"


def sentence(finding: Finding, limit: float | None) -> str:
    """Return a finding as a sentence, with its value, bounds and coverage.

    Parameters
    ----------
    limit
        On waits, in seconds; None where there is no limit.
    """
    series = series_name(finding)
    coverage = percent(finding.coverage)
    if finding.kind == "limit":
        texts = (
            _("{series}: {value} of the jobs waited longer than {limit} ({low} to {high}); coverage {coverage}"),
            _("{series}: {low} to {high} of the jobs waited longer than {limit}; coverage {coverage}"),
        )
        # While jobs still wait there may be bounds without a point estimate.
        return texts[bool(np.isnan(finding.value))].format(
            series=series,
            value=percent(finding.value),
            limit=duration(limit),
            low=percent(finding.low),
            high=percent(finding.high),
            coverage=coverage,
        )
    text = {
        "wait": _(
            "{series}: the mean wait rose to {value}{bounds} from {other}{difference}{since}; coverage {coverage}"
        ),
        "over": _(
            "{series}: the share over the limit rose to {value}{bounds} from {other}{difference}{since};"
            " coverage {coverage}"
        ),
        "failures": _(
            "{series}: the failure rate rose to {value}{bounds} from {other}{difference}{since}; coverage {coverage}"
        ),
    }[finding.measure]
    return text.format(
        series=series,
        value=_text(finding, finding.value),
        other=_text(finding, finding.other),
        bounds=_bounds(finding),
        difference=_difference(finding),
        since=_since(finding),
        coverage=coverage,
    )


def _since(finding: Finding) -> str:
    return "" if finding.since is None else _(", since {date}").format(date=f"{finding.since:%Y-%m-%d}")


def _text(finding: Finding, value: float) -> str:
    return duration(value, finding.interval_seconds) if finding.measure == "wait" else figure(finding.measure, value)


def _bounds(finding: Finding) -> str:
    low, high = finding.low, finding.high
    if np.isnan(low) and np.isnan(high):
        return ""
    least = _text(finding, low) if low > 0 else "0"
    if np.isnan(high):
        return _(" ({low} or more)").format(low=least)
    most = _text(finding, high)
    return "" if least == most else _(" ({low} to {high})").format(low=least, high=most)


def _difference(finding: Finding) -> str:
    low, high = finding.difference_low, finding.difference_high
    if np.isnan(finding.difference) or (np.isnan(low) and np.isnan(high)):
        return ""
    by, least, most = (figure(finding.measure, value, signed=True) for value in (finding.difference, low, high))
    return _(", a difference of {by} ({low} to {high})").format(by=by, low=least, high=most)
