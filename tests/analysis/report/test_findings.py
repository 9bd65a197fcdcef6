"""The findings of a report: which of many comparisons are sure, which uncertain, and the sentence of each."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from analysis.notes import NOTHING, Notes, note
from analysis.report.findings import findings
from analysis.report.sentences import sentence
from analysis.stats.discoveries import discoveries
from analysis.text.language import speaking

AT = pd.Timestamp("2026-02-01", tz="Asia/Shanghai")
WHERE = {"interval_seconds": 300, "project": "p", "pool_name": None, "type": "train", "coverage": 0.98, "note": NOTHING}
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
    """A chance of 4% is sure by itself or among equal ones, and uncertain where nineteen others show nothing."""
    rest = [compared(f"b{place:02}", chance, "not shown") for place, chance in enumerate(others)]
    report = found([compared("a", 0.04, "up"), *rest])
    (first, *_) = [finding for finding in report if finding.pool == "a"]
    assert sure == first.sure
    assert {"a"} == {finding.pool for finding in report}


@pytest.mark.parametrize("seed", range(20))
def test_discoveries_are_those_of_scipy(seed: int) -> None:
    """Among few or many comparisons, some of them equal, the same ones are chosen."""
    random = np.random.default_rng(seed)
    chances = np.round(random.beta(0.5, 2, random.integers(1, 60)), random.integers(2, 6))
    np.testing.assert_array_equal(false_discovery_control(chances) <= 0.05, discoveries(chances, 0.05))


def test_arrivals_and_falls_are_not_reported() -> None:
    """More arrivals are not a finding and do not count as a comparison; a fall is not a finding."""
    rows = [compared("a", 0.04, "up"), *(compared(f"b{n}", 0.9, "up", measure="arrivals") for n in range(19))]
    assert [("a", True)] == [(finding.pool, finding.sure) for finding in found(rows)]
    fell = compared("a", 1e-9, "down", value=600.0, value_low=400.0, value_high=900.0, other=1800.0, other_high=2000.0)
    assert [] == found([fell])


def test_a_difference_over_too_few_days_is_uncertain() -> None:
    """Separate bounds are reported with the reason; overlapping ones are not, nor is a difference that is not shown."""
    few = {"chance": np.nan, "direction": None, "batches": 4.0, "difference_low": np.nan, "difference_high": np.nan}
    reason = Notes((note("{batches:.1f} effective batches of ten: about {days} more days", batches=4.0, days=9),))
    apart = {**compared("a", 0, None), **few, "note": reason}
    (finding,) = found([apart])
    assert not finding.sure
    assert reason == finding.why
    assert [] == found([{**apart, "other_high": 1600.0}])
    assert [] == found([compared("a", 0.5, "not shown")])


def test_only_the_last_change_is_reported() -> None:
    """A rise that was followed by a fall is not; a last rise is, as uncertain, and it dates a comparison."""
    nothing = [compared("a", 0.5, "not shown")]
    assert [] == found(nothing, pd.DataFrame([changed("a", 0, "up"), changed("a", 9, "down")]))
    (finding,) = found(nothing, pd.DataFrame([changed("a", 0, "down"), changed("a", 9, "up")]))
    assert ("changed", False, AT + pd.Timedelta(days=9)) == (finding.kind, finding.sure, finding.since)
    (dated,) = found([compared("a", 0.001, "up")], pd.DataFrame([changed("a", 9, "up")]))
    assert ("waits", True, AT + pd.Timedelta(days=9)) == (dated.kind, dated.sure, dated.since)
    (other,) = found([compared("a", 0.001, "up")], pd.DataFrame([changed("a", 9, "up", "arrivals")]))
    assert other.since is None


@pytest.mark.parametrize(
    ("share", "sure", "text"),
    [
        ((0.3, 0.2, 0.4), True, "a · train: 30% of the jobs waited longer than 15 min (20% to 40%); coverage 98%"),
        ((0.3, 0.05, 0.4), False, "a · train: 30% of the jobs waited longer than 15 min (5% to 40%); coverage 98%"),
        ((np.nan, 0.2, 0.4), True, "a · train: 20% to 40% of the jobs waited longer than 15 min; coverage 98%"),
        ((0.05, 0.01, 0.4), None, ""),
        ((np.nan, np.nan, np.nan), None, ""),
    ],
)
def test_a_limit_is_exceeded_in_every_discipline_or_in_one(
    share: tuple[float, float, float], sure: bool | None, text: str
) -> None:
    """Sure by the lower bound, uncertain by the point estimate alone; else no finding."""
    names = ("over_slo", "over_slo_low", "over_slo_high")
    verdict = "over" if share[1] > 0.1 else "may be over"
    whole = pd.DataFrame([{**WHERE, "pool": "a", "verdict": verdict, **dict(zip(names, share, strict=True))}])
    report = found([compared("a", 0.5, "not shown")], whole=whole)
    assert [sure] * (sure is not None) == [finding.sure for finding in report]
    assert [text] * (sure is not None) == [sentence(finding, 900) for finding in report]


def test_sentences_have_figures_intervals_and_coverage() -> None:
    """Measure, value, bounds, the other value, difference, date and coverage; in both languages."""
    (wait,) = found([compared("a", 0.001, "up")], pd.DataFrame([changed("a", 9, "up")]))
    expected = (
        "a · train: the mean wait rose to 30 min (25 min to 40 min) from 10 min, a difference of +20 min"
        " (+5 min to +35 min), since 2026-02-10; coverage 98%"
    )
    assert expected == sentence(wait, None)
    rate = {"value": 0.2, "value_low": 0.2, "value_high": 0.2, "other": 0.1, "difference": 0.1}
    rate |= {"difference_low": 0.05, "difference_high": 0.15}
    (fails,) = found([compared("a", 0.001, "up", measure="failures", **rate)])
    assert (
        "a · train: the failure rate rose to 20.0% from 10.0%, a difference of +10.0 pt (+5.0 pt to +15.0 pt);"
        " coverage 98%"
    ) == sentence(fails, None)
    open_ = compared("a", 0.001, "up", value_high=np.nan, difference_high=np.nan)
    assert "rose to 30 min (25 min or more) from 10 min, a difference of +20 min (+5 min to ?)" in sentence(
        found([open_])[0], None
    )
    with speaking("zh"):
        assert "平均等待由 10 分钟升至 30 分钟" in sentence(wait, None)
        assert "覆盖率 98%" in sentence(wait, None)


def test_sure_and_large_findings_come_first() -> None:
    """Waits, then limits, then failures; of one kind by size; uncertain findings after all sure ones."""
    rate = {"measure": "failures", "value": 0.2, "value_low": 0.2, "value_high": 0.2, "other": 0.1, "other_high": 0.1}
    rows = [
        compared("small", 0.001, "up"),
        compared("large", 0.001, "up", value=7200.0),
        compared("fails", 0.001, "up", **rate),
        compared("few", np.nan, None, batches=3.0, value=9000.0),
    ]
    over = {"over_slo": 0.3, "over_slo_low": 0.2, "over_slo_high": 0.4, "verdict": "over"}
    whole = pd.DataFrame([{**WHERE, "pool": "over", **over}])
    assert ["large", "small", "over", "fails", "few"] == [finding.pool for finding in found(rows, whole=whole)]
