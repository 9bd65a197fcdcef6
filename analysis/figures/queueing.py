"""Figures of the queue and of waits: each function draws a frame of `History` on axes, and returns the axes.

The functions compute, read and save nothing. Times are in the zone of the frame's times. Unknown values are not drawn:
no line crosses a gap, and no zero replaces an unknown value. A frame is about one series, or one sum of series.
"""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.calendar import DAY, DAY_HOURS, HOUR, MINUTE, WEEK, WEEK_DAYS
from analysis.estimate import Estimate
from analysis.figures.axes import (
    AMBER,
    BLUE,
    INK,
    MUTED,
    PAPER,
    RED,
    ROOM,
    dots,
    durations,
    edges,
    from_zero,
    legend,
    limited,
    middles,
    numbers,
    shares,
    spans,
    tick,
    times,
    without_estimate,
)
from analysis.text.language import _, rendered
from analysis.text.units import duration

WAITS: Final = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 2 * DAY, WEEK, 30 * DAY)
"""Ticks of a logarithmic axis of waits, in seconds."""


def queue(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw the mean and the longest queue and the mean number of running jobs, from `History.flows`."""
    if frame.empty:
        return without_estimate(axes)
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


def waits(frame: pd.DataFrame, axes: Axes, *, limit: float | None = None, labelled: bool = True) -> Axes:
    """Draw the mean wait of each window with its bounds, from `History.waits`.

    Parameters
    ----------
    limit
        On waits, in seconds; None where there is no limit.
    """
    if frame.empty:
        return without_estimate(axes)
    mean_waits(frame, axes, limit, axis_end(frame, limit))
    axes.set_ylabel(_("mean wait"))
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def axis_end(frame: pd.DataFrame, limit: float | None) -> float:
    """Return the upper end of an axis of mean waits, in seconds: above all values, upper bounds and the limit.

    Parameters
    ----------
    limit
        On waits, in seconds; None where there is no limit.
    """
    mean = Estimate.of(frame, "mean_seconds")
    return ROOM * float(np.nanmax(np.concatenate([mean.point, mean.high, [limit or np.nan]]), initial=MINUTE))


def mean_waits(frame: pd.DataFrame, axes: Axes, limit: float | None, top: float) -> None:
    """Draw mean waits with bounds on axes that end at `top` seconds; an arrow there marks a missing upper bound."""
    at, mean = middles(frame), Estimate.of(frame, "mean_seconds")
    bounded, unbounded = ~np.isnan(mean.high), mean.unbounded
    spans(axes, at[bounded], mean.low[bounded], mean.high[bounded], color=BLUE, label=_("bounds"))
    if unbounded.any():
        ends = np.full(unbounded.sum(), top)
        spans(axes, at[unbounded], mean.low[unbounded], ends, color=BLUE, linestyle=":")
        axes.plot(at[unbounded], ends, "^", color=BLUE, clip_on=False, label=_("no upper bound"))
    axes.plot(at, mean.point, **dots(mean.point), color=BLUE, label=_("mean wait"))
    if limit is not None:
        limited(axes, limit)
    axes.set_ylim(0, top)
    durations(axes.yaxis, top)


def distribution(frame: pd.DataFrame, axes: Axes, *, limit: float | None = None) -> Axes:
    """Draw the distribution of waits within its bounds, from one window of `History.distribution`."""
    if frame.empty:
        return without_estimate(axes)
    share, wait = frame["share"].to_numpy(float), Estimate.of(frame, "wait_seconds")
    longest = np.nanmax(np.concatenate([*wait, [limit or MINUTE]]))
    axes.set_xscale("symlog", linthresh=MINUTE)
    axes.set(xlim=(0, longest * 1.3), ylim=(0, 1))
    high = np.where(wait.unbounded, longest * 1.3, wait.high)
    # Between two shares, a wait is at least that of the smaller share and at most that of the larger share.
    steps = np.repeat(share, 2)[1:-1], np.repeat(wait.low, 2)[:-2], np.repeat(high, 2)[2:]
    axes.fill_betweenx(*steps, color=BLUE, alpha=0.25, linewidth=0, label=_("every service discipline"))
    assumed = _("assumed discipline: {order}").format(order=rendered(frame["order"].iloc[0]))
    axes.plot(wait.point, share, "o-", color=BLUE, markersize=3, label=assumed)
    if limit is not None:
        text = _("limit {limit}").format(limit=duration(limit))
        axes.axvline(limit, color=RED, linestyle="--", linewidth=1, label=text)
    axes.xaxis.set_major_locator(FixedLocator([0, *(ticked for ticked in WAITS if ticked < longest * 1.3)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _place: tick(seconds)))
    axes.tick_params(axis="x", labelrotation=45)
    shares(axes.yaxis)
    axes.set_xlabel(_("wait at most"))
    axes.set_ylabel(_("share of jobs"))
    legend(axes, 1)
    return axes


def week(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the mean wait by hour of the week, from `History.profile`; hatched where it is unknown."""
    if frame.empty:
        return without_estimate(axes)
    frame = frame[frame["weekday"].notna() & frame["hour"].notna()]
    waits_ = np.full((WEEK_DAYS, DAY_HOURS), np.nan)
    waits_[frame["weekday"].to_numpy(int) - 1, frame["hour"].to_numpy(int)] = frame["wait_seconds"].to_numpy(float)
    axes.patch.set(facecolor=PAPER, edgecolor="none", hatch="////", hatchcolor=MUTED)
    top = np.nanmax(waits_, initial=MINUTE)
    image = axes.imshow(
        np.ma.masked_invalid(waits_), aspect="auto", cmap="Blues", vmin=0, vmax=top, interpolation="none"
    )
    days = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    axes.set_yticks(range(WEEK_DAYS), days)
    axes.set_xticks(np.arange(0, DAY_HOURS, 3) - 0.5, [f"{hour:02}" for hour in range(0, DAY_HOURS, 3)])
    axes.grid(visible=False)
    axes.set_xlabel(_("hour ({zone})").format(zone=frame["window_start"].dt.tz))
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    durations(bar.ax.yaxis, top)
    bar.set_label(_("mean wait"))
    return axes
