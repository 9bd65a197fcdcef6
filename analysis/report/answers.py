"""The answers of a report's first screen: what to do and why, what changed, what cannot be judged, what is fine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.figures.draw import Picture
from analysis.queue.verdict import MAY_BE_OVER
from analysis.report.actions import Action, action_of, missing
from analysis.report.findings import Finding, improvements
from analysis.report.gather import Report
from analysis.report.limit import sentence, unjudged
from analysis.report.refusals import span, untold
from analysis.report.sentences import brief, series_name
from analysis.report.standing import Standing, standings
from analysis.text.language import _, listed, plural, together
from analysis.text.units import bracketed, duration, percent, share_parts, with_bounds

SHOWN: Final = 6
"""The most actions on the first screen; the section about capacity has the others."""
NAMED: Final = 3
"""The most series that a line names."""
FINE: Final = 8
"""The most pools that the line of those that are fine names."""


@dataclass(frozen=True)
class Line:
    """One line of the first screen below the actions."""

    kind: str
    """worse, better, changes, near, unjudged or fine."""
    heading: str
    text: str


@dataclass(frozen=True)
class Answers:
    """The first screen of a report."""

    actions: Sequence[Action]
    """What to do, the worst pool first."""
    remarks: Sequence[str]
    """That there is no action, how many are left out, and what is missing for others."""
    lines: Sequence[Line]
    picture: Picture | None
    """The wait against capacity of the pool of the first action that has a plan; None without one."""


def answers(report: Report, *, pictured: bool) -> Answers:
    """Return the answers of a report."""
    request = report.request
    pools = standings(report)
    found = (action_of(pool, request.allowed, request.limit) for pool in pools)
    actions = sorted((action for action in found if action), key=lambda action: action.order)
    others = [pool for pool in pools if pool.key not in {action.pool.key for action in actions}]
    lines = list(_lines(report, others))
    remarks = []
    if not actions:
        # What was not judged is no reason to do nothing.
        judged = any(line.kind == "fine" for line in lines)
        remarks.append(_("No pool is shown to need a change.") if judged else _("What to do cannot be told yet."))
    if actions[SHOWN:]:
        left = len(actions) - SHOWN
        text = plural("{n} more pool is left out here.", "{n} more pools are left out here.", left)
        remarks.append(text.format(n=left))
    remarks += missing(report, pools)
    pictures = decisions([action.pool for action in actions]) if pictured else iter(())
    return Answers(actions[:SHOWN], remarks, lines, next(pictures, None))


def decisions(pools: Sequence[Standing]) -> Iterator[Picture]:
    """Yield the wait against capacity of each pool with a plan for its target, in the order of the pools."""
    for place, pool in enumerate(pool for pool in pools if pool.planned):
        plan = pool.parts["plan"]
        caption = _("Wait against capacity of {pool}").format(pool=pool.name)
        frames = {"plan": plan[plan["capacity"].notna()]}
        yield Picture(f"decision-{place + 1}", "decision", frames, caption, caption)


def _lines(report: Report, others: Sequence[Standing]) -> Iterator[Line]:
    """Yield the lines below the actions; `others` are the pools without an action."""
    if "whole" not in report.series:
        return
    if report.request.limit is None and not any(pool.plan is not None for pool in others):
        yield from _longest(others)
    yield from _changes(report)
    near = [pool for pool in others if MAY_BE_OVER in pool.verdicts]
    if near:
        text = _some([_near(report, pool) for pool in near], NAMED)
        unsure = _("{series}, depending on the service discipline.").format(series=text)
        yield Line("near", _("May be over the limit"), unsure)
    if report.request.limit is not None and (open_ := unjudged(report)):
        text = _some(list(map(sentence, open_)), NAMED)
        yield Line("unjudged", _("Cannot be judged"), _("{text}.").format(text=text))
    fine = [pool.name for pool in others if pool.fine]
    if fine:
        yield Line("fine", _("Fine"), _fine(report, _some(fine, FINE, listed)))


def _longest(pools: Sequence[Standing]) -> Iterator[Line]:
    """Yield the pools with the longest mean waits: without a limit and a target there is nothing to judge them by."""
    waits = [(pool, pool.whole) for pool in pools if pool.whole is not None and pd.notna(pool.whole["mean_seconds"])]
    waits.sort(key=lambda wait: -float(wait[1]["mean_seconds"]))
    texts = [_("{name}: {text}").format(name=pool.name, text=with_bounds(whole, "mean")) for pool, whole in waits]
    if texts:
        text = _some(texts, NAMED)
        yield Line("waits", _("Longest mean waits"), _("{text}.").format(text=text))


def _some(texts: Sequence[str], most: int, together: Callable[[Iterable[str]], str] = together) -> str:
    """Return the first texts as one, and the number of the others."""
    shown = together(texts[:most])
    return shown if not texts[most:] else _("{texts} and {n} more").format(texts=shown, n=len(texts) - most)


def _near(report: Report, pool: Standing) -> str:
    rows = report.series["whole"]
    own = rows[(rows["project"] == pool.key[0]) & (rows["pool"] == pool.key[1]) & (rows["verdict"] == MAY_BE_OVER)]
    worst = own.sort_values("over_slo", ascending=False, kind="stable").iloc[0]
    text = _("{pool} · {type}: {share} of the jobs")
    share = bracketed(*share_parts(worst, "over_slo"))
    return text.format(pool=pool.name, type=worst["type"], share=share)


def _fine(report: Report, pools: str) -> str:
    if report.request.limit is None:
        return _("{pools}: today's capacity reaches the target.").format(pools=pools)
    text = _("{pools}: at most {share} of the jobs of each type waited longer than {limit}.")
    return text.format(pools=pools, share=percent(report.request.allowed), limit=duration(report.request.limit))


def _changes(report: Report) -> Iterator[Line]:
    """Yield what became worse, what became better, and of how many series that cannot be told."""
    if not {"compare", "changes"} <= report.series.keys():
        yield Line("changes", _("Changes"), _("cannot be judged."))
        return
    worse = [finding for finding in report.findings if finding.kind != "limit"]
    sure = [finding for finding in worse if finding.sure]
    if sure:
        yield Line("worse", _("Worse"), _moved(sure))
    elif worse:
        yield Line("worse", _("Perhaps worse"), _moved(worse))
    if better := improvements(report.series):
        yield Line("better", _("Better"), _moved(better))
    needs = [days["wait"] for days in map(untold, report.by_series.values()) if "wait" in days]
    told = len(report.by_series) - len(needs)
    texts = []
    if not needs and not worse and not better:
        texts.append(_("none is shown beyond chance"))
    elif told and not worse and not better:
        texts.append(_("none is shown beyond chance in {n} of {all} series").format(n=told, all=len(report.by_series)))
    if needs:
        texts.append(_untold(needs, len(report.by_series)))
    if texts:
        yield Line("changes", _("Changes"), _("{text}.").format(text=together(texts)))


def _moved(findings: Sequence[Finding]) -> str:
    """Return the changes of series as one text, the first of each series."""
    firsts: dict[str, str] = {}
    for finding in findings:
        firsts.setdefault(series_name(finding), brief(finding))
    texts = [_("{series}: {change}").format(series=series, change=change) for series, change in firsts.items()]
    return _("{text}.").format(text=_some(texts, NAMED))


def _untold(needs: Sequence[float], total: int) -> str:
    days = span(needs)
    if len(needs) == total:
        text = _("none can be told yet")
    else:
        text = _("none can be told yet in {n} of {all} series").format(n=len(needs), all=total)
    return _("{name}: {text}").format(name=text, text=days) if days else text
