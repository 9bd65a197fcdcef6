"""The content of a report: all estimates of a period, from few readings of the record, and the findings.

`render` makes pages of it, `as_json` JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, TypeAlias, TypeVar

import pandas as pd

from analysis.capacity.scenario import Scenario
from analysis.errors import Incomplete, NothingObserved, NothingSelected, RequestRefused
from analysis.query.answers import answers
from analysis.query.engines import Engine
from analysis.query.question import Question, ask, ask_comparison, ask_forecast, ask_load, ask_plan
from analysis.query.request import Request, named
from analysis.query.targets import Targets, targets_of
from analysis.record import frames
from analysis.record.database import Record
from analysis.report.findings import SERIES, Finding, findings
from analysis.stats.batches import WEEKS
from collector.record import RecordUnreadable, interrupted

Result = TypeVar("Result")
POOL: Final = ("project", "pool")
Key: TypeAlias = tuple[Any, ...]
"""The labels of a series or of a pool."""
Frames: TypeAlias = dict[str, pd.DataFrame]
FINE: Final = {"1h": 7, "3h": 21, "6h": 60}
"""The most days that a picture's width can show, by the length of its windows."""
FEWEST_DAYS: Final = 7 * WEEKS
"""The fewest observed days for which outcomes and failures are shown by week."""


@dataclass(frozen=True)
class Failure:
    """A section that could not be made."""

    section: str
    message: str


@dataclass(frozen=True)
class Report:
    """The content of a report."""

    request: Request
    """The request for the period; its ``every`` is the length of the windows."""
    start: datetime | None
    end: datetime | None
    """Start and end of the period, UTC; None where nothing was observed."""
    attempts: pd.DataFrame
    unlisted: Sequence[str]
    """The projects whose pools could not be listed, so that no pool was polled."""
    series: Mapping[str, pd.DataFrame]
    """Frames by series, see `json_schema.SERIES_PARTS`; times in the zone of the request."""
    pools: Mapping[str, pd.DataFrame]
    """By pool: see `json_schema.POOL_PARTS`; load, plan and forecast are missing where only some types are selected."""
    findings: Sequence[Finding]
    failed: Sequence[Failure]

    @property
    def interval(self) -> float | None:
        """The longest poll interval of the series, in seconds; None where the report has no table of waits."""
        return float(self.series["whole"]["interval_seconds"].max()) if "whole" in self.series else None

    @property
    def waits_failed(self) -> bool:
        """Whether there are no waits because the estimate failed, and not because observations are missing."""
        return "whole" not in self.series and any(failure.section == "whole" for failure in self.failed)

    @cached_property
    def by_series(self) -> dict[Key, Frames]:
        """The rows of every series by part, in order of project, pool and type."""
        return _grouped(self.series, SERIES)

    @cached_property
    def by_pool(self) -> dict[Key, Frames]:
        """The rows of every pool by part, in order of project and pool."""
        return _grouped(self.pools, POOL)

    @property
    def series_keys(self) -> list[Key]:
        """Every series in order: project, pool, type."""
        return list(self.by_series)


def _grouped(frames: Mapping[str, pd.DataFrame], labels: Sequence[str]) -> dict[Key, Frames]:
    """Split all frames by labels in one pass: picking the rows of a single series would take as long."""
    groups: dict[Key, Frames] = {}
    for name, frame in frames.items():
        for key, rows in frame.groupby(list(labels), sort=False):
            groups.setdefault(key, {})[name] = rows
    return dict(sorted(groups.items(), key=lambda group: str(group[0])))


def gather(
    record: Record,
    request: Request,
    against: str = "previous",
    flavors: Mapping[str, int] | None = None,
    targets: Targets | None = None,
    engine: Engine | None = None,
) -> Report:
    """Return the content of a report, from a record.

    Parameters
    ----------
    request
        ``since`` is the start of the period.
    against
        The period to compare with: see `Request.periods`.
    flavors
        Cards per node, by flavor.
    targets
        Targets of pools, where the request has no limit; see `Targets`.
    engine
        Where pools are computed, see `answers`.

    Raises
    ------
    RecordUnreadable, RequestRefused
    """
    selected = named(record, replace(request, since=None, until=None).selection(None))
    request = replace(request, project=selected.projects, pool=selected.pools, type=selected.types)
    try:
        last = record.last_slot()
    except NothingObserved:
        everything = replace(request, since=None, until=None).selection(None)
        attempts, unlisted = frames.attempts(record, everything), record.unlisted(everything)
        return Report(request, None, None, attempts, unlisted, {}, {}, (), ())
    start, end = (instant.replace(tzinfo=UTC) for instant in request.span(last))
    selection = request.selection(last)
    attempts, unlisted = frames.attempts(record, selection), record.unlisted(selection)
    # All readings cover the same part of the record, though it may grow meanwhile.
    request = replace(request, since=start, until=end)
    good = attempts[attempts["outcome"] == "ok"]
    observed = end - max(start, end if good.empty else good["first_slot"].min().to_pydatetime())
    periods, both = replace(request, by="pool,type").periods(against, last)
    scenario = Scenario(
        target=request.limit, quantile=None if request.slo is None else "p90", targets=targets_of(targets or {})
    )
    series, pools, failed = Frames(), Frames(), list[Failure]()
    readings: list[tuple[Frames, Mapping[str, Question]]] = [
        (series, _about_series(request, observed)),
        # In a reading of its own: the time before the period would change the point estimates of the other answers.
        (series, {"compare": ask_comparison(both, periods)}),
        (pools, _about_pools(request, scenario, flavors or {})),
    ]
    if not request.type:
        # A forecast is made from the whole record.
        weeks = replace(request, by="pool", every="1w", since=None)
        readings += [(pools, {"forecast": ask_forecast(weeks, scenario, None)})]
    try:
        for answered, asked in readings:
            frames_, failures = _answered(record, asked, engine)
            answered.update(frames_)
            failed += failures
    except NothingSelected:
        # Where all attempts failed, the report lists the attempts.
        if attempts.empty:
            raise
    if not {"whole", "compare", "changes"} <= series.keys():
        return Report(request, start, end, attempts, unlisted, series, pools, (), failed)
    report_findings, failures = _attempted("findings", lambda: findings(series, request.allowed))
    return Report(request, start, end, attempts, unlisted, series, pools, report_findings or (), [*failed, *failures])


def _about_series(request: Request, observed: timedelta) -> dict[str, Question]:
    """Return the questions about each series, by part; `observed` is the observed time of the period."""
    by_series = replace(request, by="pool,type")
    over_all = replace(by_series, every="all")
    fine = replace(by_series, every=_fine(observed))
    weekly = replace(by_series, every="1w") if observed >= timedelta(days=FEWEST_DAYS) else by_series
    return {
        "whole": ask("waits", over_all),
        "windows": ask("waits", by_series),
        "fine": ask("flows", fine),
        "distribution": ask("distribution", over_all),
        "failures": ask("failures", over_all),
        "ends": ask("failures", weekly),
        "flows": ask("flows", over_all),
        "outcomes": ask("flows", weekly),
        "coverage": ask("coverage", over_all),
        "trend": ask("trend", by_series),
        "changes": ask("changes", by_series),
        "profile": ask("profile", by_series),
    }


def _about_pools(request: Request, scenario: Scenario, flavors: Mapping[str, int]) -> dict[str, Question]:
    """Return the questions about each pool, by part."""
    by_pool = replace(request, by="pool")
    over_all = replace(by_pool, every="all")
    asked = {
        "whole": ask("waits", over_all),
        "windows": ask("waits", by_pool),
        "failures": ask("failures", over_all),
        "flows": ask("flows", over_all),
        "coverage": ask("coverage", over_all),
        "seen": ask("coverage", by_pool),
    }
    if not request.type:
        # The types of a pool share its capacity.
        asked["load"] = ask_load(over_all, flavors)
        asked["plan"] = ask_plan(by_pool, scenario)
    return asked


def _fine(span: timedelta) -> str:
    return next((every for every, days in FINE.items() if span <= timedelta(days=days)), "1d")


def _answered(record: Record, asked: Mapping[str, Question], engine: Engine | None) -> tuple[Frames, list[Failure]]:
    """Answer all questions in one reading; where that fails, each in its own. Return the answers and the failures."""
    try:
        return dict(zip(asked, answers(record, list(asked.values()), engine), strict=True)), []
    except (RecordUnreadable, RequestRefused):
        raise
    except Exception as error:
        if interrupted(error):
            raise
    answered: Frames = {}
    failed: list[Failure] = []
    for name, question in asked.items():
        try:
            answered[name] = answers(record, [question], engine)[0]
        except Incomplete as error:
            failed.append(Failure(name, error.reasons))
            if error.frames[0] is not None:
                answered[name] = error.frames[0]
        except (RecordUnreadable, RequestRefused):
            raise
        except Exception as error:
            if interrupted(error):
                raise
            failed.append(Failure(name, f"{type(error).__name__}: {error}"))
    return answered, failed


def _attempted(section: str, make: Callable[[], Result]) -> tuple[Result | None, list[Failure]]:
    """Return what a function makes, and no failure; or None and the failure."""
    try:
        return make(), []
    except Exception as error:
        if interrupted(error):
            raise
        return None, [Failure(section, f"{type(error).__name__}: {error}")]
