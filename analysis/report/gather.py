"""What a report holds: every estimate of a period, over few readings of the record, and what of it matters.

Of this alone its pages are made (see `render`), and `as_json` is it as JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, Final, TypeAlias

import pandas as pd

from analysis.capacity.scenario import Wish
from analysis.errors import NothingObserved, NothingSelected, RequestRefused
from analysis.query import questions
from analysis.query.engine import answers
from analysis.query.questions import Question, ask
from analysis.query.request import Request
from analysis.query.targets import Targets, targets_of
from analysis.record import frames
from analysis.record.database import Record
from analysis.report.findings import Finding, findings
from collector.record import RecordUnreadable, interrupted

SERIES: Final = ("project", "pool", "type")
POOL: Final = ("project", "pool")
Key: TypeAlias = tuple[Any, ...]
"""Of a series or a pool: its labels."""
# Of a picture's windows: no more of them than its width shows.
FINE: Final = {"1h": 7, "3h": 21, "6h": 60}
WEEKS: Final = 21
"""Days from which on failures are shown by week: of fewer a day has none."""


@dataclass(frozen=True)
class Failure:
    """A section that could not be made."""

    section: str
    message: str


@dataclass
class Report:
    """What a report says."""

    request: Request
    """Of the period; ``every`` says its windows."""
    start: datetime | None
    end: datetime | None
    """UTC; None where nothing was observed."""
    interval: float
    """The longest between polls, in seconds."""
    series: dict[str, pd.DataFrame] = field(default_factory=dict)
    """By what it tells of each series: whole, windows, fine, distribution, failures, ends, flows, coverage, trend,
    changes, compare, profile; times in the zone of the request."""
    pools: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Likewise of each pool: whole, windows, failures, flows, coverage, seen; load, plan and forecast where no types
    were chosen."""
    unlisted: list[str] = field(default_factory=list)
    """Projects without any attempt, since their pools could not be listed."""
    attempts: pd.DataFrame = field(default_factory=pd.DataFrame)
    found: list[Finding] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)

    @property
    def waits_failed(self) -> bool:
        """Whether there are no waits because their estimate failed, and not for want of observations."""
        return "whole" not in self.series and any(failure.section == "whole" for failure in self.failed)

    @cached_property
    def of_series(self) -> dict[Key, dict[str, pd.DataFrame]]:
        """The rows of every series that is told of, in order of project, pool and type, by what they tell."""
        return _parts(self.series, SERIES)

    @cached_property
    def of_pools(self) -> dict[Key, dict[str, pd.DataFrame]]:
        """The rows of every pool that is told of, in order of project and pool, by what they tell."""
        return _parts(self.pools, POOL)

    @property
    def series_keys(self) -> list[Key]:
        """Every series that is told of, in order: project, pool, type."""
        return list(self.of_series)


def _parts(frames: Mapping[str, pd.DataFrame], labels: Sequence[str]) -> dict[Key, dict[str, pd.DataFrame]]:
    """Part all frames by their labels, once: to pick the rows of one series takes as long as to part all of them."""
    parts: dict[Key, dict[str, pd.DataFrame]] = {}
    for name, frame in frames.items():
        for key, rows in frame.groupby(list(labels), sort=False):
            parts.setdefault(key, {})[name] = rows
    return dict(sorted(parts.items(), key=lambda part: str(part[0])))


def gather(
    record: Record,
    request: Request,
    against: str = "previous",
    flavors: Mapping[str, int] | None = None,
    targets: Targets | None = None,
) -> Report:
    """Ask the record all that a report says.

    Parameters
    ----------
    request
        ``since`` begins the period.
    against
        The period to compare with: see `Request.periods`.
    flavors
        Cards a node, by flavor.
    targets
        What pools are for, where the request has no limit; see `Targets`.

    Raises
    ------
    RecordUnreadable, RequestRefused
    """
    try:
        last = record.last_slot()
    except NothingObserved:
        report = Report(request, None, None, 0.0)
        everything = replace(request, since=None, until=None).selection(None)
        report.attempts, report.unlisted = frames.attempts(record, everything), record.unlisted(everything)
        return report
    start, end = request.span(last)
    start, end = start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    report = Report(request, start, end, 0.0)
    selection = request.selection(last)
    report.attempts, report.unlisted = frames.attempts(record, selection), record.unlisted(selection)
    # Of a record that grows meanwhile every reading takes the same part.
    request = replace(request, since=start, until=end)
    by_series = replace(request, by="pool,type")
    good = report.attempts[report.attempts["outcome"] == "ok"]
    seen = end - max(start, end if good.empty else good["first_slot"].min().to_pydatetime())
    fine = _fine(seen)
    weekly = "1w" if seen >= timedelta(days=WEEKS) else request.every
    periods, both = by_series.periods(against, last)
    asked: dict[str, Question] = {
        "whole": ask("waits", replace(by_series, every="all")),
        "windows": ask("waits", by_series),
        "fine": ask("flows", replace(by_series, every=fine)),
        "distribution": ask("distribution", replace(by_series, every="all")),
        "failures": ask("failures", replace(by_series, every="all")),
        "ends": ask("failures", replace(by_series, every=weekly)),
        "flows": ask("flows", replace(by_series, every="all")),
        "outcomes": ask("flows", replace(by_series, every=weekly)),
        "coverage": ask("coverage", replace(by_series, every="all")),
        "trend": ask("trend", by_series),
        "changes": ask("changes", by_series),
        "profile": ask("profile", by_series),
    }
    of_pool = replace(request, by="pool")
    asked_of_pools = {
        "whole": ask("waits", replace(of_pool, every="all")),
        "windows": ask("waits", of_pool),
        "failures": ask("failures", replace(of_pool, every="all")),
        "flows": ask("flows", replace(of_pool, every="all")),
        "coverage": ask("coverage", replace(of_pool, every="all")),
        "seen": ask("coverage", of_pool),
    }
    wish = Wish(
        target=request.limit, quantile=None if request.slo is None else "p90", targets=targets_of(targets or {})
    )
    if not request.type:
        # The types of a pool share its capacity.
        asked_of_pools["load"] = questions.ask_load(replace(of_pool, every="all"), flavors or {})
        asked_of_pools["plan"] = questions.ask_plan(of_pool, wish)
    try:
        report.series = _answered(record, asked, report.failed)
        # By itself: with what went on before the period points of the others would not be those of the commands.
        report.series |= _answered(record, {"compare": questions.ask_comparison(both, periods)}, report.failed)
        report.pools = _answered(record, asked_of_pools, report.failed)
        if not request.type:
            # A forecast looks at all that there is.
            weeks = questions.ask_forecast(replace(of_pool, every="1w", since=None), wish, None)
            report.pools |= _answered(record, {"forecast": weeks}, report.failed)
    except NothingSelected:
        # Where all attempts failed that is what there is to say.
        if report.attempts.empty:
            raise
    if "whole" in report.series:
        report.interval = float(report.series["whole"]["interval_seconds"].max())
    if {"whole", "compare", "changes"} <= report.series.keys():
        report.found = _attempted("findings", lambda: findings(report.series, request.allowed), report.failed) or []
    return report


def _fine(span: timedelta) -> str:
    return next((every for every, days in FINE.items() if span <= timedelta(days=days)), "1d")


def _answered(record: Record, asked: Mapping[str, Question], failed: list[Failure]) -> dict[str, pd.DataFrame]:
    """Answer all questions over one reading; where that fails each by itself, and what fails is told."""
    try:
        found = dict(zip(asked, answers(record, list(asked.values())), strict=True))
    except (RecordUnreadable, RequestRefused):
        raise
    except Exception as error:
        if interrupted(error):
            raise
        found = {}
        for name, question in asked.items():
            alone = _attempted(name, partial(answers, record, [question]), failed)
            if alone is not None:
                found[name] = alone[0]
    return found


def _attempted(section: str, make: Callable[[], Any], failed: list[Failure]) -> Any:  # noqa: ANN401 - what is made
    try:
        return make()
    except Exception as error:
        if interrupted(error):
            raise
        failed.append(Failure(section, f"{type(error).__name__}: {error}"))
        return None
