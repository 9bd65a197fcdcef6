"""What matters in a report: which of many comparisons are called sure, which unsure, and how each is said."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from analysis.report.findings import findings, sentence
from analysis.stats.discoveries import discoveries
from analysis.text.language import speaking

AT = pd.Timestamp("2026-02-01", tz="Asia/Shanghai")
WHERE = {"interval_seconds": 300, "project": "p", "pool_name": None, "type": "train", "coverage": 0.98, "note": ""}
NONE = pd.DataFrame(columns=["project", "pool", "type", "measure", "changed_at", "direction"])


def compared(pool: str, chance: float, direction: str | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    """Make a comparison in which the mean wait rose from 10 to 30 minutes."""
    row = {
        "measure": "wait", "value": 1800.0, "value_low": 1500.0, "value_high": 2400.0, "other": 600.0,
        "other_low": 400.0, "other_high": 900.0,
        "difference": 1200.0, "difference_low": 300.0, "difference_high": 2100.0, "batches": 20.0,
    }  # fmt: skip
    return {**WHERE, **row, "pool": pool, "chance": chance, "direction": direction, **more}


def changed(pool: str, days: int, direction: str, measure: str = "wait") -> dict[str, Any]:
    row = {"changed_at": AT + pd.Timedelta(days=days), "before": 600.0, "after": 1800.0, "change": 1200.0}
    row |= {"change_low": 300.0, "change_high": 2100.0, "direction": direction, "measure": measure}
    return {**WHERE, **row, "pool": pool}


def found(rows: list[dict[str, Any]], changes: pd.DataFrame = NONE, whole: pd.DataFrame | None = None) -> list[Any]:
    frames = {"compare": pd.DataFrame(rows), "changes": changes, "whole": pd.DataFrame() if whole is None else whole}
    return findings(frames, 0.1)


@pytest.mark.parametrize(
    ("others", "sure"),
    [([0.9] * 19, False), ([0.04] * 19, True), ([0.9], False), ([np.nan] * 19, True), ([], True)],
)
def test_one_of_many_comparisons_may_be_chance(others: list[float], sure: bool) -> None:
    """A chance of one in 25 is sure by itself or among its like, not where nineteen others show nothing."""
    rest = [compared(f"b{place:02}", chance, "not shown") for place, chance in enumerate(others)]
    (first, *_) = [each for each in found([compared("a", 0.04, "up"), *rest]) if each.pool == "a"]
    assert sure == first.sure
    assert [] == [each for each in found([compared("a", 0.04, "up"), *rest]) if each.pool != "a"]


@pytest.mark.parametrize("seed", range(20))
def test_discoveries_are_those_of_scipy(seed: int) -> None:
    """Of few or many comparisons, some of them alike, the same ones are chosen."""
    random = np.random.default_rng(seed)
    chances = np.round(random.beta(0.5, 2, random.integers(1, 60)), random.integers(2, 6))
    np.testing.assert_array_equal(false_discovery_control(chances) <= 0.05, discoveries(chances, 0.05))


def test_arrivals_and_falls_are_no_trouble() -> None:
    """More jobs are no finding, nor do they count among the comparisons; a fall is none."""
    rows = [compared("a", 0.04, "up"), *(compared(f"b{n}", 0.9, "up", measure="arrivals") for n in range(19))]
    assert [("a", True)] == [(each.pool, each.sure) for each in found(rows)]
    fell = compared("a", 1e-9, "down", value=600.0, value_low=400.0, value_high=900.0, other=1800.0, other_high=2000.0)
    assert [] == found([fell])


def test_what_too_few_days_show_is_unsure() -> None:
    """Bounds that lie apart are told, with the reason; overlapping ones are not, nor is what an interval denies."""
    few = {"chance": np.nan, "direction": None, "batches": 4.0, "difference_low": np.nan, "difference_high": np.nan}
    apart = {**compared("a", 0, None), **few, "note": "4.0 effective batches of ten: about 9 more days"}
    (told,) = found([apart])
    assert not told.sure
    assert "4.0 effective batches of ten: about 9 more days" == told.why
    assert [] == found([{**apart, "other_high": 1600.0}])
    assert [] == found([compared("a", 0.5, "not shown")])


def test_only_the_last_change_is_news() -> None:
    """What rose and fell again is not told; what rose last is, unsure; and it dates a comparison."""
    nothing = [compared("a", 0.5, "not shown")]
    assert [] == found(nothing, pd.DataFrame([changed("a", 0, "up"), changed("a", 9, "down")]))
    (told,) = found(nothing, pd.DataFrame([changed("a", 0, "down"), changed("a", 9, "up")]))
    assert ("changed", False, AT + pd.Timedelta(days=9)) == (told.kind, told.sure, told.since)
    (dated,) = found([compared("a", 0.001, "up")], pd.DataFrame([changed("a", 9, "up")]))
    assert ("waits", True, AT + pd.Timedelta(days=9)) == (dated.kind, dated.sure, dated.since)
    (other,) = found([compared("a", 0.001, "up")], pd.DataFrame([changed("a", 9, "up", "arrivals")]))
    assert other.since is None


@pytest.mark.parametrize(
    ("share", "sure", "text"),
    [
        ((0.3, 0.2, 0.4), True, "a · train: 30% of the jobs waited longer than 15 min (20% to 40%); 98% seen"),
        ((0.3, 0.05, 0.4), False, "a · train: 30% of the jobs waited longer than 15 min (5% to 40%); 98% seen"),
        ((np.nan, 0.2, 0.4), True, "a · train: from 20% to 40% of the jobs waited longer than 15 min; 98% seen"),
        ((0.05, 0.01, 0.4), None, ""),
        ((np.nan, np.nan, np.nan), None, ""),
    ],
)
def test_a_limit_is_passed_for_every_order_or_for_one(
    share: tuple[float, float, float], sure: bool | None, text: str
) -> None:
    """Sure by the lower bound, unsure by the point alone, and nothing where neither says so."""
    names = ("over_slo", "over_slo_low", "over_slo_high")
    verdict = "over" if share[1] > 0.1 else "may be over"
    whole = pd.DataFrame([{**WHERE, "pool": "a", "verdict": verdict, **dict(zip(names, share, strict=True))}])
    told = found([compared("a", 0.5, "not shown")], whole=whole)
    assert [sure] * (sure is not None) == [each.sure for each in told]
    assert [text] * (sure is not None) == [sentence(each, 900) for each in told]


def test_sentences_have_figures_intervals_and_coverage() -> None:
    """What rose, to what, within which bounds, from what, by how much, since when; in both languages."""
    (wait,) = found([compared("a", 0.001, "up")], pd.DataFrame([changed("a", 9, "up")]))
    told = (
        "a · train: the mean wait rose to 30 min (25 min to 40 min) from 10 min, a difference of +20 min"
        " (+5 min to +35 min), since 2026-02-10; 98% seen"
    )
    assert told == sentence(wait, None)
    rate = {"value": 0.2, "value_low": 0.2, "value_high": 0.2, "other": 0.1, "difference": 0.1}
    rate |= {"difference_low": 0.05, "difference_high": 0.15}
    (fails,) = found([compared("a", 0.001, "up", measure="failures", **rate)])
    assert (
        "a · train: the failure rate rose to 20.0% from 10.0%, a difference of +10.0 pt (+5.0 pt to +15.0 pt); 98% seen"
    ) == sentence(fails, None)
    open_ = compared("a", 0.001, "up", value_high=np.nan, difference_high=np.nan)
    assert "rose to 30 min (25 min or more) from 10 min, a difference of +20 min (+5 min to ?)" in sentence(
        found([open_])[0], None
    )
    with speaking("zh"):
        assert "平均等待由 10 分钟 升至 30 分钟" in sentence(wait, None)
        assert "观测 98%" in sentence(wait, None)


def test_what_is_sure_comes_first_and_the_largest_before_it() -> None:
    """Waits, then limits, then failures; of one kind by size; unsure ones after all sure ones."""
    rate = {"measure": "failures", "value": 0.2, "value_low": 0.2, "value_high": 0.2, "other": 0.1, "other_high": 0.1}
    rows = [
        compared("small", 0.001, "up"),
        compared("large", 0.001, "up", value=7200.0),
        compared("fails", 0.001, "up", **rate),
        compared("few", np.nan, None, batches=3.0, value=9000.0),
    ]
    over = {"over_slo": 0.3, "over_slo_low": 0.2, "over_slo_high": 0.4, "verdict": "over"}
    whole = pd.DataFrame([{**WHERE, "pool": "over", **over}])
    assert ["large", "small", "over", "fails", "few"] == [each.pool for each in found(rows, whole=whole)]
