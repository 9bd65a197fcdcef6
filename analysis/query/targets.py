"""What pools are for, as somebody says it: the wait to be reached, what a node costs, how many to have to spare."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from analysis.capacity.scenario import QUANTILES
from analysis.errors import RequestRefused
from analysis.query.times import seconds_of

Targets: TypeAlias = Mapping[str, Mapping[str, Any]]
"""By pattern of pools' ids or names: wait, quantile, price_per_node_hour, currency, spare_nodes, lead_time."""


def _quantile(value: object) -> str:
    if value not in QUANTILES:
        raise RequestRefused(f"quantile cannot be {value!r}: take one of {', '.join(QUANTILES)}")
    return str(value)


def _number(least: float, *, beyond: bool = False) -> Callable[[object], float]:
    def read(value: object) -> float:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not math.isfinite(number) or number < least or (beyond and number == least):
            raise RequestRefused(f"{value!r} is no number {'above' if beyond else 'of at least'} {least:g}")
        return number

    return read


READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "wait": seconds_of,
    "quantile": _quantile,
    "price_per_node_hour": _number(0, beyond=True),
    "currency": str,
    "spare_nodes": _number(0),
    "lead_time": seconds_of,
}


def targets_of(told: Targets) -> dict[str, dict[str, Any]]:
    """Return targets with their waits in seconds.

    Raises
    ------
    RequestRefused
        When a value cannot be what it is said to be.
    """
    read: dict[str, dict[str, Any]] = {}
    for pattern, values in told.items():
        for name, value in values.items():
            if name not in READERS:
                raise RequestRefused(f"targets of {pattern!r}: there is no {name!r}; take one of {', '.join(READERS)}")
            try:
                read.setdefault(pattern, {})[name] = READERS[name](value)
            except RequestRefused as error:
                raise RequestRefused(f"targets of {pattern!r}, {name}: {error}") from None
    return read
