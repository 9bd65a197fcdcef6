"""A request for estimates: the part of the record, the windows, and the sums over series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from analysis.calendar import EVERY, zone_of
from analysis.errors import NothingSelected, RequestRefused
from analysis.query.times import Instant, before, duration_of, instant_of
from analysis.queue.assumptions import ORDERS, QUEUES, SHARE
from analysis.record.database import Record
from analysis.record.series import Pool
from analysis.windows import Windows
from collector.record.dates import date_hint
from collector.record.durations import DURATION
from collector.record.names import UnknownName
from collector.record.patterns import matches
from collector.record.selection import Selection

BY: Final = ("pool,type", "pool", "type", "all")
Patterns = str | Sequence[str]


@dataclass(frozen=True)
class Request:
    """The options that all questions have."""

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
    """The share of the jobs that may wait longer than ``slo``, for the verdict: a part of 1, or a text such as 10%."""
    order: Patterns = "unknown"
    """One of `ORDERS`, or ``PATTERN=ORDER`` for the pools that match a pattern; of several, the last match is used."""
    preempting: Patterns = ()
    """Patterns of the pools that pre-empt, see `History`."""

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Request":
        """Return the request with the arguments of a method of `History`; arguments that are no fields are left out."""
        return cls(**{field.name: arguments[field.name] for field in fields(cls) if field.name in arguments})

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("every", self.every, EVERY),
            ("by", self.by, BY),
            ("queue", self.queue, tuple(QUEUES)),
            *(("order", order, ORDERS) for _, order in self._orders()),
        ):
            if value not in allowed:
                raise RequestRefused(f"{name} cannot be {value!r}: take one of {', '.join(allowed)}")
        zone_of(self.zone)
        if self.slo is not None:
            duration_of(self.slo)
        _ = self.allowed

    @property
    def tz(self) -> ZoneInfo:
        """The zone of days, weeks and months."""
        return zone_of(self.zone)

    def order_of(self, pool: Pool) -> str:
        """Return the service discipline that is assumed of a pool, one of `ORDERS`."""
        order = "unknown"
        for pattern, own in self._orders():
            if matches((pattern,), pool.pool, pool.name):
                order = own
        return order

    def preempts(self, pool: Pool) -> bool:
        """Return whether a pool is known to return running jobs to the queue."""
        return matches(_patterns(self.preempting), pool.pool, pool.name) if self.preempting else False

    def _orders(self) -> Iterator[tuple[str, str]]:
        for choice in _patterns(self.order):
            pattern, _, order = choice.rpartition("=")
            yield pattern or "*", order

    @property
    def limit(self) -> int | None:
        """The limit on waits, in seconds; None where there is none."""
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
            raise RequestRefused(f"share cannot be {self.share!r}: give a part of 1, such as 10% or 0.1") from None
        return share

    def selection(self, last: datetime | None) -> Selection:
        """Return the part of the record to read.

        Parameters
        ----------
        last
            The record's last slot, naive UTC: durations such as ``30d`` count back from it.
        """
        since, until = self._instant(self.since, last), self._instant(self.until, last)
        if since is not None and until is not None and since >= until:
            raise RequestRefused(
                f"until ({until}Z) is not after since ({since}Z): give a later until, or an earlier since"
            )
        return Selection(since, until, *map(_patterns, (self.project, self.pool, self.type)))

    def periods(self, against: str, last: datetime) -> tuple[Windows, "Request"]:
        """Return the period and the one that it is compared with, and a request for the time that both span.

        Parameters
        ----------
        against
            ``previous``, for a period of the same length right before, or ``START..END``.
        last
            The record's last slot, naive UTC.
        """
        if self.since is None:
            raise RequestRefused("since is missing: give the start of the period, such as 30d or 2026-01-01")
        since, until = self.span(last)
        if against == "previous":
            other = (since - (until - since), since)
        else:
            start, _, end = against.partition("..")
            if not (start and end):
                raise RequestRefused(f"against cannot be {against!r}: take previous, or START..END")
            other = replace(self, since=start, until=end).span(last)
        starts, ends = np.array([(since, other[0]), (until, other[1])], "datetime64[s]").astype(np.int64)
        first, last = min(since, other[0]), max(until, other[1])
        return Windows(starts, ends), replace(self, since=first.replace(tzinfo=UTC), until=last.replace(tzinfo=UTC))

    def span(self, last: datetime) -> tuple[datetime, datetime]:
        """Return since and until, naive UTC; the record's last slot where since or until is not given."""
        selection = self.selection(last)
        return selection.since or last, selection.until or last

    def _instant(self, value: Instant, last: datetime | None) -> datetime | None:
        """Return a date, a time, or a duration back from the last slot as naive UTC; None without value or slot."""
        if value is None:
            return None
        if isinstance(value, timedelta) or (isinstance(value, str) and DURATION.fullmatch(value)):
            return None if last is None else before(last, value, self.tz)
        try:
            return instant_of(value, self.tz)
        except (ValueError, OverflowError):
            raise RequestRefused(
                f"{value!r} is not a date or time: give 2026-01-31, 2026-01, 2026-01-31T08:00, 30d or 1mo"
                f"{date_hint(str(value))}"
            ) from None


def named(record: Record, selection: Selection) -> Selection:
    """Return a selection with its names in full, by all names that a record has.

    Raises
    ------
    RecordUnreadable
    NothingSelected
        When the record does not have a name.
    """
    if not (selection.projects or selection.pools or selection.types):
        return selection
    try:
        return selection.named(record.names())
    except UnknownName as error:
        raise NothingSelected(str(error)) from None


def _patterns(patterns: Patterns) -> tuple[str, ...]:
    texts = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise RequestRefused(
            f"{patterns!r} is not a pattern: give a name such as 'pool-a' or 'pool-*', or a list of these"
        )
    return tuple(pattern for text in texts for pattern in text.split(",") if pattern)
