"""The gate of a credential: it keeps a key from being locked, and one pool's 401 from failing the other pools."""

import math
from typing import Final, Generic, TypeVar

from collector.api.outcomes import RequestFailed

Asked = TypeVar("Asked")
"""The type of requests that pass a gate."""
UNAUTHORIZED: Final = "unauthorized"
# One pool may answer 401 for its own reason. Two in a row, before any other answer, mean that the key is refused.
ENOUGH_REFUSALS: Final = 2
# A service gives these answers only after it has accepted the signature.
TAKEN: Final = frozenset({"gone", "forbidden"})
UNPROVEN: Final = 4


class Gate(Generic[Asked]):
    """Keeps one credential from being locked: the gateway locks a key after more than five failed signatures in a row.

    Until an answer proves the credential, one request is sent alone, then at most `UNPROVEN` at a time; the others wait
    in the gate and block no worker. After a 401 one is sent alone again, and a second 401 ends the credential's use for
    the whole poll. A 403 proves the credential: it comes from a service that accepted the signature.
    """

    def __init__(self) -> None:
        self.refusal: RequestFailed | None = None
        """The failure that ended the use of the credential."""
        self._refused: set[Asked] = set()
        self._places: float = 1
        self._in_doubt: set[Asked] = set()
        self._waiting: list[Asked] = []

    @property
    def open(self) -> bool:
        """Whether an answer has proved the credential, or its use has ended: requests no longer wait."""
        return self._places == math.inf

    @property
    def refused(self) -> bool:
        """Whether the credential was refused and no answer has proved it, even after a single request."""
        return self.refusal is not None or (bool(self._refused) and not self.open)

    def admits(self, request: Asked) -> bool:
        """Return whether a request may be sent now; if not, it waits until `settle` returns it."""
        if self.open:
            return True
        if len(self._in_doubt) < self._places:
            self._in_doubt.add(request)
            return True
        self._waiting.append(request)
        return False

    def settle(self, request: Asked, failure: RequestFailed | None) -> list[Asked]:
        """Note the result of a request (None: a success), or that it stays silent; return the requests that waited."""
        if self.open:
            return []
        if failure is not None and failure.outcome == UNAUTHORIZED:
            self._refused.add(request)
            if self.refusal is None and len(self._refused) >= ENOUGH_REFUSALS:
                self.refusal = failure
        known = self.refusal is not None or failure is None or failure.outcome in TAKEN
        self._places = math.inf if known else 1 if self._refused else UNPROVEN
        self._in_doubt.discard(request)
        waiting, self._waiting = self._waiting, []
        return waiting
