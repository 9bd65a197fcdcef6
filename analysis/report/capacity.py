"""What a report says of capacity: how full the pools are, what more would do, and what the next weeks bring."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.figures.draw import Picture
from analysis.notes import GOOD, WEAK, amount
from analysis.report.gather import POOL, Failure, Report
from analysis.report.sections import MULTIPLES, Section
from analysis.report.tables import Cell, Table, limit_of
from analysis.text.answer import answers, foreseen
from analysis.text.capacity import at_once, between, idle, in_use, nodes_used, rounded, wait
from analysis.text.language import _, plural, translated
from analysis.text.units import duration, named, number, percent, said

MORE: Final = (0.9, 1.0, 1.1, 1.25)
"""Capacities that the table shows, about, as multiples of today's."""


def outlook(report: Report, *, pictured: bool) -> Section | None:
    """Return the section about capacity; None where nothing was asked about whole pools."""
    frames = {name: report.pools[name] for name in ("load", "plan", "forecast") if name in report.pools}
    if not frames:
        return None
    section = Section("capacity", _("Capacity"), _about(report))
    makers = {"load": _load, "plan": _plan, "forecast": _forecast}
    try:
        section.tables = [makers[name](report, frame) for name, frame in frames.items()]
        if "plan" in frames:
            section.answers = [*answers(frames["plan"]), *_doubts(frames["plan"])]
        if "forecast" in frames:
            section.answers += foreseen(frames["forecast"])
        section.notes = list(_notes(list(frames.values())))
        if pictured and "plan" in frames:
            section.pictures = list(_pictures(frames["plan"]))
    except Exception as error:  # noqa: BLE001 - what fails is told in its place, the rest appears
        section.failed = f"{type(error).__name__}: {error}"
        report.failed.append(Failure(section.title, section.failed))
    return section


def _about(report: Report) -> str:
    limit = limit_of(report)
    text = " ".join(
        (
            _("What the same jobs would have waited with another capacity, with 90 % intervals."),
            _("Sizes of jobs and how their run times spread are not counted: the intervals hold them."),
            _("A star marks more load on the capacity than was ever seen, a question mark figures that are not sure."),
        )
    )
    if limit is None:
        return text
    target = _("The target is that nine in ten jobs wait at most {limit}.").format(limit=duration(limit))
    return f"{text} {target}"


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Cell, pd.DataFrame]]:
    for _key, part in frame.groupby(list(POOL), sort=False):
        name = named(part.iloc[0])
        yield Cell(name, name.casefold()), part


def _load(_report: Report, frame: pd.DataFrame) -> Table:
    rows = []
    for name, part in _rows(frame):
        row = part.iloc[-1]
        texts = (
            between(row, "offered"), at_once(row), nodes_used(row), number(row["queued_hours"]),
            number(row["unmet_job_hours"]), in_use(row), idle(row),
            duration(row["run_seconds"], row["interval_seconds"]), translated(said(row["confidence"])),
            percent(row["coverage"]),
        )  # fmt: skip
        rows.append([name, *map(Cell, texts)])
    headings = (
        _("pool"), _("load (jobs at once)"), _("at once while others wait"), _("nodes used / there"),
        _("hours a week with a queue"), _("job-hours waited"), _("in use"), _("idle: all / nights / weekends"),
        _("a job runs"), _("how sure"), _("seen"),
    )  # fmt: skip
    return Table(_("How full the pools are, with 95 % intervals"), headings, rows)


def _plan(_report: Report, frame: pd.DataFrame) -> Table:
    rows = []
    limited = bool(frame["target_seconds"].notna().any())
    for name, part in _rows(frame):
        cells = [name]
        cells += [Cell(_needed(part.iloc[0]))] if limited else []
        cells += [Cell(translated(str(part["needed_confidence" if limited else "confidence"].iloc[0])))]
        shown: dict[float, pd.Series] = {}
        for factor in sorted(MORE, key=lambda each: abs(each - 1)):
            # The nearest that was replayed, once, and on the same side of today's.
            side = part[np.sign((part["factor"] - 1).round(9)) == np.sign(factor - 1)]
            left = side[~side["capacity"].isin([row["capacity"] for row in shown.values()])]
            away = (left["factor"] - factor).abs()
            if away.notna().any():
                shown[factor] = left.loc[away.idxmin()]
        cells += [Cell(_step(shown[each]) if each in shown else "-") for each in MORE]
        rows.append(cells)
    abouts = [_("about {share}").format(share=percent(factor)) for factor in MORE]
    abouts[MORE.index(1.0)] = _("today")
    headings = [_("pool"), *([_("the target takes")] if limited else []), _("how sure"), *abouts]
    captions = {
        "mean": _("Capacity, in nodes or where these are not known in jobs at once, and the mean wait"),
        "p90": _("Capacity, in nodes or where these are not known in jobs at once, and what 9 of 10 waited at most"),
    }
    about = frame["quantile"].dropna().unique().tolist() or ["mean"]
    mixed = _("Capacity, in nodes or where these are not known in jobs at once, and the wait that the target is about")
    return Table(captions[str(about[0])] if len(about) == 1 else mixed, headings, rows)


def _step(row: pd.Series) -> str:
    star, doubt = "*" if row["extrapolated"] else "", " ?" if row["confidence"] == WEAK else ""
    return f"{amount(row['capacity'])}{star}: {wait(row, str(row['quantile']))}{doubt}"


def _doubts(frame: pd.DataFrame) -> Iterator[str]:
    """Say why figures have a question mark, of pools whose answers do not say it."""
    for _key, part in frame.groupby(list(POOL), sort=False):
        reasons = dict.fromkeys(reason for text in part["reason"] for reason in str(text).split("; ") if reason)
        answered = pd.notna(part["target_seconds"].iloc[0]) and part["needed_confidence"].iloc[0] != GOOD
        if reasons and not answered:
            doubt = "; ".join(map(translated, reasons))
            yield _("{pool}, where there is a question mark: {doubt}").format(pool=named(part.iloc[0]), doubt=doubt)


def _needed(row: pd.Series) -> str:
    if pd.notna(row["needed"]):
        low, high = (row[f"needed_{bound}"] for bound in ("low", "high"))
        most = amount(high) if pd.notna(high) else _("not known")
        return f"{amount(row['needed'])} ({amount(low)}-{most})" + (" ?" if row["needed_confidence"] == WEAK else "")
    if pd.notna(row["needed_high"]):
        return _("at most {number}").format(number=amount(row["needed_high"]))
    return _("at least {number}").format(number=amount(row["needed_low"])) if pd.notna(row["needed_low"]) else "-"


def _forecast(_report: Report, frame: pd.DataFrame) -> Table:
    rows, limited = [], bool(frame["target_seconds"].notna().any())
    for name, part in _rows(frame):
        first, last = part.iloc[0], part.iloc[-1]
        errors = "-" if pd.isna(last["error"]) else f"{rounded(last['error'])} / {rounded(last['error_naive'])}"
        texts = [between(first, "arrivals"), between(last, "arrivals"), f"{last['weeks_ahead']:.0f}", errors]
        texts[2] = "-" if pd.isna(last["weeks_ahead"]) else texts[2]
        if limited:
            texts += [between(last, "growth"), percent(last["pass_probability"])]
        rows.append([name, *map(Cell, texts)])
    headings = [
        _("pool"), _("jobs in the next week"), _("in the last one foreseen"), _("weeks ahead"),
        _("error / that of last week again"),
    ]  # fmt: skip
    if limited:
        headings += [_("demand it takes (times)"), _("chance of more than that")]
    return Table(_("What comes, with 90 % intervals"), headings, rows)


def _notes(frames: Sequence[pd.DataFrame]) -> Iterator[str]:
    """Say each note once, with the pools that it is about."""
    pools: dict[str, list[str]] = {}
    for frame in frames:
        for _key, part in frame.groupby(list(POOL), sort=False):
            row = part.iloc[0]
            texts = (row["note"], row["reason"]) if "offered" in frame.columns else (row["note"],)
            for note in filter(None, "; ".join(str(text or "") for text in texts).split("; ")):
                names = pools.setdefault(translated(note), [])
                names += [] if named(row) in names else [named(row)]
    whose = _("{note} ({names})")
    yield from (whose.format(note=note, names=", ".join(names)) for note, names in pools.items())


def _pictures(frame: pd.DataFrame) -> Iterator[Picture]:
    """Draw the pools that wait longest."""
    known = frame[frame["capacity"].notna()]
    today = known[np.isclose(known["factor"], 1.0)].sort_values("mean_seconds", ascending=False, kind="stable")
    keys = list(today.set_index(list(POOL)).index[:MULTIPLES])
    if not keys:
        return
    some = known[[key in keys for key in zip(known["project"], known["pool"], strict=True)]]
    text = plural("Wait against capacity of {n} pool", "Wait against capacity of {n} pools", len(keys))
    caption = text.format(n=len(keys))
    yield Picture("plans", "plans", {"plan": some}, caption, caption)
