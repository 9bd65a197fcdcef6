"""The values of an object store: how to reach it, what a listing has, what was read of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

SCHEME: Final = "s3://"
AT_ONCE: Final = 32
"""The number of requests at the same time."""


@dataclass(frozen=True)
class Access:
    """How to reach a store; where a value is None, s3fs and botocore take it from the environment (``AWS_...``)."""

    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)


FROM_ENVIRONMENT: Final = Access()


@dataclass(frozen=True)
class StoredObject:
    """An object in a listing: its size in bytes, when it was written, copied or touched last, in UTC, and its tag."""

    size: int
    changed: datetime
    tag: str


@dataclass(frozen=True)
class Listing:
    """The objects of a folder, by name relative to it."""

    objects: dict[str, StoredObject]
    at: datetime | None
    """The store's time; None if it did not say."""


@dataclass
class Served:
    """What DuckDB has read of a folder."""

    opened: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    """The reason of each object that could not be read."""


def served_at(name: str) -> str:
    """Return the address by which DuckDB reads an object of a folder that is served."""
    return f"dataset://{name}"
