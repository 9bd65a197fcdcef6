"""The state of the record: last slots, coverage, errors by cause, and files that wait in the spool."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from collector.config.settings import Config
from collector.failures import Failure
from collector.polling import backoff
from collector.record import spool
from collector.record.database import Record
from collector.record.rows import AHEAD
from collector.record.samples import count_odd, undocumented
from collector.storage.compaction import compacted_at
from collector.storage.last_publishing import last_publishing, overdue
from collector.storage.unlisted import Unlisted, unlisted_pools

WINDOWS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


@dataclass(frozen=True)
class PoolStatus:
    """One pool. Coverage is the share in [0, 1] of a window's slots that were observed, None where no slot was due."""

    project: str
    pool: str
    name: str | None
    """The display name, None where no listing gave one."""
    last_ok: datetime | None
    last_outcome: str
    coverage_hour: float | None
    coverage_day: float | None
    coverage_week: float | None
    errors_hour: dict[str, int]
    errors_day: dict[str, int]
    errors_week: dict[str, int]
    disagreements_week: int
    odd_week: dict[str, int]
    """How many slots have odd counts of some type, by kind; see `odd.Run`."""
    undocumented: dict[str, datetime]
    """Undocumented statuses that had jobs in the last week, each with its first slot in the record."""
    unlisted_since: datetime | None
    """The slot since which no listing has this pool, or no poll finds it; None where neither is so."""
    polled: bool
    """Whether its project is configured and the newest poll of that project asked for this pool."""


@dataclass(frozen=True)
class DatasetStatus:
    """The configured dataset; times are naive UTC."""

    path: str
    published_at: datetime | None
    """When a publishing last succeeded."""
    overdue: bool
    problem: str | None
    """Why the last publishing failed."""


@dataclass(frozen=True)
class Status:
    """The whole record, at `now`; times are naive UTC."""

    now: datetime
    database: str
    database_bytes: int
    compacted_at: datetime | None
    last_run: datetime | None
    last_slot: datetime | None
    last_discovery: datetime | None
    """When the pools of a project were last listed completely."""
    ahead_slots: int
    """How many slots are later than now: the clock was ahead when they were polled, or was set back since."""
    spool_files: int
    spool_oldest: str | None
    set_aside: list[str]
    pauses: dict[str, str]
    """The credential profiles that were refused, with the time until which polls do not use them."""
    pools: list[PoolStatus]
    unlisted: list[Unlisted]
    """Pools that are not polled any more."""
    failures: list[Failure] = field(default_factory=list)
    """Failed polls and listings of the last day, by cause."""
    dataset: DatasetStatus | None = None
    """None where none is configured."""

    def too_old(self, max_age: timedelta) -> list[str]:
        """Return texts that name what is older than `max_age`: the record, or pools that are still polled."""
        oldest = self.now - max_age
        if self.last_slot is None or self.last_slot < oldest:
            return [f"the record (last slot {_slot_text(self.last_slot)})"]
        return [
            f"{pool.project} {pool.pool} (last slot {_slot_text(pool.last_ok)}, last outcome {pool.last_outcome})"
            for pool in self.pools
            if pool.polled and (pool.last_ok is None or pool.last_ok < oldest)
        ]


def _slot_text(slot: datetime | None) -> str:
    return "none" if slot is None else f"{slot:%Y-%m-%d %H:%M}Z"


def dataset_status(config: Config, last_slot: datetime | None) -> DatasetStatus | None:
    """Return the state of the configured dataset, beside a record with this last slot; None where there is none."""
    path = config.dataset.path
    if path is None:
        return None
    last = last_publishing(config.paths.database, path)
    late = overdue(last, config.publishing_interval, last_slot)
    if last is None:
        return DatasetStatus(str(path), None, late, None)
    return DatasetStatus(str(path), last.published_at, late, last.problem)


def status_of(
    record: Record, database: Path, spool_folder: Path, now: datetime, projects: Collection[str] = ()
) -> Status:
    """Return the state of the record.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    now
        Naive UTC.
    projects
        The projects of the configuration, which are polled; where it has none, any project may be.
    """
    last_run, discovered, last_slot, ahead = record.execute(
        """SELECT (SELECT max(run) FROM polls ANTI JOIN (
                SELECT run FROM scrapes WHERE outcome = $2 UNION ALL SELECT run FROM discoveries WHERE outcome = $2
            ) USING (run)),
            (SELECT max(run) FROM polls WHERE discovered),
            max(slot) FILTER (slot <= $1), count(DISTINCT slot) FILTER (slot > $1)
        FROM scrapes WHERE outcome = 'ok'""",
        [now, AHEAD],
    ).fetchall()[0]
    files = spool.waiting(spool_folder)
    unlisted = unlisted_pools(record)
    return Status(
        now=now,
        database=str(database),
        database_bytes=database.stat().st_size if database.exists() else 0,
        compacted_at=compacted_at(database),
        last_run=last_run,
        last_slot=last_slot,
        last_discovery=discovered,
        ahead_slots=ahead,
        spool_files=len(files),
        spool_oldest=files[0].name if files else None,
        set_aside=[str(path) for path in spool.set_aside_files(spool_folder)],
        pauses={
            profile: pause.until
            for profile, pause in backoff.read(spool_folder).items()
            if not pause.over(now.replace(tzinfo=UTC))
        },
        pools=_pools(record, now, projects, unlisted),
        unlisted=unlisted,
    )


def _pools(record: Record, now: datetime, projects: Collection[str], unlisted: Sequence[Unlisted]) -> list[PoolStatus]:
    coverage = {window: _coverage(record, now, length) for window, length in WINDOWS.items()}
    errors = {window: _errors(record, now, length) for window, length in WINDOWS.items()}
    odd = count_odd(record, now - WINDOWS["week"], now)
    labels = undocumented(record, now - WINDOWS["week"], now)
    names = {
        (project, pool): name
        for project, pool, name in record.execute(
            "SELECT project, pool, arg_max(name, run) FROM pools GROUP BY project, pool"
        ).fetchall()
    }
    since = {(pool.project, pool.pool): pool.since for pool in unlisted}
    rows = record.execute(
        """WITH newest AS (
            -- Imported rows have no attempts: they do not come from a poll.
            SELECT project, max(slot) AS slot FROM scrapes
            WHERE slot <= $1 AND attempts IS NOT NULL AND outcome <> $3 GROUP BY ALL
        )
        SELECT project, pool, max(s.slot) FILTER (outcome = 'ok' AND s.slot <= $1), arg_max(outcome, run),
            count(*) FILTER (disagreement IS NOT NULL AND s.slot > $2 AND s.slot <= $1),
            coalesce(max(s.slot) FILTER (attempts IS NOT NULL) >= any_value(newest.slot), false)
                AND arg_max(outcome, run) <> 'gone'
        FROM scrapes s LEFT JOIN newest USING (project) WHERE outcome <> $3
        GROUP BY project, pool ORDER BY project, pool""",
        [now, now - WINDOWS["week"], AHEAD],
    ).fetchall()
    return [
        PoolStatus(
            project=project,
            pool=pool,
            name=names.get((project, pool)),
            last_ok=last_ok,
            last_outcome=outcome,
            coverage_hour=coverage["hour"].get((project, pool)),
            coverage_day=coverage["day"].get((project, pool)),
            coverage_week=coverage["week"].get((project, pool)),
            errors_hour=errors["hour"].get((project, pool), {}),
            errors_day=errors["day"].get((project, pool), {}),
            errors_week=errors["week"].get((project, pool), {}),
            disagreements_week=disagreements,
            odd_week=odd.get((project, pool), {}),
            undocumented=labels.get((project, pool), {}),
            unlisted_since=since.get((project, pool)),
            polled=polled and (not projects or project in projects),
        )
        for project, pool, last_ok, outcome, disagreements, polled in rows
    ]


def _coverage(record: Record, now: datetime, window: timedelta) -> dict[tuple[str, str], float | None]:
    """Return the share of the slots in (now - window, now] that were observed, since each pool was first polled.

    The current slot counts once it has been observed: before that, its poll may be under way. No slot is due since a
    pool was deleted.
    """
    rows = record.execute(
        """WITH known AS (
            SELECT project, pool, epoch(min(slot))::BIGINT AS first,
                arg_max(interval_seconds, (run, slot))::BIGINT AS interval
            FROM scrapes WHERE outcome <> $3 GROUP BY ALL
        ), seen AS (
            SELECT DISTINCT project, pool, slot, interval_seconds FROM scrapes
            WHERE outcome = 'ok' AND slot > $1 AND slot <= $2
        ), summed AS (
            SELECT project, pool, sum(interval_seconds) AS seconds, epoch(max(slot))::BIGINT AS last
            FROM seen GROUP BY ALL
        ), deleted AS (
            SELECT project, pool, epoch(arg_max(slot, run))::BIGINT AS deleted FROM pools
            GROUP BY ALL HAVING NOT arg_max(listed, run)
        ), due AS (
            SELECT known.*, coalesce(seconds, 0) AS seconds, (epoch($2)::BIGINT // interval) * interval AS present,
                greatest((epoch($1)::BIGINT // interval) * interval, first - interval) AS before, last, deleted
            FROM known LEFT JOIN summed USING (project, pool) LEFT JOIN deleted USING (project, pool)
        )
        SELECT project, pool, seconds, CASE
            WHEN deleted <= present THEN (deleted - 1) // interval * interval
            WHEN last = present THEN present
            ELSE present - interval END - before
        FROM due""",
        [now - window, now, AHEAD],
    ).fetchall()
    return {(project, pool): min(1.0, seen / due) if due > 0 else None for project, pool, seen, due in rows}


def _errors(record: Record, now: datetime, window: timedelta) -> dict[tuple[str, str], dict[str, int]]:
    """Return how many scrapes failed in (now - window, now], by project, pool and cause."""
    errors: dict[tuple[str, str], dict[str, int]] = {}
    for project, pool, outcome, failures in record.execute(
        """SELECT project, pool, outcome, count(*) FROM scrapes
        WHERE outcome <> 'ok' AND slot > $1 AND slot <= $2 GROUP BY ALL ORDER BY ALL""",
        [now - window, now],
    ).fetchall():
        errors.setdefault((project, pool), {})[outcome] = failures
    return errors
