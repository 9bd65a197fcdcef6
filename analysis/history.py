"""The history of a collector: its counts as frames, and the estimates that are made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Unpack

import pandas as pd

from analysis.capacity.forecast import weeks_of
from analysis.capacity.scenario import Wish
from analysis.errors import NothingObserved, RequestRefused
from analysis.query import questions
from analysis.query.engine import answers
from analysis.query.questions import Question
from analysis.query.request import Options, PoolOptions, Request, request_of
from analysis.query.targets import Targets, targets_of
from analysis.query.times import seconds_of
from analysis.record import frames
from analysis.record.database import Record


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
    Every estimate takes the keywords of `Options`: ``every`` (1h, 3h, 6h, 1d, 1w, 1mo, all) and ``zone`` make the
    windows, (start, end]; ``since`` and ``until`` (an instant in that zone, or a duration back from the last slot)
    the part of the record that is read; ``project``, ``pool`` and ``type`` (patterns, of a pool's id or display name)
    what is selected; ``by`` (pool,type, pool, type, all) over what is summed. All raise RecordUnreadable and
    RequestRefused. A window without an estimate has missing values and a note that says why.
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

    def attempts(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Count how often each pool was asked, by what came of it.

        Returns
        -------
        pandas.DataFrame
            A row a (project, pool, outcome), in that order: the key, pool_name, attempts, first_slot and last_slot
            (UTC). The outcome is ok or the cause of a failure; a slot may be tried more than once.
        """
        request = request_of(options)
        # Durations count back from the last slot that was observed, where there is one.
        try:
            last = self.record.last_slot()
        except NothingObserved:
            last = None
        return frames.attempts(self.record, request.selection(last))

    def waits(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Estimate how long the jobs that arrived in each window waited.

        ``queue`` says which statuses are waiting (queue, queue+pending, queue+pending+creating), ``slo`` the limit (as
        15m) over which the share of jobs is wanted, ``order`` the order of service that the points assume (unknown:
        the pool's policy, or measured; fifo; backfill; ``pool-a*=fifo`` for some pools). The bounds hold for every one.
        ``share`` says how many of the jobs may wait longer than ``slo`` (0.1 or 10%).

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, queue, arrivals with bounds, mean and p50, p90, p95
            and p99 in seconds with bounds, the share over the limit with bounds, verdict (over: more than ``share`` in
            every order of service; may be over: in some; within: in none; cannot be judged), reason and judged_from
            (why it cannot be, and from when on it can; missing where it never can), order, coverage, history (how
            finished jobs are kept), method, note. A missing upper bound means that there is none.
        """
        return self._ask(questions.ask("waits", request_of(options)))

    def distribution(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Estimate which share of the jobs that arrived in each window waited how long.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, window and share: `LABELS`, share (of the jobs, of 1), wait_seconds (what
            they waited at most) with bounds over every order of service, order, coverage, history, method, note.
        """
        return self._ask(questions.ask("distribution", request_of(options)))

    def failures(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Estimate how often the jobs that ended in each window failed.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, finished with bounds, failed, failure_rate (of all
            that ended) with an interval for the underlying rate (95 %), failure_rate_of_ran (of those that completed or
            failed), overdispersion (see `failures.overdispersion`), coverage, history, method, note.
        """
        return self._ask(questions.ask("failures", request_of(options)))

    def flows(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Sum up what flowed through the queue in each window.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, queue, arrivals with bounds, departures (from the
            queue), left_until and came_until (who had left the queue by the window's end since the first, and these
            with who still waits), starts_low and starts_high (who was terminated may have given up), completed,
            failed, terminated, queue_start and queue_end (jobs waiting), queue_mean, queue_max, running_mean and
            running_max (over the slots at which all of it was seen), abnormal (jobs in that status at the end),
            drain_seconds with an interval (how long the queue of the end takes at the window's rate), coverage,
            history, method, note.
        """
        return self._ask(questions.ask("flows", request_of(options)))

    def coverage(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Tell how much of each window was observed.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and window: `LABELS`, slots (observed), odd_slots_fell, odd_slots_rose and
            odd_slots_open (left out, see `collector.record.odd`), coverage (the share of the slots that count, of its
            part in which there is a record), longest_gap_seconds (between observed slots, or to the window's ends),
            history (how finished jobs are kept), note.
        """
        return self._ask(questions.ask("coverage", request_of(options)))

    def trend(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Tell whether waits, the share over ``slo``, arrivals and the failure rate rise or fall.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and measure (wait, over, arrivals, failures): the labels and
            `conclusions.TREND`, which describes them; ``every`` is a day.
        """
        return self._ask(questions.ask("trend", request_of(options)))

    def changes(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Tell when waits, the share over ``slo``, arrivals and the failure rate changed.

        Returns
        -------
        pandas.DataFrame
            A row a change, or one for a measure without: the labels and `conclusions.CHANGES`; ``every`` is a day.
        """
        return self._ask(questions.ask("changes", request_of(options)))

    def compare(self, against: str = "previous", **options: Unpack[Options]) -> pd.DataFrame:
        """Tell by how much a period, from ``since`` (30d) to ``until``, differs from another.

        Parameters
        ----------
        against
            ``previous``, as long and right before, or ``START..END``.

        Returns
        -------
        pandas.DataFrame
            A row a series, or sum of series, and measure: the labels (the period as window) and `conclusions.COMPARE`.
        """
        return self._ask(self._comparison(against, request_of(options, "against")))

    def profile(self, **options: Unpack[Options]) -> pd.DataFrame:
        """Show a usual week by its hours in ``zone``: arrivals an hour, mean wait and mean queue.

        Returns
        -------
        pandas.DataFrame
            168 rows a series, or sum of series: the labels and `profile.PROFILE`; ``every`` is an hour.
        """
        return self._ask(questions.ask("profile", request_of(options)))

    def load(
        self,
        every: str = "all",
        by: str = "pool",
        flavors: Mapping[str, int] | None = None,
        **options: Unpack[PoolOptions],
    ) -> pd.DataFrame:
        """Tell how full pools were: load, who ran at once while others queued, what was not served, what stood idle.

        Parameters
        ----------
        every
            The windows' length.
        by
            ``pool``, or ``all`` for the sum of pools.
        flavors
            Cards a node, by flavor.

        Returns
        -------
        pandas.DataFrame
            A row a pool, or all, and window: the labels and `load.LOAD`, which describes them.
        """
        request = request_of(options, "flavors", whole_pools=True, every=every, by=by)
        return self._ask(questions.ask_load(request, flavors or {}))

    def plan(
        self,
        capacity: float | None = None,
        add: float | None = None,
        factor: float | None = None,
        demand: float = 1.0,
        target_wait: str | timedelta | None = None,
        quantile: str | None = None,
        price_per_node_hour: float | None = None,
        targets: Targets | None = None,
        **options: Unpack[PoolOptions],
    ) -> pd.DataFrame:
        """Tell what more, or less, capacity would have done to the waits of the jobs that came.

        The same jobs are replayed through pools of another capacity, see `ensemble` and `replicas`. Without
        ``capacity``, ``add`` or ``factor`` there is a curve around today's.

        Parameters
        ----------
        capacity, add, factor
            One of them: in nodes (where not known, in jobs at once), so many more, or as a multiple of today's.
        demand
            Jobs for one that came.
        target_wait
            As 15m: also the smallest capacity that reaches it, by ``quantile`` (mean, which is usual, or p90).
        price_per_node_hour
            Also what it costs.
        targets
            What pools are for where it is not said here, by pattern of their ids or names, as ``{"*": {"wait": "15m"},
            "pool-vision*": {"wait": "1h", "spare_nodes": 2}}``: wait, quantile, price_per_node_hour, currency,
            spare_nodes, lead_time. The last pattern that fits goes first.

        Returns
        -------
        pandas.DataFrame
            A row a pool and capacity: the labels and `plan.PLAN`, which describes them.
        """
        target = None if target_wait is None else seconds_of(target_wait)
        wish = Wish(
            capacity, add, factor, demand, target, quantile, price_per_node_hour, targets=targets_of(targets or {})
        )
        own = ("capacity", "add", "factor", "demand", "target_wait", "quantile", "price_per_node_hour", "targets")
        return self._ask(questions.ask_plan(request_of(options, *own, whole_pools=True), wish))

    def check(self, **options: Unpack[PoolOptions]) -> pd.DataFrame:
        """Hold plans against what happened: what one from before nodes changed said, and the waits from then on.

        Returns
        -------
        pandas.DataFrame
            A row a pool and change of nodes: the labels and `check.CHECK`, which describes them.
        """
        return self._ask(questions.ask_check(request_of(options, whole_pools=True)))

    def forecast(
        self,
        horizon: str | None = None,
        every: str = "1w",
        target_wait: str | timedelta | None = None,
        quantile: str | None = None,
        targets: Targets | None = None,
        **options: Unpack[PoolOptions],
    ) -> pd.DataFrame:
        """Forecast arrivals and load, and when a pool passes a target with today's capacity.

        Parameters
        ----------
        horizon
            Whole weeks, as 4w; it takes a record of two weeks and twice as many as these. By default the most of 4, 2
            and 1 for which the record suffices, and before these four more than an order takes.
        every
            ``1w``, ``1d`` or ``1h``: a row's window, on the zone's clock.
        target_wait, quantile, targets
            As in `plan`: what growth the pool takes until it passes the target, and how probable that is by week.

        Returns
        -------
        pandas.DataFrame
            A row a pool and window ahead: the labels and `forecast.FORECAST`, which describes them.
        """
        target = None if target_wait is None else seconds_of(target_wait)
        wish = Wish(target=target, quantile=quantile, targets=targets_of(targets or {}))
        ahead = None if horizon is None else weeks_of(horizon)
        request = request_of(options, "horizon", "target_wait", "quantile", "targets", whole_pools=True, every=every)
        return self._ask(questions.ask_forecast(request, wish, ahead))

    def several(self, names: Sequence[str], **options: Unpack[Options]) -> dict[str, pd.DataFrame]:
        """Answer several of the above over one reading of the record, which takes most of the time.

        Parameters
        ----------
        names
            Of the methods, from waits to profile. `compare` has the 30 days up to ``until`` against those before, or
            what ``since`` begins.

        Returns
        -------
        dict
            Each one's frame by its name.
        """
        request = request_of(options)
        known = (*questions.ASKED, "compare")
        if not names or not set(names) <= set(known):
            raise RequestRefused(f"{', '.join(names) or 'nothing'} cannot be asked: take some of {', '.join(known)}")
        asked = [
            self._comparison("previous", request) if name == "compare" else questions.ask(name, request)
            for name in names
        ]
        return dict(zip(names, answers(self.record, asked), strict=True))

    def _ask(self, question: Question) -> pd.DataFrame:
        return answers(self.record, [question])[0]

    def _comparison(self, against: str, request: Request) -> Question:
        request = request if request.since is not None else replace(request, since="30d")
        periods, both = request.periods(against, self.record.last_slot())
        return questions.ask_comparison(both, periods)
