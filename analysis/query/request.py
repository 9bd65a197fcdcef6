"""What an estimate is asked for: which part of the record, in which windows, summed how."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, TypedDict
from zoneinfo import ZoneInfo

import numpy as np

from analysis.arrays import Ints
from analysis.errors import RequestRefused
from analysis.query.times import Instant, duration_of, instant_of
from analysis.queue.conservation import QUEUES
from analysis.queue.discipline import ORDERS
from analysis.queue.verdict import SHARE
from analysis.record.series import Pool
from analysis.windows import EVERY, zone_of
from collector.record.durations import DURATION
from collector.record.patterns import matches
from collector.record.selection import Selection

BY: Final = ("pool,type", "pool", "type", "all")
Patterns = str | Sequence[str]


class PoolOptions(TypedDict, total=False):
    """What is asked of whole pools; see `Request` for what is taken when it is not given."""

    since: Instant
    until: Instant
    zone: str | ZoneInfo
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
    share: str | float


@dataclass(frozen=True)
class Request:
    """One question to the record."""

    every: str = "1w"
    since: Instant = None
    until: Instant = None
    zone: str | ZoneInfo = "UTC"
    project: Patterns = ()
    pool: Patterns = ()
    type: Patterns = ()
    by: str = "pool,type"
    queue: str = "queue+pending"
    slo: str | timedelta | None = None
    share: str | float = SHARE
    """Of the jobs, that may wait longer than ``slo``, of 1 or as 10%: a verdict is about it."""
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
        _ = self.allowed

    @property
    def tz(self) -> ZoneInfo:
        """The zone of days, weeks and months."""
        return zone_of(self.zone)

    def order_of(self, pool: Pool) -> str:
        """Return the order of service that is assumed of a pool."""
        order = "unknown"
        for pattern, given in self._orders():
            if matches((pattern,), pool.pool, pool.name):
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

    @property
    def allowed(self) -> float:
        """The share of the jobs that may wait longer than the limit, of 1."""
        share = self.share
        try:
            if isinstance(share, str):
                share = float(share.removesuffix("%")) / (100 if share.endswith("%") else 1)
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise ValueError
        except ValueError:
            raise RequestRefused(f"{self.share!r} is no share: take 10% or 0.1") from None
        return share

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

    def _instant(self, value: Instant, last: datetime | None) -> datetime | None:
        """Return an instant as the tables have it: naive UTC."""
        if value is None:
            return None
        if isinstance(value, timedelta) or (isinstance(value, str) and DURATION.fullmatch(value)):
            return None if last is None else last - duration_of(value)
        try:
            return instant_of(value, self.tz)
        except (ValueError, OverflowError) as error:
            raise RequestRefused(
                f"{value!r} is no instant ({error}): take 2026-01-31, 2026-01-31T08:00 or 30d"
            ) from None


def request_of(options: Mapping[str, Any], *own: str, whole_pools: bool = False, **given: Any) -> Request:  # noqa: ANN401 - any field of a request
    """Return a request from the keywords of a method of `History`.

    Parameters
    ----------
    options
        `Options`, or `PoolOptions` of a question about whole pools.
    own
        The names of the parameters that the method has besides.
    given
        Fields of the request that it takes as parameters of its own.

    Raises
    ------
    RequestRefused
        When an option is unknown; the message names the nearest.
    """
    # Of whole pools types are known too, and refused with the reason.
    known = [*(PoolOptions if whole_pools else Options).__annotations__, "type", *own, *given]
    for name in options:
        if name not in known:
            nearest = get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {nearest[0]}?" if nearest else f"take some of {', '.join(known)}"
            raise RequestRefused(f"there is no option {name!r}: {hint}")
    return Request(**given, **options)


def _patterns(patterns: Patterns) -> tuple[str, ...]:
    given = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(given, Sequence) or not all(isinstance(pattern, str) for pattern in given):
        raise RequestRefused(f"{patterns!r} is no pattern: give a name such as 'pool-a', 'pool-*', or a list of them")
    return tuple(pattern for each in given for pattern in each.split(",") if pattern)
