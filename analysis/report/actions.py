"""What to do about a pool, and why: nodes to add, to order or to give away, or a limit exceeded for an unknown need."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.notes import GOOD, NONE, joined
from analysis.queue.verdict import OVER
from analysis.report.findings import Finding
from analysis.report.gather import Report
from analysis.report.refusals import span
from analysis.report.sentences import brief
from analysis.report.standing import Standing
from analysis.text.answer import NODES, change, lacking, need
from analysis.text.language import _, listed, paragraph, plural, rendered
from analysis.text.outlook import until
from analysis.text.units import amount, bracketed, duration, isolated, percent, share_parts, with_bounds

NAMED: Final = 3
"""The most pools that a line on what is missing names."""


@dataclass(frozen=True)
class Action:
    """What to do about one pool."""

    pool: Standing
    kind: str
    """add, over (more jobs wait than allowed, and the need is unknown), order or give."""
    mark: str
    """The action in two or three words: +11 nodes."""
    text: str
    """The action as a sentence: the capacity that the pool needs and has."""
    reasons: Sequence[str]
    """Why: the waits, what has changed; and what it costs."""
    warning: str
    """Why it is not certain; empty where the confidence is good."""

    @property
    def why(self) -> str:
        """The reasons as one text."""
        return paragraph(self.reasons)

    @property
    def order(self) -> tuple[int, float, float]:
        """The place among all actions: pools that lack nodes first, those with the most jobs over the limit before."""
        whole = self.pool.whole
        share, mean = (math.nan, math.nan) if whole is None else (_share(whole), whole["mean_seconds"])
        rank = {"add": 0, "over": 0, "order": 1, "give": 2}[self.kind]
        share, mean = (-float(value) if pd.notna(value) else 0.0 for value in (share, mean))
        return rank, share, mean


def _share(whole: pd.Series) -> float:
    share = whole.get("over_slo", math.nan)
    return float(whole["over_slo_low"] if "over_slo_low" in whole and pd.isna(share) else share)


def action_of(pool: Standing, share: float, limit: float | None) -> Action | None:
    """Return what to do about a pool; None where nothing is known to do.

    Parameters
    ----------
    share
        The share of the jobs, of 1, that may wait longer than the limit.
    limit
        On waits, in seconds; None where there is no limit.
    """
    plan = pool.plan if pool.planned else None
    if plan is not None and pool.lacks > 0:
        return _planned(pool, plan, "add", _more(plan, pool.lacks), limit)
    if OVER in pool.verdicts:
        return _over(pool, share, limit)
    if (ordered := _ordered(pool)) is not None:
        return ordered
    # Only nodes, and where the confidence is good: nodes that are given away are hard to get back.
    if plan is None or plan["unit"] != NODES or plan["needed_confidence"] != GOOD or pool.findings:
        return None
    surplus = -lacking(plan, "needed_high")
    if not surplus > 0:
        return None
    mark = plural("-{n} node", "-{n} nodes", surplus).format(n=amount(surplus))
    return _planned(pool, plan, "give", mark, limit)


def _more(plan: pd.Series, number: float) -> str:
    text = plural("+{n} node", "+{n} nodes", number) if plan["unit"] == NODES else _("+{n} concurrent jobs")
    least = "≥ " if pd.isna(plan["needed"]) else ""
    return least + text.format(n=amount(number))


def _planned(pool: Standing, plan: pd.Series, kind: str, mark: str, limit: float | None) -> Action:
    reasons = [*_waits(pool, limit), *_changes(pool)]
    if more := change(plan):
        reasons.append(_("{text}.").format(text=more))
    warnings = [_warning(plan, "needed_")]
    if kind == "add" and not lacking(plan, "needed_low") > 0:
        warnings.append(_("Today's capacity may suffice: it lies in the interval."))
    sentence = _("{text}.").format(text=need(plan, pool.name))
    return Action(pool, kind, mark, sentence, reasons, paragraph(filter(None, warnings)))


def _over(pool: Standing, share: float, limit: float | None) -> Action:
    text = _("{pool}: more than {share} of the jobs waited longer than {limit}.")
    sentence = text.format(pool=pool.name, share=percent(share), limit=duration(limit))
    why = [] if pool.plan is None else [_unknown_need(pool.plan, pool.name, planned=pool.planned)]
    return Action(pool, "over", _("Over the limit"), sentence, [*_series(pool), *_changes(pool), *why], "")


def _unknown_need(plan: pd.Series, name: str, *, planned: bool) -> str:
    if planned:
        return _("{text}.").format(text=need(plan, name))
    reason = rendered(plan["needed_reason"])
    return _("The capacity that it needs cannot be told: {reason}.").format(reason=reason)


def _series(pool: Standing) -> Iterator[str]:
    """Yield the shares of the series of a pool that are over the limit."""
    for finding in pool.findings:
        if finding.kind == "limit" and finding.sure:
            # While jobs still wait there may be bounds without a point estimate.
            bounds = f"{percent(finding.low).removesuffix('%')}-{percent(finding.high)}"
            share = bounds if math.isnan(finding.value) else bracketed(percent(finding.value), bounds)
            yield _("{type}: {share}.").format(type=isolated(finding.type or ""), share=share)


def _ordered(pool: Standing) -> Action | None:
    """Return the order that the forecast of a pool asks for; None without one."""
    frame = pool.parts.get("forecast")
    if frame is None or frame["confidence"].iloc[-1] == NONE or pd.isna(frame["order_by"].iloc[-1]):
        return None
    row = frame.iloc[-1]
    mark = _("order by {date}").format(date=f"{row['order_by']:%Y-%m-%d}")
    sentence = _("{text}.").format(text=until(row, frame["window_start"].iloc[0]))
    return Action(pool, "order", mark, sentence, [], _warning(row, ""))


def _waits(pool: Standing, limit: float | None) -> Iterator[str]:
    """Yield how long the jobs of a pool waited, with bounds and coverage."""
    whole = pool.whole
    if whole is None:
        return
    coverage = percent(whole["coverage"])
    if limit is None:
        yield _("The mean wait is {wait}; coverage {coverage}.").format(
            wait=with_bounds(whole, "mean"), coverage=coverage
        )
        return
    share, bounds = share_parts(whole, "over_slo")
    if not bounds:
        return
    text = _("{share} of its jobs waited longer than {limit}; coverage {coverage}.")
    known = bracketed(share, bounds) if pd.notna(whole["over_slo"]) else bounds
    yield text.format(share=known, limit=duration(limit), coverage=coverage)


def _changes(pool: Standing) -> Iterator[str]:
    """Yield the rise of the waits of a pool, the surest first; nothing where none is shown."""
    rises = [
        finding for finding in pool.findings if finding.kind in ("waits", "changed") and finding.measure != "failures"
    ]
    for finding in rises[:1]:
        yield _rise(finding)


def _rise(finding: Finding) -> str:
    series = isolated(finding.type or "")
    sure, perhaps = _("{series}: {change}."), _("{series}: {change} (this may be chance).")
    return (sure if finding.sure else perhaps).format(series=series, change=brief(finding))


def _warning(row: pd.Series, name: str) -> str:
    """Return the first reason for weak confidence; empty where the confidence is good."""
    if row[f"{name}confidence"] == GOOD:
        return ""
    reasons = list(joined(row[f"{name}reason"]))
    more = " …" if reasons[1:] else ""
    return (
        _("Weak confidence: {reason}.").format(reason=rendered(reasons[0]) + more) if reasons else _("Weak confidence.")
    )


def missing(report: Report, pools: Sequence[Standing]) -> Iterator[str]:
    """Yield what is missing for a capacity to be recommended: a target, a longer record; each in one sentence."""
    if not pools:
        return
    if report.request.type:
        yield _("A report about some job types recommends no capacity: the types of a pool share it.")
        return
    if not any(pool.plan is not None for pool in pools):
        if any("plan" in pool.parts for pool in pools):
            yield _(
                "No capacity is recommended without a target: add one, such as --slo 15m, or [targets] in the "
                "configuration."
            )
        return
    unknown: dict[str, list[Standing]] = {}
    for pool in pools:
        if pool.plan is not None and not pool.planned and OVER not in pool.verdicts:
            # The pools that need more days share one line, whatever the number.
            reason = "" if _days(pool.plan) else rendered(pool.plan["needed_reason"])
            unknown.setdefault(reason, []).append(pool)
    for reason, group in unknown.items():
        names = listed(pool.name for pool in group[:NAMED]) + (" …" if group[NAMED:] else "")
        why = reason or span(days for pool in group if pool.plan is not None for days in _days(pool.plan))
        yield _("No capacity is recommended yet for {pools}: {reason}.").format(pools=names, reason=why)


def _days(plan: pd.Series) -> list[float]:
    """Return the number of further days that a refused plan needs; nothing where the reason is another one."""
    fields = (field for reason in plan["needed_reason"] for field in reason.fields)
    return [float(value) for name, value in fields if name == "days" and isinstance(value, float)]
