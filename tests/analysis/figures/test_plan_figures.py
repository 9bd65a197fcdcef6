"""Figures of plans and forecasts by what they contain: today, the target, intervals, and nothing for the unknown."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.transforms import Bbox

from analysis import figures
from analysis.figures import sheets
from analysis.figures.axes import AMBER, GREEN
from analysis.figures.scales import Shared
from analysis.notes import NOTHING, Notes, note
from analysis.text.language import speaking

LITTLE = Notes((note("too few jobs: {jobs:,} of {needed}", jobs=3, needed=50),))


@pytest.fixture
def axes() -> Axes:
    with sheets.styled():
        return Figure(layout="constrained").subplots()


def planned(low: float, *, target: float = 600.0, needed: Sequence[float] = (10, 9, 12)) -> pd.DataFrame:
    """Make a plan of six to ten nodes, eight today; `needed` has the needed capacity with its bounds."""
    capacity = np.arange(6.0, 11.0)
    mean = 14_400 / (capacity - 5) ** 2
    return pd.DataFrame(
        {"project": "p", "pool": "a", "pool_name": None, "capacity": capacity, "unit": "nodes", "factor": capacity / 8}
        | {"quantile": "mean", "target_seconds": target, "extrapolated": (capacity < 8).astype(float)}
        | {"mean_seconds": mean, "mean_low_seconds": mean * low, "mean_high_seconds": mean / low}
        | dict(zip(("needed", "needed_low", "needed_high"), needed, strict=True))
        | {"needed_confidence": "good", "today": 8.0, "cost_a_month": capacity * 1000, "interval_seconds": 300}
        | {"confidence": "good", "reason": [NOTHING] * 5}
    )


def lines_of(axes: Axes, color: str) -> list[list[float]]:
    """Return the horizontal places of the lines and marks of a colour."""
    return [list(np.asarray(line.get_xdata(), float)) for line in axes.lines if line.get_color() == color]


def labels(axes: Axes) -> dict[str, Bbox]:
    """Return the labels above the axes with their places, once the figure is drawn."""
    axes.figure.canvas.draw()
    return {text.get_text(): text.get_window_extent() for text in axes.texts if text.get_text()}


def test_a_plan_shows_the_decision(axes: Axes) -> None:
    """Points in their band, today's capacity, the target, the needed capacity with its interval, all in the axis."""
    frame = planned(0.5)
    figures.plan(frame, axes)
    texts = axes.get_legend_handles_labels()[1]
    expected = ["90% interval", "mean wait", "load never observed", "today", "target 10 min", "needed for the target"]
    assert expected == texts
    (curve,) = (line for line in axes.lines if line.get_label() == "mean wait")
    assert frame["mean_seconds"].tolist() == list(np.asarray(curve.get_ydata()))
    (today,) = (line for line in axes.lines if line.get_label() == "today")
    assert ([8.0], [1600.0]) == (list(np.asarray(today.get_xdata())), list(np.asarray(today.get_ydata())))
    assert [8, 8] in lines_of(axes, AMBER)
    assert [[10, 10], [9, 12], [10]] == lines_of(axes, GREEN)
    (shade,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert 8 == shade.get_x() + shade.get_width()
    first, last = axes.get_xlim()
    assert first < 6
    assert 12 < last
    assert ["today: 8 nodes", "needed: 10 (9-12)"] == [text for text in labels(axes) if text]
    assert "capacity (nodes)" == axes.get_xlabel()
    with sheets.styled():
        dear = figures.cost(frame, Figure().subplots())
    assert [[10_000, 10_000], [9000, 12_000], [10_000]] == lines_of(dear, GREEN)
    assert "needed: 10 (9-12)" in labels(dear)


@pytest.mark.parametrize(
    ("needed", "text", "marks"),
    [
        ((8, 7, 9), "needed: 8 (7-9)", [[8, 8], [7, 9], [8]]),
        ((10, 9, np.nan), "needed: 10 (9 or more)", [[10, 10], [9, "right"], ["right"], [10]]),
        ((np.nan, np.nan, 7), "needed: at most 7", [[7, 7], ["left", 7], ["left"]]),
        ((np.nan, 20, np.nan), "needed: at least 20", [[20, 20], [20, "right"], ["right"]]),
        ((np.nan, np.nan, np.nan), "needed: -", []),
        ((6, 6, 6), "needed: 6 (6-6)", [[6, 6], [6, 6], [6]]),
    ],
    ids=["today", "open above", "at most", "at least", "unknown", "first"],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_marks_and_labels_stay_in_the_picture(
    needed: Sequence[float], text: str, marks: list[list[float | str]], language: str
) -> None:
    """Also where both capacities are the same, or a bound or all is unknown: labels do not overlap each other."""
    with speaking(language), sheets.styled():
        figure = sheets.decision({"plan": planned(0.5, needed=needed)}, Shared())
        (axes,) = figure.axes
        placed = labels(axes)
        first, second = placed.values()
        assert not first.overlaps(second)
        whole, inside = figure.bbox, axes.get_window_extent()
        for box in placed.values():
            assert whole.x0 <= box.x0
            assert box.x1 <= whole.x1
            assert inside.y1 <= box.y0
    ends = dict(zip(("left", "right"), axes.get_xlim(), strict=True))
    assert [[ends.get(str(end), end) for end in mark] for mark in marks] == lines_of(axes, GREEN)
    if language == "en":
        assert text in placed


def test_plans_share_the_scale_of_waits() -> None:
    """A pool with short waits has the ticks of the pool with long ones; waits far above today's are cut off."""
    frame = planned(0.5)
    waits = [name for name in frame if "mean_" in str(name)]
    short = frame.assign(pool="b", **{str(name): frame[name] / 100 for name in waits})
    with sheets.styled():
        figure = figures.plans(pd.concat([frame, short]), Figure(layout="constrained"))
    assert 1 == len({axes.get_ylim() for axes in figure.axes})
    assert {"symlog"} == {axes.get_yscale() for axes in figure.axes}
    assert 6400 <= figure.axes[0].get_ylim()[1] < frame["mean_high_seconds"].max()


def test_a_plan_of_a_pool_that_never_queued_has_a_band_alone(axes: Axes) -> None:
    """Without point estimates there is no line."""
    frame = planned(0.5, target=np.nan).assign(mean_seconds=np.nan, mean_low_seconds=0.0)
    figures.plan(frame, axes)
    assert all(np.isnan(np.asarray(line.get_ydata(), float)).all() for line in axes.lines if line.get_marker() == "o")
    assert ["today: 8 nodes"] == list(labels(axes))
    assert any(isinstance(artist, FillBetweenPolyCollection) for artist in axes.collections)


def test_weak_points_have_a_ring_and_refusals_their_reason(axes: Axes) -> None:
    """Each weak point has a ring; a plan without confidence shows only the reason."""
    frame = planned(0.5)
    frame["confidence"] = np.where(frame["capacity"] < 8, "weak", "good")
    figures.plan(frame, axes)
    (rings,) = [line for line in axes.lines if line.get_label() == "weak confidence"]
    assert [6.0, 7.0] == list(np.asarray(rings.get_xdata()))
    with sheets.styled():
        empty = figures.plan(
            frame.assign(confidence="none", reason=pd.Series([LITTLE] * len(frame))), Figure().subplots()
        )
    assert ["no estimate\ntoo few jobs: 3 of 50"] == [text.get_text() for text in empty.texts]
    assert [] == list(empty.lines)


def test_a_forecast_is_drawn_in_its_interval(axes: Axes) -> None:
    """Steps of the forecast, and the band of its interval."""
    times = pd.date_range("2026-03-27", periods=4, freq="D", tz="Europe/Berlin")
    frame = pd.DataFrame({"window_start": times[:-1], "window_end": times[1:]}).assign(
        arrivals=[10, 20, 30], arrivals_low=[5, 10, 20], arrivals_high=[20, 30, 45]
    )
    figures.forecast(frame, axes)
    band, expected = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    steps, _edges, _baseline = expected.get_data()
    _high, _edges, low = band.get_data()
    assert [10, 20, 30] == list(steps)
    assert [5, 10, 20] == list(np.asarray(low))
    assert axes.get_ylim()[1] >= 45
