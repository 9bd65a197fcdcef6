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
from analysis.errors import RequestRefused
from analysis.figures import MODULES, sheets
from analysis.figures.axes import day, edges, without_estimate
from analysis.figures.scales import Shared
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
    ).assign(interval_seconds=300)
    return frame.assign(
        **{name: pd.array(column, "Float64").to_numpy(float, na_value=np.nan) for name, column in columns.items()}
    )


@pytest.fixture
def axes() -> Axes:
    with sheets.styled():
        return Figure(layout="constrained").subplots()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Record three weeks of a pool; it was not polled for three days."""
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
    (drawn_line,) = (line_ for line_ in axes.lines if line_.get_label() == label)
    return np.asarray(drawn_line.get_xdata(), float), np.asarray(drawn_line.get_ydata(), float)


def drawn(axes: Axes) -> list[str]:
    """Return the labels of the ticks once the figure is drawn."""
    axes.figure.canvas.draw()
    return [label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]


def test_no_line_crosses_a_gap_and_no_zero_replaces_it(history: History, axes: Axes) -> None:
    """Days without observations have no queue, and the strip below is hatched there."""
    frame = history.flows(every="1d", since="2026-01-06")
    figures.queue(frame, axes)
    steps = {
        artist.get_label(): np.asarray(artist.get_data()[0]) for artist in axes.patches if isinstance(artist, StepPatch)
    }
    unobserved = frame["coverage"].to_numpy() == 0
    assert 2 <= unobserved.sum() <= 3
    for values in steps.values():
        assert np.isnan(values[unobserved]).all()
        assert not np.isnan(values[~unobserved]).any()
    (hatched,) = (artist for artist in axes.findobj(Rectangle) if artist.get_gid() == "coverage" and artist.get_hatch())
    assert unobserved.sum() == pytest.approx(hatched.get_width())
    assert "jobs" == axes.get_ylabel()


def test_waits_keep_their_bounds_and_their_gaps(axes: Axes) -> None:
    """Lines join known consecutive days only, and each day has a bar from bound to bound."""
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


def test_each_series_has_a_line_of_its_own(axes: Axes) -> None:
    """The legend names them; more than can be told apart, or several where a figure shows one, are refused."""
    parts = [
        days(wait, 2 * wait).assign(project="p", pool=pool, pool_name=None, type=None)
        for pool, wait in zip("abcdefgh", range(600, 1400, 100), strict=True)
    ]
    figures.waits(pd.concat(parts[:2]), axes)
    first, second = line(axes, "a"), line(axes, "b")
    assert ([600.0, 1200.0], [700.0, 1400.0]) == (first[1].tolist(), second[1].tolist())
    legend = axes.get_legend()
    assert legend is not None
    assert ["a", "b"] == [text.get_text() for text in legend.get_texts()]
    with pytest.raises(RequestRefused, match="8 series, and the figure shows at most 7"):
        figures.waits(pd.concat(parts), axes)
    with pytest.raises(RequestRefused, match="2 series, and the figure shows one"):
        figures.curves(pd.concat(parts[:2]), axes)


def test_a_wait_without_upper_bound_is_open(axes: Axes) -> None:
    """A dotted line with an arrow goes to the top, and there is no bar."""
    frame = days(600.0, 1200.0)
    frame.loc[1, "mean_high_seconds"] = np.nan
    figures.waits(frame, axes)
    at, _top = line(axes, "no upper bound")
    assert 1 == len(at)
    _at, closed = line(axes, "bounds")
    assert [300.0, 1200.0] == closed[:2].tolist()
    assert 3 == len(closed)


def test_a_day_between_gaps_is_a_dot(axes: Axes) -> None:
    """In a long line only days without known neighbours have a dot; in a short one all have."""
    figures.waits(days(*[60.0] * 20, None, 60.0, None, 60.0), axes)
    (mean,) = (artist for artist in axes.lines if artist.get_label() == "mean wait")
    assert [21, 23] == mean.get_markevery()


@pytest.mark.parametrize(
    ("longest", "label"),
    [(80, "40 s"), (1500, "10 min"), (12_600, "2 h"), (900_000, "2 d")],
)
def test_durations_have_the_unit_of_their_size(longest: float, label: str, axes: Axes) -> None:
    """From zero on, in seconds, minutes, hours or days."""
    figures.waits(days(longest / 2, longest / 2), axes)
    labels = drawn(axes)
    assert label in labels
    assert "0" in labels


def test_a_day_begins_at_midnight_of_its_zone(axes: Axes) -> None:
    """Where clocks go forward the day has 23 hours, and its label stands at its own midnight."""
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
    """Cumulative arrivals less departures are the queue length at the end of every observed window."""
    frame = history.flows(every="6h")
    figures.curves(frame, axes)
    (_at, arrivals), (_at2, departures) = line(axes, "arrivals"), line(axes, "departures")
    known = ~np.isnan(arrivals)
    assert frame["queue_end"].to_numpy()[known] == pytest.approx((arrivals - departures)[known])
    assert (np.diff(departures) >= 0).all()


def test_a_distribution_is_a_band_over_every_discipline(history: History, axes: Axes) -> None:
    """Between two shares the band goes from the lower bound of the smaller to the upper bound of the larger one."""
    frame = history.distribution(every="all", since="2026-01-16")
    figures.distribution(frame, axes, limit=900)
    (band,) = (artist for artist in axes.collections if isinstance(artist, FillBetweenPolyCollection))
    corners = np.asarray(band.get_paths()[0].vertices)
    for (low, share), high in zip(
        frame[["wait_low_seconds", "share"]].to_numpy()[:-1], frame["wait_high_seconds"][1:], strict=True
    ):
        assert any(np.allclose(corner, (low, share)) for corner in corners)
        assert any(np.allclose(corner, (high, share)) for corner in corners)
    ((waits, shares),) = (
        line(axes, str(artist.get_label())) for artist in axes.lines if str(artist.get_label()).startswith("assumed")
    )
    assert frame["share"].tolist() == shares.tolist()
    assert (waits >= frame["wait_low_seconds"]).all()


def test_a_week_leaves_unknown_hours_open(axes: Axes) -> None:
    """There are 168 cells, each with its wait; unknown hours are masked, with hatching behind."""
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
    """The bars of a window are as high as the jobs that ended in it, and differ in more than colour."""
    frame = history.flows(every="1w")
    figures.outcomes(frame, axes)
    heights = np.array([[bar.get_height() for bar in bars] for bars in axes.containers])
    assert frame[["completed", "terminated", "failed"]].to_numpy().T == pytest.approx(heights)
    assert 3 == len({bars[0].get_hatch() for bars in axes.containers})


def test_failures_have_their_intervals(history: History, axes: Axes) -> None:
    """The interval of each week around its rate, in per cent."""
    frame = history.failures(every="1w")
    figures.failures(frame, axes)
    _at, rates = line(axes, "failure rate")
    assert frame["failure_rate"].to_numpy() == pytest.approx(rates, nan_ok=True)
    _at, bounds = line(axes, "95% interval")
    assert frame["failure_rate_low"].tolist() == pytest.approx(bounds[::3].tolist(), nan_ok=True)
    assert frame["failure_rate_high"].tolist() == pytest.approx(bounds[1::3].tolist(), nan_ok=True)
    assert any(label.endswith("%") for label in drawn(axes))


def test_changes_are_marked_with_their_dates_and_levels(axes: Axes) -> None:
    """A line at the date, a band over its interval, and the level on either side."""
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
    levels = [
        tuple(artist.get_segments()[0][:, 1]) for artist in axes.collections[-2:] if isinstance(artist, LineCollection)
    ]
    assert [(40.0, 40.0), (80.0, 80.0)] == levels


def test_pools_share_their_axes() -> None:
    """One panel a pool, with its name, on one scale."""
    first = days(60.0, 120.0)
    first.loc[1, "mean_high_seconds"] = np.nan
    frame = pd.concat([first, days(6000.0, 1200.0).assign(pool="b", pool_name=HOSTILE[1])])
    with sheets.styled():
        figure = figures.pools(frame, Figure(layout="constrained"), limit=900)
        panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
        assert ["a", "**bold** [link…de` $x$ & # _"] == [axes.get_title(loc="left") for axes in panels]
        assert 1 == len({axes.get_ylim() for axes in panels})
        # A wait without an upper bound goes to the top of the common scale.
        _at, tops = line(panels[0], "no upper bound")
        assert [panels[0].get_ylim()[1]] == tops.tolist()
        assert panels[0].get_ylim()[1] >= 12_000
        figure.canvas.draw()


def test_pools_share_their_time() -> None:
    """All panels show the time of all pools, also where one was observed for a part of it alone."""
    frame = pd.concat([days(60.0, 120.0, 60.0, 60.0), days(60.0, start="2026-03-30").assign(pool="b")])
    with sheets.styled():
        figure = figures.pools(frame, Figure(layout="constrained"))
    whole = edges(days(1.0, 1.0, 1.0, 1.0))
    assert [(whole[0], whole[-1])] * 2 == [axes.get_xlim() for axes in figure.axes]


def test_a_reason_stays_in_its_panel() -> None:
    """A long reason in a narrow panel is broken into lines that fit, in English and in Chinese."""
    reasons = {
        "en": "not enough data: most of the waiting of the jobs that arrived is still to come",
        "zh": "数据不足" * 11,
    }
    for language, reason in reasons.items():
        with speaking(language), sheets.styled():
            figure = Figure(figsize=(sheets.WIDTH, 2))
            panel = figure.subplots(1, 3)[1]
            without_estimate(panel, reason)
            figure.canvas.draw()
            assert panel.texts[0].get_window_extent().width < 1.2 * panel.get_window_extent().width


def test_coverage_has_a_row_a_pool(axes: Axes) -> None:
    """Hatched where it is zero, the darker the higher; consecutive days of equal coverage are one bar."""
    frame = pd.concat([days(1.0, None), days(1.0, 1.0).assign(pool="b")])
    figures.coverage(frame, axes)
    bars = [patch for bars in axes.containers for patch in bars]
    assert [False, True, False] == [bool(bar.get_hatch()) for bar in bars]
    assert [1, 1, 2] == pytest.approx([bar.get_width() for bar in bars], abs=1 / 12)
    assert ["a", "b"] == [label.get_text() for label in axes.get_yticklabels()]


def test_in_svg_text_stays_text_and_colours_have_names() -> None:
    """Names in any script are text, colours have the names of the page, and the bytes are the same each time."""
    frame = pd.concat([days(60.0, 120.0).assign(pool=str(place), pool_name=name) for place, name in enumerate(HOSTILE)])

    def svg() -> str:
        with speaking("zh"), sheets.styled():
            return sheets.svg(sheets.pools({"waits": frame}, Shared(900)), "p0-")

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


def test_drawing_restores_the_settings_of_matplotlib() -> None:
    """No setting is changed, and no figure of pyplot is made."""
    import matplotlib as mpl  # noqa: PLC0415 - the settings are looked at, not used
    import matplotlib.pyplot as plt  # noqa: PLC0415 - likewise

    before = dict(mpl.rcParams)
    with sheets.styled():
        sheets.png(sheets.pools({"waits": days(60.0, 120.0)}, Shared()))
    assert before == dict(mpl.rcParams)
    assert [] == plt.get_fignums()


def test_figures_read_compute_and_save_nothing() -> None:
    """No module of figures imports a reader, an estimator, pyplot or a path."""
    allowed = {"arrays", "calendar", "estimate", "notes", "figures.axes", "text.language", "text.units"}
    allowed |= {"figures.by_pool", "figures.queueing", "figures.scales", "figures.series", "text.capacity"}
    for module in (*MODULES, "axes", "scales", "sheets"):
        source = (Path(sheets.__file__ or "").parent / f"{module}.py").read_text(encoding="utf-8")
        modules = set(re.findall(r"^\s*(?:from|import) ([.\w]+)", source, re.MULTILINE))
        assert (
            not [name for name in modules if "pyplot" in name or name in ("pathlib", "os", "io")] or module == "sheets"
        )
        drawing = {"figures", "figures.svg"} if module == "sheets" else set()
        assert {name.removeprefix("analysis.") for name in modules if name.startswith("analysis")} <= allowed | drawing


def test_a_font_that_was_installed_later_is_found(tmp_path: Path) -> None:
    """A font with Chinese is found although matplotlib listed the fonts before it was installed."""
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
