"""The sections of a report, one per series, and the findings as text, for any form of page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.figures.draw import Picture
from analysis.notes import joined
from analysis.report.findings import SERIES, Finding
from analysis.report.gather import POOL, Frames, Key, Report
from analysis.report.refusals import line, untold, without_refusals
from analysis.report.sentences import sentence
from analysis.report.summary import SHOWN
from analysis.report.tables import Table, changes, facts, is_compared, limit_of, measures
from analysis.text.cells import judged
from analysis.text.language import _, listed, plural, rendered, together
from analysis.text.units import (
    bracketed,
    count_parts,
    duration,
    isolated,
    named,
    percent,
    share_with_bounds,
    with_bounds,
)

PICTURED: Final = 60
"""The most series with pictures: those with findings, then those with the most jobs."""
MULTIPLES: Final = 12
"""The most pools in a picture that shows pools beside each other."""


@dataclass(frozen=True)
class Section:
    """A section of a report: about a series, or about capacity."""

    name: str
    title: str
    about: str = ""
    folded: str = ""
    """The estimates that stand beside the title while the section is folded; empty where it is never folded."""
    answers: Sequence[str] = ()
    refusal: str = ""
    """What cannot be told yet, and why, in one line."""
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    failed: str = ""
    """The reason why the section could not be made; empty where it was made."""


def findings(report: Report) -> tuple[list[tuple[Finding, str]], list[tuple[Finding, str]]]:
    """Return the sure and the uncertain findings, each with its sentence, at most `SHOWN` of either."""
    sentences = [(finding, sentence(finding, limit_of(report))) for finding in report.findings]
    sure = [(finding, _("{finding}.").format(finding=text)) for finding, text in sentences if finding.sure]
    unsure = [(finding, _because(finding, text)) for finding, text in sentences if not finding.sure]
    return sure[:SHOWN], unsure[:SHOWN]


def _because(finding: Finding, text: str) -> str:
    if finding.kind == "limit":
        why = _("with another service discipline the share may be below {share}").format(share=percent(finding.other))
    elif finding.kind == "changed":
        why = _("many series were tested for changes, and this change may be chance")
    elif finding.why:
        why = rendered(finding.why)
    else:
        why = _("many comparisons were made, and this difference may be chance")
    return _("{finding}. Uncertain: {why}.").format(finding=text, why=why)


def sections(report: Report, *, pictured: bool) -> Iterator[Section]:
    """Yield one section per series, in order of pools; where a section fails, one that gives the error."""
    chosen = set(_pictured(report, report.series_keys)) if pictured else set()
    for place, (key, parts) in enumerate(report.by_series.items()):
        name = f"series-{place + 1}"
        try:
            yield _section(report, name, parts, pictured=key in chosen)
        except Exception as error:  # noqa: BLE001 - the page says which section failed, the rest appears
            title = f"{isolated(key[1])} · {isolated(key[2])}"
            yield Section(name, title, failed=f"{type(error).__name__}: {error}")


def finding_id(report: Report, finding: Finding) -> str:
    """Return the name of the section about a finding's series."""
    keys = report.series_keys
    return f"series-{keys.index((finding.project, finding.pool, finding.type)) + 1}"


def _pictured(report: Report, keys: Sequence[Key]) -> list[Key]:
    important = {(finding.project, finding.pool, finding.type) for finding in report.findings}
    jobs = report.series["whole"].set_index(list(SERIES))["arrivals"].to_dict() if "whole" in report.series else {}
    order = sorted(keys, key=lambda key: (key not in important, -float(np.nan_to_num(jobs.get(key, 0.0))), str(key)))
    return order[:PICTURED]


def _section(report: Report, name: str, parts: Frames, *, pictured: bool) -> Section:
    row = next(iter(parts.values())).iloc[0]
    title = f"{named(row)} · {isolated(row['type'])}"
    key = tuple(row[label] for label in SERIES)
    with_findings = {(finding.project, finding.pool, finding.type) for finding in report.findings}
    figures = facts(report, parts)
    return Section(
        name,
        title,
        _("pool {pool}, project {project}").format(pool=isolated(row["pool"]), project=isolated(row["project"])),
        folded="" if key in with_findings else together(_summary(report, parts)),
        refusal=line(untold(parts)),
        tables=[*figures, *(table for table in (measures(parts), changes(parts)) if table.rows)],
        notes=list(_notes(parts)),
        pictures=list(_pictures(name, title, parts, together(_summary(report, parts)))) if pictured else (),
    )


def _summary(report: Report, parts: Frames) -> Iterator[str]:
    """Yield the most important estimates of a series, with their bounds and coverage."""
    if "whole" not in parts:
        return
    row = parts["whole"].iloc[-1]
    texts = {_("arrivals"): bracketed(*count_parts(row, "arrivals")), _("mean wait"): with_bounds(row, "mean")}
    if limit_of(report):
        texts[_("over {limit}").format(limit=duration(limit_of(report)))] = judged(row)
    if "failures" in parts:
        texts[_("failure rate")] = share_with_bounds(parts["failures"].iloc[-1], "failure_rate")
    for label, text in (texts | {_("coverage"): percent(row["coverage"])}).items():
        yield f"{label} {text}"


def _notes(parts: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Yield the text of each note once, after the names of the estimates that it is about."""
    titles = {"whole": _("waits"), "failures": _("failures"), "compare": _("comparison"), "trend": _("trend")}
    if not is_compared(parts):
        # The first lines of the report say so.
        del titles["compare"]
    about: dict[str, dict[str, None]] = {}
    for part, title in titles.items():
        for _place, row in parts.get(part, pd.DataFrame()).iterrows():
            for note in without_refusals(row) if "direction" in row else joined(row["note"]):
                # Measures are named where they have different notes.
                about.setdefault(rendered(note), {})[title] = None
    for text, names in about.items():
        yield _("{name}: {text}").format(name=listed(names), text=text)


def _pictures(name: str, title: str, parts: Mapping[str, pd.DataFrame], summary: str) -> Iterator[Picture]:
    panels = {"flows": "fine", "waits": "windows", "outcomes": "outcomes", "failures": "ends", "changes": "changes"}
    frames = {panel: parts[part] for panel, part in panels.items() if part in parts and _drawable(parts[part])}
    if frames:
        caption = _("Queue, waits, outcomes and failure rate over time; coverage below each axis")
        alt = _("Over time, {series}: {summary}").format(series=title, summary=summary)
        yield Picture(f"{name}-time", "sheet", frames, caption, alt)
    if "distribution" in parts and "profile" in parts and _drawable(parts["distribution"]):
        frames = {part: parts[part] for part in ("distribution", "profile")}
        caption = _("Distribution of waits, and mean wait by hour of the week")
        text = _("Distribution of waits, and mean wait by hour of the week, {series}: {summary}")
        yield Picture(f"{name}-shape", "shapes", frames, caption, text.format(series=title, summary=summary))


def _drawable(frame: pd.DataFrame) -> bool:
    """Return whether the windows have any length: a record of one slot has a window without length."""
    return bool(frame["window_end"].max() > frame["window_start"].min())


def pool_pictures(report: Report) -> list[Picture]:
    """Return the pictures of all pools: their waits beside each other, and their coverage."""
    pictures = []
    windows, coverage = report.pools.get("windows"), report.pools.get("seen")
    if windows is not None and _drawable(windows):
        jobs = windows.groupby(list(POOL))["arrivals"].sum().sort_values(ascending=False, kind="stable")
        busiest = rows_of(windows, jobs.index[:MULTIPLES])
        number = min(len(jobs), MULTIPLES)
        text = plural("Mean wait of {n} pool, on one scale", "Mean waits of {n} pools, on one scale", number)
        pictures.append(Picture("pools", "pools", {"waits": busiest}, text.format(n=number), text.format(n=number)))
    if coverage is not None and _drawable(coverage):
        first = rows_of(coverage, list(coverage.groupby(list(POOL), sort=False).groups)[:PICTURED])
        caption = _("Coverage of each window: the darker the higher, hatched where it is zero")
        pictures.append(Picture("coverage", "coverage", {"coverage": first}, caption, caption))
    return pictures


def rows_of(frame: pd.DataFrame, pools: Iterable[Any]) -> pd.DataFrame:
    """Return the rows of some pools, each given as (project, pool)."""
    chosen = set(pools)
    return frame[[key in chosen for key in zip(frame["project"], frame["pool"], strict=True)]]
