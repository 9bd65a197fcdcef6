"""What is said of columns once: frames, help and README agree with it."""

import re
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.schemas import SCHEMAS
from analysis.schemas.queue import LIMITED
from analysis.schemas.schema import Column, Kind
from analysis.schemas.shared import LABELS
from tests import reference
from tests.recorded import record_of
from tests.reported import queue

ZONE: Final = "Asia/Shanghai"
ASKED: Final[dict[str, dict[str, Any]]] = {name: {} for name in SCHEMAS} | {
    "waits": {"every": "1d", "slo": "15m"},
    "compare": {"since": "7d"},
    "plan": {"target_wait": "15m"},
}
ANY_SIGN: Final = ("slope", "change", "difference", "level")
"""Beginnings of the names of numbers that may lie below zero."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Return the answer to every question about a pool of three weeks with two types."""
    folder = tmp_path_factory.mktemp("schemas")
    series = {"train": queue(1, days=21, step=1800), "infer": queue(2, days=21, step=1800)}
    history = History(record_of(folder, {("p", "a"): series}, interval=1800))
    return {name: getattr(history, name)(zone=ZONE, **options) for name, options in ASKED.items()}


def columns_of(name: str) -> tuple[Column, ...]:
    return (*LABELS, *SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_frame_has_the_columns_of_its_schema(name: str, frames: dict[str, pd.DataFrame]) -> None:
    """All of them, in their order, each with the type of its kind."""
    frame = frames[name]
    assert [column.name for column in columns_of(name)] == list(frame.columns)
    for column in columns_of(name):
        dtype, cells = frame[column.name].dtype, frame[column.name]
        if column.kind is Kind.INSTANT:
            assert f", {ZONE}]" in str(dtype), column.name
        elif column.kind in (Kind.LABEL, Kind.WORD, Kind.NOTE):
            assert all(pd.isna(cell) or isinstance(cell, str) for cell in cells), column.name
        else:
            assert dtype == (np.int64 if column.name == "interval_seconds" else np.float64), column.name


@pytest.mark.parametrize("name", SCHEMAS)
def test_values_are_what_their_kind_says(name: str, frames: dict[str, pd.DataFrame]) -> None:
    """Shares lie in [0, 1]; counts and lengths of time are not below zero; a point lies between its bounds."""
    frame = frames[name]
    for column in columns_of(name):
        if column.kind in (Kind.SHARE, Kind.COUNT, Kind.SECONDS) and not column.name.startswith(ANY_SIGN):
            values = frame[column.name].dropna().to_numpy(float)
            assert (values >= 0).all(), column.name
            assert column.kind is not Kind.SHARE or (values <= 1).all(), column.name


def test_without_a_limit_there_is_no_verdict(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The columns about the limit are left out as a whole."""
    folder = tmp_path_factory.mktemp("unlimited")
    history = History(record_of(folder, {("p", "a"): {"train": queue(1, days=2, step=1800)}}, interval=1800))
    unlimited = [column.name for column in columns_of("waits") if column not in LIMITED]
    assert unlimited == list(history.waits().columns)


@pytest.mark.parametrize("name", SCHEMAS)
def test_help_describes_parameters_and_columns(name: str) -> None:
    """Each parameter, and each column with its unit and meaning."""
    method = getattr(History, name)
    text = " ".join((method.__doc__ or "").split())
    for parameter in list(method.__annotations__)[:-1]:
        assert f" {parameter} " in text, parameter
    for column in columns_of(name):
        unit = f" ({column.measured_in})" if column.measured_in else ""
        assert f"{column.name}{unit}: {column.meaning}" in text, column.name
    assert ">>> history." in text


def test_every_column_says_what_it_means() -> None:
    """With a unit where its kind is a number."""
    for name, schema in SCHEMAS.items():
        assert len(set(schema.names)) == len(schema.names), name
        for column in schema:
            assert column.meaning, (name, column.name)
            assert column.measured_in or column.kind is not Kind.NUMBER, (name, column.name)


def test_the_words_of_columns_are_in_the_list_of_words() -> None:
    """Each part of a column's name is a word of ``analysis/README.md``, in the singular or the plural."""
    text = reference.README.read_text(encoding="utf-8")
    words = text[text.index("## Words") : text.index("## Method")]
    known = {word.lower() for bold in re.findall(r"\*\*([^*]+)\*\*", words) for word in re.findall(r"\w+", bold)}
    known |= {f"{word}s" for word in known}
    for schema in (LABELS, *SCHEMAS.values()):
        for name in schema.names:
            parts = {part.removeprefix("p") if part[1:].isdigit() else part for part in name.split("_")}
            assert set() == {part for part in parts if part not in known and f"{part}s" not in known}, name
