"""Figures of plans and forecasts by what they contain: today, the target, intervals, and nothing for the unknown."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from analysis import figures
from analysis.figures import sheets
from analysis.notes import NOTHING, Notes, note

LITTLE = Notes((note("too few jobs: {jobs:,} of {needed}", jobs=3, needed=50),))


@pytest.fixture
def axes() -> Axes:
    with sheets.styled():
        return Figure(layout="constrained").subplots()


def planned(low: float, *, target: float = 600.0) -> pd.DataFrame:
    """Make a plan of six to ten nodes, eight today."""
    capacity = np.arange(6.0, 11.0)
    mean = 14_400 / (capacity - 5) ** 2
    return pd.DataFrame(
        {"project": "p", "pool": "a", "pool_name": None, "capacity": capacity, "unit": "nodes", "factor": capacity / 8}
        | {"quantile": "mean", "target_seconds": target, "extrapolated": (capacity < 8).astype(float)}
        | {"mean_seconds": mean, "mean_low_seconds": mean * low, "mean_high_seconds": mean / low}
        | {"cost_a_month": capacity * 1000, "confidence": "good", "reason": [NOTHING] * 5}
    )


def test_a_plan_shows_today_the_target_and_load_never_observed(axes: Axes) -> None:
    """Points in their band, a mark on today's capacity, a line at the target, a shade over load never observed."""
    frame = planned(0.5)
    figures.plan(frame, axes)
    texts = axes.get_legend_handles_labels()[1]
    assert ["90% interval", "mean wait", "load never observed", "today", "target 10 min"] == texts
    line, today, target = axes.lines
    assert frame["mean_seconds"].tolist() == list(np.asarray(line.get_ydata()))
    assert ([8.0], [1600.0]) == (list(np.asarray(today.get_xdata())), list(np.asarray(today.get_ydata())))
    assert 600 == np.asarray(target.get_ydata())[0]
    (shade,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert (6, 8) == (shade.get_x(), shade.get_x() + shade.get_width())
    assert "capacity (nodes)" == axes.get_xlabel()
    # Waits far longer than today's do not flatten the rest.
    assert axes.get_ylim()[1] < frame["mean_high_seconds"].max()
    with sheets.styled():
        dear = figures.cost(frame, Figure().subplots())
    assert 8000 == np.asarray(dear.lines[1].get_xdata())[0]


def test_a_plan_of_a_pool_that_never_queued_has_a_band_alone(axes: Axes) -> None:
    """Without point estimates there is no line."""
    frame = planned(0.5, target=np.nan).assign(mean_seconds=np.nan, mean_low_seconds=0.0)
    figures.plan(frame, axes)
    assert all(np.isnan(np.asarray(line.get_ydata(), float)).all() for line in axes.lines)
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
