"""The history of a collector: its counts as frames, and the estimates that are made of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypedDict, TypeVar, Unpack

import numpy as np
import pandas as pd

from analysis import failures, loads, waits
from analysis.classes import WORST_LAST
from analysis.errors import RequestRefused
from analysis.flows import flows_of
from analysis.matching import Whole
from analysis.periods import coverage
from analysis.record import Record, Selection
from analysis.request import Patterns, Request
from analysis.series import COUNTS, ENDED, KEY, UNKNOWN, Series
from analysis.windows import windows

Made = TypeVar("Made")
Row = dict[str, Any]
Triple = tuple[float | None, float | None, float | None]
LABELS: Final = ("project", "pool", "pool_name", "type", "window_start", "window_end")
TOO_SHORT: Final = "fewer than two slots with known counts"


class Options(TypedDict, total=False):
    """What an estimate is asked for; see `request.Request` for what is taken when it is not given."""

    every: str
    since: str | datetime | None
    until: str | datetime | None
    zone: str
    project: Patterns
    pool: Patterns
    type: Patterns
    by: str
    queue: str
    slo: str | timedelta | None
    order: str


@dataclass(frozen=True)
class Member(Generic[Made]):
    """One series of a group: what was made of it for an estimate; None where it is too short for any."""

    slots: Whole
    intervals: Whole
    history: str
    kept: str
    notes: tuple[str, ...]
    made: Made | None


class History:
    """The record of a collector, read.

    Parameters
    ----------
    database
        The DuckDB file. It is open while it is read and never longer, so as not to hold up the collector.
    spool
        The folder of polls that are not yet in the database; ``spool`` beside the database by default.

    Notes
    -----
    Every estimate takes the keywords of `Options`: ``every`` (1h, 1d, 1w, 1mo, all) and ``zone`` make the windows,
    (start, end]; ``since`` and ``until`` (an instant in that zone, or a duration back from the last slot) the part of
    the record that is read; ``project``, ``pool`` and ``type`` (patterns, of a pool's id or display name) what is
    selected; ``by`` (pool,type, pool, type, all) over what is summed. All raise RecordUnreadable and RequestRefused.
    A window without an estimate has missing values and a note that says why.
    """

    def __init__(self, database: Path | str, spool: Path | str | None = None) -> None:
        self.record = Record(database, spool)

    def scrapes(self) -> pd.DataFrame:
        """Return the slots in which each pool was observed.

        Returns
        -------
        pandas.DataFrame
            A row a (project, pool, slot) with a good answer, in that order: project, pool, slot (UTC),
            interval_seconds, total (the answer's outer total).
        """
        parts = [
            {
                "project": pool.project,
                "pool": pool.pool,
                "slot": _utc(pool.slots),
                "interval_seconds": pool.intervals,
                "total": _counted(pool.totals),
            }
            for pools, _ in self.record.read(Selection())
            for pool in pools
        ]
        return _stacked(parts, ["project", "pool", "slot", "interval_seconds", "total"])

    def counts(self) -> pd.DataFrame:
        """Return the counts of each series at every slot in which its pool was observed.

        What an answer left out is read by one rule, see `series.read_counts`; what stays unknown is missing. A slot
        without a good answer has no row.

        Returns
        -------
        pandas.DataFrame
            A row a (project, pool, type, slot), in that order: the key, slot (UTC), interval_seconds, total and the
            nine statuses as Int64.
        """
        parts = [
            {
                **dict(zip(KEY, each.key, strict=True)),
                "slot": _utc(each.slots),
                "interval_seconds": each.intervals,
                **{name: _counted(each.counts[name]) for name in COUNTS},
            }
            for _, series in self.record.read(Selection())
            for each in series
        ]
        return _stacked(parts, [*KEY, "slot", "interval_seconds", *COUNTS])

    def waits(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Estimate how long the jobs that arrived in each window waited.

        ``queue`` says which statuses are waiting (queue, queue+pending, queue+pending+creating), ``slo`` the limit (as
        15m) over which the share of jobs is wanted, ``order`` the order of service that the points assume (unknown:
        measured; fifo; backfill). The bounds hold for every order of service.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, queue, arrivals with bounds, mean and p50, p90, p95
            and p99 in seconds with bounds, the share over the limit with bounds, order, coverage, history (how finished
            jobs are kept), method, note. A missing upper bound means that there is none.
        """
        request = Request(**options)

        def make(series: Series) -> tuple[waits.Waiting, str, str, tuple[str, ...]]:
            flows = flows_of(series, request.queue)
            return waits.Waiting(flows, request.order), flows.classes.history, flows.classes.name, flows.notes

        names = [f"p{quantile}" for quantile in waits.QUANTILES]

        def row(made: list[waits.Waiting], start: int, end: int) -> Row:
            found = waits.estimate(made, start, end, request.limit)
            orders = {each.order for each in made}
            said: Row = {
                "arrivals": found.arrivals,
                "arrivals_low": found.arrivals_low,
                "arrivals_high": found.arrivals_high,
                **_in_seconds("mean", found.mean),
            }
            for name, quantile in zip(names, waits.QUANTILES, strict=True):
                said |= _in_seconds(name, found.quantiles[quantile])
            if request.limit is not None:
                said |= dict(zip(("over_slo", "over_slo_low", "over_slo_high"), found.over, strict=True))
            method = "conservation" if found.arrivals_high is not None else "smallest flows and a model"
            return said | {"order": orders.pop() if len(orders) == 1 else "mixed", "method": method, "note": found.note}

        columns = ["queue", "arrivals", "arrivals_low", "arrivals_high"]
        columns += [f"{name}{kind}_seconds" for name in ("mean", *names) for kind in ("", "_low", "_high")]
        columns += [] if request.limit is None else ["over_slo", "over_slo_low", "over_slo_high"]
        columns += ["order", "coverage", "history", "method", "note"]
        frame = self._estimates(request, make, row, columns)
        return frame.assign(queue=request.queue)

    def failures(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Estimate how often the jobs that ended in each window failed.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, finished with bounds, failed, failure_rate (of all
            that ended) with an interval for the underlying rate (95 %), failure_rate_of_ran (of those that completed or
            failed), overdispersion (see `failures.overdispersion`), coverage, history, method, note.
        """
        request = Request(**options)

        def make(series: Series) -> tuple[failures.Ending, str, str, tuple[str, ...]]:
            flows = flows_of(series, request.queue)
            return failures.Ending(flows), flows.classes.history, flows.classes.name, flows.notes

        def row(made: list[failures.Ending], start: int, end: int) -> Row:
            found = failures.estimate(made, start, end)
            return {
                "finished": found.finished,
                "finished_low": found.finished_low,
                "finished_high": found.finished_high,
                "failed": found.failed,
                **dict(zip(("failure_rate", "failure_rate_low", "failure_rate_high"), found.rate, strict=True)),
                "failure_rate_of_ran": found.rate_of_ran,
                "overdispersion": found.overdispersion,
                "method": "Jeffreys on n / overdispersion",
                "note": found.note,
            }

        columns = ["finished", "finished_low", "finished_high", "failed", "failure_rate", "failure_rate_low"]
        columns += [
            "failure_rate_high",
            "failure_rate_of_ran",
            "overdispersion",
            "coverage",
            "history",
            "method",
            "note",
        ]
        return self._estimates(request, make, row, columns)

    def flows(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Sum up what flowed through the queue in each window.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, queue, arrivals with bounds, departures (from the
            queue), starts_low and starts_high (who was terminated may have given up), completed, failed, terminated,
            queue_start and queue_end (jobs waiting), abnormal (jobs in that status at the end), drain_seconds with an
            interval (how long the queue of the end takes at the window's rate), coverage, history, method, note.
        """
        request = Request(**options)

        def make(series: Series) -> tuple[Any, str, str, tuple[str, ...]]:
            flows = flows_of(series, request.queue)
            return flows, flows.classes.history, flows.classes.name, flows.notes

        def row(made: list[Any], start: int, end: int) -> Row:
            found = loads.load(made, start, end)
            return {
                "arrivals": found.arrivals,
                "arrivals_low": found.arrivals_low,
                "arrivals_high": found.arrivals_high,
                "departures": found.departures,
                "starts_low": found.starts_low,
                "starts_high": found.starts_high,
                **{status.lower(): found.ended[status] for status in ENDED},
                "queue_start": found.queue_start,
                "queue_end": found.queue_end,
                "abnormal": found.abnormal,
                **_in_seconds("drain", found.drain),
                "method": "conservation" if found.arrivals_high is not None else "smallest flows and a model",
                "note": "",
            }

        columns = ["queue", "arrivals", "arrivals_low", "arrivals_high", "departures", "starts_low", "starts_high"]
        columns += [*(status.lower() for status in ENDED), "queue_start", "queue_end", "abnormal", "drain_seconds"]
        columns += ["drain_low_seconds", "drain_high_seconds", "coverage", "history", "method", "note"]
        return self._estimates(request, make, row, columns).assign(queue=request.queue)

    def coverage(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Tell how much of each window was observed.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, slots (observed), coverage (the share of the
            window's slots), longest_gap_seconds (between observed slots, or to the window's ends), history (how
            finished jobs are kept), note.
        """
        request = Request(**options)

        def make(series: Series) -> tuple[Series, str, str, tuple[str, ...]]:
            classes = flows_of(series, request.queue).classes
            return series, classes.history, classes.name, classes.notes

        def row(made: list[Series], start: int, end: int) -> Row:
            gaps = [_longest_gap(each.slots, start, end) for each in made]
            inside = [np.searchsorted(each.slots, [start, end], side="right") for each in made]
            return {
                "slots": sum(int(b - a) for a, b in inside),
                "longest_gap_seconds": max(gaps),
                "note": "",
            }

        return self._estimates(request, make, row, ["slots", "coverage", "longest_gap_seconds", "history", "note"])

    def _estimates(
        self,
        request: Request,
        make: Callable[[Series], tuple[Made, str, str, tuple[str, ...]]],
        row: Callable[[list[Made], int, int], Row],
        columns: list[str],
    ) -> pd.DataFrame:
        """Make a row a group and window."""
        rows = []
        interval = 0
        for labels, members in self._groups(request, make):
            slots = [member.slots for member in members if len(member.slots)]
            if not slots:
                continue
            first, last = min(int(each[0]) for each in slots), max(int(each[-1]) for each in slots)
            interval = max(interval, *(int(np.median(member.intervals)) for member in members if len(member.slots)))
            kept = max(members, key=lambda member: WORST_LAST.index(member.kept)).history
            notes = dict.fromkeys(note for member in members for note in member.notes)
            made = [member.made for member in members if member.made is not None]
            # A single slot ends a window of its own interval.
            for start, end in windows(first, last, request.every, request.tz) or [(first, last)]:
                said: Row = {"note": TOO_SHORT}
                if made:
                    said = row(made, start, end)
                said["note"] = "; ".join(note for note in (said["note"], *notes) if note)
                shares = [coverage(member.slots, member.intervals, start, end) for member in members]
                rows.append(
                    {
                        **labels,
                        "window_start": start,
                        "window_end": end,
                        **said,
                        "coverage": sum(shares) / len(shares),
                        "history": kept,
                    }
                )
        if not rows:
            raise RequestRefused(
                "no series is selected: look at since, until, project, pool and type (poolscope pools)"
            )
        frame = pd.DataFrame(rows, columns=[*LABELS, *columns])
        for bound in ("window_start", "window_end"):
            frame[bound] = pd.to_datetime(frame[bound], unit="s", utc=True)
        numbers = [name for name in columns if name not in ("queue", "order", "history", "method", "note")]
        frame = frame.astype(dict.fromkeys(numbers, "float64"))
        frame.attrs["interval_seconds"] = interval
        return frame

    def _groups(
        self, request: Request, make: Callable[[Series], tuple[Made, str, str, tuple[str, ...]]]
    ) -> Iterator[tuple[Row, Sequence[Member[Made]]]]:
        """Read the record, and bring the series together that are summed; no more is held than that takes."""
        groups: dict[tuple[str | None, ...], list[Member[Made]]] = {}
        last = self.record.last_slot()
        for _, series in self.record.read(request.selection(last)):
            for each in series:
                label = (
                    each.pool.project if "pool" in request.by else None,
                    each.pool.pool if "pool" in request.by else None,
                    each.pool.name if "pool" in request.by else None,
                    each.type if "type" in request.by else None,
                )
                groups.setdefault(label, []).append(_member(each.known(), make))
            if "pool" in request.by:
                yield from self._labelled(groups)
                groups = {}
        yield from self._labelled(groups)

    @staticmethod
    def _labelled(groups: dict[tuple[str | None, ...], list[Member[Made]]]) -> Iterator[tuple[Row, list[Member[Made]]]]:
        for label, members in groups.items():
            yield dict(zip(LABELS, label, strict=False)), members


def _member(series: Series, make: Callable[[Series], tuple[Made, str, str, tuple[str, ...]]]) -> Member[Made]:
    if len(series.slots) < 2:
        return Member(series.slots, series.intervals, "silent", "silent", (TOO_SHORT,), None)
    made, history, kept, notes = make(series)
    return Member(series.slots, series.intervals, history, kept, notes, made)


def _in_seconds(name: str, values: Triple) -> Row:
    return dict(zip((f"{name}_seconds", f"{name}_low_seconds", f"{name}_high_seconds"), values, strict=True))


def _longest_gap(slots: Whole, start: int, end: int) -> int:
    inside = slots[(slots > start) & (slots <= end)]
    return int(np.diff(np.concatenate([[start], inside, [end]])).max())


def _utc(seconds: Whole) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]").astype("datetime64[us]"), tz="UTC")


def _counted(count: Whole) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(count.astype(np.int64), count == UNKNOWN)


def _stacked(parts: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    if parts:
        return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    kinds = {name: "Int64" for name in columns if name in COUNTS}
    return pd.DataFrame(columns=columns).astype(kinds | {"slot": "datetime64[us, UTC]", "interval_seconds": "int64"})
