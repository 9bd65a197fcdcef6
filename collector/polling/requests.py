"""A project's session, a request to be made, and its answer, which the scheduler passes back."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.api.client import ModelArts, Payload
from collector.api.outcomes import RequestFailed
from collector.config.settings import Project
from collector.polling.gate import Gate


@dataclass(frozen=True, slots=True)
class Answer:
    """The final result of a request: a payload, or the failure of the last attempt."""

    attempts: int
    started_at: datetime | None
    answered_at: datetime | None
    payload: Payload | None
    failure: RequestFailed | None


@dataclass(slots=True, eq=False)
class Request:
    """One request to be made, and the function that handles its answer."""

    gate: "Gate[Request]"
    apis: Sequence[ModelArts]
    """The API of the project, once for each client."""
    send: Callable[[ModelArts, float], Awaitable[Payload]]
    answered: Callable[[Answer], None]
    """Called with the answer; it may add further requests."""
    attempts: int = 0
    started_at: datetime | None = None
    failure: RequestFailed | None = None
    relieved: bool = False
    """Whether another worker replaces the one that waits for the answer."""


@dataclass(frozen=True)
class Session:
    """A project with its gate and its API clients."""

    project: Project
    gate: Gate[Request]
    apis: Sequence[ModelArts]
