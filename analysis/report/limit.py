"""Which series pass the limit on waits, and which cannot be judged: for a report's words and its exit code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.notes import mark
from analysis.queue.floor import LEAST
from analysis.queue.verdict import LITTLE, OVER, UNJUDGED
from analysis.report.gather import POOL, SERIES, Report
from analysis.text.language import _, translated
from analysis.text.units import isolated, named

NOTHING_OBSERVED: Final = mark("note", "nothing was observed")
NEVER_LISTED: Final = mark("note", "its pools could not be listed")
NOT_ESTIMATED: Final = mark("note", "the estimate failed")


@dataclass(frozen=True)
class Unjudged:
    """A series that cannot be judged, or a pool or project without any series."""

    name: str
    reason: str
    """In English, see `language.translated`."""
    judged_from: pd.Timestamp | None = None
    waiting: int = 0
    """How many jobs wait at the end; 0 where that is not known."""


def above(report: Report) -> list[str]:
    """Return pool and type of each series that is over the limit: in every order of service, or by its point."""
    if "whole" not in report.series:
        return []
    whole = report.series["whole"]
    over = whole[(whole["verdict"] == OVER) | (whole["over_slo"] > report.request.allowed)]
    return [f"{row['pool']} {row['type']}" for _place, row in over.iterrows()]


def unjudged(report: Report) -> list[Unjudged]:
    """Return all that cannot be judged: a report without any has judged everything that it is about."""
    return [*unjudged_series(report), *unjudged_pools(report)]


def unjudged_series(report: Report) -> list[Unjudged]:
    """Return the series that cannot be judged, those with the most jobs waiting first."""
    if "whole" not in report.series:
        return []
    whole = report.series["whole"]
    series = [_series(report, row) for _place, row in whole[whole["verdict"] == UNJUDGED].iterrows()]
    return sorted(series, key=lambda one: -one.waiting)


def _series(report: Report, row: pd.Series) -> Unjudged:
    flows = report.of_series[tuple(row[list(SERIES)])].get("flows")
    waiting = float("nan") if flows is None else flows["queue_end"].iloc[-1]
    judged_from = None if pd.isna(row["judged_from"]) else row["judged_from"]
    name = f"{named(row)} · {isolated(row['type'])}"
    return Unjudged(name, row["reason"], judged_from, 0 if pd.isna(waiting) else int(waiting))


def unjudged_pools(report: Report) -> Iterator[Unjudged]:
    """Return the pools and projects of which there is no series, though there may be jobs."""
    whole = report.series.get("whole")
    judged = set() if whole is None else set(whole[list(POOL)].itertuples(index=False, name=None))
    for key, attempts in report.attempts.groupby(list(POOL), sort=False):
        if key in judged:
            continue
        answers = attempts.loc[attempts["outcome"] == "ok", "attempts"].sum()
        name = named(attempts.iloc[0])
        if report.waits_failed:
            yield Unjudged(name, NOT_ESTIMATED)
        # A pool that answered, and has no series, has no jobs.
        elif answers < LEAST * attempts["attempts"].sum():
            yield Unjudged(name, LITTLE if answers else NOTHING_OBSERVED)
    for project in report.unlisted:
        yield Unjudged(project, NEVER_LISTED)
    if report.attempts.empty and not report.unlisted:
        yield Unjudged(_("the record"), NOTHING_OBSERVED)


def sentence(one: Unjudged) -> str:
    """Say why something cannot be judged, and from when on it can."""
    reason = translated(one.reason)
    if one.judged_from is None:
        return _("{who}: {reason}").format(who=one.name, reason=reason)
    text = _("{who}: {reason}; it can be judged from {instant} on")
    return text.format(who=one.name, reason=reason, instant=f"{one.judged_from:%Y-%m-%d %H:%M}")
