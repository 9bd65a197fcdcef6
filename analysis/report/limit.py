"""The series that exceed the limit on waits, and those that cannot be judged: for a report's text and exit code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.notes import Note, Notes, note
from analysis.queue.floor import LEAST
from analysis.queue.verdict import LITTLE, OVER, UNJUDGED
from analysis.report.findings import SERIES
from analysis.report.gather import POOL, Report
from analysis.text.language import _, rendered
from analysis.text.units import isolated, named

NOTHING_OBSERVED: Final = note("nothing was observed")
NEVER_LISTED: Final = note("the pools of this project could not be listed")
NOT_ESTIMATED: Final = note("the estimate failed")


@dataclass(frozen=True)
class Unjudged:
    """A series that cannot be judged, or a pool or project that has no series."""

    name: str
    reason: Note | Notes
    judged_from: pd.Timestamp | None = None
    """From when on polls that continue can judge it; None where that is unknown or never."""
    waiting: int | None = None
    """The number of jobs that wait at the end; None where it is unknown."""


def above(report: Report) -> list[str]:
    """Return pool and type of each series over the limit: in every service discipline, or by its point estimate."""
    if "whole" not in report.series:
        return []
    whole = report.series["whole"]
    over = whole[(whole["verdict"] == OVER) | (whole["over_slo"] > report.request.allowed)]
    return [f"{row['pool']} {row['type']}" for _place, row in over.iterrows()]


def unjudged(report: Report) -> list[Unjudged]:
    """Return all series, pools and projects that cannot be judged; empty where everything is judged."""
    return [*unjudged_series(report), *unjudged_pools(report)]


def unjudged_series(report: Report) -> list[Unjudged]:
    """Return the series that cannot be judged, those with the most waiting jobs first."""
    if "whole" not in report.series:
        return []
    whole = report.series["whole"]
    series = [_series(report, row) for _place, row in whole[whole["verdict"] == UNJUDGED].iterrows()]
    return sorted(series, key=lambda unjudged_: -(unjudged_.waiting or 0))


def _series(report: Report, row: pd.Series) -> Unjudged:
    flows = report.by_series[tuple(row[list(SERIES)])].get("flows")
    waiting = float("nan") if flows is None else flows["queue_end"].iloc[-1]
    judged_from = None if pd.isna(row["judged_from"]) else row["judged_from"]
    name = f"{named(row)} · {isolated(row['type'])}"
    return Unjudged(name, row["reason"], judged_from, None if pd.isna(waiting) else int(waiting))


def unjudged_pools(report: Report) -> Iterator[Unjudged]:
    """Yield the pools and projects that have no series but may have jobs: too few polls, or none, were answered."""
    whole = report.series.get("whole")
    with_series = set() if whole is None else set(whole[list(POOL)].itertuples(index=False, name=None))
    for key, attempts in report.attempts.groupby(list(POOL), sort=False):
        if key in with_series:
            continue
        answered = attempts.loc[attempts["outcome"] == "ok", "attempts"].sum()
        name = named(attempts.iloc[0])
        if report.waits_failed:
            yield Unjudged(name, NOT_ESTIMATED)
        # A pool that answered most polls and has no series has no jobs.
        elif answered < LEAST * attempts["attempts"].sum():
            yield Unjudged(name, LITTLE if answered else NOTHING_OBSERVED)
    for project in report.unlisted:
        yield Unjudged(project, NEVER_LISTED)
    if report.attempts.empty and not report.unlisted:
        yield Unjudged(_("the record"), NOTHING_OBSERVED)


def sentence(unjudged_: Unjudged) -> str:
    """Return a text with the reason why something cannot be judged, and from when on it can be judged."""
    reason = rendered(unjudged_.reason)
    if unjudged_.judged_from is None:
        return _("{name}: {text}").format(name=unjudged_.name, text=reason)
    text = _("{name}: {reason}; it can be judged from {instant} on")
    return text.format(name=unjudged_.name, reason=reason, instant=f"{unjudged_.judged_from:%Y-%m-%d %H:%M}")
