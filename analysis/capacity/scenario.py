"""What a plan is asked: another capacity, another demand, the wait to be reached, and what a node costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from analysis.errors import RequestRefused
from collector.record.patterns import matches

MOST_DEMAND: Final = 20
QUANTILES: Final = ("mean", "p90")


@dataclass(frozen=True)
class Wish:
    """What a plan is asked; without any of the first three it shows a curve of capacities."""

    capacity: float | None = None
    """In nodes, or in jobs at once where nodes are not known."""
    add: float | None = None
    """So many more, or fewer, than today."""
    factor: float | None = None
    """Times today's."""
    demand: float = 1.0
    """Jobs for one that came."""
    target: float | None = None
    """The wait to be reached, in seconds."""
    quantile: str | None = None
    """One of `QUANTILES`: which wait the target is about; the mean where nobody says."""
    price_per_node_hour: float | None = None
    currency: str = ""
    spare_nodes: int = 0
    """To have beyond what the target takes."""
    lead_time: float = 0.0
    """From an order to nodes, in seconds."""
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What pools are for, by pattern of their ids or names, for what is not said above: wait (in seconds),
    quantile, price_per_node_hour, currency, spare_nodes, lead_time. The last pattern that fits goes first."""

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ("capacity", "add", "factor")}
        several = [name for name, value in given.items() if value is not None]
        if len(several) > 1:
            raise RequestRefused(f"{' and '.join(several)} both say the capacity: give one of them")
        numbers = given | {"demand": self.demand, "price_per_node_hour": self.price_per_node_hour}
        for name, value in numbers.items():
            if value is None:
                continue
            if not math.isfinite(value):
                raise RequestRefused(f"{name} cannot be {value}: a number is expected")
            if name != "add" and value <= 0:
                raise RequestRefused(f"{name} cannot be {value:g}: with nothing nothing runs; give more than zero")
        if self.demand > MOST_DEMAND:
            raise RequestRefused(f"demand cannot be {self.demand:g}: at most {MOST_DEMAND} jobs for one that came")
        if self.quantile not in (None, *QUANTILES):
            raise RequestRefused(f"quantile cannot be {self.quantile!r}: take one of {', '.join(QUANTILES)}")

    @property
    def aims(self) -> bool:
        """Whether any pool has a target."""
        return self.target is not None or any("wait" in told for told in self.targets.values())

    def of(self, pool: str, name: str | None) -> "Wish":
        """Return what is asked of one pool, by its id and name."""
        told: dict[str, Any] = {}
        for pattern, values in self.targets.items():
            if matches((pattern,), pool, name):
                told |= values
        return replace(
            self,
            target=told.get("wait") if self.target is None else self.target,
            quantile=self.quantile or told.get("quantile"),
            price_per_node_hour=self.price_per_node_hour or told.get("price_per_node_hour"),
            currency=self.currency or told.get("currency", ""),
            spare_nodes=self.spare_nodes or told.get("spare_nodes", 0),
            lead_time=self.lead_time or told.get("lead_time", 0.0),
            targets={},
        )

    @property
    def measure(self) -> str:
        """Which wait the target is about."""
        return self.quantile or QUANTILES[0]

    def factor_of(self, today: float) -> float | None:
        """Return the capacity asked for as a multiple of today's; None where a curve is.

        Raises
        ------
        RequestRefused
            When nothing would be left.
        """
        if self.capacity is not None:
            return self.capacity / today
        if self.add is not None:
            if today + self.add <= 0:
                raise RequestRefused(f"add cannot be {self.add:g}: the pool has {today:g}, and nothing would be left")
            return (today + self.add) / today
        return self.factor
