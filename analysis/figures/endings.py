"""Figures of how jobs ended, and of changes; `queueing` has the rules of all figures."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.estimate import Estimate
from analysis.figures.axes import (
    GRID,
    INK,
    MUTED,
    PAPER,
    RED,
    SKY,
    day,
    dots,
    edges,
    legend,
    middles,
    numbers,
    shares,
    spans,
    times,
    without_estimate,
)
from analysis.figures.scales import ROOM, top_rate
from analysis.text.language import _


def failures(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True, top: float | None = None) -> Axes:
    """Draw the failure rate of each window with its 95% interval, from `History.failures`.

    Parameters
    ----------
    top
        The end of the axis of all figures to compare with, as a share of 1; None: that of this frame.
    """
    if frame.empty:
        return without_estimate(axes)
    at, rate = middles(frame), Estimate.of(frame, "failure_rate")
    spans(axes, at, rate.low, rate.high, color=RED, label=_("95% interval"))
    axes.plot(at, rate.point, **dots(rate.point), color=RED, label=_("failure rate"))
    axes.set_ylabel(_("share of jobs"))
    axes.set_ylim(0, top or top_rate(frame))
    shares(axes.yaxis)
    times(axes, frame, labelled=labelled)
    legend(axes)
    return axes


def outcomes(frame: pd.DataFrame, axes: Axes, *, labelled: bool = True) -> Axes:
    """Draw the completed, terminated and failed jobs of each window as stacked bars, from `History.flows`."""
    if frame.empty:
        return without_estimate(axes)
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
    """Mark changes on the axes of a measure: date with interval, levels before and after, from `History.changes`."""
    first, last = axes.get_xlim()
    for _place, row in frame[frame["changed_at"].notna()].iterrows():
        at, earliest, latest = (day(row[name]) for name in ("changed_at", "earliest", "latest"))
        axes.axvspan(earliest, latest + 1, color=MUTED, alpha=0.2, linewidth=0)
        axes.axvline(at, color=INK, linewidth=1, label=_("change"))
        # The levels before and after, up to a week of each.
        axes.hlines(row["before"], max(first, at - 7), at, color=INK, linestyle=":")
        axes.hlines(row["after"], at, min(last, at + 7), color=INK, linestyle=":")
    legend(axes)
    return axes
