"""Figures by what they contain: no line across a gap, no zero for the unknown, units, zones, bounds."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from analysis import History, figures
from analysis.figures import capacity, estimates, sheets
from analysis.figures.axes import day, edges
from analysis.text.language import speaking
from tests.recorded import record_of
from tests.reported import HOSTILE, queue

ZONE = "Europe/Berlin"
GAP = (12, 15)


def days(*values: float | None, start: str = "2026-03-27", **columns: list[float | None]) -> pd.DataFrame:
    """Make windows of a day with the mean wait, and other columns."""
    times = pd.date_range(start, periods=len(values) + 1, freq="D", tz=ZONE)
    frame = pd.DataFrame({"window_start": times[:-1], "window_end": times[1:], "mean_seconds": values}, dtype=None)
    frame["mean_seconds"] = frame["mean_seconds"].astype(float)
    frame = frame.assign(mean_low_seconds=frame["mean_seconds"] / 2, mean_high_seconds=frame["mean_seconds"] * 2)
    frame = frame.assign(
        coverage=[0.0 if value is None else 1.0 for value in values], pool="a", pool_name=None, project="p"
    )
    return frame.assign(
        **{name: pd.array(column, "Float64").to_numpy(float, na_value=np.nan) for name, column in columns.items()}
    )


@pytest.fixture
def axes() -> Axes:
    with sheets.styled():
        return Figure(layout="constrained").subplots()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Record three weeks of a pool; its poller stood still for three days."""
    series = queue(1, days=21, changed=10)
    first, last = (series.slots[0] + at * 86_400 for at in GAP)
    kept = (series.slots <= first) | (series.slots > last)
    counts = {name: count[kept] for name, count in series.counts.items()}
    pool = series.pool.__class__(
        "p", "a", None, "", series.slots[kept], series.intervals[kept], series.pool.totals[kept]
    )
    cut = series.__class__(pool, "train", series.slots[kept], series.intervals[kept], counts)
    return History(record_of(tmp_path_factory.mktemp("figures"), {("p", "a"): {"train": cut}}))


def line(axes: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    (found,) = (each for each in axes.lines if each.get_label() == label)
    return np.asarray(found.get_xdata(), float), np.asarray(found.get_ydata(), float)


def drawn(axes: Axes) -> list[str]:
    """Return what its labels say once it is drawn."""
    axes.figure.canvas.draw()
    return [label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]


def test_no_line_crosses_a_gap_and_no_zero_stands_for_it(history: History, axes: Axes) -> None:
    """The days of which nothing was seen have no queue, and the strip below is hatched there."""
    frame = history.flows(every="1d", since="2026-01-06")
    figures.queue(frame, axes)
    steps = {each.get_label(): np.asarray(each.get_data()[0]) for each in axes.patches if isinstance(each, StepPatch)}
    unseen = frame["coverage"].to_numpy() == 0
    assert 2 <= unseen.sum() <= 3
    for values in steps.values():
        assert np.isnan(values[unseen]).all()
        assert not np.isnan(values[~unseen]).any()
    (hatched,) = (each for each in axes.findobj(Rectangle) if each.get_gid() == "coverage" and each.get_hatch())
    assert unseen.sum() == pytest.approx(hatched.get_width())
    assert "jobs" == axes.get_ylabel()


def test_waits_keep_their_bounds_and_their_gaps(axes: Axes) -> None:
    """A line only between days that are known and next to each other, a bar a day from bound to bound."""
    frame = days(600.0, 1200.0, None, 900.0)
    figures.waits(frame, axes, limit=900)
    at, waits = line(axes, "mean wait")
    assert np.array_equal([600.0, 1200.0, np.nan, 900.0], waits, equal_nan=True)
    assert list((edges(frame)[1:] + edges(frame)[:-1]) / 2) == list(at)
    _at, bounds = line(axes, "bounds")
    assert [300.0, 1200.0, 600.0, 2400.0, 450.0, 1800.0] == bounds[~np.isnan(bounds)].tolist()
    assert np.isnan(bounds[2::3]).all()
    legend = axes.get_legend()
    assert legend is not None
    assert ["bounds", "mean wait", "limit 15 min"] == [text.get_text() for text in legend.get_texts()]
    assert {"0", "10 min", "40 min"} <= set(drawn(axes))


def test_a_wait_without_upper_bound_is_open(axes: Axes) -> None:
    """It goes to the top, dotted and with an arrow, and is no bar."""
    frame = days(600.0, 1200.0)
    frame.loc[1, "mean_high_seconds"] = np.nan
    figures.waits(frame, axes)
    at, _top = line(axes, "no upper bound")
    assert 1 == len(at)
    _at, closed = line(axes, "bounds")
    assert [300.0, 1200.0] == closed[:2].tolist()
    assert 3 == len(closed)


def test_a_day_between_gaps_is_a_dot(axes: Axes) -> None:
    """Of many days in a line those have a dot that no line reaches; of few all."""
    figures.waits(days(*[60.0] * 20, None, 60.0, None, 60.0), axes)
    (mean,) = (each for each in axes.lines if each.get_label() == "mean wait")
    assert [21, 23] == mean.get_markevery()


@pytest.mark.parametrize(
    ("longest", "told"),
    [(80, "40 s"), (1500, "10 min"), (12_600, "2 h"), (900_000, "2 d")],
)
def test_durations_are_said_as_people_do(longest: float, told: str, axes: Axes) -> None:
    """In the unit of their size, from zero on."""
    figures.waits(days(longest / 2, longest / 2), axes)
    labels = drawn(axes)
    assert told in labels
    assert "0" in labels


def test_a_day_begins_at_midnight_of_its_zone(axes: Axes) -> None:
    """Where clocks go forward the day is one of 23 hours, and its label stands at its own midnight."""
    frame = days(60.0, 60.0, 60.0, 60.0, start="2026-03-27")
    figures.waits(frame, axes)
    lengths = np.diff(edges(frame)) * 24
    assert [24, 24, 23, 24] == [round(length) for length in lengths]
    labels = drawn(axes)
    assert "03-30" in labels
    ticks = dict(zip(labels, axes.get_xticks(), strict=False))
    assert day(pd.Timestamp("2026-03-30", tz=ZONE)) == pytest.approx(ticks["03-30"])
    assert f"date ({ZONE})" == axes.get_xlabel()


def test_curves_hold_the_queue_between_them(history: History, axes: Axes) -> None:
    """Who had come less who had left is who waits, at the end of every window that was seen."""
    frame = history.flows(every="6h")
    figures.curves(frame, axes)
    (_at, came), (_at2, left) = line(axes, "had come"), line(axes, "had left the queue")
    known = ~np.isnan(came)
    assert frame["queue_end"].to_numpy()[known] == pytest.approx((came - left)[known])
    assert (np.diff(left) >= 0).all()


def test_a_distribution_is_a_band_that_holds_every_order(history: History, axes: Axes) -> None:
    """Between two shares the band goes from the smaller one's least to the larger one's most; the point is in it."""
    frame = history.distribution(every="all", since="2026-01-16")
    figures.distribution(frame, axes, limit=900)
    (band,) = (each for each in axes.collections if isinstance(each, FillBetweenPolyCollection))
    corners = np.asarray(band.get_paths()[0].vertices)
    for (low, share), high in zip(
        frame[["wait_low_seconds", "share"]].to_numpy()[:-1], frame["wait_high_seconds"][1:], strict=True
    ):
        assert any(np.allclose(corner, (low, share)) for corner in corners)
        assert any(np.allclose(corner, (high, share)) for corner in corners)
    ((waits, shares),) = (
        line(axes, str(each.get_label())) for each in axes.lines if str(each.get_label()).startswith("order")
    )
    assert frame["share"].tolist() == shares.tolist()
    assert (waits >= frame["wait_low_seconds"]).all()


def test_a_week_leaves_unknown_hours_open(axes: Axes) -> None:
    """168 cells with the waits where they belong; hours of which nothing is known are masked, hatched behind."""
    frame = pd.DataFrame({"weekday": np.repeat(range(1, 8), 24), "hour": np.tile(range(24), 7)})
    frame["wait_seconds"] = np.where(frame["hour"] == 3, np.nan, frame["weekday"] * 60.0)
    frame["window_start"] = pd.Timestamp("2026-01-05", tz=ZONE)
    figures.week(frame, axes)
    cells = axes.images[0].get_array()
    assert cells is not None
    assert (7, 24) == cells.shape
    assert 420.0 == cells[6, 0]
    assert np.ma.getmaskarray(cells)[:, 3].all()
    assert 7 == np.ma.getmaskarray(cells).sum()
    assert axes.patch.get_hatch()
    assert "hour (Europe/Berlin)" == axes.get_xlabel()
    assert {"Mon", "Sun"} <= set(drawn(axes))


def test_outcomes_stand_on_each_other(history: History, axes: Axes) -> None:
    """The bars of a window are as high as what ended in it, and told apart by more than colour."""
    frame = history.flows(every="1w")
    figures.outcomes(frame, axes)
    heights = np.array([[bar.get_height() for bar in bars] for bars in axes.containers])
    assert frame[["completed", "terminated", "failed"]].to_numpy().T == pytest.approx(heights)
    assert 3 == len({bars[0].get_hatch() for bars in axes.containers})


def test_failures_have_their_intervals(history: History, axes: Axes) -> None:
    """The interval of each week around its rate, in per cent."""
    frame = history.failures(every="1w")
    figures.failures(frame, axes)
    _at, rates = line(axes, "failed")
    assert frame["failure_rate"].to_numpy() == pytest.approx(rates, nan_ok=True)
    _at, bounds = line(axes, "95 % interval")
    assert frame["failure_rate_low"].tolist() == pytest.approx(bounds[::3].tolist(), nan_ok=True)
    assert frame["failure_rate_high"].tolist() == pytest.approx(bounds[1::3].tolist(), nan_ok=True)
    assert any(label.endswith("%") for label in drawn(axes))


def test_changes_are_marked_with_their_dates_and_levels(axes: Axes) -> None:
    """A line at the date, a band over its interval, the level on either side."""
    figures.waits(days(*[60.0] * 10), axes)
    at = pd.Timestamp("2026-03-31", tz=ZONE)
    none = pd.DataFrame(
        {"changed_at": [pd.NaT], "earliest": [pd.NaT], "latest": [pd.NaT], "before": [np.nan], "after": [np.nan]}
    )
    one = none.assign(
        changed_at=at, earliest=at - pd.Timedelta(days=1), latest=at + pd.Timedelta(days=2), before=40.0, after=80.0
    )
    before = len(axes.lines)
    figures.changes(none, axes)
    assert before == len(axes.lines)
    figures.changes(one, axes)
    assert day(at) == axes.lines[-1].get_xdata()[0]  # type: ignore[index]  # an array
    levels = [tuple(each.get_segments()[0][:, 1]) for each in axes.collections[-2:] if isinstance(each, LineCollection)]
    assert [(40.0, 40.0), (80.0, 80.0)] == levels


def test_pools_share_their_axes() -> None:
    """One panel a pool on one scale, named as it is called."""
    first = days(60.0, 120.0)
    first.loc[1, "mean_high_seconds"] = np.nan
    frame = pd.concat([first, days(6000.0, 1200.0).assign(pool="b", pool_name=HOSTILE[1])])
    with sheets.styled():
        figure = figures.pools(frame, Figure(layout="constrained"), limit=900)
        panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
        assert ["a", "**bold** [link…de` $x$ & # _"] == [axes.get_title(loc="left") for axes in panels]
        assert 1 == len({axes.get_ylim() for axes in panels})
        # What is open goes to the top of the scale that all have.
        _at, tops = line(panels[0], "no upper bound")
        assert [panels[0].get_ylim()[1]] == tops.tolist()
        assert panels[0].get_ylim()[1] >= 12_000
        figure.canvas.draw()


def test_coverage_has_a_row_a_pool(axes: Axes) -> None:
    """What was not seen is hatched, what was is the darker the more of it was; days seen alike are one bar."""
    frame = pd.concat([days(1.0, None), days(1.0, 1.0).assign(pool="b")])
    figures.coverage(frame, axes)
    bars = [patch for bars in axes.containers for patch in bars]
    assert [False, True, False] == [bool(bar.get_hatch()) for bar in bars]
    assert [1, 1, 2] == pytest.approx([bar.get_width() for bar in bars], abs=1 / 12)
    assert ["a", "b"] == [label.get_text() for label in axes.get_yticklabels()]


def test_in_svg_text_stays_text_and_colours_have_names() -> None:
    """Names in any script are readable, no colour is of a machine's own, and the bytes are the same each time."""
    frame = pd.concat([days(60.0, 120.0).assign(pool=str(place), pool_name=name) for place, name in enumerate(HOSTILE)])

    def svg() -> str:
        with speaking("zh"), sheets.styled():
            return sheets.svg(sheets.pools({"waits": frame}, 900), "p0-")

    text = svg()
    assert svg() == text
    assert 10 < sum(1 for _ in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}path"))  # noqa: S314 - our own
    assert "训练资源池" in text
    assert "مجموعة التدريب" in text
    assert "平均等待" in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert set() == set(re.findall(r"#[0-9a-f]{6}", text))
    assert "var(--blue)" in text
    assert "font-family" not in text


def test_what_draws_leaves_matplotlib_as_it_was() -> None:
    """No setting is changed, and no figure of pyplot is made."""
    import matplotlib as mpl  # noqa: PLC0415 - the settings are looked at, not used
    import matplotlib.pyplot as plt  # noqa: PLC0415 - likewise

    before = dict(mpl.rcParams)
    with sheets.styled():
        sheets.png(sheets.pools({"waits": days(60.0, 120.0)}, None))
    assert before == dict(mpl.rcParams)
    assert [] == plt.get_fignums()


def test_figures_read_compute_and_save_nothing() -> None:
    """Neither their module nor that of axes imports a reader, an estimate, pyplot or a path."""
    for module in (estimates, capacity, sheets):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        assert "pyplot" not in source
    for module in (estimates, capacity):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        assert {"analysis.figures.axes", "analysis.text.language", "analysis.text.units", "analysis.windows"} == set(
            re.findall(r"^from (analysis[.\w]*)", source, re.MULTILINE)
        ) - {"analysis.figures.capacity", "analysis.notes"}


def test_a_font_that_came_later_is_found(tmp_path: Path) -> None:
    """Where matplotlib looked for fonts before one with Chinese was installed, it is found all the same."""
    if not sheets.shows_chinese():
        pytest.skip("there is no font with Chinese: apt-get install fonts-noto-cjk")
    code = (
        "from matplotlib import font_manager as fonts\n"
        "fonts.fontManager.ttflist = [font for font in fonts.fontManager.ttflist if 'CJK' not in font.name]\n"
        "from analysis.figures.sheets import shows_chinese\n"
        "print(shows_chinese())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "True\n" == done.stdout
