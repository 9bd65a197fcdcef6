"""What a report says in words: its findings, tables and sections, translated, for any form of page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pandas as pd

from analysis.cells import MONTH, SAYS, figure, interval_of
from analysis.findings import Finding, sentence
from analysis.language import _, plural, translated
from analysis.report import POOL, SERIES, Failure, Report, part
from analysis.wording import duration, isolated, named, number, percent, share_with_bounds, with_bounds

PICTURED: Final = 60
"""As many series have pictures: those that matter, and those with the most jobs."""
MULTIPLES: Final = 12
"""As many pools are drawn beside each other."""
UNSURE: Final = 20
"""As many unsure findings are told."""
ROWS: Final = (
    ("mean", "mean"), ("p50", "half"), ("p90", "nine"), ("p99", "most"),
)  # fmt: skip


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


@dataclass(frozen=True)
class Picture:
    """A picture to be drawn: see `pictures.PICTURES`."""

    name: str
    kind: str
    frames: Mapping[str, pd.DataFrame]
    caption: str
    alt: str


@dataclass
class Section:
    """A pool's or a series' part of a report."""

    name: str
    title: str
    about: str
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    failed: str = ""


def limit_of(report: Report) -> float | None:
    """Return the limit on waits in seconds."""
    return report.request.limit


def period(report: Report) -> list[str]:
    """Say what the report is about."""
    if report.start is None or report.end is None:
        return [_("Nothing has been observed yet.")]
    zone = report.request.tz
    start, end = (f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" for instant in (report.start, report.end))
    said = [_("From {start} to {end} ({zone}).").format(start=start, end=end, zone=report.request.zone)]
    if "whole" not in report.series:
        return [*said, _("Nothing was observed in this period.")]
    whole = report.series["whole"]
    first = whole["window_start"].min()
    if first > report.start + timedelta(seconds=2 * report.interval):
        said.append(_("The record begins on {start}.").format(start=f"{first:%Y-%m-%d %H:%M}"))
    said.append(_("Polled every {interval}.").format(interval=duration(report.interval)))
    if "compare" in report.series:
        row = report.series["compare"].iloc[0]
        none = report.series["compare"]["other"].isna().all()
        start, end = (f"{row[name]:%Y-%m-%d %H:%M}" for name in ("other_start", "other_end"))
        text = _("Compared with {start} to {end}, of which nothing is known.") if none else _("Compared with {start} to {end}.")
        said.append(text.format(start=start, end=end))
    return said


def findings(report: Report) -> tuple[list[tuple[Finding, str]], list[tuple[Finding, str]]]:
    """Return what is sure and what is not, each with its sentence."""
    said = [(found, sentence(found, limit_of(report), report.interval)) for found in report.found]
    unsure = [(found, _because(found, text)) for found, text in said if not found.sure]
    return [each for each in said if each[0].sure], unsure[:UNSURE]


def _because(found: Finding, text: str) -> str:
    if found.kind == "limit":
        why = _("in another order of service it may be less than {share}").format(share=percent(found.other))
    elif found.kind == "changed":
        why = _("found among many questions")
    elif found.why:
        why = translated(found.why)
    else:
        why = _("among so many comparisons this may be chance")
    return _("{finding}. Unsure: {why}").format(finding=text, why=why)


def overview(report: Report) -> Table:
    """Lay out all pools in one table."""
    rows = []
    whole = report.pools.get("whole")
    for key in report.keys({"whole": whole} if whole is not None else {}, POOL):
        of = {name: part(frame, POOL, key) for name, frame in report.pools.items()}
        rows.append([*_pool_cells(report, {name: frame.iloc[-1] for name, frame in of.items() if frame is not None})])
    headings = [_("pool"), _("jobs"), _("mean wait")]
    headings += [_("over {limit}").format(limit=duration(limit_of(report)))] if limit_of(report) else []
    headings += [_("failed"), _("waiting now"), _("drains in"), _("seen"), _("finished jobs")]
    return Table(_("All pools, with bounds and intervals in brackets"), headings, rows)


def _pool_cells(report: Report, of: Mapping[str, pd.Series]) -> Iterator[Cell]:
    whole = of["whole"]
    yield Cell(named(whole), named(whole).casefold(), f"#{pool_id(report, whole)}")
    yield Cell(number(whole["arrivals"]), _sorted(whole["arrivals"]))
    yield Cell(with_bounds(whole, "mean", report.interval), _sorted(whole["mean_seconds"]))
    if limit_of(report):
        yield Cell(share_with_bounds(whole, "over_slo"), _sorted(whole["over_slo"]))
    failures, flows = of.get("failures"), of.get("flows")
    yield Cell("-") if failures is None else Cell(
        share_with_bounds(failures, "failure_rate"), _sorted(failures["failure_rate"])
    )
    yield Cell("-") if flows is None else Cell(number(flows["queue_end"]), _sorted(flows["queue_end"]))
    empty = flows is None or flows["queue_end"] == 0
    yield Cell("-") if empty else Cell(with_bounds(flows, "drain", report.interval), _sorted(flows["drain_seconds"]))
    yield Cell(percent(whole["coverage"]), _sorted(whole["coverage"]))
    yield Cell(translated(whole["history"]), whole["history"])


def _sorted(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.6g}"


def sections(report: Report, *, pictured: bool) -> Iterator[Section]:
    """Return a section a series, the pools in order; one that fails says so in its place."""
    keys = report.keys(report.series, SERIES)
    chosen = set(_pictured(report, keys)) if pictured else set()
    for number_, key in enumerate(keys):
        of = {name: found for name, frame in report.series.items() if (found := part(frame, SERIES, key)) is not None}
        name = f"series-{number_ + 1}"
        try:
            section = _section(report, name, key, of, pictured=key in chosen)
        except Exception as error:  # noqa: BLE001 - what fails is told in its place, the rest appears
            section = Section(name, f"{isolated(key[1])} · {isolated(key[2])}", "")
            section.failed = f"{type(error).__name__}: {error}"
            report.failed.append(Failure(section.title, section.failed))
        yield section


def pool_id(report: Report, row: pd.Series) -> str:
    """Return the name of a pool's first section."""
    keys = report.keys(report.series, SERIES)
    return next((f"series-{place + 1}" for place, key in enumerate(keys) if key[:2] == (row["project"], row["pool"])), "")


def finding_id(report: Report, found: Finding) -> str:
    """Return the name of the section of a finding."""
    keys = report.keys(report.series, SERIES)
    return f"series-{keys.index((found.project, found.pool, found.type)) + 1}"


def _pictured(report: Report, keys: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    found = {(each.project, each.pool, each.type) for each in report.found}
    jobs = report.series["whole"].set_index(list(SERIES))["arrivals"].to_dict() if "whole" in report.series else {}
    order = sorted(keys, key=lambda key: (key not in found, -(jobs.get(key) or 0), str(key)))
    return order[:PICTURED]


def _section(
    report: Report, name: str, key: tuple[Any, ...], of: Mapping[str, pd.DataFrame], *, pictured: bool
) -> Section:
    row = next(iter(of.values())).iloc[0]
    about = _("pool {pool}, project {project}").format(pool=isolated(row["pool"]), project=isolated(row["project"]))
    section = Section(name, f"{named(row)} · {isolated(key[2])}", about)
    section.tables.append(_facts(report, of))
    section.tables.append(_measures(of))
    changed = _changes(of)
    section.tables += [changed] if changed.rows else []
    section.notes = list(_notes(of))
    if pictured:
        section.pictures = list(_pictures(name, of, section))
    return section


def _facts(report: Report, of: Mapping[str, pd.DataFrame]) -> Table:
    """Say what is known of the period, each figure beside its bounds or interval and what was seen."""
    rows: list[list[Cell]] = []
    interval = report.interval

    def fact(what: str, value: str, bounds: str, row: pd.Series) -> None:
        rows.append([Cell(what), Cell(value), Cell(bounds), Cell(percent(row["coverage"]))])

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
            said = with_bounds(row, quantile, interval)
            value, _open, bounds = said.partition(" (")
            fact(text, value, bounds.removesuffix(")"), row)
        if limit_of(report):
            text = _("waited longer than {limit}").format(limit=duration(limit_of(report)))
            fact(text, percent(row["over_slo"], 1), _span(row, "over_slo", _percent), row)
    if "failures" in of:
        row = of["failures"].iloc[-1]
        fact(_("jobs that ended"), number(row["finished"]), _span(row, "finished", number), row)
        fact(_("of them failed"), percent(row["failure_rate"], 1), _span(row, "failure_rate", _percent), row)
        fact(_("failed of those that were not terminated"), percent(row["failure_rate_of_ran"], 1), "-", row)
    if "flows" in of:
        row = of["flows"].iloc[-1]
        fact(_("waiting at the end"), number(row["queue_end"]), "-", row)
        said, _open, bounds = with_bounds(row, "drain", interval).partition(" (")
        fact(_("time to drain, if nothing more comes"), said, bounds.removesuffix(")") or "-", row)
        fact(_("abnormal at the end"), number(row["abnormal"]), "-", row)
    return Table(_("In this period"), (_("figure"), _("value"), _("bounds or 95 % interval"), _("seen")), rows)


def _percent(value: float) -> str:
    return percent(value, 1)


def _span(row: pd.Series, name: str, say: Any) -> str:  # noqa: ANN401 - a function of a number
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if pd.isna(low):
        return "-"
    return _("{least} or more").format(least=say(low)) if pd.isna(high) else f"{say(low)}-{say(high)}"


def _measures(of: Mapping[str, pd.DataFrame]) -> Table:
    """Say how each measure moves: against the other period, and within this one."""
    rows = []
    compare, trend = (of[name].set_index("measure") if name in of else pd.DataFrame() for name in ("compare", "trend"))
    for measure in SAYS:
        if measure not in compare.index and measure not in trend.index:
            continue
        cells = [Cell(_measure(measure))]
        if measure in compare.index:
            row = compare.loc[measure].copy()
            row["measure"] = measure
            cells += [Cell(interval_of(row, "value")), Cell(interval_of(row, "other"))]
            cells += [Cell(interval_of(row, "difference", signed=True)), Cell(percent(row["coverage"]))]
        else:
            cells += [Cell("-")] * 4
        if measure in trend.index:
            row = trend.loc[measure].copy()
            row["measure"] = measure
            # Without an interval a slope says nothing, and looks as if it did.
            slope = interval_of(row, "slope", MONTH, signed=True) if pd.notna(row["direction"]) else "-"
            cells += [Cell(slope), Cell(_direction(row["direction"]))]
            cells += [Cell(figure("arrivals", row["batches"])), Cell(percent(row["coverage"]))]
        else:
            cells += [Cell("-")] * 4
        rows.append(cells)
    headings = (
        _("measure"), _("now"), _("then"), _("differs by (95 %)"), _("seen"), _("in 30 days (95 %)"), _("goes"),
        _("independent days"), _("seen"),
    )  # fmt: skip
    return Table(_("How it moves: against the other period, and within this one"), headings, rows)


def _measure(measure: str) -> str:
    return {
        "wait": _("mean wait"),
        "over": _("over the limit"),
        "arrivals": _("jobs a day"),
        "failures": _("failed"),
    }[measure]


def _direction(said: object) -> str:
    return {"up": _("up"), "down": _("down"), "not shown": _("not shown")}.get(str(said), _("not said"))


def _changes(of: Mapping[str, pd.DataFrame]) -> Table:
    """Say when what changed."""
    rows = []
    found = of.get("changes", pd.DataFrame({"changed_at": []}))
    for _place, row in found[found["changed_at"].notna()].iterrows():
        dates = " - ".join(f"{row[name]:%Y-%m-%d}" for name in ("earliest", "latest"))
        before = figure(row["measure"], row["before"])
        cells = _measure(row["measure"]), f"{row['changed_at']:%Y-%m-%d}", dates, before
        by = interval_of(row, "change", signed=True)
        rows.append([Cell(text) for text in (*cells, by, percent(row["coverage"]))])
    headings = (_("measure"), _("changed on"), _("between"), _("before"), _("by (95 %)"), _("seen"))
    return Table(_("Changes"), headings, rows)


def _notes(of: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say once what is to be said of the figures; of trends only why none is given."""
    said = set()
    titles = {"whole": _("waits"), "failures": _("failures"), "compare": _("comparison"), "trend": _("trend")}
    for name, title in titles.items():
        for _place, row in of.get(name, pd.DataFrame()).iterrows():
            if not row["note"]:
                continue
            what = f"{title}, {_measure(row['measure'])}" if "measure" in row else title
            text = f"{what}: {translated(row['note'])}"
            if text not in said:
                said.add(text)
                yield text


def _pictures(name: str, of: Mapping[str, pd.DataFrame], section: Section) -> Iterator[Picture]:
    picked = {
        "flows": of.get("fine"),
        "waits": of.get("windows"),
        "outcomes": of.get("outcomes"),
        "failures": of.get("ends"),
        "changes": of.get("changes"),
    }
    facts = {row[0].text: row for table in section.tables[:1] for row in table.rows}
    summary = "; ".join(f"{what} {cells[1].text} ({cells[2].text})" for what, cells in list(facts.items())[:3])
    have = {called: frame for called, frame in picked.items() if frame is not None}
    if have:
        yield Picture(
            f"{name}-time",
            "sheet",
            have,
            _("Queue, waits, ends and failures over time; below each axis how much was seen"),
            _("Over time, {series}: {summary}").format(series=section.title, summary=summary),
        )
    if "distribution" in of and "profile" in of:
        yield Picture(
            f"{name}-shape",
            "shapes",
            {"distribution": of["distribution"], "profile": of["profile"]},
            _("How long jobs waited, and in which hours of the week they waited longest"),
            _("Distribution of the waits and mean wait by hour of the week, {series}: {summary}").format(
                series=section.title, summary=summary
            ),
        )


def pool_pictures(report: Report) -> list[Picture]:
    """Return the pictures of all pools: their waits beside each other, who came and left, and what was seen."""
    made = []
    windows, seen = report.pools.get("windows"), report.pools.get("seen")
    if windows is not None:
        jobs = windows.groupby(list(POOL))["arrivals"].sum().sort_values(ascending=False, kind="stable")
        busiest = set(jobs.index[:MULTIPLES])
        some = windows[[key in busiest for key in zip(windows["project"], windows["pool"], strict=True)]]
        text = plural("Mean wait of {n} pool, on one scale", "Mean waits of {n} pools, on one scale", len(busiest))
        made.append(Picture("pools", "pools", {"waits": some}, text.format(n=len(busiest)), text.format(n=len(busiest))))
    if seen is not None:
        keys = list(seen.groupby(list(POOL), sort=False).groups)[:PICTURED]
        some = seen[[key in keys for key in zip(seen["project"], seen["pool"], strict=True)]]
        caption = _("How much of each window was seen: the darker the more, hatched nothing")
        made.append(Picture("coverage", "coverage", {"coverage": some}, caption, caption))
    return made


def collection(report: Report) -> Table:
    """Say how collecting went: what came of the attempts, the longest gap, and since when nothing was seen."""
    rows = []
    coverage = report.pools.get("coverage")
    for key, attempts in report.attempts.groupby(list(POOL), sort=False):
        row = attempts.iloc[0]
        outcomes = ", ".join(f"{each.outcome} {each.attempts:,}" for each in attempts.itertuples() if each.outcome != "ok")
        good = attempts[attempts["outcome"] == "ok"]
        last = good["last_slot"].max() if len(good) else None
        seen = part(coverage, POOL, key)
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


def summary(report: Report) -> list[str]:
    """Say in a line or two how it stands, before any finding."""
    if "whole" not in report.series:
        return [_("There are no figures: nothing was observed. What was tried is below.")]
    said = []
    limit = limit_of(report)
    number_of = len(report.keys(report.series, SERIES))
    sure = [found for found in report.found if found.sure]
    if not sure:
        said.append(_("Nothing is sure to have become worse."))
    if limit is None:
        said.append(_("No limit on waits was given: with --slo 15m it is told who passes it."))
    elif not any(found.kind == "limit" for found in report.found):
        text = _("In no series did more than {share} of the jobs wait longer than {limit}.")
        said.append(text.format(share=percent(report.share), limit=duration(limit)))
    told = plural("{n} series was looked at.", "{n} series were looked at.", number_of).format(n=number_of)
    said.append(told)
    if any(found.kind == "changed" for found in report.found):
        text = _("Of so many series about {n} would show a trend or a change by chance alone.")
        said.append(text.format(n=f"{max(1, round(0.05 * number_of))}"))
    left = max(0, sum(not found.sure for found in report.found) - UNSURE)
    if left:
        said.append(plural("{n} more unsure finding is left out here.", "{n} more unsure findings are left out here.", left).format(n=left))
    return said
