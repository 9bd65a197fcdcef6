"""A scenario, the question that a plan answers: another capacity or demand, a target for the wait, a price of nodes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from analysis.errors import RequestRefused
from analysis.schemas.capacity import QUANTILES
from collector.record.patterns import matches

MOST_DEMAND: Final = 20
"""The largest multiple of the observed arrivals. Not measured: with a mistyped number jobs could fill the memory."""
MOST_WEEKS: Final = 26
"""The longest horizon. Not measured: as many weeks as a forecast looks back on."""


@dataclass(frozen=True)
class Scenario:
    """The question that a plan answers; where capacity, add and factor are all None, it is a curve of capacities."""

    capacity: float | None = None
    """In nodes, or in concurrent jobs where nodes are not known."""
    add: float | None = None
    """The capacity minus today's capacity; below zero for less."""
    factor: float | None = None
    """The capacity as a multiple of today's capacity."""
    demand: float = 1.0
    """Arrivals as a multiple of those observed."""
    target: float | None = None
    """The wait to be reached, in seconds."""
    quantile: str | None = None
    """One of `QUANTILES`, the wait that the target limits; None: the mean."""
    price_per_node_hour: float | None = None
    currency: str = ""
    spare_nodes: int = 0
    """Nodes to keep in addition to the nodes that the target needs."""
    lead_time: float = 0.0
    """The time from an order of nodes to their delivery, in seconds."""
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of pools, by pattern of their ids or names, used where the fields above are not set: wait (in seconds),
    quantile, price_per_node_hour, currency, spare_nodes, lead_time. Of several patterns that match, the last sets a
    value."""

    def __post_init__(self) -> None:
        capacities = {name: getattr(self, name) for name in ("capacity", "add", "factor")}
        several = [name for name, value in capacities.items() if value is not None]
        if len(several) > 1:
            raise RequestRefused(f"{' and '.join(several)} cannot be given together: give only one of them")
        numbers = capacities | {"demand": self.demand, "price_per_node_hour": self.price_per_node_hour}
        for name, value in numbers.items():
            if value is None:
                continue
            if not math.isfinite(value):
                raise RequestRefused(f"{name} cannot be {value}: give a finite number")
            if name != "add" and value <= 0:
                raise RequestRefused(f"{name} cannot be {value:g}: give a number above zero")
        if self.demand > MOST_DEMAND:
            raise RequestRefused(f"demand cannot be {self.demand:g}: at most {MOST_DEMAND} times the observed arrivals")
        if self.quantile not in (None, *QUANTILES):
            raise RequestRefused(f"quantile cannot be {self.quantile!r}: take one of {', '.join(QUANTILES)}")

    @property
    def has_target(self) -> bool:
        """Whether any pool has a target."""
        return self.target is not None or any("wait" in settings for settings in self.targets.values())

    def for_pool(self, pool: str, name: str | None) -> "Scenario":
        """Return the scenario of one pool: fields that are not set come from the `targets` that fit its id or name."""
        settings: dict[str, Any] = {}
        for pattern, values in self.targets.items():
            if matches((pattern,), pool, name):
                settings |= values
        return replace(
            self,
            target=settings.get("wait") if self.target is None else self.target,
            quantile=self.quantile or settings.get("quantile"),
            price_per_node_hour=self.price_per_node_hour or settings.get("price_per_node_hour"),
            currency=self.currency or settings.get("currency", ""),
            spare_nodes=self.spare_nodes or settings.get("spare_nodes", 0),
            lead_time=self.lead_time or settings.get("lead_time", 0.0),
            targets={},
        )

    @property
    def measure(self) -> str:
        """The wait that the target limits, one of `QUANTILES`."""
        return self.quantile or QUANTILES[0]

    @property
    def target_seconds(self) -> float:
        """The target in seconds; NaN where there is none."""
        return math.nan if self.target is None else self.target

    def factor_of(self, today: float) -> float | None:
        """Return the requested capacity as a multiple of today's capacity; None where a curve is requested.

        Raises
        ------
        RequestRefused
            When no capacity would be left.
        """
        if self.capacity is not None:
            return self.capacity / today
        if self.add is not None:
            if today + self.add <= 0:
                raise RequestRefused(f"add cannot be {self.add:g}: the pool has {today:g}, and nothing would be left")
            return (today + self.add) / today
        return self.factor


def weeks_of(horizon: str) -> int:
    """Return the weeks of a horizon such as 4w.

    Raises
    ------
    RequestRefused
        When it is not a number of whole weeks.
    """
    text = horizon.strip().lower().removesuffix("w")
    if not text.isdigit() or not 1 <= int(text) <= MOST_WEEKS:
        raise RequestRefused(f"horizon cannot be {horizon!r}: take whole weeks, from 1w to {MOST_WEEKS}w")
    return int(text)
