"""Figures of several pools beside each other: waits and coverage; `queueing` has the rules of all figures."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.axes import coverage_style, dates, edges, stretches, times, without_estimate
from analysis.figures.queueing import mean_waits
from analysis.figures.scales import WaitScale, longest_mean, wait_scale
from analysis.text.language import _
from analysis.text.units import named
from collector.output.layout import shortened

COLUMNS: Final = 3
"""The number of panels beside each other."""
LONGEST: Final = 28
"""The most letters of a pool's name."""


def pools_of(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return each pool's rows."""
    return [part for _key, part in frame.groupby(["project", "pool"], sort=False)]


def panels(frame: pd.DataFrame, figure: Figure, columns: int, *, same_x: bool) -> list[tuple[pd.DataFrame, Axes]]:
    """Return each pool's rows with the axes of its panel; the title of a panel is the name of its pool.

    Parameters
    ----------
    columns
        The number of panels beside each other.
    same_x
        Whether all panels have the same horizontal scale; they always have the same vertical one.
    """
    parts = pools_of(frame)
    rows = -(-len(parts) // columns)
    grid = figure.subplots(rows, columns, sharex=same_x, sharey=True, squeeze=False).ravel()
    for axes in grid[len(parts) :]:
        axes.remove()
    for part, axes in zip(parts, grid, strict=False):
        axes.set_title(shortened(named(part.iloc[0]), LONGEST), loc="left")
    return list(zip(parts, grid, strict=False))


def pools(frame: pd.DataFrame, figure: Figure, *, limit: float | None = None, scale: WaitScale | None = None) -> Figure:
    """Draw the mean waits of several pools beside each other on one scale, from `History.waits` by pool.

    Parameters
    ----------
    limit
        On waits, in seconds; None where there is no limit.
    scale
        That of all figures to compare with; None: that of these pools.
    """
    if frame.empty:
        without_estimate(figure.subplots())
        return figure
    scale = scale or wait_scale(map(longest_mean, pools_of(frame)), limit)
    parts = panels(frame, figure, COLUMNS, same_x=True)
    for part, axes in parts:
        mean_waits(part, axes, limit, scale)
        times(axes, part, labelled=False)
        dates(axes, part["window_start"].dt.tz, 4)
    # The same time axis for all, though the records of pools may differ in length.
    bounds = [edges(part) for part, _axes in parts]
    parts[0][1].set_xlim(min(days[0] for days in bounds), max(days[-1] for days in bounds))
    # The lowest panel of each column.
    for _part, axes in parts[-COLUMNS:]:
        axes.tick_params(axis="x", labelbottom=True, labelrotation=30)
    figure.supylabel(_("mean wait"), fontsize="medium")
    return figure


def coverage(frame: pd.DataFrame, axes: Axes) -> Axes:
    """Draw the coverage of each pool's windows, one row per pool, from `History.coverage` by pool."""
    if frame.empty:
        return without_estimate(axes)
    parts = pools_of(frame)
    for place, part in enumerate(parts):
        for start, end, share in stretches(edges(part), part["coverage"].to_numpy(float)):
            axes.barh(place, end - start, 0.7, left=start, **coverage_style(share))
    axes.set_yticks(range(len(parts)), [shortened(named(part.iloc[0]), LONGEST) for part in parts])
    axes.invert_yaxis()
    axes.grid(visible=False)
    times(axes, frame.sort_values("window_start"), covered=False)
    return axes
