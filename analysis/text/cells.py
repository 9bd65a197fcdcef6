"""What a table of a terminal shows of each estimate's rows."""

import math
from collections.abc import Callable
from typing import Final

import pandas as pd

from analysis.errors import RequestRefused
from analysis.notes import amount
from analysis.text.units import duration, number, percent, share_with_bounds, with_bounds
from analysis.windows import LABELS

Cells = dict[str, str]


def _waits(row: pd.Series) -> Cells:
    cells = {"jobs": number(row["arrivals"]), "mean wait": with_bounds(row, "mean")}
    if "over_slo" in row:
        return cells | {"over the limit": share_with_bounds(row, "over_slo")}
    return cells | {"9 of 10 within": with_bounds(row, "p90")}


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


def figure(measure: str, value: float, *, signed: bool = False) -> str:
    """Say a measure's value: a duration, a share or a number, a question mark for none; a difference with its sign."""
    if math.isnan(value):
        return "?"
    sign = "" if not signed else "-" if value < 0 else "+"
    # No wait is negative, but for rounding.
    size = abs(value) if signed else max(value, 0.0)
    if measure == "wait":
        return sign + duration(size)
    return sign + (f"{size:.1%}" if measure in ("over", "failures") else f"{round(size, 1) + 0.0:,.1f}")


def said(text: str | None) -> str:
    """Say a word, or that there is none."""
    return text if isinstance(text, str) and text else "-"


def interval_of(row: pd.Series, name: str, times: float = 1.0, *, signed: bool = False) -> str:
    """Say a measure's value with its interval."""
    point, low, high = (row[f"{name}{bound}"] * times for bound in ("", "_low", "_high"))
    if pd.isna(point):
        return "-"
    text = figure(row["measure"], point, signed=signed)
    if pd.isna(low) and pd.isna(high):
        return text
    least, most = (figure(row["measure"], bound, signed=signed) for bound in (low, high))
    return f"{text} ({least}..{most})"


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


def between(row: pd.Series, name: str) -> str:
    """Say a number with its interval: 12.4 (10.1-14.8)."""
    point, low, high = (row[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    if pd.isna(point):
        return "-"
    digits = 0 if point >= 100 else 1
    return f"{point:,.{digits}f}" + ("" if pd.isna(low) else f" ({low:,.{digits}f}-{high:,.{digits}f})")


def _load(row: pd.Series) -> Cells:
    nodes = "-" if pd.isna(row["offered_nodes"]) else f"{row['offered_nodes']:.1f}/{row['nodes']:.0f}"
    idle = [row[f"idle{when}"] for when in ("", "_night", "_weekend")]
    return {
        "offered": between(row, "offered"),
        "at once": "-" if pd.isna(row["servers"]) else f"{row['servers']:,.1f}",
        "nodes": nodes,
        "full h": number(row["saturated_hours"]),
        "unmet h": number(row["unmet_job_hours"]),
        "idle/nt/wknd": "/".join(percent(share).removesuffix("%") for share in idle) + "%",
        "runs for": duration(row["run_seconds"], row["interval_seconds"]),
    }


def reached(row: pd.Series, name: str) -> str:
    """Say whether a target is reached: sure by the interval's upper end, no by its lower one."""
    target = row["target_seconds"]
    if pd.isna(target):
        return ""
    if row[f"{name}_high_seconds"] <= target:
        return "sure"
    if row[f"{name}_low_seconds"] > target:
        return "no"
    point = row[f"{name}_seconds"]
    return "open" if pd.isna(point) else "likely" if point <= target else "unlikely"


def _plan(row: pd.Series) -> Cells:
    headings = {"mean": "mean wait", "p90": "9 of 10 within"}
    # With a target the wait that it is about.
    shown = list(headings) if pd.isna(row["target_seconds"]) else [row["quantile"]]
    capacity = "-" if pd.isna(row["capacity"]) else f"{amount(row['capacity'])} {row['unit']}"
    cells = {"capacity": capacity + ("*" if row["extrapolated"] > 0 else "")}
    cells |= {headings[name]: at_most(row, name) for name in shown}
    cells["in use"] = percent(row["utilisation"])
    if pd.notna(row["cost_a_month"]):
        cells["a month"] = f"{row['cost_a_month']:,.0f}"
    return cells if pd.isna(row["target_seconds"]) else cells | {"target": reached(row, row["quantile"])}


def at_most(row: pd.Series, name: str) -> str:
    """Say a wait with its interval, or what it is at most where that is all there is."""
    if pd.isna(row[f"{name}_seconds"]) and pd.notna(row[f"{name}_high_seconds"]):
        return f"at most {duration(row[f'{name}_high_seconds'])}"
    return with_bounds(row, name)


def _forecast(row: pd.Series) -> Cells:
    cells = {
        "jobs": between(row, "arrivals"),
        "at once": between(row, "load"),
        "error": "-" if pd.isna(row["error"]) else f"{row['error']:.1f}",
        "last week's": "-" if pd.isna(row["error_naive"]) else f"{row['error_naive']:.1f}",
        "held": percent(row["covered"]),
        "by": said(row["method"]),
    }
    return cells if pd.isna(row["target_seconds"]) else cells | {"passes": percent(row["pass_probability"])}


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
    "load": _load,
    "plan": _plan,
    "forecast": _forecast,
}
"""What a table shows of a row besides its series and window, by heading."""
SHAPES: Final = {"profile": by_hour}
"""What brings a frame into the shape of its table."""
MARKS: Final = {
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
