"""What can be asked, a request that is to be made, and its answer, which the scheduler brings back."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.api.client import ModelArts, Payload
from collector.api.outcomes import RequestFailed
from collector.config.settings import Project
from collector.polling.gate import Gate


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request went in the end: a payload, or the last attempt's failure."""

    attempts: int
    started_at: datetime | None
    answered_at: datetime | None
    payload: Payload | None
    failure: RequestFailed | None


@dataclass(slots=True, eq=False)
class Request:
    """One request to be made, and what to do with its answer."""

    gate: "Gate[Request]"
    apis: Sequence[ModelArts]
    """The same project over each client."""
    send: Callable[[ModelArts, float], Awaitable[Payload]]
    answered: Callable[[Answer], None]
    """May add further requests."""
    attempts: int = 0
    started_at: datetime | None = None
    failure: RequestFailed | None = None
    relieved: bool = False
    """Whether another worker has taken the place of the one that waits for the answer."""


@dataclass(frozen=True)
class Session:
    """A project with the means to ask for it."""

    project: Project
    gate: Gate[Request]
    apis: Sequence[ModelArts]
