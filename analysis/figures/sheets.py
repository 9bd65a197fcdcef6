"""The pictures of a report: figures on one sheet, as SVG or PNG; the same data gives the same bytes."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO, StringIO
from typing import Any, Final

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager, get_font_names

from analysis.figures import by_pool, capacity, endings, queueing, values
from analysis.figures.axes import GRID, INK, MUTED, PALETTE, PAPER
from analysis.figures.by_pool import COLUMNS
from analysis.figures.scales import Frames, Shared
from analysis.figures.svg import slim, with_values

CHINESE: Final = (
    "Noto Sans CJK SC", "Noto Sans CJK JP",
    "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei", "PingFang SC",
    "Heiti SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei",
)  # fmt: skip
FILES: Final = re.compile(
    r"(NotoSans(CJK|SC)|SourceHanSans(SC|CN)|msyh|PingFang|Heiti|wqy|simhei)[^/]*$", re.IGNORECASE
)
WIDTH: Final = 7.6
"""The width of a sheet in inches: A4 without its margins."""
NARROW: Final = 3.9
"""The width of a picture that a telephone shows as it is, in inches."""
LEFT: Final = 0.76
LABEL: Final = 0.16
RIGHT: Final = 0.2
"""The left and right margin of a sheet, and the distance of its labels from the left edge, in inches."""
DOTS: Final = 130
"""Dots per inch of PNG."""
HEIGHTS: Final = {"flows": 1.3, "waits": 1.3, "outcomes": 1.0, "failures": 1.0}
"""The relative heights of the panels of a sheet, from top to bottom."""
STYLE: Final[dict[str, Any]] = {
    "font.size": 8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": "medium",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "hatch.color": PAPER,
    "hatch.linewidth": 0.6,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.3,
    "text.color": INK,
    # A name with two dollar signs is not a formula.
    "text.parse_math": False,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "poolscope",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our style within the block; matplotlib's settings are restored after it."""
    settings: dict[Any, Any] = {**STYLE, "font.family": _fonts()}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # In SVG, text stays text and the browser has the font; for PNG see `shows_chinese`.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        yield


@cache
def _fonts() -> list[str]:
    if not set(CHINESE) & set(get_font_names()):
        # matplotlib searches for fonts once, and does not know fonts that were installed later.
        for file in findSystemFonts():
            if FILES.search(file):
                fontManager.addfont(file)
    installed = set(get_font_names())
    return ["DejaVu Sans", *[name for name in CHINESE if name in installed][:1]]


def shows_chinese() -> bool:
    """Return whether a font with Chinese characters is installed, which PNG needs."""
    return len(_fonts()) > 1


def _figure(height: float, top: float = 0.3, bottom: float = 0.55) -> Figure:
    """Make a sheet. Height and margins are in inches; margins are fixed, as measuring labels is as slow as drawing."""
    figure = Figure(figsize=(WIDTH, height))
    figure.subplots_adjust(left=LEFT / WIDTH, right=1 - RIGHT / WIDTH, top=1 - top / height, bottom=bottom / height)
    return figure


def sheet(frames: Frames, shared: Shared) -> Figure:
    """Draw the frames of a series as panels above each other, with the same time axis.

    Parameters
    ----------
    frames
        Any of flows (with fine windows), waits, outcomes (flows with longer windows), failures and changes.
    shared
        What all pictures have in common.
    """
    shown = {name: frames[name] for name in HEIGHTS if name in frames}
    heights = [HEIGHTS[name] for name in shown]
    figure = _figure(0.3 + 1.15 * sum(heights))
    grid = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights, gridspec_kw={"hspace": 0.5})
    changes = frames.get("changes", pd.DataFrame({"measure": [], "changed_at": []}))
    first, last = _span(next(iter(shown.values())))
    shown = {name: _within(whole, first, last) for name, whole in shown.items()}
    for axes, (name, frame) in zip(grid[:, 0], shown.items(), strict=True):
        labelled = axes is grid[-1, 0]
        if name == "flows":
            queueing.queue(frame, axes, labelled=labelled)
        elif name == "waits":
            queueing.waits(frame, axes, limit=shared.limit, labelled=labelled, scale=shared.waits)
            endings.changes(changes[changes["measure"] == "wait"], axes)
        elif name == "outcomes":
            endings.outcomes(frame, axes, labelled=labelled)
        else:
            endings.failures(frame, axes, labelled=labelled, top=shared.rates)
            endings.changes(changes[changes["measure"] == "failures"], axes)
        axes.yaxis.set_label_coords((LABEL - LEFT) / (WIDTH - LEFT - RIGHT), 0.5)
    highest, lowest = (axes.get_position() for axes in (grid[0, 0], grid[-1, 0]))
    top = (highest.y1 - lowest.y0) / lowest.height
    values.of_series({**shown, "changes": changes}, grid[-1, 0], top, shared.values)
    return figure


def _span(frame: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    return frame["window_start"].min(), frame["window_end"].max()


def _within(frame: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Return the windows that share time with a span, cut to it."""
    inside = frame[(frame["window_end"] > first) & (frame["window_start"] < last)]
    starts, ends = inside["window_start"], inside["window_end"]
    return inside.assign(window_start=starts.where(starts > first, first), window_end=ends.where(ends < last, last))


def shapes(frames: Frames, shared: Shared) -> Figure:
    """Draw the distribution of waits and the mean wait by hour of the week beside each other."""
    figure = _figure(2.5, top=0.55, bottom=0.75)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.35], gridspec_kw={"wspace": 0.22})
    queueing.distribution(frames["distribution"], left, limit=shared.limit, longest=shared.longest)
    queueing.week(frames["profile"], right, scale=shared.waits)
    values.of_distribution(frames["distribution"], left)
    values.of_week(frames["profile"], right)
    return figure


def pools(frames: Frames, shared: Shared) -> Figure:
    """Draw the waits of several pools beside each other."""
    number = frames["waits"].groupby(["project", "pool"]).ngroups
    figure = Figure(figsize=(WIDTH, 0.6 + 1.4 * -(-number // COLUMNS)), layout="constrained")
    by_pool.pools(frames["waits"], figure, limit=shared.limit, scale=shared.waits)
    values.of_pools(frames["waits"], figure, shared.values)
    return figure


def decision(frames: Frames, shared: Shared) -> Figure:
    """Draw the wait of one pool against its capacity, so narrow that a telephone shows it as it is."""
    figure = Figure(figsize=(NARROW, 3.1), layout="constrained")
    axes = capacity.plan(frames["plan"], figure.subplots(), scale=shared.planned)
    if (box := axes.get_legend()) is not None:
        box.remove()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False)
    values.of_plans(frames["plan"], figure)
    return figure


def plans(frames: Frames, shared: Shared) -> Figure:
    """Draw the wait of several pools against their capacity."""
    number = frames["plan"].groupby(["project", "pool"]).ngroups
    figure = Figure(figsize=(WIDTH, 0.6 + 2.1 * -(-number // capacity.COLUMNS)), layout="constrained")
    capacity.plans(frames["plan"], figure, scale=shared.planned)
    values.of_plans(frames["plan"], figure)
    return figure


def coverage(frames: Frames, _shared: Shared) -> Figure:
    """Draw the coverage of each pool."""
    number = frames["coverage"].groupby(["project", "pool"]).ngroups
    figure = Figure(figsize=(WIDTH, 0.9 + 0.2 * number), layout="constrained")
    axes = by_pool.coverage(frames["coverage"], figure.subplots())
    values.of_coverage(frames["coverage"], axes)
    return figure


PICTURES: Final = {
    "sheet": sheet, "shapes": shapes, "pools": pools, "decision": decision, "plans": plans, "coverage": coverage,
}  # fmt: skip
"""The functions that draw pictures, by name: each takes frames, and what all pictures have in common."""


def png(figure: Figure) -> bytes:
    """Return a picture as PNG."""
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": "Poolscope"}, dpi=DOTS)
    return file.getvalue()


def svg(figure: Figure, name: str) -> str:
    """Return a picture as SVG for a page, see `svg.slim`: its colours by their names in `PALETTE`.

    Parameters
    ----------
    name
        The beginning of all identifiers in the picture: they must be unique on a page.
    """
    # The background is the page's.
    figure.patch.set_visible(False)
    file, texts = StringIO(), dict[str, str]()
    for place, box in enumerate(values.boxes(figure)):
        identifier = f"{values.BOX}{place}"
        texts[identifier] = values.text_of(box)
        box.set_gid(identifier)
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return slim(with_values(file.getvalue(), texts), name, PALETTE)
