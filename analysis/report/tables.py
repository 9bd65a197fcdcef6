"""The tables of a report: all pools, the estimates of a series, its trends and changes, collection, methods."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.report.gather import POOL, Report
from analysis.report.refusals import is_told
from analysis.text.cells import judged
from analysis.text.language import _, listed, rendered
from analysis.text.measures import MEASURES, MONTH, figure, interval_of, measure_name
from analysis.text.units import (
    bracketed,
    count_parts,
    duration,
    isolated,
    named,
    number,
    percent,
    share_parts,
    share_with_bounds,
    wait_parts,
    with_bounds,
)


@dataclass(frozen=True)
class Cell:
    """The text of a cell, the value by which it is sorted, and its link."""

    text: str
    sort: str = ""
    link: str = ""


UNKNOWN: Final = Cell("-")
NARROW: Final = 4
"""The most columns of a table that has room beside another one."""


@dataclass(frozen=True)
class Table:
    """Headings and rows; the first cell of a row names it."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def wide(self) -> bool:
        """Whether it has too many columns for half a page, or for a telephone."""
        return len(self.headings) > NARROW


def limit_of(report: Report) -> float | None:
    """Return the limit on waits in seconds; None where there is no limit."""
    return report.request.limit


def overview(report: Report) -> Table:
    """Return the table of all pools, one row per pool."""
    # Forecasts are of the whole record: their pools may not have been observed in the period.
    pools = [parts for parts in report.by_pool.values() if "whole" in parts]
    rows = [[*_pool_cells(report, {name: frame.iloc[-1] for name, frame in parts.items()})] for parts in pools]
    headings = [_("pool"), _("arrivals"), _("mean wait")]
    headings += [_("over {limit}").format(limit=duration(limit_of(report)))] if limit_of(report) else []
    headings += [_("failure rate"), _("waiting at end"), _("drains in"), _("coverage"), _("retention")]
    return Table(_("All pools, with bounds and intervals in brackets"), headings, rows)


def _pool_cells(report: Report, parts: Mapping[str, pd.Series]) -> Iterator[Cell]:
    whole, failures, flows = parts["whole"], parts.get("failures"), parts.get("flows")
    yield Cell(named(whole), named(whole).casefold(), f"#{pool_id(report, whole)}")
    arrivals, bounds = count_parts(whole, "arrivals")
    exact = whole["arrivals_low"] == whole["arrivals_high"]
    yield Cell(arrivals if exact else bracketed(arrivals, bounds), _sorted(whole["arrivals"]))
    yield Cell(with_bounds(whole, "mean"), _sorted(whole["mean_seconds"]))
    if limit_of(report):
        yield Cell(judged(whole), _sorted(whole["over_slo"]))
    if failures is None:
        yield UNKNOWN
    else:
        yield Cell(share_with_bounds(failures, "failure_rate"), _sorted(failures["failure_rate"]))
    if flows is None:
        yield from (UNKNOWN, UNKNOWN)
    else:
        yield Cell(number(flows["queue_end"]), _sorted(flows["queue_end"]))
        drains = Cell(with_bounds(flows, "drain"), _sorted(flows["drain_seconds"]))
        yield UNKNOWN if flows["queue_end"] == 0 else drains
    yield Cell(percent(whole["coverage"]), _sorted(whole["coverage"]))
    yield Cell(rendered(whole["retention"]))


def _sorted(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.6g}"


def pool_id(report: Report, row: pd.Series) -> str:
    """Return the name of the first section about a pool; empty where the pool has no section."""
    keys = report.series_keys
    return next(
        (f"series-{place + 1}" for place, key in enumerate(keys) if key[:2] == (row["project"], row["pool"])), ""
    )


def facts(report: Report, parts: Mapping[str, pd.DataFrame]) -> list[Table]:
    """Return the tables of a series' estimates over the period, with bounds or intervals; captions have coverage."""
    makers = {"whole": _waits, "failures": _failures, "flows": _queue}
    captions = {
        _("Waits in this period, coverage {coverage}"): ("whole",),
        _("Outcomes and queue in this period, coverage {coverage}"): ("failures", "flows"),
    }
    tables = []
    for caption, names in captions.items():
        rows = [parts[name].iloc[-1] for name in names if name in parts]
        estimates = [makers[name](report, parts[name].iloc[-1]) for name in names if name in parts]
        cells = [
            [Cell(label), Cell(value), Cell(bounds or "-")] for texts in estimates for label, value, bounds in texts
        ]
        if cells:
            headings = (_("estimate"), _("value"), _("bounds or 95% interval"))
            tables.append(Table(caption.format(coverage=percent(rows[0]["coverage"])), headings, cells))
    return tables


def _waits(report: Report, row: pd.Series) -> Iterator[tuple[str, str, str]]:
    yield _("arrivals"), *count_parts(row, "arrivals")
    labels = {"mean": _("mean wait"), "p50": _("median wait"), "p90": _("P90 wait"), "p99": _("P99 wait")}
    for name, label in labels.items():
        yield label, *wait_parts(row, name)
    if limit_of(report):
        yield _("waited longer than {limit}").format(limit=duration(limit_of(report))), *share_parts(row, "over_slo", 1)
        label = _("verdict, with {share} allowed").format(share=percent(report.request.allowed))
        yield label, _(row["verdict"]), rendered(row["reason"])


def _failures(_report: Report, row: pd.Series) -> Iterator[tuple[str, str, str]]:
    yield _("jobs that ended"), *count_parts(row, "finished")
    yield _("failure rate"), *share_parts(row, "failure_rate", 1)
    yield _("failure rate without terminated jobs"), percent(row["failure_rate_of_ran"], 1), ""


def _queue(_report: Report, row: pd.Series) -> Iterator[tuple[str, str, str]]:
    yield _("queue length at the end"), number(row["queue_end"]), ""
    yield _("time to drain without arrivals"), *wait_parts(row, "drain")
    yield _("abnormal jobs at the end"), number(row["abnormal"]), ""


def measures(parts: Mapping[str, pd.DataFrame]) -> Table:
    """Return the table of a series' measures: the difference from the other period, and the trend within this one.

    It has no rows where neither can be told of any measure, and no columns of the comparison without another period.
    """
    compare, trend = (
        {row["measure"]: row for _place, row in parts[name].iterrows()} if name in parts else {}
        for name in ("compare", "trend")
    )
    told = {measure for rows in (compare, trend) for measure, row in rows.items() if is_told(row)}
    compared = is_compared(parts)
    rows = [
        [
            Cell(measure_name(measure)),
            *(_difference(compare.get(measure)) if compared else []),
            *_trend(trend.get(measure)),
        ]
        for measure in MEASURES
        if measure in told
    ]
    headings = [_("measure")]
    if compared:
        headings += [_("this period"), _("other period"), _("difference (95%)"), _("coverage")]
    headings += [_("change in 30 days (95%)"), _("direction"), _("independent days"), _("coverage")]
    both = _("Comparison with the other period, and trend within this one")
    return Table(both if compared else _("Trend within this period"), headings, rows)


def is_compared(parts: Mapping[str, pd.DataFrame]) -> bool:
    """Return whether any measure of a series is known in the other period."""
    return bool("compare" in parts and parts["compare"]["other"].notna().any())


def _difference(row: pd.Series | None) -> list[Cell]:
    if row is None:
        return [UNKNOWN] * 4
    difference = interval_of(row, "difference", signed=True)
    return [*map(Cell, (interval_of(row, "value"), interval_of(row, "other"), difference, percent(row["coverage"])))]


def _trend(row: pd.Series | None) -> list[Cell]:
    if row is None:
        return [UNKNOWN] * 4
    # Without an interval, a reader could take the slope for a trend.
    slope, direction = "-", _("not enough data")
    if is_told(row):
        slope, direction = interval_of(row, "slope", MONTH, signed=True), _(row["direction"])
    days = "-" if pd.isna(row["batches"]) else figure("arrivals", row["batches"])
    return [*map(Cell, (slope, direction, days, percent(row["coverage"])))]


def changes(parts: Mapping[str, pd.DataFrame]) -> Table:
    """Return the table of the changes of a series' measures."""
    frame = parts.get("changes", pd.DataFrame({"changed_at": []}))
    rows = []
    for _place, row in frame[frame["changed_at"].notna()].iterrows():
        dates = " - ".join(f"{row[name]:%Y-%m-%d}" for name in ("earliest", "latest"))
        texts = (
            measure_name(row["measure"]), f"{row['changed_at']:%Y-%m-%d}", dates,
            figure(row["measure"], row["before"]), interval_of(row, "change", signed=True), percent(row["coverage"]),
        )  # fmt: skip
        rows.append([*map(Cell, texts)])
    headings = (
        _("measure"), _("changed on"), _("date, 95% interval"), _("before"), _("change (95%)"), _("coverage")
    )  # fmt: skip
    return Table(_("Changes"), headings, rows)


def collection(report: Report) -> Table:
    """Return the table of attempts by outcome, coverage, longest gap and last good answer, one row per pool."""
    rows = []
    for key, attempts in report.attempts.groupby(list(POOL), sort=False):
        good = attempts[attempts["outcome"] == "ok"]
        failures = [f"{row.outcome} {row.attempts:,}" for row in attempts.itertuples() if row.outcome != "ok"]
        last = good["last_slot"].max() if len(good) else None
        coverage = report.by_pool.get(key, {}).get("coverage")
        texts = (
            named(attempts.iloc[0]),
            number(good["attempts"].sum()),
            listed(failures) or "-",
            "-" if coverage is None else percent(coverage["coverage"].iloc[-1], 1),
            "-" if coverage is None else duration(coverage["longest_gap_seconds"].iloc[-1]),
            "-" if last is None else f"{last.tz_convert(report.request.tz):%Y-%m-%d %H:%M}",
        )
        rows.append([*map(Cell, texts)])
    headings = (
        _("pool"), _("good answers"), _("failed attempts"), _("coverage"), _("longest gap"), _("last good answer")
    )  # fmt: skip
    return Table(_("Collection: answers and failures by pool"), headings, rows)


def methods(report: Report) -> Table:
    """Return the table of retention, assumed service discipline and method, one row per series."""
    rows = []
    for _place, row in report.series.get("whole", pd.DataFrame()).iterrows():
        cells = (Cell(rendered(row[name])) for name in ("retention", "order", "method"))
        rows.append([Cell(f"{named(row)} · {isolated(row['type'])}"), *cells])
    headings = (_("series"), _("retention"), _("assumed discipline"), _("method"))
    return Table(_("Retention of finished jobs, assumed service discipline and method"), headings, rows)
