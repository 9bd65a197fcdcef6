"""The scales that the figures of one report share: figures with one meaning can be compared by eye.

In a report there is one scale for mean waits over time and by hour of the week, one for the waits of distributions,
and one for failure rates. Waits against capacity share a logarithmic scale: a target of minutes stays readable beside
a wait of hours. Numbers of jobs have scales of their own: they follow the size of a pool, and a small pool would be
flat beside a large one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analysis.calendar import MINUTE
from analysis.estimate import Estimate

Frames = Mapping[str, pd.DataFrame]
ROOM: Final = 1.1
"""The end of a linear axis, as a multiple of the largest value."""
LOGARITHMIC_ROOM: Final = 1.5
"""The end of a logarithmic axis, as a multiple of the largest value."""
FAR: Final = 4.0
"""The longest wait of a plan that is shown, as a multiple of today's; today's upper bound is always shown."""
LINEAR: Final = 0.4
"""The length of a logarithmic axis from zero to a minute, as a multiple of the length from one minute to ten."""
WIDE: Final = 8.0
"""The largest ratio of the longest waits of two figures on a linear scale: above it, the smaller one is nearly flat."""
MOST_VALUES: Final = 60
"""The most values of a picture that can be read by pointer and keyboard: windows beyond them are put together."""
ALL_VALUES: Final = 1200
"""The most such values of all pictures of a report: each is a stop of the keyboard."""
FEWEST_VALUES: Final = 8
"""The fewest such values of a picture, however many pictures there are."""
LEAST_RATE: Final = 0.05
"""The least end of an axis of failure rates, as a share of 1."""


@dataclass(frozen=True)
class WaitScale:
    """An axis of waits from zero to `top` seconds; a logarithmic one is linear below a minute."""

    top: float
    logarithmic: bool = False


@dataclass(frozen=True)
class Shared:
    """What all pictures of a report have in common; without scales each figure has its own."""

    limit: float | None = None
    """On waits, in seconds; None where there is no limit."""
    waits: WaitScale | None = None
    planned: WaitScale | None = None
    longest: float | None = None
    """The longest wait of all distributions, in seconds."""
    rates: float | None = None
    """The end of the axes of failure rates, as a share of 1."""
    values: int = MOST_VALUES
    """The most values of a picture that can be read by pointer and keyboard."""


def shared(pictures: Iterable[Frames], limit: float | None) -> Shared:
    """Return what pictures have in common, from the frames of each."""
    pictures = list(pictures)
    parts = {name: [frames[name] for frames in pictures if name in frames] for name in PARTS}
    tops = [longest_mean(part) for frame in parts["waits"] for _pool, part in frame.groupby(["project", "pool"])]
    tops += [float(np.nanmax(frame["wait_seconds"].to_numpy(float), initial=0)) for frame in parts["profile"]]
    longest = [longest_wait(frame) for frame in parts["distribution"]]
    rates = [top_rate(frame) for frame in parts["failures"]]
    plans = [plan_scale(frame) for frame in parts["plan"]]
    return Shared(
        limit,
        wait_scale(tops, limit),
        WaitScale(max(scale.top for scale in plans), logarithmic=True) if plans else None,
        max([*longest, limit or MINUTE]),
        max(rates, default=None),
        min(max(ALL_VALUES // max(len(pictures), 1), FEWEST_VALUES), MOST_VALUES),
    )


PARTS: Final = ("waits", "profile", "distribution", "failures", "plan")
"""The frames of pictures that have shared scales."""


def wait_scale(tops: Iterable[float], limit: float | None = None) -> WaitScale:
    """Return the scale of figures of mean waits: linear where that keeps all of them readable, else logarithmic.

    Parameters
    ----------
    tops
        The longest wait of each figure, in seconds.
    limit
        On waits, in seconds; None where there is no limit.
    """
    known = [max(top, MINUTE) for top in tops] or [float(MINUTE)]
    logarithmic = max(known) > WIDE * min(known)
    return WaitScale((LOGARITHMIC_ROOM if logarithmic else ROOM) * max(*known, limit or 0), logarithmic)


def longest_mean(frame: pd.DataFrame) -> float:
    """Return the longest mean wait of a frame of `History.waits` with its upper bounds, in seconds; 0 for none."""
    mean = Estimate.of(frame, "mean_seconds")
    return float(np.nanmax(np.concatenate([mean.point, mean.high]), initial=0))


def longest_wait(frame: pd.DataFrame) -> float:
    """Return the longest wait of a frame of `History.distribution` with its upper bounds, in seconds; 0 for none."""
    return float(np.nanmax(np.concatenate([*Estimate.of(frame, "wait_seconds")]), initial=0))


def top_rate(frame: pd.DataFrame) -> float:
    """Return the end of an axis of the failure rates of a frame of `History.failures`, as a share of 1."""
    rate = Estimate.of(frame, "failure_rate")
    return min(1.0, ROOM * float(np.nanmax(np.concatenate([rate.point, rate.high]), initial=LEAST_RATE)))


def plan_scale(frame: pd.DataFrame) -> WaitScale:
    """Return the scale of the waits of a frame of `History.plan`, which may be of several pools.

    Waits far longer than those at today's capacities are cut off at the top.
    """
    tops = [float(MINUTE)]
    for _pool, part in frame[frame["quantile"].notna()].groupby(["project", "pool"]):
        wait = Estimate.of(part, f"{part['quantile'].iloc[0]}_seconds")
        longest = np.nanmax(np.concatenate([*wait]), initial=0)
        today = np.isclose(part["factor"].to_numpy(float), 1.0)
        near = np.concatenate([wait.high[today], FAR * wait.point[today]])
        tops += [min(longest, np.nanmax(near, initial=0)), float(np.nan_to_num(part["target_seconds"].iloc[0]))]
    return WaitScale(LOGARITHMIC_ROOM * max(tops), logarithmic=True)
