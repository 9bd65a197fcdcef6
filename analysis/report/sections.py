"""What a report says in words: its findings and its sections, translated, for any form of page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from analysis.figures.draw import Picture
from analysis.report.findings import Finding, sentence
from analysis.report.gather import POOL, SERIES, Failure, Report
from analysis.report.summary import TOLD
from analysis.report.tables import Table, changes, facts, limit_of, measure_name, measures
from analysis.text.language import _, plural, translated
from analysis.text.units import isolated, named, percent

PICTURED: Final = 60
"""As many series have pictures: those that matter, and those with the most jobs."""
MULTIPLES: Final = 12
"""As many pools are drawn beside each other."""
SUMMED: Final = 3
"""Figures of a series, that the text in a picture's place tells."""


@dataclass
class Section:
    """A pool's or a series' part of a report."""

    name: str
    title: str
    about: str
    answers: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    failed: str = ""


def findings(report: Report) -> tuple[list[tuple[Finding, str]], list[tuple[Finding, str]]]:
    """Return what is sure and what is not, each with its sentence."""
    said = [(found, sentence(found, limit_of(report))) for found in report.found]
    sure = [(found, _("{finding}.").format(finding=text)) for found, text in said if found.sure]
    unsure = [(found, _because(found, text)) for found, text in said if not found.sure]
    return sure[:TOLD], unsure[:TOLD]


def _because(found: Finding, text: str) -> str:
    if found.kind == "limit":
        why = _("in another order of service it may be less than {share}").format(share=percent(found.other))
    elif found.kind == "changed":
        why = _("found among many questions")
    elif found.why:
        why = translated(found.why)
    else:
        why = _("among so many comparisons this may be chance")
    return _("{finding}. Unsure: {why}.").format(finding=text, why=why)


def sections(report: Report, *, pictured: bool) -> Iterator[Section]:
    """Return a section a series, the pools in order; one that fails says so in its place."""
    chosen = set(_pictured(report, report.series_keys)) if pictured else set()
    for number_, (key, of) in enumerate(report.of_series.items()):
        name = f"series-{number_ + 1}"
        try:
            section = _section(report, name, key, of, pictured=key in chosen)
        except Exception as error:  # noqa: BLE001 - what fails is told in its place, the rest appears
            section = Section(name, f"{isolated(key[1])} · {isolated(key[2])}", "")
            section.failed = f"{type(error).__name__}: {error}"
            report.failed.append(Failure(section.title, section.failed))
        yield section


def finding_id(report: Report, found: Finding) -> str:
    """Return the name of the section of a finding."""
    keys = report.series_keys
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
    section.tables.append(facts(report, of))
    section.tables.append(measures(of))
    changed = changes(of)
    section.tables += [changed] if changed.rows else []
    section.notes = list(_notes(of))
    if pictured:
        section.pictures = list(_pictures(name, of, section))
    return section


def _notes(of: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say once what is to be said of the figures; of trends only why none is given."""
    said = set()
    titles = {"whole": _("waits"), "failures": _("failures"), "compare": _("comparison"), "trend": _("trend")}
    for name, title in titles.items():
        for _place, row in of.get(name, pd.DataFrame()).iterrows():
            if not row["note"]:
                continue
            what = f"{title}, {measure_name(row['measure'])}" if "measure" in row else title
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
    told = section.tables[0].rows[:SUMMED]
    summary = "; ".join(f"{what.text} {value.text} ({bounds.text})" for what, value, bounds, _seen in told)
    have = {called: frame for called, frame in picked.items() if frame is not None and _drawable(frame)}
    if have:
        yield Picture(
            f"{name}-time",
            "sheet",
            have,
            _("Queue, waits, ends and failures over time; below each axis how much was seen"),
            _("Over time, {series}: {summary}").format(series=section.title, summary=summary),
        )
    if "distribution" in of and "profile" in of and _drawable(of["distribution"]):
        yield Picture(
            f"{name}-shape",
            "shapes",
            {"distribution": of["distribution"], "profile": of["profile"]},
            _("How long jobs waited, and in which hours of the week they waited longest"),
            _("Distribution of the waits and mean wait by hour of the week, {series}: {summary}").format(
                series=section.title, summary=summary
            ),
        )


def _drawable(frame: pd.DataFrame | None) -> bool:
    """Tell whether there is a span of time to draw."""
    return frame is not None and bool(frame["window_end"].max() > frame["window_start"].min())


def pool_pictures(report: Report) -> list[Picture]:
    """Return the pictures of all pools: their waits beside each other, who came and left, and what was seen."""
    made = []
    windows, seen = report.pools.get("windows"), report.pools.get("seen")
    if windows is not None and _drawable(windows):
        jobs = windows.groupby(list(POOL))["arrivals"].sum().sort_values(ascending=False, kind="stable")
        busiest = set(jobs.index[:MULTIPLES])
        some = windows[[key in busiest for key in zip(windows["project"], windows["pool"], strict=True)]]
        text = plural("Mean wait of {n} pool, on one scale", "Mean waits of {n} pools, on one scale", len(busiest))
        made.append(
            Picture("pools", "pools", {"waits": some}, text.format(n=len(busiest)), text.format(n=len(busiest)))
        )
    if seen is not None and _drawable(seen):
        keys = list(seen.groupby(list(POOL), sort=False).groups)[:PICTURED]
        some = seen[[key in keys for key in zip(seen["project"], seen["pool"], strict=True)]]
        caption = _("How much of each window was seen: the darker the more, hatched nothing")
        made.append(Picture("coverage", "coverage", {"coverage": some}, caption, caption))
    return made
