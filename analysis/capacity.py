"""What is asked of whole pools: the part of `History` that is about capacity."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Unpack

import pandas as pd

from analysis import pool_questions
from analysis.asking import Asking, PoolOptions
from analysis.forecast import weeks_of
from analysis.request import Request
from analysis.wishes import Wish


class Planning(Asking):
    """How full pools are, what another capacity would do, and what the next weeks bring."""

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
            A row a pool, or all, and window: the labels and `saturation.LOAD`, which describes them.
        """
        return self._ask("load", pool_questions.of_load(Request(every=every, by=by, **options), flavors or {}))

    def plan(
        self,
        capacity: float | None = None,
        add: float | None = None,
        factor: float | None = None,
        demand: float = 1.0,
        target_wait: str | timedelta | None = None,
        quantile: str = "mean",
        price_per_node_hour: float | None = None,
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
            As 15m: also the smallest capacity that reaches it, by ``quantile`` (mean or p90).
        price_per_node_hour
            Also what it costs.

        Returns
        -------
        pandas.DataFrame
            A row a pool and capacity: the labels and `plan.PLAN`, which describes them.
        """
        wish = Wish(capacity, add, factor, demand, target_wait, quantile, price_per_node_hour)
        return self._ask("plan", pool_questions.of_plan(Request(**options), wish))

    def forecast(
        self,
        horizon: str | None = None,
        every: str = "1w",
        target_wait: str | timedelta | None = None,
        quantile: str = "mean",
        **options: Unpack[PoolOptions],
    ) -> pd.DataFrame:
        """Forecast arrivals and load by hour of the week, and when a pool passes a target with today's capacity.

        Parameters
        ----------
        horizon
            Whole weeks, as 4w; it takes a record of two weeks and twice as many as these. By default the most of 4, 2
            and 1 for which the record suffices.
        every
            ``1w`` or ``1h``: a row's window.
        target_wait, quantile
            As in `plan`: what growth the pool takes until it passes the target, and how probable that is by week.

        Returns
        -------
        pandas.DataFrame
            A row a pool and window ahead: the labels and `forecast.FORECAST`, which describes them.
        """
        wish = Wish(target_wait=target_wait, quantile=quantile)
        ahead = None if horizon is None else weeks_of(horizon)
        return self._ask("forecast", pool_questions.of_forecast(Request(every=every, **options), wish, ahead))
