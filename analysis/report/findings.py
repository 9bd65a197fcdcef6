"""The findings of a report: series that wait longer, exceed the limit or fail more; each is sure or uncertain.

Of twenty comparisons about one shows a difference by chance, and a report makes many comparisons. The sure findings are
chosen so that at most about one in twenty of them is chance (Benjamini and Hochberg, Journal of the Royal Statistical
Society B 57 (1995), 289). A difference that the bounds show, but that chance may explain, is an uncertain finding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from analysis.arrays import Bools
from analysis.estimate import columns_of
from analysis.notes import NOTHING, Notes
from analysis.queue.verdict import OVER
from analysis.stats.batches import FEWEST
from analysis.stats.discoveries import discoveries

CHANCE: Final = 0.05
"""The largest expected share of chance among the sure findings: one in twenty is usual."""
NOTABLE: Final = 0.1
"""The smallest uncertain difference that is reported, as a share of the other period's value."""
KINDS: Final = ("waits", "limit", "failures", "changed")
"""The kinds of findings in the order of a report; limit: more jobs over the limit than allowed."""
SERIES: Final = ("project", "pool", "type")
Frames: TypeAlias = Mapping[str, pd.DataFrame]
Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One finding about one series."""

    kind: str
    """One of `KINDS`."""
    sure: bool
    project: str
    pool: str
    pool_name: str | None
    type: str | None
    measure: str
    value: float
    low: float
    high: float
    """The value in this period with its bounds, in the unit of the measure; NaN where it is unknown."""
    other: float
    """The value to compare with: of the other period, before a change, or the share allowed over the limit."""
    difference: float
    difference_low: float
    difference_high: float
    """`value` less `other`, with its interval; NaN where it is unknown."""
    since: datetime | None
    """When the measure changed; None where no change was found."""
    interval_seconds: float
    """The poll interval: shorter durations are written as "under" it."""
    coverage: float
    why: Notes
    """The reason where there is no interval."""


def findings(frames: Frames, share: float) -> list[Finding]:
    """Return the findings of a report.

    Parameters
    ----------
    frames
        The frames by series named compare, changes, and whole (waits over the whole period).
    share
        The share of the jobs, of 1, that may wait longer than the limit.

    Returns
    -------
    list
        Sure findings first; within a kind the largest first.
    """
    unsorted = [*_over(frames["whole"], share), *_worse(frames)]
    return sorted(unsorted, key=lambda finding: (not finding.sure, KINDS.index(finding.kind), -_size(finding)))


def _size(finding: Finding) -> float:
    size = finding.value if finding.kind == "limit" else finding.value - finding.other
    return size if np.isfinite(size) else 0.0


def _over(whole: pd.DataFrame, share: float) -> Iterator[Finding]:
    """Yield a finding for each series in which more than `share` of the jobs waited longer than the limit."""
    if "over_slo" not in whole:
        return
    for row in _rows(whole):
        # The point estimate assumes a service discipline; the verdict holds for every discipline.
        over = row["verdict"] == OVER
        if over or row["over_slo"] > share:
            yield _finding(row, "limit", "over", sure=over, value=_estimate(row, "over_slo"), other=share)


def _worse(frames: Frames) -> Iterator[Finding]:
    """Yield a finding for each measure of a series that rose: by the comparison of periods, else by its last change."""
    compare, changes = frames["compare"], _last(frames["changes"])
    compared = compare[compare["measure"] != "arrivals"]
    rises = {(*_key(row), row["measure"]): row for row in _rows(changes) if row["direction"] == "up"}
    reported = set()
    for row, beyond_chance in zip(_rows(compared), _beyond_chance(compared["chance"]), strict=True):
        value = _estimate(row, "value")
        point, low, _high = value
        kind = "failures" if row["measure"] == "failures" else "waits"
        shown = row["direction"] == "up"
        # Larger in every service discipline, with too few independent days to judge whether by chance.
        larger = low > row["other_high"] if kind == "waits" else point > row["other"]
        larger = larger and row["batches"] < FEWEST and point - row["other"] > NOTABLE * row["other"]
        if shown or larger:
            key = (*_key(row), row["measure"])
            reported.add(key)
            sure = bool(beyond_chance and shown)
            finding = _finding(row, kind, row["measure"], sure=sure, value=value, other=row["other"])
            yield _dated(finding, _estimate(row, "difference"), rises.get(key))
    for key, row in rises.items():
        if row["measure"] != "arrivals" and key not in reported:
            level = (row["after"], np.nan, np.nan)
            finding = _finding(row, "changed", row["measure"], sure=False, value=level, other=row["before"])
            yield _dated(finding, _estimate(row, "change"), row)


def improvements(frames: Frames) -> list[Finding]:
    """Return the measures of series that surely fell, compared with the other period; the largest first within a kind.

    Parameters
    ----------
    frames
        The frames by series named compare and changes.
    """
    compare, changes = frames["compare"], _last(frames["changes"])
    compared = compare[compare["measure"] != "arrivals"]
    falls = {(*_key(row), row["measure"]): row for row in _rows(changes) if row["direction"] == "down"}
    improved = []
    for row, beyond_chance in zip(_rows(compared), _beyond_chance(compared["chance"]), strict=True):
        if beyond_chance and row["direction"] == "down":
            kind = "failures" if row["measure"] == "failures" else "waits"
            value = _estimate(row, "value")
            finding = _finding(row, kind, row["measure"], sure=True, value=value, other=row["other"])
            improved.append(_dated(finding, _estimate(row, "difference"), falls.get((*_key(row), row["measure"]))))
    return sorted(improved, key=lambda finding: (KINDS.index(finding.kind), _size(finding)))


def _rows(frame: pd.DataFrame) -> Iterator[Row]:
    return ({str(name): value for name, value in row.items()} for row in frame.to_dict("records"))


def _estimate(row: Row, name: str) -> tuple[float, float, float]:
    """Return point estimate, lower and upper bound of a row."""
    point, low, high = columns_of(name)
    return row[point], row[low], row[high]


def _beyond_chance(chances: pd.Series) -> Bools:
    """Return for each of many comparisons whether it is beyond chance; False where its chance is unknown."""
    known = chances.notna().to_numpy()
    beyond = np.zeros(len(chances), np.bool_)
    if known.any():
        beyond[known] = discoveries(chances[known].to_numpy(float), CHANCE)
    return beyond


def _last(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the last change of each measure of each series: a rise that was followed by a fall is not reported."""
    return changes[changes["changed_at"].notna()].groupby([*SERIES, "measure"], sort=False).tail(1)


def _key(row: Row) -> tuple[str, str, str]:
    return row["project"], row["pool"], row["type"]


def _finding(
    row: Row, kind: str, measure: str, *, sure: bool, value: tuple[float, float, float], other: float
) -> Finding:
    name: str | None = row["pool_name"] if pd.notna(row["pool_name"]) else None
    labels = row["project"], row["pool"], name, row["type"]
    unknown = (np.nan, np.nan, np.nan)
    observed = float(row["interval_seconds"]), row["coverage"], row["note"] or NOTHING
    return Finding(kind, sure, *labels, measure, *value, other, *unknown, None, *observed)


def _dated(finding: Finding, difference: tuple[float, float, float], change: Row | None) -> Finding:
    """Add the difference, and the date of the change in that direction that is the measure's last change."""
    point, low, high = difference
    since = None if change is None else change["changed_at"].to_pydatetime()
    return replace(finding, difference=point, difference_low=low, difference_high=high, since=since)
