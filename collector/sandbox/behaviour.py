"""The switches of the sandbox: what the API's documents leave open, and how it is set up."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

PROJECT_ID = "5a6d0b0c5a6d0b0c5a6d0b0c5a6d0b0c"
REGION = "sandbox-1"
# The pair is published on purpose: it opens the sandbox and nothing else.
ACCESS_KEY = "POOLSCOPESANDBOXONLY"
SECRET_KEY = "this-key-opens-the-poolscope-sandbox-and-nothing-else"  # noqa: S105 - a documented dummy


LISTING = "listing"
"""The name by which a fault's pattern means the listing of pools."""
TOKENS = "iam"
"""The name by which a fault's pattern means the giving of tokens."""
CUT = "tls-cut"
"""The one fault that is about connections: it serves https, and closes them before the handshake."""
GONE = "gone"
"""The one fault that is about pools, not about answers: it holds for minutes, in the listing too."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong; `faults` knows what there is, and does it."""

    kind: str
    pattern: str = "*"
    """Whom it hits: pools by id or display name, the listing by `LISTING`, tokens by `TOKENS`."""
    share: float = 1.0
    """How many of their requests; of a pool that is gone how many minutes: below 1 it goes and comes back."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the sandbox answers."""

    key: Literal["statistics", "statics"] = "statistics"
    """The outer key of the statistics: the documents' tables disagree with their examples and the vendor's client."""
    counts: Literal["integers", "strings"] = "integers"
    omit_zeros: bool = False
    """Whether statuses without jobs, and types without jobs, are left out."""
    history: timedelta | None = None
    """How long a finished job stays counted: None for ever, zero not at all."""
    requests_per_second: float | None = None
    latency: float = 0.0
    """Seconds that each answer waits."""
    page_size: int | None = None
    """Pools a page of the listing; None gives all in one. The vendor's client knows no pages, and sees the first."""
    node_counts: Literal["list", "object"] = "object"
    """How a pool tells its nodes by state: the vendor's client reads a single object, every example has a list."""
    time: Literal["real", "requests"] = "real"
    """Whose time it is: the clock's, or for each request that of its own X-Sdk-Date."""
    skew: timedelta = timedelta(0)
    """How far its clock is off, in the Date of its answers and in its check of X-Sdk-Date."""
    expired_certificate: bool = False
    """Whether it serves https, with a certificate that ended years ago."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong; an answer meets the first that hits it."""
    project_id: str = PROJECT_ID
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    user: str = "sandbox"
    domain: str = "sandbox"
    password: str = SECRET_KEY
    token_life: timedelta = timedelta(hours=24)
    security_token: str | None = None
    """Where set, the key pair is a temporary one and the token must come with it."""

    @property
    def retention_seconds(self) -> float:
        """How long a finished job stays counted."""
        return math.inf if self.history is None else self.history.total_seconds()


AS_DOCUMENTED = Behaviour()
