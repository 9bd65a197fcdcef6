"""Figures of plans and forecasts, each of a frame of one pool; `queueing` has the rules of all figures."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.arrays import Floats
from analysis.calendar import MINUTE
from analysis.estimate import Estimate
from analysis.figures.axes import (
    AMBER,
    BLUE,
    INK,
    MUTED,
    RED,
    ROOM,
    durations,
    edges,
    from_zero,
    legend,
    numbers,
    times,
    without_estimate,
)
from analysis.figures.by_pool import panels
from analysis.notes import GOOD, NONE
from analysis.text.language import _
from analysis.text.units import duration


def plan(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the wait of the observed jobs against capacity, with interval, today's capacity and target.

    The frame is from `History.plan`. Capacities with a load above every observed load are shaded.
    """
    if frame.empty:
        return without_estimate(axes)
    _wait_against(frame, axes, frame["capacity"].to_numpy(float))
    unit = {"nodes": _("nodes"), "concurrent jobs": _("concurrent jobs")}.get(str(frame["unit"].iloc[0]), "-")
    axes.set_xlabel(_("capacity ({unit})").format(unit=unit))
    return axes


def cost(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the wait as `plan` does, but against the monthly cost: `History.plan` needs ``price_per_node_hour``."""
    if frame.empty:
        return without_estimate(axes)
    _wait_against(frame, axes, frame["cost_a_month"].to_numpy(float))
    axes.set_xlabel(_("cost per month"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda price, _place: f"{price:,.0f}"))
    return axes


def _wait_against(frame: pd.DataFrame, axes: Axes, at: Floats) -> None:
    unknown = (frame["confidence"] == NONE).all()
    if np.isnan(at).all() or unknown:
        without_estimate(axes, frame["reason"].iloc[0] if unknown else "")
        return
    wait = Estimate.of(frame, f"{frame['quantile'].iloc[0]}_seconds")
    target = float(frame["target_seconds"].iloc[0])
    today = np.flatnonzero(np.isclose(frame["factor"].to_numpy(float), 1.0))
    # Waits far longer than today's are cut off at the top.
    top = ROOM * float(np.nanmax([*wait.high[today], *(4 * wait.point[today]), target, MINUTE]))
    top = min(top, ROOM * float(np.nanmax([*wait.high, target, MINUTE])))
    axes.fill_between(at, wait.low, wait.high, color=BLUE, alpha=0.25, linewidth=0, label=_("90% interval"))
    axes.plot(at, wait.point, "o-", color=BLUE, markersize=3, label=_heading(frame))
    weak = (frame["confidence"] != GOOD).to_numpy() & np.isfinite(wait.point)
    if weak.any():
        rings: dict[str, Any] = {"color": RED, "markerfacecolor": "none", "markersize": 8, "zorder": 4}
        axes.plot(at[weak], wait.point[weak], "o", label=_("weak confidence"), **rings)
    beyond = frame["extrapolated"].to_numpy(float) > 0
    if beyond.any() and len(at) > 1:
        edge = at[~beyond].min() if (~beyond).any() else at.max()
        axes.axvspan(at.min(), edge, color=MUTED, alpha=0.12, linewidth=0, label=_("load never observed"))
    if len(today):
        diamond: dict[str, Any] = {"color": AMBER, "markeredgecolor": INK, "markersize": 6, "zorder": 5}
        axes.plot(at[today], wait.point[today], "D", label=_("today"), **diamond)
    if np.isfinite(target):
        text = _("target {target}").format(target=duration(target))
        axes.axhline(target, color=RED, linestyle="--", linewidth=1, label=text)
    axes.set_ylim(0, top)
    axes.set_ylabel(_heading(frame))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    legend(axes, 3)
    durations(axes.yaxis, top)


def _heading(frame: pd.DataFrame) -> str:
    return _("P90 wait") if frame["quantile"].iloc[0] == "p90" else _("mean wait")


def plans(frame: pd.DataFrame, figure: Figure) -> Figure:
    """Draw the plans of several pools beside each other, each with its own scales, from `History.plan`."""
    if frame.empty:
        without_estimate(figure.subplots())
        return figure
    handles: dict[str, Any] = {}
    for part, axes in panels(frame, figure, shared=False):
        plan(part, axes)
        if (box := axes.get_legend()) is not None:
            box.remove()
        axes.set_ylabel("")
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=5, frameon=False)
    figure.supylabel(_heading(frame), fontsize="medium")
    return figure


def forecast(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the forecast arrivals of each window with their intervals, from `History.forecast`."""
    if frame.empty:
        return without_estimate(axes)
    bounds, arrivals = edges(frame), Estimate.of(frame, "arrivals")
    interval: dict[str, Any] = {"fill": True, "color": BLUE, "alpha": 0.25, "label": _("90% interval")}
    axes.stairs(arrivals.high, bounds, baseline=arrivals.low, **interval)
    axes.stairs(arrivals.point, bounds, baseline=None, color=BLUE, label=_("forecast"))
    axes.set_ylabel(_("arrivals"))
    from_zero(axes, frame[["arrivals", "arrivals_high"]])
    numbers(axes.yaxis)
    times(axes, frame, covered=False)
    legend(axes)
    return axes
