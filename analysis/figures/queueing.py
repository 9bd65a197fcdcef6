"""Figures of the queue and of waits: each function draws a frame of `History` on axes, and returns the axes.

The functions compute, read and save nothing. Times are in the zone of the frame's times. Unknown values are not drawn:
no line crosses a gap, and no zero replaces an unknown value. A frame is about one series, or one sum of series; that of
`waits` may have several.
"""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, SymLogNorm

from analysis.calendar import DAY_HOURS, MINUTE, WEEK_DAYS
from analysis.estimate import Estimate
from analysis.figures.axes import (
    AMBER,
    BLUE,
    INK,
    MUTED,
    PAPER,
    RED,
    dots,
    durations,
    edges,
    from_zero,
    legend,
    limited,
    logarithmic,
    middles,
    numbers,
    shares,
    spans,
    times,
    wait_axis,
    without_estimate,
)
from analysis.figures.scales import LINEAR, WaitScale, longest_mean, longest_wait, wait_scale
from analysis.figures.series import COLORS, name_of, series_of
from analysis.text.language import _, rendered
from analysis.text.units import duration

LONGER: Final = 1.3
"""The end of an axis of distributions, as a multiple of the longest wait."""


def queue(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw the mean and the longest queue and the mean number of running jobs, from `History.flows`."""
    if frame.empty:
        return without_estimate(axes)
    series_of(frame)
    bounds = edges(frame)
    axes.stairs(frame["queue_max"], bounds, fill=True, color=BLUE, alpha=0.2, label=_("waiting (maximum)"))
    axes.stairs(frame["queue_mean"], bounds, baseline=None, color=BLUE, label=_("waiting (mean)"))
    axes.stairs(frame["running_mean"], bounds, baseline=None, color=AMBER, label=_("running (mean)"))
    axes.set_ylabel(_("jobs"))
    from_zero(axes, frame[["queue_max", "running_mean"]])
    numbers(axes.yaxis)
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def curves(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw cumulative arrivals and departures, with the queue between them, from `History.flows`."""
    if frame.empty:
        return without_estimate(axes)
    series_of(frame)
    ends = edges(frame)[1:]
    arrivals, departures = (frame[name].to_numpy(float) for name in ("came_until", "left_until"))
    axes.fill_between(ends, departures, arrivals, color=BLUE, alpha=0.25, linewidth=0, label=_("waiting"))
    axes.plot(ends, arrivals, color=BLUE, label=_("arrivals"))
    axes.plot(ends, departures, color=INK, linestyle="--", label=_("departures"))
    axes.set_ylabel(_("cumulative jobs"))
    from_zero(axes, frame[["came_until"]])
    numbers(axes.yaxis)
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def waits(
    frame: pd.DataFrame,
    axes: Axes,
    *,
    limit: float | None = None,
    labelled: bool = True,
    scale: WaitScale | None = None,
) -> Axes:
    """Draw the mean wait of each window with its bounds, from `History.waits`: a line for each series.

    Parameters
    ----------
    limit
        On waits, in seconds; None where there is no limit.
    scale
        That of all figures to compare with; None: that of this frame.

    Raises
    ------
    RequestRefused
        When the frame has more series than can be told apart.
    """
    if frame.empty:
        return without_estimate(axes)
    parts = series_of(frame, len(COLORS))
    scale = scale or wait_scale(map(longest_mean, parts), limit)
    if len(parts) == 1:
        mean_waits(frame, axes, limit, scale)
        times(axes, frame, labelled=labelled)
    else:
        for part, color in zip(parts, COLORS, strict=False):
            _mean_line(part, axes, scale, color, name_of(part))
        _on_scale(axes, limit, scale)
        times(axes, frame.sort_values("window_start"), labelled=labelled, covered=False)
    axes.set_ylabel(_("mean wait"))
    legend(axes, 4 if len(parts) == 1 else 2)
    return axes


def mean_waits(frame: pd.DataFrame, axes: Axes, limit: float | None, scale: WaitScale) -> None:
    """Draw mean waits with their bounds on axes of a scale; an arrow at its end marks a missing upper bound."""
    _mean_line(frame, axes, scale, BLUE)
    _on_scale(axes, limit, scale)


def _mean_line(frame: pd.DataFrame, axes: Axes, scale: WaitScale, color: str, name: str = "") -> None:
    """Draw one series; with a name, which is the only one in the legend, where there are several."""
    at, mean = middles(frame), Estimate.of(frame, "mean_seconds")
    bounded, unbounded = ~np.isnan(mean.high), mean.unbounded
    spans(axes, at[bounded], mean.low[bounded], mean.high[bounded], color=color, label="" if name else _("bounds"))
    if unbounded.any():
        ends = np.full(unbounded.sum(), scale.top)
        spans(axes, at[unbounded], mean.low[unbounded], ends, color=color, linestyle=":")
        axes.plot(at[unbounded], ends, "^", color=color, clip_on=False, label="" if name else _("no upper bound"))
    axes.plot(at, mean.point, **dots(mean.point), color=color, label=name or _("mean wait"))


def _on_scale(axes: Axes, limit: float | None, scale: WaitScale) -> None:
    if limit is not None:
        limited(axes, limit)
    wait_axis(axes, scale)


def distribution(frame: pd.DataFrame, axes: Axes, *, limit: float | None = None, longest: float | None = None) -> Axes:
    """Draw the distribution of waits within its bounds, from one window of `History.distribution`.

    Parameters
    ----------
    limit
        On waits, in seconds; None where there is no limit.
    longest
        The longest wait of all figures to compare with, in seconds; None: that of this frame.
    """
    if frame.empty:
        return without_estimate(axes)
    series_of(frame)
    share, wait = frame["share"].to_numpy(float), Estimate.of(frame, "wait_seconds")
    end = LONGER * (longest or max(longest_wait(frame), limit or MINUTE))
    axes.set_xscale("symlog", linthresh=MINUTE, linscale=LINEAR)
    axes.set(xlim=(0, end), ylim=(0, 1))
    high = np.where(wait.unbounded, end, wait.high)
    # Between two shares, a wait is at least that of the smaller share and at most that of the larger share.
    steps = np.repeat(share, 2)[1:-1], np.repeat(wait.low, 2)[:-2], np.repeat(high, 2)[2:]
    axes.fill_betweenx(*steps, color=BLUE, alpha=0.25, linewidth=0, label=_("every service discipline"))
    assumed = _("assumed discipline: {order}").format(order=rendered(frame["order"].iloc[0]))
    axes.plot(wait.point, share, "o-", color=BLUE, markersize=3, label=assumed)
    if limit is not None:
        text = _("limit {limit}").format(limit=duration(limit))
        axes.axvline(limit, color=RED, linestyle="--", linewidth=1, label=text)
    logarithmic(axes.xaxis, end)
    axes.tick_params(axis="x", labelrotation=45)
    shares(axes.yaxis)
    axes.set_xlabel(_("wait at most"))
    axes.set_ylabel(_("share of jobs"))
    legend(axes, 1)
    return axes


def week(frame: pd.DataFrame, axes: Axes, *, scale: WaitScale | None = None) -> Axes:
    """Draw the mean wait by hour of the week, from `History.profile`; hatched where it is unknown.

    Parameters
    ----------
    scale
        That of all figures to compare with, for the colours; None: that of this frame.
    """
    if frame.empty:
        return without_estimate(axes)
    series_of(frame)
    frame = frame[frame["weekday"].notna() & frame["hour"].notna()]
    waits_ = np.full((WEEK_DAYS, DAY_HOURS), np.nan)
    waits_[frame["weekday"].to_numpy(int) - 1, frame["hour"].to_numpy(int)] = frame["wait_seconds"].to_numpy(float)
    axes.patch.set(facecolor=PAPER, edgecolor="none", hatch="////", hatchcolor=MUTED)
    scale = scale or WaitScale(float(np.nanmax(waits_, initial=MINUTE)))
    colors = (
        SymLogNorm(MINUTE, linscale=LINEAR, vmin=0, vmax=scale.top)
        if scale.logarithmic
        else Normalize(vmin=0, vmax=scale.top)
    )
    image = axes.imshow(np.ma.masked_invalid(waits_), aspect="auto", cmap="Blues", norm=colors, interpolation="none")
    days = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    axes.set_yticks(range(WEEK_DAYS), days)
    axes.set_xticks(np.arange(0, DAY_HOURS, 3) - 0.5, [f"{hour:02}" for hour in range(0, DAY_HOURS, 3)])
    axes.grid(visible=False)
    axes.set_xlabel(_("hour ({zone})").format(zone=frame["window_start"].dt.tz))
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    (logarithmic if scale.logarithmic else durations)(bar.ax.yaxis, scale.top)
    bar.set_label(_("mean wait"))
    return axes
