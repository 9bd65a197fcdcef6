"""Which pools there are: the listing of a workspace, read page by page, and which of them are polled."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from collector.config import Project
from collector.parse import WrongShape, parse_json

NAME_LABEL = "os.modelarts/name"


@dataclass(frozen=True, slots=True)
class DiscoveredPool:
    """A pool as its listing names it: the id that the API is asked by, and the name that people gave it."""

    pool: str
    name: str | None


def parse_pools(body: bytes) -> tuple[list[DiscoveredPool], str | None]:
    """Read one page of ListPools.

    Returns
    -------
    tuple
        The pools, and the token of the next page where the answer names one.

    Raises
    ------
    NotJson, WrongShape
    """
    listing = parse_json(body)
    if not isinstance(listing, dict):
        raise WrongShape("an object was expected")
    items = listing.get("items")
    if items is None:
        items = []
    if not isinstance(items, list):
        raise WrongShape("items: a list was expected")
    pools = [_pool(item, f"items[{i}]") for i, item in enumerate(items)]
    metadata = listing.get("metadata")
    token = metadata.get("continue") if isinstance(metadata, dict) else None
    return pools, token if isinstance(token, str) and token else None


def _pool(item: object, where: str) -> DiscoveredPool:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    pool = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(pool, str) or not pool or not pool.isprintable():
        raise WrongShape(f"{where}.metadata.name: the pool's id was expected")
    labels = metadata.get("labels")
    name = labels.get(NAME_LABEL) if isinstance(labels, dict) else None
    return DiscoveredPool(pool, name if isinstance(name, str) else None)


def selected(pools: Iterable[DiscoveredPool], project: Project) -> list[str]:
    """Return the ids of the pools that the project's patterns take, by id or by display name."""

    def matches(pool: DiscoveredPool, patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(name, pattern) for name in (pool.pool, pool.name) if name for pattern in patterns)

    return [
        pool.pool
        for pool in pools
        if (not project.include or matches(pool, project.include)) and not matches(pool, project.exclude)
    ]
