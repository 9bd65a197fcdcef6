"""The section of a report about capacity: pool load, plans for other capacities, and forecasts."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.figures.draw import Picture
from analysis.notes import GOOD, WEAK, Names, Note, Notes, joined, note
from analysis.report.gather import POOL, Report
from analysis.report.sections import MULTIPLES, Section, rows_of
from analysis.report.tables import UNKNOWN, Cell, Table, limit_of
from analysis.text.answer import answers
from analysis.text.capacity import at_once, idle, in_use, needed, nodes_used, run_time, wait
from analysis.text.language import _, paragraph, plural, rendered
from analysis.text.outlook import foreseen
from analysis.text.units import (
    amount,
    between,
    duration,
    named,
    number,
    or_dash,
    percent,
    rounded,
)

FACTORS: Final = (0.9, 1.0, 1.1, 1.25)
"""The capacities in the table as multiples of today's; the nearest capacities of a plan are shown."""


def outlook(report: Report, *, pictured: bool) -> Section | None:
    """Return the section about capacity; None where the report is about some job types only."""
    frames = {name: report.pools[name] for name in ("load", "plan", "forecast") if name in report.pools}
    if not frames:
        return None
    name, title, about = "capacity", _("Capacity"), _about(report)
    makers = {"load": _load, "plan": _plan, "forecast": _forecast}
    try:
        texts: list[str] = []
        if "plan" in frames:
            texts += [*answers(frames["plan"]), *_doubts(frames["plan"])]
        if "forecast" in frames:
            texts += foreseen(frames["forecast"])
        return Section(
            name,
            title,
            about,
            answers=texts,
            # Without a forecast, the answers say why.
            tables=[
                makers[part](frame)
                for part, frame in frames.items()
                if part != "forecast" or frame["arrivals"].notna().any()
            ],
            notes=list(_notes(list(frames.values()))),
            pictures=list(_pictures(frames["plan"])) if pictured and "plan" in frames else (),
        )
    except Exception as error:  # noqa: BLE001 - the page says that the section failed, the rest appears
        return Section(name, title, about, failed=f"{type(error).__name__}: {error}")


def _about(report: Report) -> str:
    limit = limit_of(report)
    sentences = [
        _("Waits of the observed jobs at other capacities, with 90% intervals."),
        _("Job sizes and the distribution of run times are not observed; the intervals allow for this."),
        _("A star marks a capacity with a load that was never observed, a question mark weak confidence."),
    ]
    if limit is not None:
        sentences += [_("The target is a P90 wait of at most {limit}.").format(limit=duration(limit))]
    return paragraph(sentences)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Cell, pd.DataFrame]]:
    for _key, part in frame.groupby(list(POOL), sort=False):
        name = named(part.iloc[0])
        yield Cell(name, name.casefold()), part


def _load(frame: pd.DataFrame) -> Table:
    rows = []
    for name, part in _rows(frame):
        row = part.iloc[-1]
        texts = (
            between(row, "offered"), at_once(row), nodes_used(row), number(row["queued_hours"]),
            number(row["unmet_job_hours"]), in_use(row), idle(row),
            run_time(row), _(or_dash(row["confidence"])), percent(row["coverage"]),
        )  # fmt: skip
        rows.append([name, *map(Cell, texts)])
    headings = (
        _("pool"), _("offered load (concurrent jobs)"), _("servers (concurrent jobs)"), _("nodes used / existing"),
        _("hours a week with a queue"), _("job-hours waited"), _("utilisation"), _("idle: all / nights / weekends"),
        _("mean run time"), _("confidence"), _("coverage"),
    )  # fmt: skip
    return Table(_("Pool load, with 95% intervals"), headings, rows)


def _plan(frame: pd.DataFrame) -> Table:
    aimed = bool(frame["target_seconds"].notna().any())
    rows = []
    for name, part in _rows(frame):
        target = [Cell(needed(part.iloc[0]))] if aimed else []
        confidence = Cell(_(str(part["needed_confidence" if aimed else "confidence"].iloc[0])))
        rows.append([name, *target, confidence, *_steps(part)])
    factors = [_("about {share}").format(share=percent(factor)) for factor in FACTORS]
    factors[FACTORS.index(1.0)] = _("today")
    headings = [_("pool"), *([_("needed for the target")] if aimed else []), _("confidence"), *factors]
    captions = {
        ("mean",): _("Capacity and mean wait; capacity in nodes, or in concurrent jobs where nodes are unknown"),
        ("p90",): _("Capacity and P90 wait; capacity in nodes, or in concurrent jobs where nodes are unknown"),
    }
    mixed = _("Capacity and the wait of the target; capacity in nodes, or in concurrent jobs where nodes are unknown")
    quantiles = tuple(frame["quantile"].dropna().unique()) or ("mean",)
    return Table(captions.get(quantiles, mixed), headings, rows)


def _steps(part: pd.DataFrame) -> list[Cell]:
    """Return a cell with capacity and wait for each of `FACTORS`."""
    shown: dict[float, pd.Series] = {}
    for factor in sorted(FACTORS, key=lambda factor: abs(factor - 1)):
        # The nearest capacity of the plan on the same side of today's; no capacity is shown twice.
        side = part[np.sign((part["factor"] - 1).round(9)) == np.sign(factor - 1)]
        unused = side[~side["capacity"].isin([row["capacity"] for row in shown.values()])]
        distance = (unused["factor"] - factor).abs()
        if distance.notna().any():
            shown[factor] = unused.loc[distance.idxmin()]
    return [Cell(_step(shown[factor])) if factor in shown else UNKNOWN for factor in FACTORS]


def _step(row: pd.Series) -> str:
    star, doubt = "*" if row["extrapolated"] else "", " ?" if row["confidence"] == WEAK else ""
    capacity = f"{amount(row['capacity'])}{star}"
    return _("{name}: {text}").format(name=capacity, text=f"{wait(row, str(row['quantile']))}{doubt}")


def _doubts(frame: pd.DataFrame) -> Iterator[str]:
    """Yield the reasons for question marks in the table, for pools whose answers do not give them."""
    for _key, part in frame.groupby(list(POOL), sort=False):
        reasons = tuple(dict.fromkeys(reason for cell in part["reason"] for reason in joined(cell)))
        answered = pd.notna(part["target_seconds"].iloc[0]) and part["needed_confidence"].iloc[0] != GOOD
        if reasons and not answered:
            text = _("{pool}: weak confidence (marked with ?): {reason}")
            yield text.format(pool=named(part.iloc[0]), reason=rendered(Notes(reasons)))


def _forecast(frame: pd.DataFrame) -> Table:
    aimed = bool(frame["target_seconds"].notna().any())
    rows = []
    for name, part in _rows(frame):
        first, last = part.iloc[0], part.iloc[-1]
        errors = "-" if pd.isna(last["error"]) else f"{rounded(last['error'])} / {rounded(last['error_naive'])}"
        weeks = "-" if pd.isna(last["weeks_ahead"]) else f"{last['weeks_ahead']:.0f}"
        texts = [between(first, "arrivals"), between(last, "arrivals"), weeks, errors]
        if aimed:
            texts += [between(last, "growth"), percent(last["pass_probability"])]
        rows.append([name, *map(Cell, texts)])
    headings = [
        _("pool"), _("arrivals in the next week"), _("arrivals in the last week of the forecast"), _("weeks ahead"),
        _("mean error / mean error of repeating last week"),
    ]  # fmt: skip
    if aimed:
        headings += [
            _("highest demand for the target (times that of recent weeks)"),
            _("probability of a higher demand"),
        ]
    return Table(_("Forecast, with 90% intervals"), headings, rows)


def _notes(frames: Sequence[pd.DataFrame]) -> Iterator[str]:
    """Yield the text of each note once, with the names of the pools that it is about."""
    pools: dict[Note, dict[str, None]] = {}
    for frame in frames:
        for _key, part in frame.groupby(list(POOL), sort=False):
            row = part.iloc[0]
            # The reasons of plans and forecasts are in the answers.
            answered = () if "offered" in frame else tuple(joined(row["reason"]))
            for about in joined(row["note"], row["reason"] if "offered" in frame else None):
                if about not in answered:
                    pools.setdefault(about, {})[named(row)] = None
    for about, names in pools.items():
        yield rendered(note("{note} ({names})", note=about, names=Names(tuple(names))))


def _pictures(frame: pd.DataFrame) -> Iterator[Picture]:
    """Yield the picture of the plans of the pools with the longest waits; nothing where no capacity is known."""
    known = frame[frame["capacity"].notna()]
    today = known[np.isclose(known["factor"], 1.0)].sort_values("mean_seconds", ascending=False, kind="stable")
    pools = list(today.set_index(list(POOL)).index[:MULTIPLES])
    if not pools:
        return
    text = plural("Wait against capacity of {n} pool", "Wait against capacity of {n} pools", len(pools))
    caption = text.format(n=len(pools))
    yield Picture("plans", "plans", {"plan": rows_of(known, pools)}, caption, caption)
