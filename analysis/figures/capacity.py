"""Figures of plans and forecasts, each of a frame of one pool; `queueing` has the rules of all figures."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.arrays import Bools, Floats
from analysis.estimate import Estimate
from analysis.figures.axes import (
    AMBER,
    BLUE,
    GREEN,
    INK,
    MUTED,
    PAPER,
    RED,
    edges,
    from_zero,
    legend,
    numbers,
    times,
    wait_axis,
    without_estimate,
)
from analysis.figures.by_pool import panels
from analysis.figures.scales import WaitScale, plan_scale
from analysis.notes import GOOD, NONE
from analysis.text.capacity import needed
from analysis.text.language import _, plural
from analysis.text.units import amount, duration, figures_of

COLUMNS: Final = 2
"""The number of plans beside each other: the labels of each need this width."""
MARGIN: Final = 0.06
"""The free space left and right of the capacities, as a share of their range."""
LANE: Final = 1.35
"""The height of a line of labels above the axes, as a multiple of the font size."""
LETTER: Final = 0.58
"""The width of a letter as a multiple of the font size, rather too wide; a Chinese character is as wide as two."""
LANES: Final = 2
"""The lines of labels above the axes: one for today, one for the needed capacity, so that they never overlap."""


@dataclass(frozen=True)
class Decision:
    """What a plan is about: today's capacity and the needed one, in the unit of the horizontal axis and as texts."""

    today: float
    today_text: str
    needed: tuple[float, float, float]
    """With lower and upper bound; NaN where it is unknown."""
    needed_text: str
    target: float
    """In seconds; NaN without a target."""

    @property
    def reach(self) -> list[float]:
        """All known capacities, which the axis shows."""
        return [capacity for capacity in (self.today, *self.needed) if math.isfinite(capacity)]


def plan(frame: pd.DataFrame, axes: Axes, *, scale: WaitScale | None = None) -> Axes:
    """Draw the wait of the observed jobs against capacity, with today's capacity and the one that the target needs.

    The frame is from `History.plan`. The band is the interval of the wait; the dashed line is the target. The bar on
    the target is the interval of the needed capacity; an arrow at its end marks a missing bound. Both capacities are
    inside the axis, with their numbers above it. Capacities with a load above every observed load are shaded. The scale
    of waits is logarithmic: a target of minutes stays readable beside a wait of hours.

    Parameters
    ----------
    scale
        That of all figures to compare with; None: that of this frame.
    """
    if frame.empty:
        return without_estimate(axes)
    if _wait_against(frame, axes, "capacity", scale):
        unit = {"nodes": _("nodes"), "concurrent jobs": _("concurrent jobs")}.get(str(frame["unit"].iloc[0]), "-")
        axes.set_xlabel(_("capacity ({unit})").format(unit=unit))
    return axes


def cost(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the wait as `plan` does, but against the monthly cost: `History.plan` needs ``price_per_node_hour``."""
    if frame.empty:
        return without_estimate(axes)
    if _wait_against(frame, axes, "cost_a_month", None):
        axes.set_xlabel(_("cost per month"))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda price, _place: f"{price:,.0f}"))
    return axes


def _wait_against(frame: pd.DataFrame, axes: Axes, column: str, scale: WaitScale | None) -> bool:
    """Draw the waits of one pool against a column; return False where there is only a reason why there are none."""
    at, unknown = frame[column].to_numpy(float), (frame["confidence"] == NONE).all()
    if np.isnan(at).all() or unknown or pd.isna(frame["quantile"].iloc[0]):
        without_estimate(axes, frame["reason"].iloc[0] if unknown else "")
        return False
    wait = Estimate.of(frame, f"{frame['quantile'].iloc[0]}_seconds")
    decision = _decision(frame.iloc[0], float(np.nanmedian(at / frame["capacity"].to_numpy(float))))
    axes.fill_between(at, wait.low, wait.high, color=BLUE, alpha=0.25, linewidth=0, label=_("90% interval"))
    axes.plot(at, wait.point, "o-", color=BLUE, markersize=3, label=_heading(frame))
    weak = (frame["confidence"] != GOOD).to_numpy() & np.isfinite(wait.point)
    if weak.any():
        rings: dict[str, Any] = {"color": MUTED, "markerfacecolor": "none", "markersize": 7, "zorder": 4}
        axes.plot(at[weak], wait.point[weak], "o", label=_("weak confidence"), **rings)
    _limits(axes, [*at[np.isfinite(at)], *decision.reach])
    beyond = frame["extrapolated"].to_numpy(float) > 0
    if beyond.any():
        edge = at[~beyond].min() if (~beyond).any() else at.max()
        shade: dict[str, Any] = {"color": MUTED, "alpha": 0.12, "linewidth": 0}
        axes.axvspan(axes.get_xlim()[0], edge, label=_("load never observed"), **shade)
    wait_axis(axes, scale or plan_scale(frame))
    _mark(axes, decision, np.isclose(frame["factor"].to_numpy(float), 1.0), at, wait.point)
    axes.set_ylabel(_heading(frame))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    legend(axes, 3)
    if (box := axes.get_legend()) is not None:
        # Above the labels of the capacities.
        box.borderaxespad = LANES * LANE + 0.2
    return True


def _decision(row: pd.Series, unit: float) -> Decision:
    """Return what a row of a plan is about; a capacity of one is `unit` on the axis."""
    point, low, high = figures_of(row, "needed")
    today, text = row["today"], amount(row["today"])
    if row["unit"] == "nodes":
        text = plural("{n} node", "{n} nodes", today).format(n=text)
    return Decision(
        unit * today, text, (unit * point, unit * low, unit * high), needed(row), float(row["target_seconds"])
    )


def _limits(axes: Axes, capacities: list[float]) -> None:
    """Show all capacities, with a margin on both sides."""
    least, most = min(capacities), max(capacities)
    margin = MARGIN * (most - least) or 0.5
    axes.set_xlim(least - margin, most + margin)


def _mark(axes: Axes, decision: Decision, today: Bools, at: Floats, waits: Floats) -> None:
    """Mark today's capacity, the target, and the capacity that it needs, each capacity with its number."""
    dots: dict[str, Any] = {"linestyle": "none", "markeredgecolor": INK, "markeredgewidth": 0.8, "zorder": 5}
    known = next((value for value in (decision.needed[0], *decision.needed[:0:-1]) if math.isfinite(value)), math.nan)
    axes.axvline(decision.today, color=AMBER, linewidth=1, zorder=3)
    axes.plot(at[today], waits[today], "D", color=AMBER, markersize=8, label=_("today"), **dots)
    text = _("today: {capacity}").format(capacity=decision.today_text)
    ends = _number(axes, decision.today, text, 0, away_from=known)
    if math.isnan(decision.target):
        return
    text = _("target {target}").format(target=duration(decision.target))
    axes.axhline(decision.target, color=RED, linestyle="--", linewidth=1, label=text)
    _number(axes, known, _("needed: {capacity}").format(capacity=decision.needed_text), 1)
    if math.isnan(known):
        return
    axes.axvline(known, color=GREEN, linewidth=1, zorder=3)
    if not ends[0] < _share(axes, known) < ends[1]:
        # From the axes to the label.
        style = {"arrowstyle": "-", "color": GREEN, "shrinkA": 0, "shrinkB": 0}
        end = (0, (LANES - 0.2) * LANE * _size(axes))
        axes.annotate("", (_share(axes, known), 1), end, "axes fraction", textcoords="offset points", arrowprops=style)
    _point, low, high = decision.needed
    left, right = axes.get_xlim()
    interval = left if math.isnan(low) else low, right if math.isnan(high) else high
    band: dict[str, Any] = {"linewidth": 4, "alpha": 0.6, "solid_capstyle": "butt"}
    axes.plot(interval, [decision.target] * 2, color=GREEN, zorder=4, **band)
    for bound, end_, arrow in ((low, left, "<"), (high, right, ">")):
        if math.isnan(bound):
            axes.plot([end_], [decision.target], arrow, color=GREEN, markersize=7, clip_on=False, zorder=5)
    # A capacity that is only a bound is not the answer: its mark is hollow.
    fill = GREEN if known == decision.needed[0] else PAPER
    axes.plot([known], [decision.target], "o", color=fill, markersize=5.5, label=_("needed for the target"), **dots)


def _number(axes: Axes, at: float, text: str, lane: int, away_from: float = math.nan) -> tuple[float, float]:
    """Write the label of a capacity above the axes, in a line of its own, beside the line of the capacity.

    Parameters
    ----------
    away_from
        The label is on the other side than this capacity, whose line would cross it, if there is room.

    Returns
    -------
    tuple
        About where the label begins and ends, as shares of the length of the axis.
    """
    points = axes.get_window_extent().width * 72 / axes.figure.dpi
    width = LETTER * _size(axes) / points * sum(2 if letter > "\u2e80" else 1 for letter in text)
    place = 0.0 if math.isnan(at) else _share(axes, at)
    before = place >= width and (place >= 0.5 if math.isnan(away_from) else away_from > at)
    side = "right" if before or place + width > 1 else "left"
    offset = 0 if math.isnan(at) else -3 if side == "right" else 3
    axes.annotate(
        text, (place, 1), (offset, 2 + lane * LANE * _size(axes)), "axes fraction", textcoords="offset points",
        ha=side, va="bottom", annotation_clip=False,
    )  # fmt: skip
    return (place - width, place) if side == "right" else (place, place + width)


def _share(axes: Axes, at: float) -> float:
    """Return the place of a capacity on the axis, as a share of its length."""
    left, right = axes.get_xlim()
    return (at - left) / (right - left)


def _size(axes: Axes) -> float:
    """Return the size of labels in points."""
    return float(axes.xaxis.label.get_fontsize())


def _heading(frame: pd.DataFrame) -> str:
    return _("P90 wait") if frame["quantile"].iloc[0] == "p90" else _("mean wait")


def plans(frame: pd.DataFrame, figure: Figure, *, scale: WaitScale | None = None) -> Figure:
    """Draw the plans of several pools beside each other with one scale of waits, from `History.plan`.

    Parameters
    ----------
    scale
        That of all figures to compare with; None: that of these pools.
    """
    if frame.empty:
        without_estimate(figure.subplots())
        return figure
    scale = scale or plan_scale(frame)
    handles: dict[str, Any] = {}
    for part, axes in panels(frame, figure, COLUMNS, same_x=False):
        plan(part, axes, scale=scale)
        if (box := axes.get_legend()) is not None:
            box.remove()
        axes.set_ylabel("")
        axes.set_title(axes.get_title(loc="left"), loc="left", pad=4 + LANES * LANE * _size(axes))
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=4, frameon=False)
    heading = {("p90",): _("P90 wait"), ("mean",): _("mean wait")}.get(tuple(frame["quantile"].unique()), _("wait"))
    figure.supylabel(heading, fontsize="medium")
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
