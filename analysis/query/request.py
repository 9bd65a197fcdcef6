"""What an estimate is asked for: which part of the record, in which windows, summed how."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final, TypedDict
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.arrays import Ints
from analysis.errors import RequestRefused
from analysis.queue.conservation import QUEUES
from analysis.queue.discipline import ORDERS
from analysis.record.series import Pool
from analysis.windows import EVERY, duration_of, zone_of
from collector.record.durations import DURATION
from collector.record.selection import Selection

BY: Final = ("pool,type", "pool", "type", "all")
Patterns = str | Sequence[str]


class PoolOptions(TypedDict, total=False):
    """What is asked of whole pools; see `Request` for what is taken when it is not given."""

    since: str | datetime | None
    until: str | datetime | None
    zone: str
    project: Patterns
    pool: Patterns
    queue: str
    order: Patterns


class Options(PoolOptions, total=False):
    """What an estimate is asked for."""

    every: str
    type: Patterns
    by: str
    slo: str | timedelta | None


@dataclass(frozen=True)
class Request:
    """One question to the record."""

    every: str = "1w"
    since: str | datetime | None = None
    until: str | datetime | None = None
    zone: str = "UTC"
    project: Patterns = ()
    pool: Patterns = ()
    type: Patterns = ()
    by: str = "pool,type"
    queue: str = "queue+pending"
    slo: str | timedelta | None = None
    order: Patterns = "unknown"
    """One of `ORDERS`, or ``PATTERN=ORDER`` for the pools of a pattern; the last that fits counts."""

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ("every", self.every, EVERY),
            ("by", self.by, BY),
            ("queue", self.queue, tuple(QUEUES)),
            *(("order", order, ORDERS) for _, order in self._orders()),
        ):
            if value not in allowed:
                raise RequestRefused(f"{what} cannot be {value!r}: take one of {', '.join(allowed)}")
        zone_of(self.zone)
        if self.slo is not None:
            duration_of(self.slo)

    @property
    def tz(self) -> ZoneInfo:
        """The zone of days, weeks and months."""
        return zone_of(self.zone)

    def order_of(self, pool: Pool) -> str:
        """Return the order of service that is assumed of a pool."""
        order = "unknown"
        for pattern, given in self._orders():
            if any(fnmatchcase(name, pattern) for name in (pool.pool, pool.name or pool.pool)):
                order = given
        return order

    def _orders(self) -> Iterator[tuple[str, str]]:
        for each in _patterns(self.order):
            pattern, _, order = each.rpartition("=")
            yield pattern or "*", order

    @property
    def limit(self) -> int | None:
        """The limit on waits, in seconds."""
        return None if self.slo is None else int(duration_of(self.slo).total_seconds())

    def selection(self, last: datetime | None) -> Selection:
        """Return what to read.

        Parameters
        ----------
        last
            The record's last slot, naive UTC: durations such as ``30d`` count back from it.
        """
        since, until = self._instant(self.since, last), self._instant(self.until, last)
        if since is not None and until is not None and since >= until:
            raise RequestRefused(f"the span ends ({until}Z) before it begins ({since}Z): look at since and until")
        return Selection(since, until, *(_patterns(each) for each in (self.project, self.pool, self.type)))

    def periods(self, against: str, last: datetime) -> tuple[Ints, "Request"]:
        """Return a period and another: a row each, start and end in seconds; and what to read for both.

        Parameters
        ----------
        against
            ``previous``, as long as the period and right before it, or ``START..END``.
        last
            The record's last slot, naive UTC.
        """
        if self.since is None:
            raise RequestRefused("a period begins somewhere: say since, as 30d or 2026-01-01")
        since, until = self.span(last)
        if against == "previous":
            other = (since - (until - since), since)
        else:
            start, _, end = against.partition("..")
            if not (start and end):
                raise RequestRefused(f"against cannot be {against!r}: take previous, or START..END")
            other = replace(self, since=start, until=end).span(last)
        periods = np.array([(since, until), other], "datetime64[s]").astype(np.int64)
        first, last = min(since, other[0]), max(until, other[1])
        return periods, replace(self, since=first.replace(tzinfo=UTC), until=last.replace(tzinfo=UTC))

    def span(self, last: datetime) -> tuple[datetime, datetime]:
        """Return since and until, naive UTC; the record's last slot where one is not given."""
        selection = self.selection(last)
        return selection.since or last, selection.until or last

    def _instant(self, value: str | datetime | None, last: datetime | None) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str) and DURATION.fullmatch(value):
            return None if last is None else last - duration_of(value)
        try:
            instant = pd.Timestamp(value)
            if pd.isna(instant):
                raise ValueError("it is empty")
            instant = instant.tz_localize(self.tz) if instant.tzinfo is None else instant
            return instant.tz_convert("UTC").tz_localize(None).to_pydatetime()
        except (ValueError, OverflowError) as error:
            raise RequestRefused(
                f"{value!r} is no instant ({error}): take 2026-01-31, 2026-01-31T08:00 or 30d"
            ) from None


def _patterns(patterns: Patterns) -> tuple[str, ...]:
    given = [patterns] if isinstance(patterns, str) else patterns
    return tuple(pattern for each in given for pattern in each.split(",") if pattern)
