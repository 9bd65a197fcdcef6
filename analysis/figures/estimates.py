"""Figures: each draws a frame of `History` on axes, and returns them.

They compute nothing, read nothing, save nothing. Times are in the zone of the frame's own times. What is not known is
not drawn: no line crosses a gap, no zero stands for the unknown. Frames are those of one series, or sum of series.
"""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.figures.axes import (
    AMBER,
    BLUE,
    GRID,
    INK,
    MUTED,
    PAPER,
    RED,
    ROOM,
    SKY,
    dates,
    day,
    durations,
    edges,
    from_zero,
    joined,
    legend,
    limited,
    middles,
    nothing,
    numbers,
    rates,
    seen_as,
    shares,
    spans,
    stretches,
    tick,
    times,
)
from analysis.figures.capacity import COLUMNS, LONGEST
from analysis.text.language import _, translated
from analysis.text.units import duration, named, shortened
from analysis.windows import DAY, HOUR, MINUTE

WAITED: Final = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 2 * DAY, 7 * DAY, 30 * DAY)


def queue(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw how many jobs waited, on average and at most, and how many ran, from `History.flows`."""
    if frame.empty:
        return nothing(axes)
    bounds = edges(frame)
    axes.stairs(frame["queue_max"], bounds, fill=True, color=BLUE, alpha=0.2, label=_("most waiting"))
    axes.stairs(frame["queue_mean"], bounds, baseline=None, color=BLUE, label=_("waiting (mean)"))
    axes.stairs(frame["running_mean"], bounds, baseline=None, color=AMBER, label=_("running (mean)"))
    axes.set_ylabel(_("jobs"))
    from_zero(axes, frame[["queue_max", "running_mean"]])
    numbers(axes.yaxis)
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def curves(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw how many jobs had come and how many had left the queue, which lies between, from `History.flows`."""
    if frame.empty:
        return nothing(axes)
    ends = edges(frame)[1:]
    came, left = (frame[name].to_numpy(float) for name in ("came_until", "left_until"))
    axes.fill_between(ends, left, came, color=BLUE, alpha=0.25, linewidth=0, label=_("waiting"))
    axes.plot(ends, came, color=BLUE, label=_("had come"))
    axes.plot(ends, left, color=INK, linestyle="--", label=_("had left the queue"))
    axes.set_ylabel(_("jobs since the first"))
    from_zero(axes, frame[["came_until"]])
    numbers(axes.yaxis)
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def waits(frame: pd.DataFrame, axes: Axes, *, limit: float | None = None, labelled: bool = True) -> Axes:
    """Draw the mean wait of each window with its bounds, from `History.waits`; open upwards where there is none.

    Parameters
    ----------
    limit
        In seconds: a wait that should not be passed.
    """
    if frame.empty:
        return nothing(axes)
    _waits(frame, axes, limit, _top(frame, limit))
    axes.set_ylabel(_("mean wait"))
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def _top(frame: pd.DataFrame, limit: float | None) -> float:
    """Return where an axis of waits ends, in seconds."""
    largest = frame[["mean_seconds", "mean_high_seconds"]].to_numpy(float)
    return ROOM * float(np.nanmax(np.append(largest, limit or np.nan), initial=MINUTE))


def _waits(frame: pd.DataFrame, axes: Axes, limit: float | None, top: float) -> None:
    at = middles(frame)
    mean, low, high = (frame[f"mean{bound}_seconds"].to_numpy(float) for bound in ("", "_low", "_high"))
    bounded, open_ = ~np.isnan(high), np.isnan(high) & ~np.isnan(low)
    spans(axes, at[bounded], low[bounded], high[bounded], color=BLUE, label=_("bounds"))
    if open_.any():
        ends = np.full(open_.sum(), top)
        spans(axes, at[open_], low[open_], ends, color=BLUE, linestyle=":")
        axes.plot(at[open_], ends, "^", color=BLUE, clip_on=False, label=_("no upper bound"))
    axes.plot(at, mean, **joined(mean), color=BLUE, label=_("mean wait"))
    if limit is not None:
        limited(axes, limit)
    axes.set_ylim(0, top)
    durations(axes.yaxis, top)


def distribution(frame: pd.DataFrame, axes: Axes, *, limit: float | None = None) -> Axes:
    """Draw which share of the jobs waited how long, within its bounds, from one window of `History.distribution`."""
    if frame.empty:
        return nothing(axes)
    share = frame["share"].to_numpy(float)
    point, low, high = (frame[f"wait{bound}_seconds"].to_numpy(float) for bound in ("", "_low", "_high"))
    longest = np.nanmax(np.concatenate([point, low, high, [limit or MINUTE]]))
    axes.set_xscale("symlog", linthresh=MINUTE)
    axes.set(xlim=(0, longest * 1.3), ylim=(0, 1))
    beyond = np.where(np.isnan(high) & ~np.isnan(low), longest * 1.3, high)
    # Between two shares no less than at the smaller, no more than at the larger one.
    steps = np.repeat(share, 2)[1:-1], np.repeat(low, 2)[:-2], np.repeat(beyond, 2)[2:]
    axes.fill_betweenx(*steps, color=BLUE, alpha=0.25, linewidth=0, label=_("any order of service"))
    axes.plot(
        point, share, "o-", color=BLUE, markersize=3, label=_("order assumed: {order}").format(order=_order(frame))
    )
    if limit is not None:
        axes.axvline(
            limit, color=RED, linestyle="--", linewidth=1, label=_("limit {limit}").format(limit=duration(limit))
        )
    axes.xaxis.set_major_locator(FixedLocator([0, *(wait for wait in WAITED if wait < longest * 1.3)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda wait, _place: tick(wait)))
    axes.tick_params(axis="x", labelrotation=45)
    shares(axes.yaxis)
    axes.set_xlabel(_("waited at most"))
    axes.set_ylabel(_("share of jobs"))
    legend(axes, 1)
    return axes


def week(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the mean wait by hour of the week, from `History.profile`; hatched where nobody came or nothing is known."""
    if frame.empty:
        return nothing(axes)
    waited = np.full((7, 24), np.nan)
    frame = frame[frame["weekday"].notna() & frame["hour"].notna()]
    waited[frame["weekday"].to_numpy(int) - 1, frame["hour"].to_numpy(int)] = frame["wait_seconds"].to_numpy(float)
    axes.patch.set(facecolor=PAPER, edgecolor="none", hatch="////", hatchcolor=MUTED)
    top = np.nanmax(waited, initial=MINUTE)
    image = axes.imshow(
        np.ma.masked_invalid(waited), aspect="auto", cmap="Blues", vmin=0, vmax=top, interpolation="none"
    )
    days = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    axes.set_yticks(range(7), days)
    axes.set_xticks(np.arange(0, 24, 3) - 0.5, [f"{hour:02}" for hour in range(0, 24, 3)])
    axes.grid(visible=False)
    axes.set_xlabel(_("hour ({zone})").format(zone=frame["window_start"].dt.tz))
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    durations(bar.ax.yaxis, top)
    bar.set_label(_("mean wait"))
    return axes


def failures(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw which share of the jobs that ended in each window failed, with 95 % intervals, from `History.failures`."""
    if frame.empty:
        return nothing(axes)
    rate = tuple(frame[f"failure_rate{bound}"].to_numpy(float) for bound in ("", "_low", "_high"))
    rates(axes, frame, rate, RED, _("failed"), _("95 % interval"), labelled=labelled)
    return axes


def outcomes(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw how the jobs of each window ended, above each other, from `History.flows`."""
    if frame.empty:
        return nothing(axes)
    at, widths = middles(frame), np.diff(edges(frame)) * 0.85
    below = np.zeros(len(frame))
    for name, label, color, hatch in (
        ("completed", _("completed"), SKY, None),
        ("terminated", _("terminated"), GRID, "\\\\\\\\"),
        ("failed", _("failed"), RED, "////"),
    ):
        jobs = frame[name].to_numpy(float)
        axes.bar(at, jobs, widths, below, color=color, hatch=hatch, edgecolor=PAPER, linewidth=0, label=label)
        below = below + np.nan_to_num(jobs)
    axes.set_ylabel(_("jobs that ended"))
    axes.set_ylim(0, ROOM * max(below.max(initial=0), 1))
    numbers(axes.yaxis)
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def changes(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Mark on a measure's axes when it changed, between which dates, and from what to what, from `History.changes`."""
    first, last = axes.get_xlim()
    for _place, row in frame[frame["changed_at"].notna()].iterrows():
        at, earliest, latest = (day(row[name]) for name in ("changed_at", "earliest", "latest"))
        axes.axvspan(earliest, latest + 1, color=MUTED, alpha=0.2, linewidth=0)
        axes.axvline(at, color=INK, linewidth=1, label=_("changed"))
        # The levels beside it, as far as a week.
        axes.hlines(row["before"], max(first, at - 7), at, color=INK, linestyle=":")
        axes.hlines(row["after"], at, min(last, at + 7), color=INK, linestyle=":")
    legend(axes)
    return axes


def pools(frame: pd.DataFrame, figure: Figure, *, limit: float | None = None) -> Figure:
    """Draw the mean waits of several pools beside each other on axes of one scale, from `History.waits` by pool."""
    if frame.empty:
        nothing(figure.subplots())
        return figure
    parts = list(frame.groupby(["project", "pool"], sort=False))
    rows = -(-len(parts) // COLUMNS)
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    top = _top(frame, limit)
    for (_key, part), axes in zip(parts, grid, strict=False):
        _waits(part, axes, limit, top)
        times(axes, part, labelled=False)
        dates(axes, part["window_start"].dt.tz, 4)
        axes.set_title(shortened(named(part.iloc[0]), LONGEST), loc="left")
    for axes in grid[len(parts) :]:
        axes.remove()
    for axes in grid[max(0, len(parts) - COLUMNS) : len(parts)]:
        axes.tick_params(axis="x", labelbottom=True, labelrotation=30)
    figure.supylabel(_("mean wait"), fontsize="medium")
    return figure


def coverage(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw which share of each pool's windows was seen, a row a pool, from `History.coverage` by pool."""
    if frame.empty:
        return nothing(axes)
    parts = [part for _key, part in frame.groupby(["project", "pool"], sort=False)]
    for place, part in enumerate(parts):
        for start, end, share in stretches(edges(part), part["coverage"].to_numpy(float)):
            axes.barh(place, end - start, 0.7, left=start, **seen_as(share))
    axes.set_yticks(range(len(parts)), [shortened(named(part.iloc[0]), LONGEST) for part in parts])
    axes.invert_yaxis()
    axes.grid(visible=False)
    times(axes, frame.sort_values("window_start"), seen=False)
    return axes


def _order(frame: pd.DataFrame) -> str:
    return translated(str(frame["order"].iloc[0]))
