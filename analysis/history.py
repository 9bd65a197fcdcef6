"""The Python API: `History` reads a collector's record, and returns counts and estimates as pandas frames."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from analysis.capacity.scenario import Scenario, weeks_of
from analysis.errors import Incomplete, NothingObserved, RequestRefused
from analysis.query import question as questions
from analysis.query.question import Question
from analysis.query.request import Patterns, Request, named
from analysis.query.targets import Targets, targets_of
from analysis.query.times import Instant, seconds_of
from analysis.queue.assumptions import SHARE
from analysis.record import frames
from analysis.record.database import Record
from analysis.schemas.documented import documented
from collector.record import RecordUnreadable
from collector.record.places import Place, place_of

Zone = str | ZoneInfo
Length = str | timedelta


class History:
    """The Python API to the record of a collector.

    Parameters
    ----------
    database
        The DuckDB file, which is open only while it is read, so that the collector can write; or the folder of a
        dataset, or its address ``s3://BUCKET/PREFIX``, see ``data/README.md``. Keys and endpoint of an object store are
        those of ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and ``AWS_ENDPOINT_URL``.
    spool
        The folder of polls that are not yet in the database. By default it is beside the database: ``NAME.spool`` of
        ``NAME.duckdb``, but ``spool`` of ``poolscope.duckdb``. A dataset has none.
    engine
        Where pools are computed: in this process by default; or any object with ``map(function, items)``, such as an
        executor of `concurrent.futures` or of Dask; or a Spark session (pyspark 4.1 or newer). Every worker
        needs this version of Poolscope, and the record under the same path.
    preempting
        Pools that pre-empt, by patterns of their ids or display names: an urgent job displaces a running one, which
        returns to the queue. The counts do not show that: arrivals have no upper bound there, and waits no lower one.

    Notes
    -----
    Every method reads the record anew. A window without an estimate has missing values and a note that says why.
    ``analysis/README.md`` explains all estimates.

    Examples
    --------
    >>> history = History("data/poolscope.duckdb")
    >>> history.waits(every="1d", since="14d", pool="pool-a*", slo="15m")
    """

    def __init__(
        self,
        database: Place | str,
        spool: Path | str | None = None,
        *,
        engine: object = None,
        preempting: Patterns = (),
    ) -> None:
        # An address becomes one place for all records, so that they share its connection.
        self._place, self._engine, self._preempting = (place_of(database), spool), engine, preempting

    @property
    def record(self) -> Record:
        """The record as it is now: of a dataset, all that one object reads is of one manifest."""
        return Record(*self._place)

    def __repr__(self) -> str:
        """Return the record's file, how many pools it holds and from when to when, or why it cannot be read."""
        try:
            pools, first, last = self.record.extent()
        except RecordUnreadable as error:
            return f"History({str(self.record.database)!r}): {error}"
        return (
            f"History({str(self.record.database)!r}): {pools} pools, {first:%Y-%m-%d %H:%M}Z to {last:%Y-%m-%d %H:%M}Z"
        )

    def _repr_html_(self) -> str:
        """Return a table of the pools as HTML, for notebooks: span, coverage and retention of each pool."""
        head = f"<p>{escape(repr(self))}</p>"
        try:
            pools = self.coverage(every="all", by="pool")
        except (RecordUnreadable, RequestRefused):
            return head
        columns = ["project", "pool", "pool_name", "window_start", "window_end", "coverage", "retention"]
        return head + pools[columns].to_html(index=False, na_rep="-", formatters={"coverage": "{:.0%}".format})

    def scrapes(self) -> pd.DataFrame:
        """Return the slots in which each pool was observed.

        Returns
        -------
        pandas.DataFrame
            One row per (project, pool, slot) with a good answer, in that order: project, pool, slot (UTC),
            interval_seconds (the poll interval), total (the answer's outer total, jobs).
        """
        return frames.scrapes(self.record)

    def counts(self) -> pd.DataFrame:
        """Return the counts of each series at every slot in which its pool was observed.

        Counts that an answer left out are filled in by one rule, see `series.read_counts`; a count that stays unknown
        is missing. A slot without a good answer has no row.

        Returns
        -------
        pandas.DataFrame
            One row per (project, pool, type, slot), in that order: the key, slot (UTC), interval_seconds, total and the
            nine statuses (jobs, as Int64).
        """
        return frames.counts(self.record)

    def attempts(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
    ) -> pd.DataFrame:
        """Count the attempts to poll each pool, by outcome.

        Parameters
        ----------
        since, until, zone, project, pool
            The part of the record, as in `waits`.

        Returns
        -------
        pandas.DataFrame
            One row per (project, pool, outcome), in that order: the key, pool_name, attempts, first_slot and last_slot
            (UTC). The outcome is ok or the cause of a failure; a slot may be tried more than once.
        """
        request = Request.of(locals())
        # Durations count back from the last slot that was observed, where there is one.
        try:
            last = self.record.last_slot()
        except NothingObserved:
            last = None
        return frames.attempts(self.record, named(self.record, request.selection(last)))

    @documented("waits")
    def waits(
        self,
        *,
        every: str = "1w",
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
        slo: Length | None = None,
        share: str | float = SHARE,
    ) -> pd.DataFrame:
        """Estimate how long the jobs that arrived in each window waited.

        The point estimate assumes a service discipline; the bounds hold for every service discipline, and for every
        time of each arrival and departure between two polls. With ``slo`` the answer has the share of the jobs that
        waited longer, and a verdict.

        Returns
        -------
        pandas.DataFrame
            One row per series, or sum of series, and window.

        Examples
        --------
        >>> history.waits(every="1d", since="14d", by="pool", slo="15m")
        """
        request = Request.of(locals())
        return self._ask(questions.ask("waits", request))

    @documented("distribution")
    def distribution(
        self,
        *,
        every: str = "1w",
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Estimate the distribution of the waits of the jobs that arrived in each window.

        Returns
        -------
        pandas.DataFrame
            One row per series, or sum of series, window and share of the jobs.

        Examples
        --------
        >>> history.distribution(every="all", pool="pool-a*")
        """
        request = Request.of(locals())
        return self._ask(questions.ask("distribution", request))

    @documented("failures")
    def failures(
        self,
        *,
        every: str = "1w",
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Estimate how often the jobs that ended in each window failed.

        Returns
        -------
        pandas.DataFrame
            One row per series, or sum of series, and window. The interval is Jeffreys' interval of the underlying rate,
            with the numbers of jobs divided by ``overdispersion``; until ten days had ends, by a usual one.

        Examples
        --------
        >>> history.failures(every="1mo", by="type")
        """
        request = Request.of(locals())
        return self._ask(questions.ask("failures", request))

    @documented("flows")
    def flows(
        self,
        *,
        every: str = "1w",
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Sum up the arrivals, departures, ends and queue lengths in each window.

        Returns
        -------
        pandas.DataFrame
            One row per series, or sum of series, and window.

        Examples
        --------
        >>> history.flows(every="1d", by="pool")
        """
        request = Request.of(locals())
        return self._ask(questions.ask("flows", request))

    @documented("coverage")
    def coverage(
        self,
        *,
        every: str = "1w",
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Compute the share of each window that was observed, and its longest gap.

        Returns
        -------
        pandas.DataFrame
            One row per series, or sum of series, and window.

        Examples
        --------
        >>> history.coverage(every="all", by="pool")
        """
        request = Request.of(locals())
        return self._ask(questions.ask("coverage", request))

    @documented("trend")
    def trend(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
        slo: Length | None = None,
    ) -> pd.DataFrame:
        """Estimate whether waits, the share over ``slo``, arrivals and the failure rate rise or fall.

        The slope of the daily values is fitted by weighted least squares, after removal of the weekly pattern. Its
        standard error allows for the correlation of consecutive days.

        Returns
        -------
        pandas.DataFrame
            One row per series, or sum of series, and measure.

        Examples
        --------
        >>> history.trend(since="90d", slo="15m")
        """
        request = Request.of(locals())
        return self._ask(questions.ask("trend", request))

    @documented("changes")
    def changes(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
        slo: Length | None = None,
    ) -> pd.DataFrame:
        """Find the days on which waits, the share over ``slo``, arrivals and the failure rate changed.

        Returns
        -------
        pandas.DataFrame
            One row per change; one row for a measure without a change.

        Examples
        --------
        >>> history.changes(since="90d", by="pool")
        """
        request = Request.of(locals())
        return self._ask(questions.ask("changes", request))

    @documented("profile")
    def profile(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Average the record to a usual week in the zone: arrivals an hour, mean wait, mean queue length by hour.

        Returns
        -------
        pandas.DataFrame
            168 rows per series, or sum of series.

        Examples
        --------
        >>> history.profile(zone="Asia/Shanghai", by="pool")
        """
        return self._ask(questions.ask("profile", Request.of(locals())))

    @documented("compare")
    def compare(
        self,
        against: str = "previous",
        *,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
        slo: Length | None = None,
    ) -> pd.DataFrame:
        """Estimate by how much a period, from ``since`` (default: 30d) to ``until``, differs from another period.

        Returns
        -------
        pandas.DataFrame
            One row per series, or sum of series, and measure; the period is the window.

        Examples
        --------
        >>> history.compare("2026-01-01..2026-02-01", since="2026-02-01", by="pool")
        """
        request = Request.of(locals())
        return self._ask(self._comparison(against, request))

    @documented("load")
    def load(
        self,
        *,
        every: str = "all",
        by: str = "pool",
        flavors: Mapping[str, int] | None = None,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Estimate the load of pools: offered load, servers, utilisation, work that waited, and idle shares.

        Returns
        -------
        pandas.DataFrame
            One row per pool, or sum of pools, and window.

        Examples
        --------
        >>> history.load(every="1w", zone="Asia/Shanghai")
        """
        request = Request.of(locals())
        return self._ask(questions.ask_load(request, flavors or {}))

    @documented("plan")
    def plan(
        self,
        *,
        capacity: float | None = None,
        add: float | None = None,
        factor: float | None = None,
        demand: float = 1.0,
        target_wait: Length | None = None,
        quantile: str | None = None,
        price_per_node_hour: float | None = None,
        targets: Targets | None = None,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Estimate the waits of the observed jobs with another capacity, and the capacity that a target needs.

        The same jobs are replayed through simulated pools of another capacity, see `ensemble` and `replicas`.

        Returns
        -------
        pandas.DataFrame
            One row per pool and capacity.

        Examples
        --------
        >>> history.plan(target_wait="15m", quantile="p90", since="30d")
        """
        scenario = Scenario(
            capacity=capacity,
            add=add,
            factor=factor,
            demand=demand,
            target=None if target_wait is None else seconds_of(target_wait),
            quantile=quantile,
            price_per_node_hour=price_per_node_hour,
            targets=targets_of(targets or {}),
        )
        return self._ask(
            questions.ask_plan(
                Request.of(locals()),
                scenario,
            )
        )

    @documented("check")
    def check(
        self,
        *,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Compare the waits that a plan from before a change of nodes predicted with the waits after the change.

        Returns
        -------
        pandas.DataFrame
            One row per pool and change of nodes.

        Examples
        --------
        >>> history.check(pool="pool-a")
        """
        return self._ask(questions.ask_check(Request.of(locals())))

    @documented("forecast")
    def forecast(
        self,
        *,
        horizon: str | None = None,
        every: str = "1w",
        target_wait: Length | None = None,
        quantile: str | None = None,
        targets: Targets | None = None,
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        queue: str = "queue+pending",
        order: Patterns = "unknown",
    ) -> pd.DataFrame:
        """Forecast arrivals and load, and when the current capacity falls short of a target.

        Returns
        -------
        pandas.DataFrame
            One row per pool and window ahead.

        Examples
        --------
        >>> history.forecast(every="1d", target_wait="15m", zone="Asia/Shanghai")
        """
        request = Request.of(locals())
        target = None if target_wait is None else seconds_of(target_wait)
        scenario = Scenario(target=target, quantile=quantile, targets=targets_of(targets or {}))
        weeks = None if horizon is None else weeks_of(horizon)
        return self._ask(questions.ask_forecast(request, scenario, weeks))

    def several(
        self,
        names: Sequence[str],
        *,
        every: str = "1w",
        since: Instant = None,
        until: Instant = None,
        zone: Zone = "UTC",
        project: Patterns = (),
        pool: Patterns = (),
        type: Patterns = (),
        by: str = "pool,type",
        queue: str = "queue+pending",
        order: Patterns = "unknown",
        slo: Length | None = None,
        share: str | float = SHARE,
    ) -> dict[str, pd.DataFrame]:
        """Answer several questions over one reading of the record, which takes most of the time.

        Parameters
        ----------
        names
            The names of the methods from waits to profile, and `compare`, which compares the 30 days up to ``until``,
            or the time from ``since``, with an equally long time right before.
        every, since, until, zone, project, pool, type, by, queue, order, slo, share
            As in these methods.

        Returns
        -------
        dict
            The frame of each method, by its name.

        Raises
        ------
        RecordUnreadable, RequestRefused
        """
        request = Request.of(locals())
        known = (*questions.EVERY, "compare")
        if not names or not set(names) <= set(known):
            unknown = [name for name in names if name not in known] or ["nothing"]
            raise RequestRefused(f"{', '.join(unknown)} cannot be asked: take some of {', '.join(known)}")
        asked = [
            self._comparison("previous", request) if name == "compare" else questions.ask(name, request)
            for name in names
        ]
        return dict(zip(names, self._answers(asked), strict=True))

    def _ask(self, question: Question) -> pd.DataFrame:
        return self._answers([question])[0]

    def _answers(self, asked: Sequence[Question]) -> list[pd.DataFrame]:
        """Return the frame of each question, with its notes as text."""
        from analysis.query.answers import answers  # noqa: PLC0415 - the compiled passes are loaded when they are used
        from analysis.query.engines import engine_of  # noqa: PLC0415 - likewise
        from analysis.text.language import in_words  # noqa: PLC0415 - likewise

        asked = [
            replace(question, request=replace(question.request, preempting=self._preempting)) for question in asked
        ]
        try:
            return [in_words(frame) for frame in answers(self.record, asked, engine_of(self._engine))]
        except Incomplete as error:
            frames = [None if frame is None else in_words(frame) for frame in error.frames]
            raise Incomplete(error.failed, frames) from None

    def _comparison(self, against: str, request: Request) -> Question:
        request = request if request.since is not None else replace(request, since="30d")
        periods, both = request.periods(against, self.record.last_slot())
        return questions.ask_comparison(both, periods)
