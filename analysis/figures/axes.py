"""The common parts of all figures: colours, time axes in a zone, durations in units, coverage below the axis."""

from collections.abc import Iterator
from datetime import tzinfo
from textwrap import wrap
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from analysis.arrays import Floats
from analysis.calendar import DAY, HOUR, MINUTE, WEEK
from analysis.figures.scales import LINEAR, ROOM, WaitScale
from analysis.notes import NOTHING, Notes
from analysis.text.language import _, rendered, spoken
from analysis.text.units import duration

# After Okabe and Ito (Color Universal Design, 2008): distinct to the colour-blind and, by lightness, in print.
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
"""The colours by their names in the page's style sheet."""
EPOCH: Final = pd.Timestamp(0, tz="UTC")
STEPS: Final = (
    *(1, 2, 5, 10, 20, 30),
    *(MINUTE * number for number in (1, 2, 5, 10, 15, 20, 30)),
    *(HOUR * number for number in (1, 2, 3, 6, 12)),
    *(DAY * number for number in (1, 2, 5, 10, 20, 50, 100, 200)),
)
"""Distances between ticks of a time axis, in seconds."""
WAITS: Final = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 2 * DAY, WEEK, 30 * DAY, 365 * DAY)
"""Ticks of a logarithmic axis of waits, in seconds."""
LOW: Final = 1.2
"""On axes that are lower than this, in inches, every second of these ticks is left out."""
TICKS: Final = 6
"""The most ticks of a time axis."""
FEW: Final = 16
"""Lines of at most this many points have a dot at each point."""
LINE: Final = 50
"""The most letters in a line of text within axes."""
INCH: Final = 17
"""About this many letters are as wide as an inch."""
STRIP: Final = 0.035
"""The height of the coverage strip, as a share of the axes' height."""


def edges(frame: pd.DataFrame) -> Floats:
    """Return the starts of consecutive windows and the end of the last one, in days since 1970 as matplotlib counts."""
    instants = pd.concat([frame["window_start"], frame["window_end"].iloc[-1:]])
    days: Floats = (instants.dt.tz_convert("UTC") - EPOCH).dt.total_seconds().to_numpy(float) / DAY
    return days


def day(instant: pd.Timestamp) -> float:
    """Return an instant in days since 1970, as matplotlib counts."""
    return (instant - EPOCH).total_seconds() / DAY


def middles(frame: pd.DataFrame) -> Floats:
    """Return the middles of consecutive windows, in days since 1970."""
    bounds = edges(frame)
    return (bounds[1:] + bounds[:-1]) / 2


def times(axes: Axes, frame: pd.DataFrame, *, labelled: bool = True, covered: bool = True) -> None:
    """Make x a time axis from the first window to the last, in the zone of the windows.

    Parameters
    ----------
    labelled
        Whether the axis has labels.
    covered
        Whether the coverage of each window is drawn below the axis.
    """
    bounds = edges(frame)
    zone = frame["window_start"].dt.tz
    # The window of a record of one slot has no length: the poll interval before it is shown.
    alone = frame["interval_seconds"].iloc[-1] / DAY if bounds[0] == bounds[-1] else 0
    axes.set_xlim(bounds[0] - alone, bounds[-1])
    dates(axes, zone, 8)
    axes.tick_params(axis="x", pad=9, labelbottom=labelled)
    if labelled:
        axes.set_xlabel(_("date ({zone})").format(zone=zone))
    else:
        axes.xaxis.get_offset_text().set_visible(False)
    if covered:
        strip(axes, frame)


def dates(axes: Axes, zone: tzinfo | None, most: int) -> None:
    """Label x with dates in numbers, which need no translation, at most at `most` ticks."""
    locator = AutoDateLocator(tz=zone, minticks=2, maxticks=most)  # type: ignore[no-untyped-call]  # matplotlib's
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
    """Draw the coverage of each window below a time axis, see `coverage_style`."""
    # Rounded up to tenths: a very low coverage still differs from zero.
    bounds, coverage = edges(frame), np.ceil(frame["coverage"].fillna(0).to_numpy(float) * 10) / 10
    # No wider than the axis, whichever part of the time it shows.
    axis_span = Rectangle((0, -1), 1, 1, transform=axes.transAxes)
    for start, end, share in stretches(bounds, coverage):
        place = (start, -1.6 * STRIP), end - start, STRIP
        patch = Rectangle(*place, transform=axes.get_xaxis_transform(), gid="coverage", **coverage_style(share))
        axes.add_artist(patch)
        patch.set_clip_path(axis_span)


def stretches(bounds: Floats, coverage: Floats) -> Iterator[tuple[float, float, float]]:
    """Return start and end (days since 1970) and coverage of each run of consecutive windows of equal coverage."""
    first = np.flatnonzero(np.concatenate([[True], np.diff(coverage) != 0]))
    return zip(bounds[first], bounds[np.append(first[1:], len(coverage))], coverage[first], strict=True)


def coverage_style(share: float) -> dict[str, Any]:
    """Return the style of a span by its coverage (a share of 1): the darker the higher, hatched where it is zero."""
    if share > 0:
        return {"facecolor": GREEN, "edgecolor": "none", "alpha": 0.2 + 0.8 * share, "linewidth": 0}
    return {"facecolor": PAPER, "edgecolor": "none", "hatch": "////", "hatchcolor": RED, "linewidth": 0}


def without_estimate(axes: Axes, reason: Notes | str = NOTHING) -> Axes:
    """Write into the axes that there is no estimate to draw, and why."""
    inches = axes.get_window_extent().width / axes.figure.dpi
    # A Chinese character is as wide as two letters.
    letters = min(LINE, int(INCH * inches)) // (2 if spoken() == "zh" else 1)
    text = "\n".join([_("no estimate"), *wrap(rendered(reason), letters)])
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
    return axes


def spans(axes: Axes, at: Floats, low: Floats, high: Floats, **style: Any) -> None:  # noqa: ANN401 - matplotlib's
    """Draw a vertical bar from low to high at each place; all bars are one line with breaks, which is fast."""
    break_ = np.full(len(at), np.nan)
    heights = np.column_stack([low, high, break_]).ravel()
    axes.plot(np.repeat(at, 3), heights, alpha=0.35, linewidth=3, solid_capstyle="butt", **style)


def durations(axis: Axis, longest: float) -> None:
    """Label an axis of seconds, from zero, in the unit that suits `longest`, the longest duration in seconds."""
    longest = longest if np.isfinite(longest) and longest > 0 else MINUTE
    step = next((step for step in STEPS if longest / step <= TICKS), STEPS[-1])
    unit = next((unit for unit in (DAY, HOUR, MINUTE) if longest >= 2 * unit), 1)
    axis.set_major_locator(FixedLocator(list(np.arange(0, longest + step, step))))
    axis.set_major_formatter(FuncFormatter(lambda seconds, _place: tick(seconds, unit)))


def wait_axis(axes: Axes, scale: WaitScale) -> None:
    """Make y an axis of waits of a scale."""
    if not scale.logarithmic:
        axes.set_ylim(0, scale.top)
        durations(axes.yaxis, scale.top)
        return
    axes.set_yscale("symlog", linthresh=MINUTE, linscale=LINEAR)
    axes.set_ylim(0, scale.top)
    inches = axes.get_window_extent().height / axes.figure.dpi
    logarithmic(axes.yaxis, scale.top, 2 if inches < LOW else 1)


def logarithmic(axis: Axis, longest: float, every: int = 1) -> None:
    """Label a logarithmic axis of waits up to `longest` seconds; of the ticks one in `every` is shown."""
    axis.set_major_locator(FixedLocator([0, *(ticked for ticked in WAITS[::every] if ticked < longest)]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda seconds, _place: tick(seconds)))


def tick(seconds: float, unit: int | None = None) -> str:
    """Return the text of a duration in a unit (in seconds); default: the largest unit that divides the duration."""
    if seconds == 0:
        return "0"
    unit = unit or next((unit for unit in (DAY, HOUR, MINUTE) if seconds % unit == 0), 1)
    texts = {DAY: _("{amount} d"), HOUR: _("{amount} h"), MINUTE: _("{amount} min"), 1: _("{amount} s")}
    return texts[unit].format(amount=f"{seconds / unit:g}")


def shares(axis: Axis) -> None:
    """Label an axis of shares of 1 in per cent."""
    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda share, _place: f"{100 * share:.3g}%"))


def numbers(axis: Axis) -> None:
    """Label an axis of jobs in whole numbers."""
    axis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda number, _place: f"{number:,.0f}"))


def legend(axes: Axes, columns: int = 4) -> None:
    """Draw the legend above the axes, if anything in them has a label."""
    if not axes.get_legend_handles_labels()[0]:
        return
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.98), ncols=columns, frameon=False, borderaxespad=0.2)


def dots(values: Floats) -> dict[str, Any]:
    """Return the style of a line's dots: on a short line at every point, on a long one at points without neighbours."""
    known = np.isfinite(np.concatenate([[np.nan], values, [np.nan]]))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    dotted = np.ones(len(values), np.bool_) if len(values) <= FEW else alone
    return {"marker": "o", "markersize": 3, "markevery": np.flatnonzero(dotted).tolist()}


def from_zero(axes: Axes, frame: pd.DataFrame) -> None:
    """Make y begin at zero and end a little above the largest value of a frame."""
    largest = np.nanmax(frame.to_numpy(float), initial=1)
    axes.set_ylim(0, ROOM * largest)


def limited(axes: Axes, limit: float) -> None:
    """Draw a limit on waits, in seconds, across the axes."""
    axes.axhline(limit, color=RED, linestyle="--", linewidth=1, label=_("limit {limit}").format(limit=duration(limit)))
