"""Who passes the limit on waits, and of whom that cannot be judged: for a report's words and its exit code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.notes import mark
from analysis.queue.verdict import OVER, UNJUDGED
from analysis.report.gather import POOL, SERIES, Report, part
from analysis.text.language import _, translated
from analysis.text.units import isolated, named

NOTHING_OBSERVED: Final = mark("note", "nothing was observed")
NOT_ESTIMATED: Final = mark("note", "the estimate failed")


@dataclass(frozen=True)
class Unjudged:
    """A series, or a pool of which nothing was observed."""

    who: str
    reason: str
    """In English, see `language.translated`."""
    judged_from: pd.Timestamp | None
    waiting: int
    """How many jobs wait at the end; 0 where that is not known."""


def name_of(row: pd.Series) -> str:
    """Return what a series is called."""
    return f"{named(row)} · {isolated(row['type'])}"


def above(report: Report) -> list[pd.Series]:
    """Return the series of which more jobs than may waited too long: in every order of service, or by the point."""
    if "whole" not in report.series:
        return []
    whole = report.series["whole"]
    chosen = whole[(whole["verdict"] == OVER) | (whole["over_slo"] > report.request.allowed)]
    return [row for _place, row in chosen.iterrows()]


def unjudged(report: Report) -> list[Unjudged]:
    """Return of whom it cannot be judged whether too many jobs waited too long, those with the most waiting first."""
    return sorted(_unjudged(report), key=lambda each: -each.waiting)


def _unjudged(report: Report) -> Iterator[Unjudged]:
    whole, flows = report.series.get("whole"), report.series.get("flows")
    for _place, row in () if whole is None else whole[whole["verdict"] == UNJUDGED].iterrows():
        flow = part(flows, SERIES, tuple(row[list(SERIES)]))
        waiting = 0.0 if flow is None else flow["queue_end"].iloc[-1]
        from_ = None if pd.isna(row["judged_from"]) else row["judged_from"]
        yield Unjudged(name_of(row), row["reason"], from_, 0 if pd.isna(waiting) else int(waiting))
    failed = any(each.section == "whole" for each in report.failed)
    for _key, attempts in report.attempts.groupby(list(POOL), sort=False):
        # One that answered and has no series has no jobs.
        reason = NOT_ESTIMATED if failed else "" if (attempts["outcome"] == "ok").any() else NOTHING_OBSERVED
        if reason:
            yield Unjudged(named(attempts.iloc[0]), reason, None, 0)


def sentence(found: Unjudged) -> str:
    """Say of whom it cannot be judged, why, and from when on it can."""
    text = (
        _("{who}: {reason}") if found.judged_from is None else _("{who}: {reason}; it can be judged from {instant} on")
    )
    return text.format(
        who=found.who,
        reason=translated(found.reason),
        instant=f"{found.judged_from:%Y-%m-%d %H:%M}" if found.judged_from else "",
    )
