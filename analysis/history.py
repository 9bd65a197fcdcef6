"""The history of a collector: its counts as frames, and the estimates that are made of them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd

from analysis import failures, frames, loads, waits
from analysis.flows import Flows
from analysis.groups import Row, estimates
from analysis.matching import Whole
from analysis.record import Record
from analysis.request import Patterns, Request
from analysis.series import ENDED
from analysis.service import Waiting


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
    order: Patterns


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
        return frames.scrapes(self.record)

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
        return frames.counts(self.record)

    def waits(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Estimate how long the jobs that arrived in each window waited.

        ``queue`` says which statuses are waiting (queue, queue+pending, queue+pending+creating), ``slo`` the limit (as
        15m) over which the share of jobs is wanted, ``order`` the order of service that the points assume (unknown:
        the pool's policy, or measured; fifo; backfill; ``pool-a*=fifo`` for some pools). The bounds hold for every one.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, queue, arrivals with bounds, mean and p50, p90, p95
            and p99 in seconds with bounds, the share over the limit with bounds, order, coverage, history (how finished
            jobs are kept), method, note. A missing upper bound means that there is none.
        """
        request = Request(**options)

        names = [f"p{quantile}" for quantile in waits.QUANTILES]

        def row(made: list[Waiting], start: int, end: int) -> Row:
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
        return estimates(
            self.record, request, lambda flows: Waiting(flows, request.order_of(flows.series.pool)), row, columns
        )

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
        return estimates(self.record, request, failures.Ending, row, columns)

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

        def row(made: list[Flows], start: int, end: int) -> Row:
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
        return estimates(self.record, request, lambda flows: flows, row, columns)

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

        def row(made: list[Whole], start: int, end: int) -> Row:
            gaps = [_longest_gap(slots, start, end) for slots in made]
            inside = [np.searchsorted(slots, [start, end], side="right") for slots in made]
            return {
                "slots": sum(int(b - a) for a, b in inside),
                "longest_gap_seconds": max(gaps),
                "note": "",
            }

        columns = ["slots", "coverage", "longest_gap_seconds", "history", "note"]
        return estimates(self.record, request, lambda flows: flows.series.slots, row, columns)


def _in_seconds(name: str, values: tuple[float | None, float | None, float | None]) -> Row:
    return dict(zip((f"{name}_seconds", f"{name}_low_seconds", f"{name}_high_seconds"), values, strict=True))


def _longest_gap(slots: Whole, start: int, end: int) -> int:
    inside = slots[(slots > start) & (slots <= end)]
    return int(np.diff(np.concatenate([[start], inside, [end]])).max())
