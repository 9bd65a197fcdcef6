"""What a table of a terminal shows of each estimate's rows."""

import math
from collections.abc import Callable
from typing import Final

import pandas as pd

from analysis.errors import RequestRefused
from analysis.queue.verdict import UNJUDGED
from analysis.text import capacity
from analysis.text.language import _
from analysis.text.units import duration, number, percent, said, share_with_bounds, with_bounds
from analysis.windows import LABELS

Cells = dict[str, str]


def _waits(row: pd.Series) -> Cells:
    cells = {"jobs": number(row["arrivals"]), "mean wait": with_bounds(row, "mean")}
    if "over_slo" in row:
        return cells | {"over the limit": judged(row)}
    return cells | {"9 of 10 within": with_bounds(row, "p90")}


def judged(row: pd.Series) -> str:
    """Say the share over the limit with its bounds and its verdict: 12% (9%-15%) may be over."""
    verdict = row.get("verdict")
    if pd.isna(row["over_slo"]) and verdict == UNJUDGED:
        return UNJUDGED
    # Of an answer that was joined to others some rows may have none.
    share = share_with_bounds(row, "over_slo")
    return f"{share} {verdict}" if isinstance(verdict, str) else share


def _distribution(row: pd.Series) -> Cells:
    return {"share of jobs": percent(row["share"]), "waited at most": with_bounds(row, "wait")}


def _failures(row: pd.Series) -> Cells:
    return {
        "ended": number(row["finished"]),
        "failed": number(row["failed"]),
        "failure rate": share_with_bounds(row, "failure_rate"),
        "of those that ran": percent(row["failure_rate_of_ran"]),
    }


def _flows(row: pd.Series) -> Cells:
    return {
        "came": number(row["arrivals"]),
        "done": number(row["completed"]),
        "failed": number(row["failed"]),
        "term.": number(row["terminated"]),
        "queue": number(row["queue_end"]),
        "drains in": with_bounds(row, "drain"),
    }


def _coverage(row: pd.Series) -> Cells:
    return {
        "slots": number(row["slots"]),
        "longest gap": duration(row["longest_gap_seconds"]),
        "kept": said(row["history"]),
    }


SAYS: Final = {"wait": "mean wait", "over": "over limit", "arrivals": "jobs a day", "failures": "failing"}
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTH: Final = 30
SHARES: Final = ("over", "failures")
UNSEEN: Final = 0.0005
"""A difference of shares, which no digit shows."""


def figure(measure: str, value: float, *, signed: bool = False) -> str:
    """Say a measure's value: a duration, a share or a number, a question mark for none; a difference with its sign.

    That of shares is in points of a hundred, of which there are no more.
    """
    if math.isnan(value):
        return "?"
    sign = "" if not signed else "-" if value < 0 else "+"
    # No wait is negative, but for rounding.
    size = abs(value) if signed else max(value, 0.0)
    if measure == "wait":
        return sign + duration(size)
    if measure not in SHARES:
        return sign + f"{round(size, 1) + 0.0:,.1f}"
    return sign + _("{number} pt").format(number=f"{100 * min(size, 1.0):.1f}") if signed else f"{size:.1%}"


def interval_of(row: pd.Series, name: str, times: float = 1.0, *, signed: bool = False) -> str:
    """Say a measure's value with its interval."""
    point, low, high = (row[f"{name}{bound}"] * times for bound in ("", "_low", "_high"))
    if pd.isna(point):
        return "-"
    text = figure(row["measure"], point, signed=signed)
    if pd.isna(low) and pd.isna(high):
        return text
    if signed and row["measure"] in SHARES and max(abs(low), abs(high)) < UNSEEN:
        return _("under {number}").format(number=figure(row["measure"], 2 * UNSEEN, signed=True).removeprefix("+"))
    least, most = (figure(row["measure"], bound, signed=signed) for bound in (low, high))
    # An interval without width says nothing.
    return text if least == most else f"{text} ({least}..{most})"


def _trend(row: pd.Series) -> Cells:
    return {
        "of": SAYS.get(row["measure"], "-"),
        "level": interval_of(row, "level"),
        # Without an interval a slope says nothing, and looks as if it did.
        "in 30 days": interval_of(row, "slope", MONTH, signed=True) if said(row["direction"]) != "-" else "-",
        "goes": said(row["direction"]),
    }


def _changes(row: pd.Series) -> Cells:
    if pd.isna(row["changed_at"]):
        return {"of": SAYS.get(row["measure"], "-"), "changed on": "-", "before": "-", "by": "-"}
    early, at, late = (row[name] for name in ("earliest", "changed_at", "latest"))
    date = f"{at:%Y-%m-%d}" if early == late else f"{at:%Y-%m-%d} ({early:%m-%d}..{late:%m-%d})"
    return {
        "of": SAYS.get(row["measure"], "-"),
        "changed on": date,
        "before": figure(row["measure"], row["before"]),
        "by": interval_of(row, "change", signed=True),
    }


def _compare(row: pd.Series) -> Cells:
    return {
        "of": SAYS.get(row["measure"], "-"),
        "now": figure(row["measure"], row["value"]),
        "then": figure(row["measure"], row["other"]),
        "differs by": interval_of(row, "difference", signed=True),
        "goes": said(row["direction"]),
    }


def _profile(row: pd.Series) -> Cells:
    waits = {day: duration(row[day], row["interval_seconds"]).replace("under ", "<") for day in DAYS}
    return {"hour": f"{row['hour']:02.0f}"} | waits


def by_hour(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the seven waits of an hour beside each other: a row a series and hour, a column a day."""
    labels = ["project", "pool", "pool_name", "type", "window_start", "window_end", "interval_seconds", "hour"]
    frame = frame[frame["weekday"].notna() & frame["hour"].notna()].fillna(dict.fromkeys(labels[:4], ""))
    # Answers that were joined may tell of an hour twice.
    frame = frame.drop_duplicates([*labels, "weekday"])
    day = frame["weekday"].map(lambda number: DAYS[int(number) - 1])
    wide = frame.assign(day=day).pivot(index=labels, columns="day", values="wait_seconds")
    wide = wide.reindex(columns=list(DAYS)).reset_index()
    rest = frame.groupby(labels, as_index=False).agg({"coverage": "mean", "note": "first"})
    whole = rest.merge(wide, on=labels)
    return whole.assign(**{label: whole[label].replace("", None) for label in labels[:4]})


CELLS: Final[dict[str, Callable[[pd.Series], Cells]]] = {
    "waits": _waits,
    "distribution": _distribution,
    "failures": _failures,
    "flows": _flows,
    "coverage": _coverage,
    "trend": _trend,
    "changes": _changes,
    "profile": _profile,
    "compare": _compare,
    "load": capacity.load,
    "plan": capacity.plan,
    "check": capacity.check,
    "forecast": capacity.forecast,
}
"""What a table shows of a row besides its series and window, by heading."""
SHAPES: Final = {"profile": by_hour}
"""What brings a frame into the shape of its table."""
MARKS: Final = {
    "check": "nodes_before",
    "plan": "extrapolated",
    "forecast": "pass_probability",
    "load": "offered",
    "profile": "weekday",
    "compare": "difference",
    "changes": "changed_at",
    "trend": "slope",
    "coverage": "longest_gap_seconds",
    "flows": "departures",
    "failures": "failure_rate",
    "distribution": "share",
    "waits": "p50_seconds",
}
"""By question a column that no frame of another one has."""


def question_of(frame: pd.DataFrame) -> str:
    """Return which method of `History` made a frame: one of `CELLS`.

    Raises
    ------
    RequestRefused
        When none did.
    """
    labelled = set(LABELS) <= set(frame.columns)
    question = next((question for question, mark in MARKS.items() if labelled and mark in frame.columns), None)
    if question is None:
        raise RequestRefused("only a frame that a method of History returned can be told in words")
    return question
