"""The Python API as people meet it in a notebook: what a history shows of itself, and how it refuses."""

import inspect
from pathlib import Path

import pytest

from analysis import History
from analysis.schemas import SCHEMAS
from tests.recorded import record_of
from tests.reported import queue


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Return the history of two pools of two days from Monday on."""
    folder = tmp_path_factory.mktemp("history")
    series = {"train": queue(1, days=2, step=1800)}
    return History(record_of(folder, {("p", "a"): series, ("p", "<b>"): series}, interval=1800))


def test_a_history_says_what_it_holds(history: History) -> None:
    """Its file, its pools, from when to when."""
    text = repr(history)
    assert text.startswith("History(")
    assert "2 pools, 20" in text
    assert text.endswith("Z")


def test_a_notebook_shows_its_pools(history: History) -> None:
    """A row a pool with coverage and retention; names are text."""
    html = history._repr_html_()
    assert "100%" in html
    assert "<td>kept</td>" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_a_history_of_nothing_says_why(tmp_path: Path) -> None:
    """A display never fails: what keeps the record from being read stands in it."""
    history = History(tmp_path / "no.duckdb")
    assert "does not exist" in repr(history)
    assert "does not exist" in history._repr_html_()


def test_parameters_are_real() -> None:
    """Each has a type and a default, and what is unknown is refused by Python."""
    empty = inspect.Parameter.empty
    for question in SCHEMAS:
        _self, *parameters = inspect.signature(getattr(History, question)).parameters.values()
        assert [] == [p.name for p in parameters if p.default is empty or p.annotation is empty], question
    with pytest.raises(TypeError, match="pol"):
        History("no.duckdb").waits(pol="a")  # type: ignore[call-arg]  # that is the point
