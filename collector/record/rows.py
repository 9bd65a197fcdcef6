"""The rows that are stored: one dataclass per table, its fields are the table's columns. Times are naive UTC."""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final

OK: Final = "ok"
AHEAD: Final = "clock_ahead"
"""The outcome of every row of a poll whose clock was ahead: such rows are stored, but no reader uses them."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One round over the pools of one project. Its key everywhere is `run`, when the round began."""

    run: datetime
    project: str
    project_id: str | None
    endpoint: str | None
    command: str
    version: str
    slot: datetime | None
    interval_seconds: int
    ended_at: datetime | None
    pools: int
    discovered: bool | None = None
    """Whether all workspaces were listed completely in this round; None where a listing was not due."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """One page of the listing of a workspace's pools, successful or not."""

    run: datetime
    project: str
    workspace: str
    page: int
    slot: datetime
    outcome: str
    http_status: int | None
    error_code: str | None
    error_msg: str | None
    request_id: str | None
    attempts: int
    started_at: datetime | None
    answered_at: datetime | None
    pools: int | None
    body: str | None


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of one flavor in a pool; None where the listing does not give a count."""

    flavor: str
    count: int | None
    available: int | None
    abnormal: int | None
    creating: int | None
    deleting: int | None


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as a listing describes it, stored where it changed; None where the listing does not give a value."""

    run: datetime
    project: str
    pool: str
    slot: datetime
    listed: bool
    """Whether it is there: False once a whole listing lacks it, or its statistics say that it is gone."""
    name: str | None = None
    workspace: str | None = None
    created_at: datetime | None = None
    phase: str | None = None
    kind: str | None = None
    scope: tuple[str, ...] | None = None
    queue_policy: str | None = None
    nodes: tuple[Nodes, ...] | None = None


@dataclass(frozen=True, slots=True)
class Scrape:
    """One poll of one pool in one slot, successful or not, after all its attempts."""

    run: datetime
    project: str
    pool: str
    slot: datetime
    interval_seconds: int
    outcome: str
    http_status: int | None
    error_code: str | None
    error_msg: str | None
    request_id: str | None
    attempts: int | None
    started_at: datetime | None
    answered_at: datetime | None
    total: int | None
    disagreement: str | None
    body: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of one job type of one pool in one slot; None where the answer does not give a count."""

    run: datetime
    """The run of its scrape: only the spool has it, as the table has only the one success of a pool and slot."""
    project: str
    pool: str
    type: str
    slot: datetime
    total: int | None
    counts: dict[str, int | None]
    """Jobs by documented status, each a column of that name."""
    other_statuses: dict[str, int | None] | None
    """Jobs by undocumented status, as the API spelled it."""


@dataclass(frozen=True, slots=True)
class PolledRows:
    """All rows of one run, over all projects."""

    polls: list[Poll] = field(default_factory=list)
    discoveries: list[Discovery] = field(default_factory=list)
    scrapes: list[Scrape] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)

    def failures(self) -> list[Discovery | Scrape]:
        """Return the listings and scrapes that failed, listings first."""
        turns: list[Discovery | Scrape] = [*self.discoveries, *self.scrapes]
        return [turn for turn in turns if turn.outcome != OK]


def row_of(row: Poll | Discovery | Pool | Scrape | Snapshot) -> dict[str, Any]:
    """Return the values of a row by column of its table."""
    values = {f.name: getattr(row, f.name) for f in fields(row)}
    if values.get("nodes") is not None:
        values["nodes"] = [asdict(nodes) for nodes in values["nodes"]]
    counts = values.pop("counts", None)
    if counts is not None:
        other = values.pop("other_statuses")
        values |= counts
        values["other_statuses"] = other
    return values
