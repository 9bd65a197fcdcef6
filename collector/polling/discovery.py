"""Discovery: it reads the listing of a workspace's pools page by page, and selects the pools to poll."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from collector.api.parse import WrongShape, parse_json
from collector.config.settings import Project
from collector.record.patterns import matches
from collector.record.rows import Nodes
from collector.record.slots import naive
from collector.record.statuses import LARGEST_COUNT

NAME_LABEL = "os.modelarts/name"
POLICY_ANNOTATION = "os.modelarts.pool/scheduler.queue.strategy"
STATES = ("available", "abnormal", "creating", "deleting")


@dataclass(frozen=True, slots=True)
class DiscoveredPool:
    """A pool as its listing describes it: the id for requests, the display name, its nodes and more.

    A value that is missing, or has an undocumented form, is None. Only the id is required.
    """

    pool: str
    name: str | None = None
    created_at: datetime | None = None
    phase: str | None = None
    kind: str | None = None
    scope: tuple[str, ...] | None = None
    queue_policy: str | None = None
    nodes: tuple[Nodes, ...] | None = None


@dataclass(frozen=True)
class Known:
    """What the record has when a slot is polled."""

    sampled: Collection[tuple[str, str]] = ()
    """The (project, pool) pairs that have a sample of the slot."""
    pools: Mapping[str, Sequence[DiscoveredPool]] = field(default_factory=dict)
    """The known pools that are not gone, by project."""
    fresh: Collection[str] = ()
    """The projects whose pools were listed within the discovery interval."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the listing of a workspace's pools."""

    pools: tuple[DiscoveredPool, ...] = ()
    following: str | None = None
    """The token of the next page where the answer names one."""
    nameless: str | None = None
    """A message that names the items without an id; None where all have one."""


def parse_pools(body: bytes) -> Page:
    """Read one page of ListPools.

    Raises
    ------
    NotJson, WrongShape
        When the body is not JSON, or not a listing.
    """
    listing = parse_json(body)
    if not isinstance(listing, dict):
        raise WrongShape("an object was expected")
    # A listing without pools has an empty list. If a missing list were read as empty, every pool would count as gone.
    items = listing.get("items")
    if not isinstance(items, list):
        raise WrongShape("items: a list was expected")
    pools = [_pool(item) for item in items]
    nameless = ", ".join(f"items[{number}]" for number, pool in enumerate(pools) if pool is None)
    token = _part(listing, "metadata").get("continue")
    return Page(
        tuple(pool for pool in pools if pool is not None),
        token if isinstance(token, str) and token else None,
        f"metadata.name: the pool's id was expected in {nameless}; the other items are used" if nameless else None,
    )


def _pool(item: object) -> DiscoveredPool | None:
    metadata = _part(item, "metadata")
    pool = _text(metadata.get("name"))
    if pool is None:
        return None
    spec, status = _part(item, "spec"), _part(item, "status")
    scope = spec.get("scope")
    return DiscoveredPool(
        pool=pool,
        name=_text(_part(metadata, "labels").get(NAME_LABEL)),
        created_at=_instant(metadata.get("creationTimestamp")),
        phase=_text(status.get("phase")),
        kind=_text(spec.get("type")),
        scope=tuple(filter(None, map(_text, scope))) if isinstance(scope, list) else None,
        queue_policy=_text(_part(metadata, "annotations").get(POLICY_ANNOTATION)),
        nodes=_nodes(spec, _part(status, "resources")),
    )


def _nodes(spec: Mapping[str, Any], resources: Mapping[str, Any]) -> tuple[Nodes, ...] | None:
    """Read the node counts by flavor; several node pools of one flavor are added up."""
    counts = {state: _by_flavor(resources.get(state)) for state in STATES}
    counts["count"] = _by_flavor(spec.get("resources"))
    flavors = sorted({flavor for listed in counts.values() for flavor in listed})
    nodes = [Nodes(flavor, **{name: listed.get(flavor) for name, listed in counts.items()}) for flavor in flavors]
    return tuple(nodes) or None


def _by_flavor(listed: object) -> dict[str, int]:
    # The vendor's documents have a list here, its own client a single object.
    counts: dict[str, int] = {}
    for entry in listed if isinstance(listed, list) else [listed]:
        resource = entry if isinstance(entry, dict) else {}
        flavor, count = _text(resource.get("flavor")), resource.get("count")
        if flavor and type(count) is int and 0 <= count <= LARGEST_COUNT - counts.get(flavor, 0):
            counts[flavor] = counts.get(flavor, 0) + count
    return counts


def _part(value: object, key: str) -> Mapping[str, Any]:
    part = value.get(key) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _instant(value: object) -> datetime | None:
    try:
        if not isinstance(value, str):
            return None
        parsed = datetime.fromisoformat(value)
        return naive(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def selected(pools: Iterable[DiscoveredPool], project: Project) -> list[str]:
    """Return the ids of the pools that the project's patterns select, by id or by display name."""
    return [
        pool.pool
        for pool in pools
        if matches(project.include, pool.pool, pool.name)
        and not (project.exclude and matches(project.exclude, pool.pool, pool.name))
    ]
