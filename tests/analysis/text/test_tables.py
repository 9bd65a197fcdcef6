"""Tables come from the schemas: headings, order and cells; what a cell shows has one unit."""

from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from analysis.errors import RequestRefused
from analysis.notes import NOTHING, joined, note
from analysis.schemas import SCHEMAS
from analysis.schemas.schema import Kind
from analysis.schemas.shared import LABELS
from analysis.text.cells import OWN, question_of
from analysis.text.language import speaking
from analysis.text.measures import figure, interval_of
from analysis.text.terminal import readable, table
from analysis.text.units import share_parts, unit_of, wait_parts, with_bounds

VALUES: Final[dict[Kind, Any]] = {
    Kind.INSTANT: pd.Timestamp("2026-01-12", tz="UTC"),
    Kind.SECONDS: 720.0,
    Kind.SHARE: 0.25,
    Kind.COUNT: 12.0,
    Kind.NUMBER: 1.5,
    Kind.NOTE: joined(note("no arrivals")),
    Kind.WORD: "good",
    Kind.LABEL: "a",
}
WORDS: Final = {"measure": "wait", "direction": "up", "quantile": "p90", "verdict": "over", "unit": "nodes"}
POOLS: Final = ("load", "plan", "check", "forecast")
"""Questions about whole pools."""
LEFT_OUT: Final = {("waits", "p90_seconds"), ("plan", "mean_seconds")}
"""Of these frames: one has a limit, the other a target for the P90 wait."""


def frame_of(question: str, **values: object) -> pd.DataFrame:
    """Make the answer to a question, of one row."""
    columns = (*LABELS, *SCHEMAS[question])
    row = {column.name: WORDS.get(column.name, VALUES[column.kind]) for column in columns}
    row |= {"window_start": pd.Timestamp("2026-01-05", tz="UTC"), "interval_seconds": 300, "weekday": 1.0, "hour": 8.0}
    row |= {"type": None} if question in POOLS else {}
    return pd.DataFrame({name: [({**row, **values})[name]] for name in row if name in {c.name for c in columns}})


@pytest.mark.parametrize("question", SCHEMAS)
def test_the_table_of_a_question_comes_from_its_schema(question: str) -> None:
    """Its headings are those of the columns, in their order, and each has a cell."""
    frame = frame_of(question)
    assert question == question_of(frame)
    shown = readable(frame)
    expected = [
        column.heading for column in SCHEMAS[question] if column.heading and (question, column.name) not in LEFT_OUT
    ]
    if question == "profile":
        expected = ["hour", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "coverage"]
    labels = ["pool", "from"] if question in POOLS else ["pool", "type", "from"]
    assert [*labels, *expected, "note"] == list(shown.columns)
    written = table(frame)
    if question == "profile":
        assert "Mon  " in written
    else:
        assert all(heading in written for heading in [*labels, *expected] if heading != "coverage")
    assert max(map(len, table(frame, 80).splitlines())) <= 80
    assert (shown != "").all(axis=None)


def test_functions_of_their_own_are_for_columns_that_there_are() -> None:
    """Each is for a column of its question's schema that has a heading."""
    for question, name in OWN:
        if question != "profile":
            assert SCHEMAS[question][name].heading, name


@pytest.mark.parametrize("question", SCHEMAS)
def test_an_answer_is_recognised_by_its_columns(question: str) -> None:
    """Cut, joined, and with columns of others added."""
    frame = frame_of(question)
    assert question == question_of(frame.iloc[:0])
    assert question == question_of(pd.concat([frame, frame]))
    assert question == question_of(frame.assign(team="vision", share=0.1, days=3))
    with pytest.raises(RequestRefused, match="only a frame that a method of History returned"):
        question_of(frame.drop(columns="window_end"))


def test_an_answer_without_a_limit_is_one_of_waits() -> None:
    """The columns of a limit are not there; the P90 wait takes their place."""
    limited = [name for name in SCHEMAS["waits"].names if name.startswith("over_slo")]
    frame = frame_of("waits").drop(columns=[*limited, "verdict", "reason", "judged_from"])
    shown = readable(frame)
    assert "P90 wait" in shown.columns
    assert "over the limit" not in shown.columns


@pytest.mark.parametrize(
    ("point", "low", "high", "value", "bounds", "cell"),
    [
        (88 * 60, 85 * 60, 5400, "88 min", "85-90 min", "88 (85-90) min"),
        (720, 310, 12_600, "12 min", "5.2-210 min", "12 (5.2-210) min"),
        (720, 310, 30 * 86_400, "0.2 h", "0.1-720 h", "0.2 (0.1-720) h"),
        (720, 310, np.nan, "12 min", "5.2 min or more", "12 (5.2 or more) min"),
        (720, 100, np.nan, "12 min", "no upper bound", "12 min (no upper bound)"),
        (720, 100, 900, "12 min", "<5-15 min", "12 (<5-15) min"),
        (720, 0, 900, "12 min", "0-15 min", "12 (0-15) min"),
        (720, 100, 30 * 86_400, "0.2 h", "<0.1-720 h", "0.2 (<0.1-720) h"),
        (100, 0, 900, "under 5 min", "0-15 min", "under 5 (0-15) min"),
        (100, 0, 200, "under 5 min", "", "under 5 min"),
        (100, 0, 30 * 86_400, "under 5 min", "0-720 h", "under 0.1 (0-720) h"),
        (np.nan, 600, 900, "-", "10-15 min", "- (10-15 min)"),
        (np.nan, np.nan, np.nan, "-", "", "-"),
    ],
)
def test_the_durations_of_a_cell_have_one_unit(
    point: float, low: float, high: float, value: str, bounds: str, cell: str
) -> None:
    """That of the figure, or a longer one for a bound that is far away; none is finer than the poll interval."""
    row = pd.Series(
        {"mean_seconds": point, "mean_low_seconds": low, "mean_high_seconds": high, "interval_seconds": 300}
    )
    assert (value, bounds) == wait_parts(row, "mean")
    assert cell == with_bounds(row, "mean")


def test_a_unit_suits_the_figure() -> None:
    """Ninety of one are the first of the next; an upper bound never makes the figure vanish."""
    assert ["{amount} s", "{amount} min", "{amount} h", "{amount} d"] == [
        unit_of(seconds).text for seconds in (89, 90, 5400, 172_800)
    ]
    assert "{amount} s" == unit_of(2, 1e6).text


def test_only_zero_is_zero() -> None:
    """What a unit rounds to zero is less than its tenth, whatever the poll interval."""
    row = {"mean_seconds": 5400, "mean_low_seconds": 90, "mean_high_seconds": 90_000, "interval_seconds": 60}
    assert "1.5 (<0.1-25) h" == with_bounds(pd.Series(row), "mean")
    assert "1.5 (<0.1-25) h" == with_bounds(pd.Series(row | {"mean_low_seconds": 30}), "mean")
    assert "1.5 (0-25) h" == with_bounds(pd.Series(row | {"mean_low_seconds": 0}), "mean")


def test_shares_have_no_space_before_their_sign() -> None:
    """In a cell as in a text; bounds have it once."""
    row = pd.Series({"over_slo": 0.12, "over_slo_low": 0.09, "over_slo_high": 0.15})
    assert ("12%", "9-15%") == share_parts(row, "over_slo")
    assert ("12.0%", "9.0% or more") == share_parts(row.mask(row == 0.15), "over_slo", 1)
    texts = [text for schema in SCHEMAS.values() for column in schema for text in (column.meaning, column.heading)]
    assert not [text for text in texts if " %" in text]


def test_a_measure_has_its_own_form() -> None:
    """Durations, shares and numbers; differences have signs and one unit."""
    row = pd.Series({"measure": "wait", "change": 720.0, "change_low": -60.0, "change_high": 12_600.0})
    assert "+12 (-1..+210) min" == interval_of(row, "change", signed=True)
    assert "+2.0 (+1.0..?) pt" == interval_of(
        pd.Series({"measure": "over", "change": 0.02, "change_low": 0.01, "change_high": np.nan}), "change", signed=True
    )
    assert ["12 min", "2.0%", "40.0", "?"] == [
        figure(*pair) for pair in (("wait", 720), ("over", 0.02), ("arrivals", 40), ("wait", np.nan))
    ]


def test_what_is_alike_in_all_rows_is_said_once() -> None:
    """The span and the coverage stand above the table, a note below it."""
    frame = pd.concat([frame_of("load", pool="a"), frame_of("load", pool="b")])
    first, *rest = table(frame).splitlines()
    assert "2026-01-05 00:00 to 2026-01-12 00:00, coverage 25%" == first
    assert 1 == "\n".join(rest).count("no arrivals")
    assert "coverage" not in "\n".join(rest)


def test_a_reason_that_is_a_note_too_is_said_once() -> None:
    """As text and as notes; a row without any has no number."""
    doubt, other = note("no arrivals"), note("no job ended")
    frame = frame_of("load", reason=joined(doubt), note=joined(doubt, other))
    assert ["no arrivals; no job ended"] == readable(frame)["note"].tolist()
    with speaking("zh"):
        assert ["无任务到达；没有任务结束"] == readable(frame)["note"].tolist()  # noqa: RUF001 - Chinese
    words = frame.assign(reason="no arrivals", note="no arrivals; no job ended")
    assert ["no arrivals; no job ended"] == readable(words)["note"].tolist()
    assert [""] == readable(frame_of("load", reason=NOTHING, note=None))["note"].tolist()
