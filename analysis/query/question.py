"""A question to a record: its name and its options, all of them plain values; `kinds` answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from analysis.capacity.scenario import Scenario
from analysis.errors import RequestRefused
from analysis.query.request import Request
from analysis.schemas import SCHEMAS
from analysis.schemas.queue import LIMITED
from analysis.schemas.schema import Schema
from analysis.windows import Windows

ROWS: Final = ("1h", "1d", "1w")
"""The lengths of the windows of a forecast."""
EVERY: Final[dict[str, str | None]] = {
    "waits": None,
    "distribution": None,
    "failures": None,
    "flows": None,
    "coverage": None,
    "trend": "1d",
    "changes": "1d",
    "profile": "1h",
}
"""The questions without options of their own, with the length of the windows that they estimate; None: as requested."""


@dataclass(frozen=True)
class Question:
    """One question to every group of series."""

    name: str
    """One of `SCHEMAS`."""
    request: Request
    """Its ``every`` is the length of the windows that are estimated."""
    periods: Windows | None = None
    """For a comparison: the period, and the period that it is compared with."""
    scenario: Scenario = Scenario()  # noqa: RUF009 - it is frozen
    """For a plan or a forecast."""
    cards: Mapping[str, int] = field(default_factory=dict)
    """For a load: the number of cards of a node, by flavor."""
    rows: str = "1w"
    """For a forecast: the length of a row's window, one of `ROWS`."""
    weeks_ahead: int | None = None
    """For a forecast: the number of weeks; None: see `forecast.forecast`."""

    @property
    def schema(self) -> Schema:
        """The columns of its answer, after the labels."""
        schema = SCHEMAS[self.name]
        limited = self.name != "waits" or self.request.limit is not None
        return schema if limited else schema.without(column.name for column in LIMITED)


def ask(name: str, request: Request) -> Question:
    """Return a question that has no options of its own, one of `EVERY`."""
    return Question(name, replace(request, every=EVERY[name] or request.every))


def ask_comparison(request: Request, periods: Windows) -> Question:
    """Return the question by how much two periods differ."""
    return Question("compare", replace(request, every="1d"), periods=periods)


def ask_load(request: Request, cards: Mapping[str, int]) -> Question:
    """Return the question for the load of whole pools; `cards` is the number of cards of a node, by flavor."""
    return Question("load", _of_pools(request), cards=cards)


def ask_plan(request: Request, scenario: Scenario) -> Question:
    """Return the question for the waits of whole pools in a scenario."""
    return Question("plan", _of_pools(replace(request, every="all", by="pool")), scenario=scenario)


def ask_check(request: Request) -> Question:
    """Return the question for the waits that plans from before a change of nodes predicted, and the observed waits."""
    return Question("check", _of_pools(replace(request, every="all", by="pool")))


def ask_forecast(request: Request, scenario: Scenario, weeks_ahead: int | None) -> Question:
    """Return the question for a forecast of whole pools, `weeks_ahead` weeks; None: see `forecast.forecast`.

    Raises
    ------
    RequestRefused
        When ``every`` is not one of `ROWS`.
    """
    if request.every not in ROWS:
        raise RequestRefused(f"every cannot be {request.every!r} in a forecast: take one of {', '.join(ROWS)}")
    hours = _of_pools(replace(request, every="1h", by="pool"))
    return Question("forecast", hours, scenario=scenario, rows=request.every, weeks_ahead=weeks_ahead)


def _of_pools(request: Request) -> Request:
    """Return a request; raise `RequestRefused` if it is not about whole pools."""
    if request.type:
        raise RequestRefused("type cannot be given here: the types of a pool share its capacity")
    if request.by not in ("pool", "all"):
        raise RequestRefused(f"by cannot be {request.by!r} here: take pool or all")
    return request
