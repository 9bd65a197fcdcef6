"""The first screen of a report: what to do about each pool and why, the worst first; what is missing for an answer."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.notes import NOTHING, Notes, note
from analysis.report.actions import Action, action_of
from analysis.report.refusals import line, span, untold
from analysis.report.standing import Standing
from analysis.text.language import speaking

PLAN = {
    "project": "p", "pool": "a", "pool_name": None, "unit": "nodes", "capacity": 8.0, "factor": 1.0, "demand": 1.0,
    "target_seconds": 900.0, "quantile": "p90", "needed": 11.0, "needed_low": 9.0, "needed_high": 14.0,
    "needed_confidence": "good", "needed_reason": NOTHING, "today": 8.0, "spare_nodes": 0.0, "mean_seconds": 3600.0,
    "cost_a_month": 8000.0, "currency": "CNY", "verdict": "over",
}  # fmt: skip
WHOLE = {
    "project": "p", "pool": "a", "pool_name": None, "interval_seconds": 300.0, "coverage": 0.98,
    "mean_seconds": 3600.0, "mean_low_seconds": 3000.0, "mean_high_seconds": 4000.0,
    "over_slo": 0.4, "over_slo_low": 0.3, "over_slo_high": 0.5,
}  # fmt: skip
FEW = Notes(
    (note("not enough data: {note}", note=note("no job ended")), note("needs about {days:.1f} more days", days=3.0))
)


def standing(name: str = "a", verdict: str = "over", whole: dict[str, Any] | None = None, **plan: Any) -> Standing:  # noqa: ANN401 - any column
    """Return a pool that lacks three nodes, but for what is given."""
    parts = {"plan": pd.DataFrame([PLAN | plan]), "whole": pd.DataFrame([WHOLE | (whole or {})])}
    return Standing(("p", name), name, "series-1", parts, [verdict], [])


def acted(pool: Standing) -> Action:
    """Return the one action about a pool."""
    action = action_of(pool, 0.1, 900)
    assert action is not None
    return action


def test_an_action_has_its_reason_cost_and_certainty() -> None:
    """What is needed and what there is, the share over the limit with its coverage, the price; nothing to warn of."""
    action = acted(standing())
    assert "+3 nodes" == action.mark
    assert "a probably needs 11 nodes (9 to 14) for 9 in 10 jobs to start within 15 min; it has 8." == action.text
    why = (
        "40% (30-50%) of its jobs waited longer than 15 min; coverage 98%. 3,000 CNY a month more; at the upper "
        "end of the interval 14 nodes: 6,000 CNY a month more."
    )
    assert (why, "") == (action.why, action.warning)


def test_a_doubt_stands_beside_the_number() -> None:
    """Weak confidence with its reason, and that the interval holds today's capacity."""
    reason = Notes((note("no simulated pool has counts similar to the observed counts"),))
    action = acted(standing(needed_confidence="weak", needed_reason=reason, needed_low=7.0))
    doubt = "Weak confidence: no simulated pool has counts similar to the observed counts."
    assert f"{doubt} Today's capacity may suffice: it lies in the interval." == action.warning


def test_the_worst_pool_comes_first() -> None:
    """By the share over the limit, known or at least its lower bound; nodes to give come after all nodes to add."""
    pools = [
        standing("spare", "within", {"over_slo": 0.0}, needed=4.0, needed_low=3.0, needed_high=5.0),
        standing("little", whole={"over_slo": 0.2}),
        standing("unknown", whole={"over_slo": np.nan, "over_slo_low": 0.3}),
        standing("much", whole={"over_slo": 0.6}),
    ]
    actions = sorted(map(acted, pools), key=lambda action: action.order)
    assert ["much", "unknown", "little", "spare"] == [action.pool.name for action in actions]
    assert "-3 nodes" == actions[-1].mark


def test_a_pool_over_its_limit_without_a_plan_says_what_is_missing() -> None:
    """The limit is exceeded all the same; no number of nodes is made up."""
    action = acted(
        standing(needed=np.nan, needed_low=np.nan, needed_high=np.nan, needed_confidence="none", needed_reason=FEW)
    )
    assert ("over", "Over the limit") == (action.kind, action.mark)
    assert "a: more than 10% of the jobs waited longer than 15 min." == action.text
    assert (
        "The capacity that it needs cannot be told: not enough data: no job ended; needs about 3.0 more days."
        in action.why
    )


@pytest.mark.parametrize("confidence", ["weak", "none"])
def test_nodes_are_given_away_only_where_that_is_sure(confidence: str) -> None:
    """A plan of weak confidence, or none, takes no node from a pool."""
    assert (
        action_of(standing(verdict="within", needed=4.0, needed_high=5.0, needed_confidence=confidence), 0.1, 900)
        is None
    )


@pytest.mark.parametrize(
    ("verdict", "plan", "fine"),
    [
        ("within", {"needed": 8.0}, True),
        ("within", {}, False),
        ("may be over", {"needed": 8.0}, False),
        ("cannot be judged", {"needed": 8.0}, False),
    ],
)
def test_only_what_was_judged_is_fine(verdict: str, plan: dict[str, Any], fine: bool) -> None:
    """Within the limit and with enough capacity; what may be over, or cannot be judged, is not."""
    assert fine == standing(verdict=verdict, **plan).fine


def test_refusals_are_one_line() -> None:
    """Measures of which nothing can be told, with the fewest and the most days that they need; in both languages."""
    needs = {"wait": (4.0, None), "arrivals": (18.0, None), "failures": (0.0, "not shown")}
    rows = [{"measure": name, "more_days": days, "direction": told} for name, (days, told) in needs.items()]
    told = untold({"trend": pd.DataFrame(rows)})
    assert {"wait": 4.0, "arrivals": 18.0} == told
    assert "No change of mean wait, arrivals a day can be told yet: needs about 4 to 18 more days." == line(told)
    assert "No change can be told yet: needs about 4 more days." == line(
        dict.fromkeys(("wait", "arrivals", "failures"), 4.0)
    )
    assert ["", "needs about 0.3 to 5 more days", "needs more than a year of further polls"] == [
        span(days) for days in ([np.nan], [5.0, 0.3], [400.0])
    ]
    with speaking("zh"):
        assert "还需约 4 天" in line(dict.fromkeys(("wait", "arrivals", "failures"), 4.0))
