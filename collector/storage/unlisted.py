"""Pools that are not polled any more: a poll did not find them, or a listing lacks them."""

from dataclasses import dataclass
from datetime import datetime

from collector.record.database import Record


@dataclass(frozen=True)
class Unlisted:
    """A discovered pool that is not polled any more; times are naive UTC."""

    project: str
    pool: str
    since: datetime
    """The slot since which no listing has this pool, or no poll finds it."""
    deleted: bool
    """Whether a listing lacks it. If not, all that is known is that its last poll did not find it."""
    listed_at: datetime | None
    """The slot in which the pools of its project were last listed completely; None where they never were."""

    def text(self) -> str:
        """Return a sentence for people."""
        since = f"{self.since:%Y-%m-%d %H:%M}Z"
        if self.deleted:
            return (
                f"{self.project} {self.pool}: no listing has this pool since {since}: it was deleted and is not polled "
                "any more; its record stays"
            )
        listed_at = "never" if self.listed_at is None else f"{self.listed_at:%Y-%m-%d %H:%M}Z"
        return (
            f"{self.project} {self.pool}: its poll at {since} did not find this pool, and it is not polled until a "
            f"listing has it; whether it was deleted is not known before the next listing (the last one: {listed_at})"
        )


def unlisted_pools(record: Record) -> list[Unlisted]:
    """Return the pools that are not polled any more, by project and id.

    A listing of the same run as the poll that did not find a pool may have been read before or after it.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    """
    rows = record.execute(
        """WITH unlisted AS (
            SELECT project, pool, arg_max(slot, run) AS slot, max(run) AS run FROM pools
            GROUP BY ALL HAVING NOT arg_max(listed, run)
        ), listings AS (
            SELECT project, max(run) AS listing, arg_max(slot, run) AS listed_at FROM polls
            WHERE discovered GROUP BY ALL
        ), not_found AS (SELECT project, pool, run, true AS not_found FROM scrapes WHERE outcome = 'gone')
        SELECT project, pool, slot, not_found IS NULL OR coalesce(listing > run, false), listed_at
        FROM unlisted LEFT JOIN listings USING (project) LEFT JOIN not_found USING (project, pool, run)
        ORDER BY project, pool"""
    ).fetchall()
    return [Unlisted(*row) for row in rows]
