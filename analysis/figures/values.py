"""The values of a picture for pointer and keyboard: invisible boxes on its axes, each with its text.

`svg` makes of each box an element that a pointer and the Tab key reach, with the text as its title; see `svg.slim`.
Windows beyond a number are put together: their box has the range of their values.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.calendar import DAY_HOURS
from analysis.figures.axes import day
from analysis.figures.by_pool import pools_of
from analysis.figures.scales import Frames
from analysis.notes import GOOD
from analysis.text.capacity import wait
from analysis.text.language import _, listed
from analysis.text.measures import figure, measure_name
from analysis.text.units import (
    UNKNOWN,
    amount,
    duration,
    in_unit,
    named,
    number,
    percent,
    rounded,
    share_with_bounds,
    unit_of,
    with_bounds,
)

BOX: Final = "value"
"""The identifier of a box."""
HALF_DAY: Final = DAY_HOURS // 2
WHOLE: Final = 0.9995
"""Coverage from here on is written as 100%."""


def add(axes: Axes, across: tuple[float, float], lines: Sequence[str], up: tuple[float, float] = (0.0, 1.0)) -> None:
    """Add a box with a text to axes.

    Parameters
    ----------
    across
        Left and right end, in the unit of x.
    up
        Lower and upper end, as shares of the axes' height.
    """
    (left, right), (bottom, top) = across, up
    box = Rectangle((left, bottom), right - left, top - bottom, transform=axes.get_xaxis_transform(), fill=False)
    # A label that begins with an underscore is in no legend.
    box.set(linewidth=0, gid=BOX, label="_" + "\n".join(filter(None, lines)), in_layout=False, clip_on=False)
    axes.add_artist(box)
    box.set_clip_path(None)


def boxes(figure: Figure) -> list[Rectangle]:
    """Return the boxes of a figure, in the order in which they were added."""
    return [artist for artist in figure.findobj(Rectangle) if artist.get_gid() == BOX and isinstance(artist, Rectangle)]


def text_of(box: Rectangle) -> str:
    """Return the text of a box, with line breaks."""
    return str(box.get_label())[1:]


def of_series(frames: Frames, axes: Axes, top: float, most: int) -> None:
    """Add a box for each window of a series, over all panels of its sheet.

    Parameters
    ----------
    frames
        Those of the panels, cut to the time that is shown.
    axes
        The lowest panel.
    top
        The upper end of the highest panel, as a multiple of the height of the lowest one.
    most
        The most boxes.
    """
    windows = next(frames[name] for name in ("waits", "outcomes", "failures", "flows") if name in frames)
    for rows in _groups(windows, most):
        start, end = rows["window_start"].iloc[0], rows["window_end"].iloc[-1]
        lines = [_when(rows)]
        for name, line in LINES.items():
            part = frames.get(name, pd.DataFrame())
            inside = part[(part["window_start"] < end) & (part["window_end"] > start)] if len(part) else part
            if len(inside):
                wider = inside["window_start"].iloc[0] < start or inside["window_end"].iloc[-1] > end
                lines.append(_named(_when(inside), line(inside)) if wider else line(inside))
        lines += _changed(frames.get("changes", pd.DataFrame()), start, end)
        lowest = float(rows["coverage"].min())
        lines.append(_named(_("coverage"), percent(lowest)) if lowest < WHOLE else "")
        add(axes, (day(start), day(end)), lines, (0, top))


def of_pools(frame: pd.DataFrame, figure: Figure, most: int) -> None:
    """Add boxes for the windows of each pool, at most `most` in all panels."""
    parts = pools_of(frame)
    for part, axes in zip(parts, figure.axes, strict=True):
        for rows in _groups(part, max(most // len(parts), 1)):
            across = day(rows["window_start"].iloc[0]), day(rows["window_end"].iloc[-1])
            add(axes, across, [named(part.iloc[0]), _when(rows), _waits(rows)])


def of_plans(frame: pd.DataFrame, figure: Figure) -> None:
    """Add a box for each capacity of each pool; nothing to panels that only say why there is no plan."""
    for part, axes in zip(pools_of(frame), figure.axes, strict=True):
        if not len(axes.lines):
            continue
        name, (left, right), at = str(part["quantile"].iloc[0]), axes.get_xlim(), part["capacity"].to_numpy(float)
        heading = _("P90 wait") if name == "p90" else _("mean wait")
        edges = [left, *(at[1:] + at[:-1]) / 2, right]
        for (_place, row), *across in zip(part.iterrows(), edges[:-1], edges[1:], strict=True):
            weak = _named(_("confidence"), _(row["confidence"])) if row["confidence"] != GOOD else ""
            beyond = _("load never observed") if row["extrapolated"] > 0 else ""
            size = f"{amount(row['capacity'])} {_(row['unit'])}"
            add(axes, (across[0], across[1]), [named(row), size, _named(heading, wait(row, name)), weak, beyond])


def of_coverage(frame: pd.DataFrame, axes: Axes) -> None:
    """Add a box for the row of each pool: its mean coverage, and the window with the lowest."""
    for place, part in enumerate(pools_of(frame)):
        lines, lowest = [named(part.iloc[0])], part.iloc[[int(part["coverage"].to_numpy(float).argmin())]]
        lines.append(_named(_("coverage"), percent(part["coverage"].mean())))
        if (least := float(lowest["coverage"].iloc[0])) < WHOLE:
            lines.append(_("lowest: {share}, {window}").format(share=percent(least), window=_when(lowest)))
        up = np.clip(sorted(axes.transLimits.transform((0, place + end))[1] for end in (-0.5, 0.5)), 0, 1)
        add(axes, axes.get_xlim(), lines, (float(up[0]), float(up[1])))


def of_distribution(frame: pd.DataFrame, axes: Axes) -> None:
    """Add one box with the wait that each share of the jobs did not exceed."""
    if len(frame):
        waits = [_named(percent(row["share"]), with_bounds(row, "wait")) for _place, row in frame.iterrows()]
        add(axes, axes.get_xlim(), [_("wait at most"), *waits])


def of_week(frame: pd.DataFrame, axes: Axes) -> None:
    """Add a box for each day of the week with its waits by hour, in one unit."""
    frame = frame[frame["weekday"].notna() & frame["hour"].notna()]
    names = [label.get_text() for label in axes.get_yticklabels()]
    for place, name in enumerate(names):
        rows = frame[frame["weekday"] == place + 1]
        waits = rows.set_index("hour")["wait_seconds"].reindex(range(DAY_HOURS)).to_numpy(float)
        unit = unit_of(float(np.nanmax(waits, initial=0)))
        texts = [UNKNOWN if np.isnan(seconds) else in_unit(seconds, unit) for seconds in waits]
        halves = {f"00-{HALF_DAY - 1}": texts[:HALF_DAY], f"{HALF_DAY}-{DAY_HOURS - 1}": texts[HALF_DAY:]}
        lines = [_named(hours, _(unit.text).format(amount=" ".join(half))) for hours, half in halves.items()]
        up = 1 - (place + 1) / len(names), 1 - place / len(names)
        add(axes, axes.get_xlim(), [_named(name, _("mean wait by hour")), *lines], up)


def _groups(frame: pd.DataFrame, most: int) -> Iterator[pd.DataFrame]:
    """Yield consecutive windows, so many together that there are at most `most` groups."""
    size = -(-len(frame) // most)
    return (frame.iloc[first : first + size] for first in range(0, len(frame), size))


def _named(name: str, text: str) -> str:
    return _("{name}: {text}").format(name=name, text=text)


def _when(rows: pd.DataFrame) -> str:
    """Return the text of the time of consecutive windows: a date, two dates, or two times."""
    start, end = rows["window_start"].iloc[0], rows["window_end"].iloc[-1]
    if start == start.normalize() and end == end.normalize() and end > start:
        first, last = (f"{instant:%Y-%m-%d}" for instant in (start, end - pd.Timedelta(hours=1)))
        return first if first == last else _("{low} to {high}").format(low=first, high=last)
    last = f"{end:%H:%M}" if start.normalize() == end.normalize() else f"{end:%Y-%m-%d %H:%M}"
    return _("{low} to {high}").format(low=f"{start:%Y-%m-%d %H:%M}", high=last)


def _range(rows: pd.DataFrame, column: str, text: Callable[[float], str]) -> str:
    """Return the text of the smallest and the largest value of several windows; a dash where none is known."""
    values = rows[column].dropna()
    if not len(values):
        return UNKNOWN
    low, high = text(float(values.min())), text(float(values.max()))
    return low if low == high else _("{low} to {high}").format(low=low, high=high)


def _flows(rows: pd.DataFrame) -> str:
    return _("waiting {mean} (at most {most}), running {running}").format(
        mean=rounded(rows["queue_mean"].mean()),
        most=number(rows["queue_max"].max()),
        running=rounded(rows["running_mean"].mean()),
    )


def _waits(rows: pd.DataFrame) -> str:
    interval = float(rows["interval_seconds"].max())
    text = (
        with_bounds(rows.iloc[0], "mean")
        if len(rows) == 1
        else _range(rows, "mean_seconds", lambda seconds: duration(seconds, interval))
    )
    return _named(_("mean wait"), text)


def _outcomes(rows: pd.DataFrame) -> str:
    texts = (_named(_(name), number(rows[name].sum(min_count=1))) for name in ("completed", "terminated", "failed"))
    return listed(texts)


def _failures(rows: pd.DataFrame) -> str:
    text = share_with_bounds(rows.iloc[0], "failure_rate") if len(rows) == 1 else _range(rows, "failure_rate", percent)
    return _named(_("failure rate"), text)


def _changed(changes: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> Iterator[str]:
    """Yield a text for each change of waits or failures in a window."""
    for _place, row in changes.iterrows():
        if row["measure"] in ("wait", "failures") and pd.notna(row["changed_at"]) and start <= row["changed_at"] < end:
            low, high = (figure(row["measure"], row[name]) for name in ("before", "after"))
            text = _("{low} to {high}").format(low=low, high=high)
            yield _named(listed([_("change"), measure_name(row["measure"])]), text)


LINES: Final = {"flows": _flows, "waits": _waits, "outcomes": _outcomes, "failures": _failures}
"""The functions that write the values of a panel, in the order of the panels."""
