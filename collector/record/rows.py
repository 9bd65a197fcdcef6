"""The rows that are kept: one dataclass a table, its fields the table's columns. Times are naive UTC."""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final

OK: Final = "ok"
AHEAD: Final = "clock_ahead"
"""Of all turns of a poll whose clock was ahead: such rows are kept, and nothing is read from them."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One round over the pools of one project; `run` (when the round began) names it everywhere."""

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
    """Whether all its workspaces were listed in this round; None where that was not due."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """One page of the listing of a workspace's pools, or the failure to get it."""

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
    """The nodes of one flavor in a pool; None is what the listing did not say."""

    flavor: str
    count: int | None
    available: int | None
    abnormal: int | None
    creating: int | None
    deleting: int | None


@dataclass(frozen=True, slots=True)
class Pool:
    """What a listing said of a pool, kept where it differs from what was known; None is what it did not say."""

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
    """One pool's turn in one slot, successful or not."""

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
    """The counts of one job type of one pool in one slot; None is what the answer did not say."""

    run: datetime
    """Which scrape it belongs to: it is in the spool, not in the table, where only the slot's one success is kept."""
    project: str
    pool: str
    type: str
    slot: datetime
    total: int | None
    counts: dict[str, int | None]
    """The nine documented statuses, each a column of its own name."""
    other_statuses: dict[str, int | None] | None
    """Statuses that no document names, under the names the API gave them."""


@dataclass(frozen=True, slots=True)
class PolledRows:
    """All rows of one run, over all projects."""

    polls: list[Poll] = field(default_factory=list)
    discoveries: list[Discovery] = field(default_factory=list)
    scrapes: list[Scrape] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)

    def failures(self) -> list[Discovery | Scrape]:
        """Return the turns that failed, listings first."""
        turns: list[Discovery | Scrape] = [*self.discoveries, *self.scrapes]
        return [turn for turn in turns if turn.outcome != OK]


def row_of(record: Poll | Discovery | Pool | Scrape | Snapshot) -> dict[str, Any]:
    """Return a record as its table's columns."""
    row = {f.name: getattr(record, f.name) for f in fields(record)}
    if row.get("nodes") is not None:
        row["nodes"] = [asdict(nodes) for nodes in row["nodes"]]
    counts = row.pop("counts", None)
    if counts is not None:
        other = row.pop("other_statuses")
        row |= counts
        row["other_statuses"] = other
    return row
