"""The gate before a credential: no key is locked out, whatever is asked with it, and no pool pays for another's 401."""

import math
from typing import Final, Generic, TypeVar

from collector.api.outcomes import RequestFailed

Asked = TypeVar("Asked")
"""What comes to a gate: a request."""
UNAUTHORIZED: Final = "unauthorized"
# One pool may answer 401 for a reason of its own; two in a row, before any other answer, are the key's.
ENOUGH_REFUSALS: Final = 2
# Answers of a service that had taken the signature.
TAKEN: Final = frozenset({"gone", "forbidden"})
UNPROVEN: Final = 4


class Gate(Generic[Asked]):
    """Keeps one credential from being locked: the gateway locks a key after more than five failed signatures in a row.

    Until an answer proves the credential one request goes alone, then at most four together; the others wait here,
    in nobody's way. After a 401 one goes alone again, and a second 401 ends the credential's use for the whole poll. A
    403 is about what was asked for: it comes from where the signature had been taken.
    """

    def __init__(self) -> None:
        self.refusal: RequestFailed | None = None
        """What ended the use of the credential."""
        self._refused: set[Asked] = set()
        self._places: float = 1
        self._in_doubt: set[Asked] = set()
        self._waiting: list[Asked] = []

    @property
    def open(self) -> bool:
        """Whether nothing is in doubt any more."""
        return self._places == math.inf

    @property
    def refused(self) -> bool:
        """Whether the credential was refused and nothing has proven it, be it that only one request was made."""
        return self.refusal is not None or (bool(self._refused) and not self.open)

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
        if failure is not None and failure.outcome == UNAUTHORIZED:
            self._refused.add(request)
            if self.refusal is None and len(self._refused) >= ENOUGH_REFUSALS:
                self.refusal = failure
        known = self.refusal is not None or failure is None or failure.outcome in TAKEN
        self._places = math.inf if known else 1 if self._refused else UNPROVEN
        self._in_doubt.discard(request)
        waiting, self._waiting = self._waiting, []
        return waiting
