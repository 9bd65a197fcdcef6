"""Logical pools are parts of other pools: a sum that holds both leaves them out, and says so."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from analysis import History
from tests.recorded import record_of
from tests.reported import queue

FIGURES = ["arrivals", "arrivals_low", "arrivals_high", "mean_seconds", "mean_low_seconds", "mean_high_seconds"]


def recorded(folder: Path, kinds: dict[str, str]) -> History:
    """Make a record of pools of which discovery told the kinds."""
    pools = {("p", pool): {"train": queue(place, days=3)} for place, pool in enumerate(sorted({"a", "b", *kinds}))}
    path = record_of(folder, pools)
    with duckdb.connect(str(path)) as connection:
        for pool, kind in kinds.items():
            connection.execute(
                "INSERT INTO pools (run, project, pool, listed, kind) VALUES (TIMESTAMP '2026-01-05', 'p', ?, true, ?)",
                [pool, kind],
            )
    return History(path)


@pytest.mark.parametrize("by", ["all", "type"])
def test_a_sum_is_of_the_parents_alone(tmp_path: Path, by: str) -> None:
    """Pool c is a part of one of the others: the sum is theirs, with a note; pools and types stay as they are."""
    history = recorded(tmp_path, {"a": "Dedicate", "b": "Dedicate", "c": "Logical"})
    summed, parents = history.waits(by=by), history.waits(by=by, pool=["a", "b"])
    pd.testing.assert_frame_equal(parents[FIGURES], summed[FIGURES])
    assert summed["note"].str.contains("the sum leaves out logical pools").all()
    assert summed["note"].str.contains("too: c").all()
    assert not parents["note"].str.contains("logical").any()
    assert {"a", "b", "c"} == set(history.waits()["pool"])
    assert not history.waits()["note"].str.contains("logical").any()


def test_where_there_is_one_kind_all_are_summed(tmp_path: Path) -> None:
    """Of logical pools alone, as of pools of which nothing was told, the sum is of all."""
    alone = recorded(tmp_path / "alone", {"a": "Logical", "b": "Logical"}).flows(by="all", every="all")
    untold = recorded(tmp_path / "untold", {}).flows(by="all", every="all")
    pd.testing.assert_frame_equal(untold, alone)
