"""Reads a trace of real jobs (a Parquet file) as pools of the sandbox."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from collector.errors import InputRefused
from collector.record.database import in_memory
from collector.record.paths import pattern_of
from collector.record.statuses import ENDED
from collector.sandbox.jobs import KEPT_FOR_EVER, Counts, Job, Ledger

COLUMNS = ("job_id", "pool", "type", "submit", "start", "end", "final", "gpus")

# Jobs with neither a start nor an end are excluded: their wait is unknown.
JOBS = """
    SELECT
        pool::VARCHAR, type::VARCHAR, epoch(submit), epoch(start), epoch("end"), final::VARCHAR,
        coalesce(gpus, 1)::INTEGER
    FROM read_parquet($1, hive_partitioning = false)
    WHERE start IS NOT NULL OR "end" IS NOT NULL
    ORDER BY submit
"""


@dataclass(frozen=True, slots=True)
class TracePool:
    """A pool of a trace; its counts are those that polls would have observed."""

    id: str
    created: datetime
    ledger: Ledger
    workspace: str = "0"
    policy: str | None = None
    flavor: str | None = None
    nodes: int = 0

    @property
    def display_name(self) -> str:
        """The id: a trace has no other name."""
        return self.id

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:
        """Return the counts of every type at a time (see `Pool`)."""
        return self.ledger.counts_at(instant, retention)


@dataclass(frozen=True, slots=True)
class Trace:
    """The pools and jobs of a trace, and the time span in which jobs arrived and waited (they may run longer)."""

    pools: tuple[TracePool, ...]
    jobs: tuple[Job, ...]
    first: datetime
    """When the first job was submitted."""
    last: datetime
    """The last arrival or the last end of a wait, whichever is later."""


def read_trace(file: Path) -> Trace:
    """Read a trace: Parquet with the columns job_id, pool, type, submit, start, end, final and gpus.

    Times are naive UTC, or have a zone; start is NULL for a job that never ran, end for a job that is still running.

    Raises
    ------
    InputRefused
        When the file is missing or not Parquet, lacks columns, or has no jobs, or a job whose values are invalid.
    """
    jobs = _jobs(file)
    ledgers: dict[str, Ledger] = {}
    types: dict[str, list[str]] = {}
    for job in jobs:
        types.setdefault(job.pool, [])
        if job.type not in types[job.pool]:
            types[job.pool].append(job.type)
    for pool, pool_types in types.items():
        ledgers[pool] = Ledger(sorted(pool_types))
    for job in jobs:
        ledgers[job.pool].add(job)
    first = datetime.fromtimestamp(jobs[0].submitted, UTC)
    last = datetime.fromtimestamp(max(job.submitted if job.left is None else job.left for job in jobs), UTC)
    pools = tuple(TracePool(pool, first, ledgers[pool]) for pool in sorted(ledgers))
    return Trace(pools, tuple(jobs), first, last)


def _jobs(file: Path) -> list[Job]:
    if not file.is_file():
        raise InputRefused(f"{file}: there is no such file; --trace takes a Parquet file with one row a job")
    try:
        with in_memory() as connection:
            columns = connection.execute(
                "DESCRIBE SELECT * FROM read_parquet($1, hive_partitioning = false)", [pattern_of(file)]
            ).fetchall()
            _check_columns(file, [row[0] for row in columns])
            rows = connection.execute(JOBS, [pattern_of(file)]).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise InputRefused(
            f"{file}: cannot be read as a trace ({reason}): a trace is a Parquet file whose times are timestamps"
        ) from None
    if not rows:
        raise InputRefused(f"{file}: has no job with a start or an end, so there is nothing to replay")
    jobs = []
    for pool, job_type, submitted, started, ended, final, cards in rows:
        job = Job(pool, job_type, submitted, started, started, started, ended, final, cards)
        if started is None:
            job.scheduled = job.left = ended
        _check(file, job)
        jobs.append(job)
    return jobs


def _check_columns(file: Path, columns: list[str]) -> None:
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise InputRefused(
            f"{file}: lacks the columns {', '.join(missing)}; a trace has {', '.join(COLUMNS)}, one row a job"
        )


def _check(file: Path, job: Job) -> None:
    if job.pool is None or job.type is None or job.submitted is None:
        raise InputRefused(f"{file}: a job has no pool, type or submit; each job needs all three")
    instants = [instant for instant in (job.submitted, job.started, job.ended) if instant is not None]
    submitted = datetime.fromtimestamp(job.submitted, UTC)
    if instants != sorted(instants):
        raise InputRefused(
            f"{file}: a job of {job.pool} submitted {submitted} starts or ends before that time; correct its times"
        )
    if job.ended is not None and job.final not in ENDED:
        raise InputRefused(
            f"{file}: a job of {job.pool} submitted {submitted} ended as {job.final!r}; final must be "
            f"{', '.join(ENDED[:-1])} or {ENDED[-1]}"
        )
