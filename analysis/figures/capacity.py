"""Figures of plans and forecasts: each draws a frame of one pool on axes, and returns them; see `estimates`."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

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
    nothing,
    numbers,
    times,
)
from analysis.notes import GOOD, NONE
from analysis.text.language import _, translated
from analysis.text.units import duration, named, shortened
from analysis.windows import MINUTE

COLUMNS: Final = 3
"""Of small multiples."""
LONGEST: Final = 28
"""Letters of a pool's name."""


def plan(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the wait of the same jobs against capacity, with its interval, today's and the target, from `History.plan`.

    Where there is more load on the capacity than was ever seen it is shaded.
    """
    if frame.empty:
        return nothing(axes)
    _against(frame, axes, frame["capacity"].to_numpy(float))
    unit = {"nodes": _("nodes"), "jobs at once": _("jobs at once")}.get(str(frame["unit"].iloc[0]), "-")
    axes.set_xlabel(_("capacity ({unit})").format(unit=unit))
    return axes


def cost(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the same against what the capacity costs a month, from `History.plan` with ``price_per_node_hour``."""
    if frame.empty:
        return nothing(axes)
    _against(frame, axes, frame["cost_a_month"].to_numpy(float))
    axes.set_xlabel(_("cost a month"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda price, _place: f"{price:,.0f}"))
    return axes


def _against(frame: pd.DataFrame, axes: Axes, at: np.ndarray) -> None:
    none = (frame["confidence"] == NONE).all()
    if np.isnan(at).all() or none:
        nothing(axes, translated(str(frame["reason"].iloc[0])) if none else "")
        return
    name = str(frame["quantile"].iloc[0])
    point, low, high = (frame[f"{name}{bound}_seconds"].to_numpy(float) for bound in ("", "_low", "_high"))
    target = float(frame["target_seconds"].iloc[0])
    today = np.flatnonzero(np.isclose(frame["factor"].to_numpy(float), 1.0))
    # Of what is far worse than today only where it begins is shown.
    top = ROOM * float(np.nanmax([*high[today], *(4 * point[today]), target, MINUTE]))
    top = min(top, ROOM * float(np.nanmax([*high, target, MINUTE])))
    axes.fill_between(at, low, high, color=BLUE, alpha=0.25, linewidth=0, label=_("90 % interval"))
    label = _waited(frame)
    axes.plot(at, point, "o-", color=BLUE, markersize=3, label=label)
    unsure = (frame["confidence"] != GOOD).to_numpy() & np.isfinite(point)
    if unsure.any():
        label = _("not sure")
        axes.plot(
            at[unsure], point[unsure], "o", color=RED, markerfacecolor="none", markersize=8, label=label, zorder=4
        )
    beyond = frame["extrapolated"].to_numpy(float) > 0
    if beyond.any() and len(at) > 1:
        edge = at[~beyond].min() if (~beyond).any() else at.max()
        axes.axvspan(at.min(), edge, color=MUTED, alpha=0.12, linewidth=0, label=_("more load than seen"))
    if len(today):
        axes.plot(
            at[today], point[today], "D", color=AMBER, markeredgecolor=INK, markersize=6, label=_("today"), zorder=5
        )
    if np.isfinite(target):
        text = _("target {target}").format(target=duration(target))
        axes.axhline(target, color=RED, linestyle="--", linewidth=1, label=text)
    axes.set_ylim(0, top)
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    legend(axes, 3)
    durations(axes.yaxis, top)


def _waited(frame: pd.DataFrame) -> str:
    return _("9 of 10 waited at most") if frame["quantile"].iloc[0] == "p90" else _("mean wait")


def plans(frame: pd.DataFrame, figure: Figure) -> Figure:
    """Draw the plans of several pools beside each other, each on its own scale, from `History.plan`."""
    if frame.empty:
        nothing(figure.subplots())
        return figure
    parts = list(frame.groupby(["project", "pool"], sort=False))
    grid = figure.subplots(-(-len(parts) // COLUMNS), COLUMNS, squeeze=False).ravel()
    for (_key, part), axes in zip(parts, grid, strict=False):
        plan(part, axes)
        if (box := axes.get_legend()) is not None:
            box.remove()
        axes.set_ylabel("")
        axes.set_title(shortened(named(part.iloc[0]), LONGEST), loc="left")
    for axes in grid[len(parts) :]:
        axes.remove()
    named_ = [axes.get_legend_handles_labels() for axes in grid[: len(parts)]]
    handles = {label: handle for of in named_ for handle, label in zip(*of, strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=5, frameon=False)
    figure.supylabel(_waited(frame), fontsize="medium")
    return figure


def forecast(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the jobs that are expected in each window, with their intervals, from `History.forecast`."""
    if frame.empty:
        return nothing(axes)
    bounds = edges(frame)
    expected, low, high = (frame[f"arrivals{bound}"].to_numpy(float) for bound in ("", "_low", "_high"))
    axes.stairs(high, bounds, baseline=low, fill=True, color=BLUE, alpha=0.25, label=_("90 % interval"))
    axes.stairs(expected, bounds, baseline=None, color=BLUE, label=_("expected jobs"))
    axes.set_ylabel(_("jobs that come"))
    from_zero(axes, frame[["arrivals", "arrivals_high"]])
    numbers(axes.yaxis)
    times(axes, frame, seen=False)
    legend(axes)
    return axes
