"""What matters in a report: which series wait longer, pass the limit or fail more, and how sure that is.

Many series are compared at once, and of twenty comparisons one shows something by chance. Those that a report calls
sure are chosen so that about one in twenty of them is chance (Benjamini and Hochberg, Journal of the Royal Statistical
Society B 57 (1995), 289). What the periods differ by for certain, and chance may yet explain, is told as unsure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.queue.verdict import OVER
from analysis.stats.batches import FEWEST
from analysis.stats.discoveries import discoveries
from analysis.text.cells import figure
from analysis.text.language import _
from analysis.text.units import duration, isolated, percent

CHANCE: Final = 0.05
NOTABLE: Final = 0.1
"""Of the other period's value: by less an unsure difference is not told."""
Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Finding:
    """One thing that matters."""

    kind: str
    """waits (longer), limit (passed), failures (more), changed."""
    sure: bool
    project: str
    pool: str
    pool_name: str | None
    type: str | None
    measure: str
    value: float
    low: float
    high: float
    """This period's value, and what is left open of it; NaN where it is open."""
    other: float
    """The value that it is compared with: of the other period, or before a change; of the limit the share allowed."""
    difference: float
    difference_low: float
    difference_high: float
    """NaN where none is given."""
    since: datetime | None
    """When it changed."""
    interval_seconds: float
    """The poll interval: nothing is said finer than that."""
    coverage: float
    why: str
    """Why it is unsure, in the words of the estimate."""


def findings(frames: Frames, share: float) -> list[Finding]:
    """Find what matters in the frames of a report.

    Parameters
    ----------
    frames
        By series: compare, trend, changes, and whole (waits over the whole period).
    share
        Of the jobs that may wait longer than the limit.

    Returns
    -------
    list
        What is sure first; of one kind the largest first.
    """
    found = [*_over(frames["whole"], share), *_worse(frames)]
    order = ("waits", "limit", "failures", "changed")
    return sorted(found, key=lambda each: (not each.sure, order.index(each.kind), -_size(each)))


def _size(found: Finding) -> float:
    size = found.value if found.kind == "limit" else found.value - found.other
    return size if np.isfinite(size) else 0.0


def _over(whole: pd.DataFrame, share: float) -> Iterator[Finding]:
    """Tell of series of which more jobs than that share waited longer than the limit."""
    if "over_slo" not in whole:
        return
    for row in _rows(whole):
        value, low, high = (row[f"over_slo{bound}"] for bound in ("", "_low", "_high"))
        # The point assumes an order of service; what holds for every order is sure.
        over = row["verdict"] == OVER
        if over or value > share:
            yield _finding(row, "limit", "over", over, (value, low, high), other=share)


def _worse(frames: Frames) -> Iterator[Finding]:
    compare, changes = frames["compare"], frames["changes"]
    asked = compare[compare["measure"] != "arrivals"]
    sure = _beyond_chance(asked["chance"])
    told = set()
    for row, beyond in zip(_rows(asked), sure, strict=True):
        value, low, high = (row[name] for name in ("value", "value_low", "value_high"))
        kind = "failures" if row["measure"] == "failures" else "waits"
        shown = row["direction"] == "up"
        # What no order of service explains, where too few days are independent to say whether chance does.
        larger = low > row["other_high"] if kind == "waits" else value > row["other"]
        larger = larger and row["batches"] < FEWEST and value - row["other"] > NOTABLE * row["other"]
        if shown or larger:
            since = _last_rise(changes, row)
            difference = tuple(row[f"difference{bound}"] for bound in ("", "_low", "_high"))
            made = _finding(row, kind, row["measure"], bool(beyond and shown), (value, low, high), other=row["other"])
            made = replace(made, difference=difference[0], difference_low=difference[1], difference_high=difference[2])
            told.add((*_key(row), row["measure"]))
            yield replace(made, since=since)
    for row in _rows(_last(changes)):
        if row["direction"] == "up" and row["measure"] != "arrivals" and (*_key(row), row["measure"]) not in told:
            values = (row["after"], np.nan, np.nan)
            made = _finding(row, "changed", row["measure"], sure=False, value=values, other=row["before"])
            difference = tuple(row[f"change{bound}"] for bound in ("", "_low", "_high"))
            made = replace(made, difference=difference[0], difference_low=difference[1], difference_high=difference[2])
            yield replace(made, since=row["changed_at"].to_pydatetime())


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    return ({str(name): value for name, value in row.items()} for row in frame.to_dict("records"))


def _beyond_chance(chances: pd.Series) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which of many comparisons are sure together; of which no chance is known, is not."""
    known = chances.notna().to_numpy()
    beyond = np.zeros(len(chances), np.bool_)
    if known.any():
        beyond[known] = discoveries(chances[known].to_numpy(float), CHANCE)
    return beyond


def _last_rise(changes: pd.DataFrame, of: Mapping[str, Any]) -> datetime | None:
    for row in _rows(_last(changes)):
        if (*_key(row), row["measure"]) == (*_key(of), of["measure"]) and row["direction"] == "up":
            since: datetime = row["changed_at"].to_pydatetime()
            return since
    return None


def _last(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the last change of each measure of each series: what rose and fell again is no news."""
    return changes[changes["changed_at"].notna()].groupby(["project", "pool", "type", "measure"], sort=False).tail(1)


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["project"], row["pool"], row["type"]


def _finding(
    row: Mapping[str, Any],
    kind: str,
    measure: str,
    sure: bool,
    value: tuple[float, float, float],
    other: float,
) -> Finding:
    name = row["pool_name"] if pd.notna(row["pool_name"]) else None
    nothing = (np.nan, np.nan, np.nan)
    key = _key(row)
    return Finding(
        kind,
        sure,
        key[0],
        key[1],
        name,
        key[2],
        measure,
        *value,
        other,
        *nothing,
        None,
        float(row["interval_seconds"]),
        row["coverage"],
        row["note"],
    )


def sentence(found: Finding, limit: float | None) -> str:
    """Say a finding in one sentence, with its figure and interval, and how much was seen.

    Parameters
    ----------
    limit
        On waits, in seconds.
    """
    who = f"{isolated(found.pool_name or found.pool)} · {isolated(found.type or '')}"
    seen = percent(found.coverage)
    if found.kind == "limit" and np.isnan(found.value):
        # Of whom some still wait no order of service says how many it will be.
        return _("{who}: from {low} to {high} of the jobs waited longer than {limit}; {seen} seen").format(
            who=who, limit=duration(limit), low=percent(found.low), high=percent(found.high), seen=seen
        )
    if found.kind == "limit":
        return _("{who}: {value} of the jobs waited longer than {limit} ({low} to {high}); {seen} seen").format(
            who=who,
            value=percent(found.value),
            limit=duration(limit),
            low=percent(found.low),
            high=percent(found.high),
            seen=seen,
        )
    texts = {
        "wait": _("{who}: the mean wait rose to {value}{bounds} from {other}{difference}{since}; {seen} seen"),
        "over": _(
            "{who}: the share over the limit rose to {value}{bounds} from {other}{difference}{since}; {seen} seen"
        ),
        "failures": _("{who}: the failure rate rose to {value}{bounds} from {other}{difference}{since}; {seen} seen"),
    }
    return texts[found.measure].format(
        who=who,
        value=_say(found, found.value),
        other=_say(found, found.other),
        bounds=_bounds(found),
        difference=_difference(found),
        since="" if found.since is None else _(", since {date}").format(date=f"{found.since:%Y-%m-%d}"),
        seen=seen,
    )


def _say(found: Finding, value: float) -> str:
    return duration(value, found.interval_seconds) if found.measure == "wait" else figure(found.measure, value)


def _bounds(found: Finding) -> str:
    low, high = found.low, found.high
    if np.isnan(low) and np.isnan(high):
        return ""
    least = _say(found, max(low, 0.0)) if low > 0 else "0"
    most = _say(found, high)
    if np.isnan(high):
        return " " + _("({low} or more)").format(low=least)
    return "" if least == most else " " + _("({low} to {high})").format(low=least, high=most)


def _difference(found: Finding) -> str:
    if np.isnan(found.difference):
        return ""
    by, low, high = (
        figure(found.measure, value, signed=True)
        for value in (found.difference, found.difference_low, found.difference_high)
    )
    if np.isnan(found.difference_low) and np.isnan(found.difference_high):
        return ""
    return _(", a difference of {by} ({low} to {high})").format(by=by, low=low, high=high)
