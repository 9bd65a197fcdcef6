"""What the axes of figures have in common: colours, times of a zone, durations as people say them, coverage below."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from textwrap import fill
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from analysis.text.language import _
from analysis.text.units import duration
from analysis.windows import DAY, HOUR, MINUTE

Floats: TypeAlias = NDArray[np.float64]
# Okabe and Ito's, told apart by the colour-blind and, by their lightness, in print.
INK: Final = "#1f2328"
MUTED: Final = "#59636e"
GRID: Final = "#d1d9e0"
PAPER: Final = "#ffffff"
BLUE: Final = "#0072b2"
RED: Final = "#c04a00"
GREEN: Final = "#00795a"
SKY: Final = "#56b4e9"
AMBER: Final = "#e69f00"
PALETTE: Final = {
    "ink": INK, "muted": MUTED, "grid": GRID, "paper": PAPER, "blue": BLUE, "red": RED, "green": GREEN, "sky": SKY,
    "amber": AMBER,
}  # fmt: skip
"""By the names that a page of another background knows them by."""
EPOCH: Final = pd.Timestamp(0, tz="UTC")
STEPS: Final = (
    *(1, 2, 5, 10, 20, 30),
    *(MINUTE * number for number in (1, 2, 5, 10, 15, 20, 30)),
    *(HOUR * number for number in (1, 2, 3, 6, 12)),
    *(DAY * number for number in (1, 2, 5, 10, 20, 50, 100, 200)),
)
TICKS: Final = 6
FEW: Final = 16
"""Points of a line; each has a dot."""
LINE: Final = 50
"""Letters of a line of text within axes."""
ROOM: Final = 1.1
"""Of an axis, above the largest value."""
STRIP: Final = 0.035
"""Height of the coverage below an axis, of the axes'."""


def edges(frame: pd.DataFrame) -> Floats:
    """Return where windows that follow each other begin, and the last one ends, as matplotlib counts days."""
    ends = pd.concat([frame["window_start"], frame["window_end"].iloc[-1:]])
    # Days since 1970, as matplotlib counts them.
    at: Floats = (ends.dt.tz_convert("UTC") - EPOCH).dt.total_seconds().to_numpy(float) / DAY
    return at


def day(instant: pd.Timestamp) -> float:
    """Return an instant as matplotlib counts days."""
    return (instant - EPOCH).total_seconds() / DAY


def middles(frame: pd.DataFrame) -> Floats:
    """Return the middles of windows."""
    bounds = edges(frame)
    return (bounds[1:] + bounds[:-1]) / 2


def times(axes: Axes, frame: pd.DataFrame, *, labelled: bool = True, seen: bool = True) -> None:
    """Make x the time from the first window to the last, in their own zone, with the coverage below."""
    bounds = edges(frame)
    zone = frame["window_start"].dt.tz
    # A record of one slot has a window of no length: the time that its poll stands for is shown.
    alone = frame["interval_seconds"].iloc[-1] / DAY if bounds[0] == bounds[-1] else 0
    axes.set_xlim(bounds[0] - alone, bounds[-1])
    dates(axes, zone, 8)
    axes.tick_params(axis="x", pad=9, labelbottom=labelled)
    if labelled:
        axes.set_xlabel(_("date ({zone})").format(zone=zone))
    else:
        axes.xaxis.get_offset_text().set_visible(False)
    if seen:
        strip(axes, frame)


def dates(axes: Axes, zone: tzinfo | None, most: int) -> None:
    """Say dates as numbers, which every language reads."""
    locator = AutoDateLocator(tz=zone, minticks=2, maxticks=most)  # type: ignore[no-untyped-call]  # so it comes
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]  # likewise
        locator,
        tz=zone,
        formats=["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"],
        zero_formats=["", "%Y", "%m-%d", "%m-%d", "%H:%M", "%H:%M"],
        offset_formats=["", "%Y", "%Y", "%Y", "%Y-%m-%d", "%Y-%m-%d"],
    )
    axes.xaxis.set_major_formatter(formatter)


def strip(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw below a time axis how much of each window was seen: the darker the more, hatched nothing."""
    # In tenths, of which the first is there as soon as anything was seen.
    bounds, seen = edges(frame), np.ceil(frame["coverage"].fillna(0).to_numpy(float) * 10) / 10
    # No wider than the axis, whatever part of the time that shows.
    within = Rectangle((0, -1), 1, 1, transform=axes.transAxes)
    for start, end, share in stretches(bounds, seen):
        place = (start, -1.6 * STRIP), end - start, STRIP
        patch = Rectangle(*place, transform=axes.get_xaxis_transform(), gid="coverage", **seen_as(share))
        axes.add_artist(patch)
        patch.set_clip_path(within)


def stretches(bounds: Floats, seen: Floats) -> Iterator[tuple[float, float, float]]:
    """Return where each stretch of windows begins and ends of which as much was seen, and how much that is."""
    first = np.flatnonzero(np.concatenate([[True], np.diff(seen) != 0]))
    return zip(bounds[first], bounds[np.append(first[1:], len(seen))], seen[first], strict=True)


def seen_as(share: float) -> dict[str, Any]:
    """Return how a span is drawn of which a share was seen: the darker the more, hatched where it was nothing."""
    if share > 0:
        return {"facecolor": GREEN, "edgecolor": "none", "alpha": 0.2 + 0.8 * share, "linewidth": 0}
    return {"facecolor": PAPER, "edgecolor": "none", "hatch": "////", "hatchcolor": RED, "linewidth": 0}


def nothing(axes: Axes, reason: str = "") -> Axes:
    """Say that there is nothing to draw, and why."""
    text = "\n".join([_("nothing is known"), *fill(reason, LINE).splitlines()])
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
    return axes


def spans(axes: Axes, at: Floats, low: Floats, high: Floats, **style: Any) -> None:  # noqa: ANN401 - matplotlib's
    """Draw at each place a bar from low to high, all of them as one line."""
    nothing = np.full(len(at), np.nan)
    heights = np.column_stack([low, high, nothing]).ravel()
    axes.plot(np.repeat(at, 3), heights, alpha=0.35, linewidth=3, solid_capstyle="butt", **style)


def durations(axis: Axis, longest: float) -> None:
    """Say seconds from zero on in the unit that suits the longest."""
    longest = longest if np.isfinite(longest) and longest > 0 else MINUTE
    step = next((step for step in STEPS if longest / step <= TICKS), STEPS[-1])
    unit = next((unit for unit in (DAY, HOUR, MINUTE) if longest >= 2 * unit), 1)
    axis.set_major_locator(FixedLocator(list(np.arange(0, longest + step, step))))
    axis.set_major_formatter(FuncFormatter(lambda seconds, _place: tick(seconds, unit)))


def tick(seconds: float, unit: int | None = None) -> str:
    """Say a round duration in a unit, by default in the largest of which it is a multiple."""
    if seconds == 0:
        return "0"
    unit = unit or next((unit for unit in (DAY, HOUR, MINUTE) if seconds % unit == 0), 1)
    texts = {DAY: _("{amount} d"), HOUR: _("{amount} h"), MINUTE: _("{amount} min"), 1: _("{amount} s")}
    return texts[unit].format(amount=f"{seconds / unit:g}")


def shares(axis: Axis) -> None:
    """Say shares in per cent."""
    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda share, _place: f"{100 * share:.3g}%"))


def numbers(axis: Axis) -> None:
    """Count jobs in whole numbers from zero on."""
    axis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda number, _place: f"{number:,.0f}"))


def legend(axes: Axes, columns: int = 4) -> None:
    """Name what is drawn, above it."""
    if not axes.get_legend_handles_labels()[0]:
        return
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=columns, frameon=False, borderaxespad=0.2)


def joined(values: Floats) -> dict[str, Any]:
    """Return how points that follow each other are drawn: of many only those by a dot that no line reaches."""
    known = np.isfinite(np.concatenate([[np.nan], values, [np.nan]]))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    every = np.ones(len(values), np.bool_) if len(values) <= FEW else alone
    return {"marker": "o", "markersize": 3, "markevery": np.flatnonzero(every).tolist()}


def from_zero(axes: Axes, frame: pd.DataFrame) -> None:
    """Let y begin at zero, and end a little above the largest value."""
    largest = np.nanmax(frame.to_numpy(float), initial=1)
    axes.set_ylim(0, ROOM * largest)


def limited(axes: Axes, limit: float) -> None:
    """Draw a limit on waits across."""
    axes.axhline(limit, color=RED, linestyle="--", linewidth=1, label=_("limit {limit}").format(limit=duration(limit)))


def rates(
    axes: Axes,
    frame: pd.DataFrame,
    rate: Sequence[Floats],
    color: str,
    name: str,
    bounds: str,
    *,
    labelled: bool,
) -> None:
    """Draw shares of the jobs of each window, with bounds: points, low and high."""
    at = middles(frame)
    share, low, high = rate
    spans(axes, at, low, high, color=color, label=bounds)
    axes.plot(at, share, **joined(share), color=color, label=name)
    axes.set_ylabel(_("share of jobs"))
    axes.set_ylim(0, min(1.0, ROOM * np.nanmax(np.concatenate([share, high]), initial=0.05)))
    shares(axes.yaxis)
    times(axes, frame, labelled=labelled)
    legend(axes)
