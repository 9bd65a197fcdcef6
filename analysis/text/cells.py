"""The cells of tables: a schema decides which columns of an answer are shown, the kind of a column how it is written.

A cell that needs more than its column's kind is written by a function of the row, see `OWN`.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from analysis.errors import RequestRefused
from analysis.estimate import SECONDS, columns_of
from analysis.schemas import SCHEMAS
from analysis.schemas.schema import Column, Kind, Schema
from analysis.schemas.shared import LABELS, MEASURE
from analysis.schemas.trends import BY_MEASURE
from analysis.text import capacity
from analysis.text.language import _, rendered
from analysis.text.measures import MONTH, figure, interval_of, measure_name
from analysis.text.units import (
    UNKNOWN,
    between,
    bracketed,
    duration,
    figures_of,
    isolated,
    number,
    or_dash,
    percent,
    rounded,
    share_parts,
    share_with_bounds,
    with_bounds,
)

Cells = dict[str, str]
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def judged(row: pd.Series) -> str:
    """Return the text of the share of jobs over the limit, its bounds and verdict: 12% (9-15%) may be over."""
    share, bounds = share_parts(row, "over_slo")
    # In a frame joined from several answers some rows may have no verdict.
    verdict = _word(row.get("verdict"))
    if verdict == UNKNOWN:
        return bracketed(share, bounds)
    if share == UNKNOWN:
        return bracketed(verdict, bounds)
    return _("{share} {verdict}").format(share=bracketed(share, bounds), verdict=verdict)


def _p90_wait(row: pd.Series) -> str | None:
    """Return the text of the P90 wait; None where the table shows the share over a limit instead."""
    return None if "over_slo" in row.index else with_bounds(row, "p90")


def _count(name: str) -> Callable[[pd.Series], str]:
    """Return a function that writes a count without its bounds, as the table has no room; a lower bound after ≥."""

    def written(row: pd.Series) -> str:
        point, low, _high = figures_of(row, name)
        return f"≥{number(low)}" if math.isnan(point) and not math.isnan(low) else number(point)

    return written


def _slope(row: pd.Series) -> str:
    """Return the text of a trend's slope with its interval; a dash where the trend has no direction.

    Such a slope has no interval, and a reader could take it for a trend.
    """
    return interval_of(row, "slope", MONTH, signed=True) if or_dash(row["direction"]) != UNKNOWN else UNKNOWN


def _changed_on(row: pd.Series) -> str:
    """Return the text of a change's date with its interval; a dash where there is no change."""
    early, date, late = (row[name] for name in ("earliest", "changed_at", "latest"))
    if pd.isna(date):
        return UNKNOWN
    return f"{date:%Y-%m-%d}" if early == late else f"{date:%Y-%m-%d} ({early:%m-%d}..{late:%m-%d})"


def _point(name: str) -> Callable[[pd.Series], str]:
    """Return a function that writes a measure's value without its bounds, as the table has no room for them."""
    return lambda row: (
        UNKNOWN if pd.isna(row[name]) else figure(str(row["measure"]), float(row[name]), row["interval_seconds"])
    )


def _signed(name: str) -> Callable[[pd.Series], str]:
    return lambda row: interval_of(row, name, signed=True)


def _briefly(day: str) -> Callable[[pd.Series], str]:
    """Return a function that writes the wait of a weekday; it is short, as seven of them are beside each other."""
    return lambda row: duration(row[day], row["interval_seconds"]).replace("under ", "<")


OWN: Final[dict[tuple[str, str], Callable[[pd.Series], str | None]]] = {
    ("waits", "arrivals"): _count("arrivals"),
    ("waits", "p90_seconds"): _p90_wait,
    ("waits", "over_slo"): judged,
    ("failures", "finished"): _count("finished"),
    ("flows", "arrivals"): _count("arrivals"),
    ("trend", "slope"): _slope,
    ("changes", "changed_at"): _changed_on,
    ("changes", "change"): _signed("change"),
    ("compare", "value"): _point("value"),
    ("compare", "other"): _point("other"),
    ("compare", "difference"): _signed("difference"),
    ("profile", "hour"): lambda row: f"{row['hour']:02.0f}",
    **{("profile", day): _briefly(day) for day in DAYS},
    ("load", "servers"): capacity.at_once,
    ("load", "offered_nodes"): capacity.nodes_used,
    ("load", "idle"): capacity.idle,
    ("load", "run_seconds"): capacity.run_time,
    ("plan", "capacity"): capacity.capacity,
    ("plan", "mean_seconds"): capacity.mean_wait,
    ("plan", "p90_seconds"): capacity.p90_wait,
    ("plan", "utilisation"): capacity.in_use,
    ("plan", "verdict"): capacity.verdict,
    ("plan", "cost_a_month"): capacity.cost,
    ("check", "changed_at"): lambda row: UNKNOWN if pd.isna(row["changed_at"]) else f"{row['changed_at']:%Y-%m-%d}",
    ("check", "nodes_before"): capacity.nodes_changed,
    ("check", "demand"): capacity.demand,
    ("check", "mean_seconds"): lambda row: capacity.wait(row, "mean"),
    ("check", "seen_mean_seconds"): lambda row: capacity.wait(row, "seen_mean"),
    ("forecast", "pass_probability"): capacity.passes,
}
"""The functions that write a cell from its whole row, by question and column; None leaves the cell out."""
OF_POINT: Final = (
    ("waits", "arrivals"), ("failures", "finished"), ("flows", "arrivals"), ("plan", "utilisation"),
    ("plan", "cost_a_month"), ("forecast", "pass_probability"),
)  # fmt: skip
"""Those of `OWN` that write the value alone where it is known."""
WEEK: Final = Schema((
    replace(SCHEMAS["profile"]["hour"], heading="hour"),
    *(Column(day, Kind.SECONDS, "the mean wait on that day of the week", heading=day) for day in DAYS),
    SCHEMAS["profile"]["coverage"],
))  # fmt: skip
"""The columns of a profile as a table shows them, see `by_hour`."""


def shown_columns(question: str) -> Schema:
    """Return the columns of an answer as its table shows them; those without a heading are not shown."""
    return WEEK if question == "profile" else SCHEMAS[question]


def cells_of(question: str, row: pd.Series) -> Cells:
    """Return the texts of a row's cells by heading, without labels, window and note."""
    schema = shown_columns(question)
    cells = {}
    for column in schema:
        if not column.heading or column.name not in row.index:
            continue
        own = OWN.get((question, column.name))
        text = _by_kind(row, column, schema) if own is None else own(row)
        if text is not None:
            cells[column.heading] = text
    return cells


def _by_kind(row: pd.Series, column: Column, schema: Schema) -> str:
    """Return the text of a cell by the kind of its column, with the bounds that the schema has for the column."""
    bounded = columns_of(column.name)[1] in schema.names
    if column == MEASURE:
        return measure_name(row[column.name])
    if column.unit == BY_MEASURE:
        return interval_of(row, column.name) if bounded else _point(column.name)(row)
    if bounded:
        return WITH_BOUNDS[column.kind](row, column.name)
    if column.kind is Kind.SECONDS:
        return duration(row[column.name], row["interval_seconds"])
    return ALONE[column.kind](row[column.name])


def _word(value: object) -> str:
    return _(value) if isinstance(value, str) and value else UNKNOWN


def _whole(value: float) -> str:
    """Return the text of a count, rounded to a whole number: an estimate of one may have decimals."""
    return number(value) if float(value).is_integer() else rounded(value)


WITH_BOUNDS: Final[dict[Kind, Callable[[pd.Series, str], str]]] = {
    Kind.SECONDS: lambda row, name: with_bounds(row, name.removesuffix(SECONDS)),
    Kind.SHARE: share_with_bounds,
    Kind.COUNT: between,
    Kind.NUMBER: between,
}
"""The functions that write a cell of a column with bounds, by kind."""
ALONE: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.SHARE: percent,
    Kind.COUNT: _whole,
    Kind.NUMBER: rounded,
    Kind.INSTANT: lambda value: UNKNOWN if pd.isna(value) else f"{value:%Y-%m-%d %H:%M}",
    Kind.WORD: _word,
    Kind.NOTE: lambda value: rendered(value) or UNKNOWN,
    Kind.LABEL: lambda value: isolated(or_dash(value)),
}
"""The functions that write a cell without bounds, by kind; not seconds, which need the poll interval too."""


def by_hour(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the seven waits of an hour beside each other: one row per series and hour."""
    labels = [*LABELS.names, "hour"]
    texts = LABELS.of_kind(Kind.LABEL)
    frame = frame[frame["weekday"].notna() & frame["hour"].notna()].fillna(dict.fromkeys(texts, ""))
    # A frame joined from several answers may have an hour twice.
    frame = frame.drop_duplicates([*labels, "weekday"])
    day = frame["weekday"].map(lambda weekday: DAYS[int(weekday) - 1])
    wide = frame.assign(day=day).pivot(index=labels, columns="day", values="wait_seconds")
    wide = wide.reindex(columns=list(DAYS)).reset_index()
    rest = frame.groupby(labels, as_index=False).agg({"coverage": "mean", "note": "first"})
    table = rest.merge(wide, on=labels)
    return table.assign(**{label: table[label].replace("", None) for label in texts})


SHAPES: Final = {"profile": by_hour}
"""The functions that bring a frame into the shape of its table, by question."""
ONLY: Final = {
    question: set(schema.names) - {name for other in SCHEMAS if other != question for name in SCHEMAS[other].names}
    for question, schema in SCHEMAS.items()
}
"""The columns that only the frames of one question have, by question."""


def question_of(frame: pd.DataFrame) -> str:
    """Return the name of the method of `History` that made a frame.

    Its frames have a column that the frames of no other method have. Rows may have been joined or left out, and columns
    added.

    Raises
    ------
    RequestRefused
        When the frame has no such column.
    """
    columns = set(frame.columns)
    shares = {
        question: len(columns & set(schema.names)) / len(schema.names)
        for question, schema in SCHEMAS.items()
        if set(LABELS.names) <= columns and columns & ONLY[question]
    }
    if not shares:
        raise RequestRefused("only a frame that a method of History returned can be written as a table")
    return max(shares, key=shares.__getitem__)
