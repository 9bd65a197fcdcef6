"""The settings of the sandbox, including what the API's documents leave open."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

PROJECT_ID = "5a6d0b0c5a6d0b0c5a6d0b0c5a6d0b0c"
REGION = "sandbox-1"
DEFAULT_PORT = 8700
# The keys are published on purpose: they are valid for the sandbox only.
ACCESS_KEY = "POOLSCOPESANDBOXONLY"
SECRET_KEY = "this-key-opens-the-poolscope-sandbox-and-nothing-else"  # noqa: S105 - a documented dummy


LISTING = "listing"
"""A fault with this pattern affects the listing of pools."""
TOKENS = "iam"
"""A fault with this pattern affects requests for tokens."""
CUT = "tls-cut"
"""The only fault of connections: the server uses https, and closes connections before the handshake."""
GONE = "gone"
"""The only fault of pools: the pool does not exist, also in the listing, for whole minutes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that the sandbox makes; `faults` has the kinds."""

    kind: str
    pattern: str = "*"
    """What it affects: pools by id or display name, the listing by `LISTING`, tokens by `TOKENS`."""
    share: float = 1.0
    """The share of the requests that it affects; for `GONE`, the share of minutes in which the pool is gone."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the sandbox answers."""

    key: Literal["statistics", "statics"] = "statistics"
    """The outer key of the statistics: `statics` in the documents' tables, `statistics` in examples and client."""
    counts: Literal["integers", "strings"] = "integers"
    omit_zeros: bool = False
    """Whether statuses and types without jobs are omitted."""
    retention: timedelta | None = None
    """How long finished jobs are counted: None for ever, zero never."""
    requests_per_second: float | None = None
    latency: float = 0.0
    """Seconds of delay of each answer."""
    page_size: int | None = None
    """Pools a page of the listing; None for a single page. The vendor's client reads the first page only."""
    node_counts: Literal["list", "object"] = "object"
    """The form of a pool's nodes by state: an object, as the vendor's client reads, or a list, as in the examples."""
    time: Literal["real", "requests"] = "real"
    """The time of the simulation: the clock's, or the X-Sdk-Date of each request."""
    skew: timedelta = timedelta(0)
    """By how much its clock is wrong, in the Date of its answers and in its check of X-Sdk-Date."""
    expired_certificate: bool = False
    """Whether it serves https with an expired certificate."""
    faults: tuple[Fault, ...] = ()
    """Faults; the first that affects an answer is applied."""
    project_id: str = PROJECT_ID
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    user: str = "sandbox"
    domain: str = "sandbox"
    password: str = SECRET_KEY
    token_life: timedelta = timedelta(hours=24)
    security_token: str | None = None
    """If set, the keys are temporary, and requests must carry this token."""

    @property
    def retention_seconds(self) -> float:
        """How long finished jobs are counted, infinity for ever."""
        return math.inf if self.retention is None else self.retention.total_seconds()


AS_DOCUMENTED = Behaviour()
