"""Frames as users cut and join them: every public function takes one without rows, with one, or without values."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import History, figures, in_zone, readable
from analysis.text.terminal import table
from tests.recorded import record_of
from tests.reported import queue

ZONE: Final = "Asia/Shanghai"
ASKED: Final[dict[str, dict[str, Any]]] = {
    "waits": {"every": "1d", "slo": "15m"},
    "distribution": {"every": "all"},
    "failures": {"every": "1d"},
    "flows": {"every": "1d"},
    "coverage": {"every": "1d"},
    "trend": {},
    "changes": {},
    "compare": {"since": "7d"},
    "profile": {},
    "load": {},
    "plan": {"target_wait": "15m", "price_per_node_hour": 3.0},
    "forecast": {},
}
DRAWN: Final = {
    "waits": ("waits",),
    "distribution": ("distribution",),
    "failures": ("failures",),
    "flows": ("queue", "curves", "outcomes"),
    "coverage": ("coverage",),
    "changes": ("changes",),
    "profile": ("week",),
    "plan": ("plan", "cost"),
    "forecast": ("forecast",),
}
OF_POOLS: Final = {"waits": "pools", "plan": "plans"}
LABELS: Final = ("project", "pool", "pool_name", "type", "window_start", "window_end", "interval_seconds")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Return the history of a pool of three weeks."""
    folder = tmp_path_factory.mktemp("frames")
    return History(record_of(folder, {("p", "a"): {"train": queue(1, days=21, step=1800)}}, interval=1800))


def without_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without values but those of its labels."""
    missing = {
        str(name): pd.Series(
            pd.NaT if values.dtype.kind == "M" else np.nan if values.dtype.kind == "f" else None,
            index=frame.index,
            dtype=values.dtype if values.dtype.kind in "Mf" else object,
        )
        for name, values in frame.items()
        if name not in LABELS
    }
    return frame.assign(**missing)


def variants(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return what a user may make of a frame, each with its name."""
    yield "as it is", frame
    yield "no row", frame.iloc[:0]
    yield "one row", frame.iloc[:1]
    yield "no value", without_values(frame)
    yield "sliced", frame.iloc[1:4]
    yield "merged", frame.merge(pd.DataFrame({"pool": ["a"], "team": ["vision"]}), on="pool")
    yield "joined", pd.concat([frame, frame.iloc[:2]], ignore_index=True)


@pytest.mark.parametrize("question", ASKED)
def test_words_and_figures_take_any_part_of_a_frame(history: History, question: str) -> None:
    """A frame without rows has no lines, a missing value is a dash, and each figure draws what is known."""
    frame = getattr(history, question)(zone=ZONE, **ASKED[question])
    assert ZONE == str(frame["window_start"].dt.tz)
    assert {} == frame.attrs
    for name, part in variants(frame):
        words = readable(part)
        assert (len(words) == 0) == (len(part) == 0 or (question, name) == ("profile", "no value")), name
        assert table(part).strip()
        for drawing in DRAWN.get(question, ()):
            getattr(figures, drawing)(part, Figure().subplots())
        if question in OF_POOLS:
            getattr(figures, OF_POOLS[question])(part, Figure(layout="constrained"))


def test_answers_in_two_zones_are_shown_in_one(history: History) -> None:
    """Joined answers are shown in the zone of the first one, or in one that is given."""
    berlin = history.waits(every="1w", zone="Europe/Berlin")
    both = pd.concat([berlin, history.waits(every="1w", zone=ZONE)], ignore_index=True)
    assert len(both) == len(readable(both))
    assert "Europe/Berlin" == str(in_zone(both)["window_start"].dt.tz)
    shanghai = in_zone(both, ZONE)["window_start"]
    assert ZONE == str(shanghai.dt.tz)
    assert list(berlin["window_start"]) == list(shanghai[: len(berlin)])


def test_a_table_has_rows_with_and_without_a_target(history: History) -> None:
    """A plan in which one pool has no target: its verdict is a dash."""
    plan = history.plan(target_wait="15m")
    without = plan.assign(pool="b", target_seconds=np.nan)
    shown = table(pd.concat([without.iloc[:1], plan.iloc[:1]], ignore_index=True)).splitlines()
    first, second = (line.split() for line in shown if line.startswith(("a ", "b ")))
    assert any("verdict" in line and "mean wait" in line for line in shown)
    assert "b" == first[0]
    assert "a" == second[0]
