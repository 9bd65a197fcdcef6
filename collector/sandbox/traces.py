"""A trace of real jobs (Parquet), as pools of the sandbox."""

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

# A job with neither a start nor an end tells nothing of how long it waited, so it is no part of the counts.
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
    """A pool of a trace: its counts are what a poller would have seen."""

    id: str
    created: datetime
    ledger: Ledger
    workspace: str = "0"
    policy: str | None = None
    flavor: str | None = None
    nodes: int = 0

    @property
    def display_name(self) -> str:
        """The trace has one name for it."""
        return self.id

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:
        """Return the counts of every type at an instant (see `Pool`)."""
        return self.ledger.counts_at(instant, retention)


@dataclass(frozen=True, slots=True)
class Trace:
    """The pools of a trace, and the time in which its jobs came and waited (they may run beyond it)."""

    pools: tuple[TracePool, ...]
    jobs: tuple[Job, ...]
    first: datetime
    """When the first job was submitted."""
    last: datetime
    """When the last job was submitted or had waited, whichever came later."""


def read_trace(file: Path) -> Trace:
    """Read a trace: Parquet with the columns job_id, pool, type, submit, start, end, final and gpus.

    Times are naive UTC (or carry a zone); start is NULL for a job that never ran, end for one that still runs.

    Raises
    ------
    InputRefused
        When the file is missing, no Parquet, lacks columns, holds no jobs, or jobs that cannot have happened.
    """
    jobs = _jobs(file)
    ledgers: dict[str, Ledger] = {}
    types: dict[str, list[str]] = {}
    for job in jobs:
        types.setdefault(job.pool, [])
        if job.type not in types[job.pool]:
            types[job.pool].append(job.type)
    for pool, names in types.items():
        ledgers[pool] = Ledger(sorted(names))
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
            described = connection.execute(
                "DESCRIBE SELECT * FROM read_parquet($1, hive_partitioning = false)", [pattern_of(file)]
            ).fetchall()
            _check_columns(file, [row[0] for row in described])
            rows = connection.execute(JOBS, [pattern_of(file)]).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise InputRefused(
            f"{file}: cannot be read as a trace ({reason}); a Parquet file with timestamps for times is expected"
        ) from None
    if not rows:
        raise InputRefused(f"{file}: holds no job with a start or an end; there is nothing to replay")
    jobs = []
    for pool, job_type, submitted, started, ended, final, cards in rows:
        job = Job(pool, job_type, submitted, started, started, started, ended, final, cards)
        if started is None:
            job.scheduled = job.left = ended
        _check(file, job)
        jobs.append(job)
    return jobs


def _check_columns(file: Path, found: list[str]) -> None:
    missing = [column for column in COLUMNS if column not in found]
    if missing:
        raise InputRefused(
            f"{file}: lacks the columns {', '.join(missing)}; a trace has {', '.join(COLUMNS)}, one row a job"
        )


def _check(file: Path, job: Job) -> None:
    if job.pool is None or job.type is None or job.submitted is None:
        raise InputRefused(f"{file}: a job without pool, type or submit; give each job all three")
    instants = [instant for instant in (job.submitted, job.started, job.ended) if instant is not None]
    came = datetime.fromtimestamp(job.submitted, UTC)
    if instants != sorted(instants):
        raise InputRefused(
            f"{file}: a job of {job.pool} submitted {came} starts or ends before it came; mend its times"
        )
    if job.ended is not None and job.final not in ENDED:
        raise InputRefused(
            f"{file}: a job of {job.pool} submitted {came} ended as {job.final!r}; final is one of {', '.join(ENDED)}"
        )
