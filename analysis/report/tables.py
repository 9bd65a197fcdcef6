"""The tables of a report, in words: all pools, a series' figures and how they move, how collecting went."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analysis.report.gather import POOL, Report
from analysis.text.cells import MONTH, SAYS, figure, interval_of
from analysis.text.language import _, translated
from analysis.text.units import duration, isolated, named, number, percent, share_with_bounds, with_bounds

MOVES: Final = ("compare", "trend")


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and what it is sorted by."""

    text: str
    sort: str = ""
    link: str = ""


@dataclass(frozen=True)
class Table:
    """Headings and rows; the first cell of a row names it."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def limit_of(report: Report) -> float | None:
    """Return the limit on waits in seconds."""
    return report.request.limit


def overview(report: Report) -> Table:
    """Lay out all pools in one table."""
    pools = report.of_pools.values() if "whole" in report.pools else ()
    rows = [[*_pool_cells(report, {name: frame.iloc[-1] for name, frame in of.items()})] for of in pools]
    headings = [_("pool"), _("jobs"), _("mean wait")]
    headings += [_("over {limit}").format(limit=duration(limit_of(report)))] if limit_of(report) else []
    headings += [_("failed"), _("waiting now"), _("drains in"), _("seen"), _("finished jobs")]
    return Table(_("All pools, with bounds and intervals in brackets"), headings, rows)


def _pool_cells(report: Report, of: Mapping[str, pd.Series]) -> Iterator[Cell]:
    whole = of["whole"]
    yield Cell(named(whole), named(whole).casefold(), f"#{pool_id(report, whole)}")
    bounds = _span(whole, "arrivals", number)
    alike = whole["arrivals_low"] == whole["arrivals_high"]
    yield Cell(number(whole["arrivals"]) + ("" if alike else f" ({bounds})"), _sorted(whole["arrivals"]))
    yield Cell(with_bounds(whole, "mean"), _sorted(whole["mean_seconds"]))
    if limit_of(report):
        share = f"{share_with_bounds(whole, 'over_slo')}: {translated(whole['verdict'])}"
        yield Cell(share, _sorted(whole["over_slo"]))
    failures, flows = of.get("failures"), of.get("flows")
    yield (
        Cell("-")
        if failures is None
        else Cell(share_with_bounds(failures, "failure_rate"), _sorted(failures["failure_rate"]))
    )
    yield Cell("-") if flows is None else Cell(number(flows["queue_end"]), _sorted(flows["queue_end"]))
    yield (
        Cell("-")
        if flows is None or flows["queue_end"] == 0
        else Cell(with_bounds(flows, "drain"), _sorted(flows["drain_seconds"]))
    )
    yield Cell(percent(whole["coverage"]), _sorted(whole["coverage"]))
    yield Cell(translated(whole["history"]), whole["history"])


def _sorted(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.6g}"


def pool_id(report: Report, row: pd.Series) -> str:
    """Return the name of a pool's first section."""
    keys = report.series_keys
    return next(
        (f"series-{place + 1}" for place, key in enumerate(keys) if key[:2] == (row["project"], row["pool"])), ""
    )


def facts(report: Report, of: Mapping[str, pd.DataFrame]) -> Table:
    """Say what is known of the period, each figure beside its bounds or interval and what was seen."""
    rows: list[list[Cell]] = []

    def fact(what: str, value: str, bounds: str, row: pd.Series) -> None:
        rows.append([Cell(what), Cell(value), Cell(bounds or "-"), Cell(percent(row["coverage"]))])

    if "whole" in of:
        row = of["whole"].iloc[-1]
        fact(_("jobs that came"), number(row["arrivals"]), _span(row, "arrivals", number), row)
        texts = {
            "mean": _("mean wait"),
            "p50": _("half waited at most"),
            "p90": _("9 of 10 waited at most"),
            "p99": _("99 of 100 waited at most"),
        }
        for quantile, text in texts.items():
            said = with_bounds(row, quantile)
            value, _open, bounds = said.partition(" (")
            fact(text, value, bounds.removesuffix(")"), row)
        if limit_of(report):
            text = _("waited longer than {limit}").format(limit=duration(limit_of(report)))
            fact(text, percent(row["over_slo"], 1), _span(row, "over_slo", _percent), row)
            text = _("verdict, with {share} allowed").format(share=percent(report.request.allowed))
            fact(text, translated(row["verdict"]), translated(row["reason"]), row)
    if "failures" in of:
        row = of["failures"].iloc[-1]
        fact(_("jobs that ended"), number(row["finished"]), _span(row, "finished", number), row)
        fact(_("of them failed"), percent(row["failure_rate"], 1), _span(row, "failure_rate", _percent), row)
        fact(_("failed of those that were not terminated"), percent(row["failure_rate_of_ran"], 1), "-", row)
    if "flows" in of:
        row = of["flows"].iloc[-1]
        fact(_("waiting at the end"), number(row["queue_end"]), "-", row)
        said, _open, bounds = with_bounds(row, "drain").partition(" (")
        fact(_("time to drain, if nothing more comes"), said, bounds.removesuffix(")"), row)
        fact(_("abnormal at the end"), number(row["abnormal"]), "-", row)
    return Table(_("In this period"), (_("figure"), _("value"), _("bounds or 95 % interval"), _("seen")), rows)


def _percent(value: float) -> str:
    return percent(value, 1)


def _span(row: pd.Series, name: str, say: Callable[[float], str]) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if pd.isna(low):
        return "-"
    return _("{least} or more").format(least=say(low)) if pd.isna(high) else f"{say(low)}-{say(high)}"


def measures(of: Mapping[str, pd.DataFrame]) -> Table:
    """Say how each measure moves: against the other period, and within this one."""
    rows = []
    compare, trend = (
        {row["measure"]: row for _place, row in of[name].iterrows()} if name in of else {} for name in MOVES
    )
    for measure in SAYS:
        if measure not in compare and measure not in trend:
            continue
        cells = [Cell(measure_name(measure))]
        if measure in compare:
            row = compare[measure]
            cells += [Cell(interval_of(row, "value")), Cell(interval_of(row, "other"))]
            cells += [Cell(interval_of(row, "difference", signed=True)), Cell(percent(row["coverage"]))]
        else:
            cells += [Cell("-")] * 4
        if measure in trend:
            row = trend[measure]
            # Without an interval a slope says nothing, and looks as if it did.
            slope = interval_of(row, "slope", MONTH, signed=True) if pd.notna(row["direction"]) else "-"
            cells += [Cell(slope), Cell(_direction(row["direction"]))]
            cells += [
                Cell("-" if pd.isna(row["batches"]) else figure("arrivals", row["batches"])),
                Cell(percent(row["coverage"])),
            ]
        else:
            cells += [Cell("-")] * 4
        rows.append(cells)
    headings = (
        _("measure"), _("now"), _("then"), _("differs by (95 %)"), _("seen"), _("in 30 days (95 %)"), _("goes"),
        _("independent days"), _("seen"),
    )  # fmt: skip
    return Table(_("How it moves: against the other period, and within this one"), headings, rows)


def measure_name(measure: str) -> str:
    """Return what a measure of trends is called."""
    return {
        "wait": _("mean wait"),
        "over": _("over the limit"),
        "arrivals": _("jobs a day"),
        "failures": _("failed"),
    }[measure]


def _direction(said: object) -> str:
    return {"up": _("up"), "down": _("down"), "not shown": _("not shown")}.get(str(said), _("not said"))


def changes(of: Mapping[str, pd.DataFrame]) -> Table:
    """Say when what changed."""
    rows = []
    found = of.get("changes", pd.DataFrame({"changed_at": []}))
    for _place, row in found[found["changed_at"].notna()].iterrows():
        dates = " - ".join(f"{row[name]:%Y-%m-%d}" for name in ("earliest", "latest"))
        before = figure(row["measure"], row["before"])
        cells = measure_name(row["measure"]), f"{row['changed_at']:%Y-%m-%d}", dates, before
        by = interval_of(row, "change", signed=True)
        rows.append([Cell(text) for text in (*cells, by, percent(row["coverage"]))])
    headings = (_("measure"), _("changed on"), _("between"), _("before"), _("by (95 %)"), _("seen"))
    return Table(_("Changes"), headings, rows)


def collection(report: Report) -> Table:
    """Say how collecting went: what came of the attempts, the longest gap, and since when nothing was seen."""
    rows = []
    for key, attempts in report.attempts.groupby(list(POOL), sort=False):
        row = attempts.iloc[0]
        outcomes = ", ".join(
            f"{each.outcome} {each.attempts:,}" for each in attempts.itertuples() if each.outcome != "ok"
        )
        good = attempts[attempts["outcome"] == "ok"]
        last = good["last_slot"].max() if len(good) else None
        seen = report.of_pools.get(key, {}).get("coverage")
        rows.append(
            [
                Cell(named(row)),
                Cell(number(good["attempts"].sum())),
                Cell(outcomes or "-"),
                Cell("-" if seen is None else percent(seen["coverage"].iloc[-1], 1)),
                Cell("-" if seen is None else duration(seen["longest_gap_seconds"].iloc[-1])),
                Cell("-" if last is None else f"{last.tz_convert(report.request.tz):%Y-%m-%d %H:%M}"),
            ]
        )
    headings = (_("pool"), _("good answers"), _("failed attempts"), _("seen"), _("longest gap"), _("last seen"))
    return Table(_("What collecting met"), headings, rows)


def classes(report: Report) -> Table:
    """Say of each series how the API keeps its finished jobs, and in which order it is assumed to serve."""
    rows = []
    for _place, row in report.series.get("whole", pd.DataFrame()).iterrows():
        cells = f"{named(row)} · {isolated(row['type'])}", translated(row["history"]), row["order"], row["method"]
        rows.append([Cell(translated(str(text)) if place > 1 else text) for place, text in enumerate(cells)])
    return Table(_("How finished jobs are kept"), (_("series"), _("kept"), _("order assumed"), _("method")), rows)
