"""The values of pictures for pointer and keyboard, and the scales that the pictures of a report share."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from analysis.figures import sheets
from analysis.figures.draw import Picture, draw
from analysis.figures.scales import FEWEST_VALUES, MOST_VALUES, Frames, Shared, shared
from analysis.notes import Notes, note
from analysis.text.language import speaking

SVG = "{http://www.w3.org/2000/svg}"
DATES = ("changed_at", "earliest", "latest")
FIFO = Notes((note("fifo"),))


def windows(days: int, mean: float = 600.0) -> pd.DataFrame:
    """Make windows of a day with waits, queue, outcomes and failures."""
    times = pd.date_range("2026-03-02", periods=days + 1, freq="D", tz="Asia/Shanghai")
    frame = pd.DataFrame({"window_start": times[:-1], "window_end": times[1:], "project": "p", "pool": "a"})
    waits = {"mean_seconds": mean, "mean_low_seconds": mean / 2, "mean_high_seconds": mean * 2}
    rates = {"failure_rate": 0.1, "failure_rate_low": 0.05, "failure_rate_high": 0.2}
    counts = {"queue_mean": 3.0, "queue_max": 7, "running_mean": 4.0, "completed": 40, "terminated": 2, "failed": 5}
    whole = waits | rates | counts | {"coverage": 1.0, "interval_seconds": 300}
    return frame.assign(pool_name=None, **whole)


def series(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the frames of the sheet of a series."""
    return dict.fromkeys(("flows", "waits", "outcomes", "failures"), frame)


def values(kind: str, frames: Frames, common: Shared | None = None) -> list[str]:
    """Return the texts of the values of a picture, each of which has its box and can have the focus."""
    with sheets.styled():
        text = sheets.svg(sheets.PICTURES[kind](frames, common or Shared()), "p0-")
    with sheets.styled():
        assert text == sheets.svg(sheets.PICTURES[kind](frames, common or Shared()), "p0-")
    boxes = [path for path in ET.fromstring(text).iter(f"{SVG}path") if path.get("class") == "value"]  # noqa: S314 - our own
    assert all(box.get("tabindex") == "0" and box.get("role") == "img" for box in boxes)
    assert [] == [box.get("d") for box in boxes if not re.fullmatch(r"M[\d.]+ [\d.]+h.*z", box.get("d", ""))]
    titles = [box.findtext(f"{SVG}title", "") for box in boxes]
    shown = [text for text in ET.fromstring(text).iter(f"{SVG}text") if text.find(f"{SVG}tspan") is not None]  # noqa: S314 - our own
    assert titles == ["\n".join(span.text or "" for span in text) for text in shown]
    return titles


def test_a_window_has_the_values_of_all_panels() -> None:
    """A date, the queue, the wait with its bounds, the outcomes and the failure rate with its interval."""
    frame = windows(3)
    frame.loc[2, "coverage"] = 0.5
    first, _second, third = values("sheet", series(frame))
    lines = (
        "2026-03-02", "waiting 3.0 (at most 7), running 4.0", "mean wait: 10 (5-20) min",
        "completed: 40, terminated: 2, failed: 5", "failure rate: 10% (5-20%)",
    )  # fmt: skip
    assert list(lines) == first.split("\n")
    assert "coverage: 50%" == third.split("\n")[-1]
    with speaking("zh"):
        assert values("sheet", series(frame))[0].split("\n")[1].startswith("等待 3.0")


def test_unknown_values_are_a_dash() -> None:
    """A window without observations has no zero."""
    frame = windows(2)
    known = ("coverage", "interval_seconds")
    unknown = [str(name) for name in frame if frame[name].dtype.kind in "fi" and name not in known]
    frame[unknown] = frame[unknown].astype(float)
    frame.loc[1, [*unknown, "coverage"]] = [np.nan] * len(unknown) + [0.0]
    lines = values("sheet", series(frame))[1].split("\n")
    assert ["waiting - (at most -), running -", "mean wait: -", "completed: -, terminated: -, failed: -"] == lines[1:4]
    assert ["failure rate: -", "coverage: 0%"] == lines[4:]


def test_many_windows_are_put_together() -> None:
    """At most sixty stops a picture, with the range of their values; a week's rate keeps its own dates."""
    frame = windows(150).assign(mean_seconds=np.linspace(600, 1200, 150))
    weekly = windows(1).assign(window_end=frame["window_end"].iloc[-1])
    texts = values("sheet", series(frame) | {"failures": weekly})
    assert 50 == len(texts)
    assert ["2026-03-02 to 2026-03-04", "mean wait: 10 min to 10 min"][0] == texts[0].split("\n")[0]
    assert "mean wait: 20 min" == texts[-1].split("\n")[2]
    assert "2026-03-02 to 2026-07-29: failure rate: 10% (5-20%)" == texts[0].split("\n")[-1]


def test_a_change_is_among_the_values() -> None:
    """The window of a change has the levels before and after it."""
    frame = windows(3)
    at = frame["window_start"].iloc[1]
    change = pd.DataFrame([{"measure": "wait", "before": 300.0, "after": 900.0} | dict.fromkeys(DATES, at)])
    texts = values("sheet", series(frame) | {"changes": change})
    assert ["change, mean wait: 5 min to 15 min"] == [
        line for text in texts for line in text.split("\n") if "change" in line
    ]


def test_shapes_and_coverage_have_their_values() -> None:
    """Every share of a distribution, every hour of a day of the week, the lowest coverage of a pool."""
    bounds = {"share": [0.5, 0.9], "wait_seconds": [600.0, 900.0], "wait_low_seconds": [300.0, 600.0]}
    distribution = windows(2).assign(**bounds, wait_high_seconds=[1200.0, np.nan], order=pd.Series([FIFO] * 2))
    hours = pd.DataFrame({"weekday": np.repeat(range(1, 8), 24), "hour": np.tile(range(24), 7)})
    hours = hours.assign(
        wait_seconds=np.where(hours["hour"] == 3, np.nan, 600.0), window_start=pd.Timestamp(0, tz="UTC")
    )
    first, monday, *others = values("shapes", {"distribution": distribution, "profile": hours})
    assert ["wait at most", "50%: 10 (5-20) min", "90%: 15 (10 or more) min"] == first.split("\n")
    assert ["Mon: mean wait by hour", "00-11: 10 10 10 - 10 10 10 10 10 10 10 10 min"] == monday.split("\n")[:2]
    assert 6 == len(others)
    frame = windows(3)
    frame.loc[1, "coverage"] = 0.25
    assert ["a\ncoverage: 75%\nlowest: 25%, 2026-03-03"] == values("coverage", {"coverage": frame})


def test_pools_share_the_number_of_values() -> None:
    """Names are text, whatever characters they have; each panel has its part of the values of the picture."""
    frame = pd.concat([windows(30), windows(30).assign(pool="b", pool_name='<b>"&')])
    texts = values("pools", {"waits": frame}, Shared(values=12))
    assert 12 == len(texts)
    assert "a\n2026-03-02 to 2026-03-06\nmean wait: 10 min" == texts[0]
    assert '<b>"&' == texts[-1].split("\n")[0]


def test_a_report_has_at_most_some_hundred_values() -> None:
    """The more pictures, the fewer values each has; few pictures have all."""
    one: Frames = {"waits": windows(3)}
    assert MOST_VALUES == shared([one] * 3, None).values
    assert 12 == shared([one] * 100, None).values
    assert FEWEST_VALUES == shared([one] * 1000, None).values


@pytest.mark.parametrize(("longest", "logarithmic"), [(2400.0, False), (36_000.0, True)])
def test_waits_of_a_report_have_one_scale(longest: float, logarithmic: bool) -> None:
    """Linear where the figures are alike, logarithmic where one would be flat beside the other."""
    quiet, busy = series(windows(3)), series(windows(3, longest).assign(failure_rate_high=0.8))
    common = shared([quiet, busy], 900.0)
    assert common.waits is not None
    assert logarithmic == common.waits.logarithmic
    assert 2 * longest <= common.waits.top
    assert 0.8 <= (common.rates or 0)
    with sheets.styled():
        drawn = [sheets.sheet(frames, common) for frames in (quiet, busy)]
    for panel in (1, 3):
        assert drawn[0].axes[panel].get_ylim() == drawn[1].axes[panel].get_ylim()
    assert drawn[0].axes[0].get_ylabel() == "jobs"


def test_drawing_shares_the_scales_of_all_pictures() -> None:
    """The pictures of one call have the same ticks of waits."""
    wanted = [
        Picture(str(place), "sheet", {"waits": windows(2, mean)}, "", "") for place, mean in enumerate((60.0, 36_000.0))
    ]
    ticks = [re.findall(r">(\d+ (?:min|h|d))</text>", str(svg)) for svg in draw(wanted, "svg")]
    assert ticks[0] == ticks[1]
    assert {"1 min", "4 h"} <= set(ticks[0])
