"""The gate before a credential: no key is locked out, whatever is asked with it."""

import math
from typing import Final, Generic, TypeVar

from collector.api.outcomes import RequestFailed

Asked = TypeVar("Asked")
"""What comes to a gate: a request."""
REFUSED_CREDENTIAL: Final = frozenset({"unauthorized", "forbidden"})
UNPROVEN: Final = 4


class Gate(Generic[Asked]):
    """Keeps one credential from being locked: the gateway locks a key after more than five failed signatures in a row.

    Until a good answer proves the credential one request goes alone, then at most four together; the others wait here,
    in nobody's way. A 401 or 403 ends its use for the whole poll.
    """

    def __init__(self) -> None:
        self.refusal: RequestFailed | None = None
        self._places: float = 1
        self._in_doubt: set[Asked] = set()
        self._waiting: list[Asked] = []

    @property
    def open(self) -> bool:
        """Whether nothing is in doubt any more."""
        return self._places == math.inf

    def admits(self, request: Asked) -> bool:
        """Let a request pass, or keep it until `settle` hands it back."""
        if self.open:
            return True
        if len(self._in_doubt) < self._places:
            self._in_doubt.add(request)
            return True
        self._waiting.append(request)
        return False

    def settle(self, request: Asked, failure: RequestFailed | None) -> list[Asked]:
        """Take note of how a request went, or that it is silent; hand back those that waited for it."""
        if self.open:
            return []
        if self.refusal is None and failure is not None and failure.outcome in REFUSED_CREDENTIAL:
            self.refusal = failure
        known = self.refusal is not None or failure is None or failure.outcome == "gone"
        self._places = math.inf if known else UNPROVEN
        self._in_doubt.discard(request)
        waiting, self._waiting = self._waiting, []
        return waiting
