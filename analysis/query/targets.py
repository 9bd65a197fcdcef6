"""Targets as users give them: the wait to reach, the price of a node, the spare nodes, by pattern of pools."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from analysis.errors import RequestRefused
from analysis.query.times import seconds_of
from analysis.schemas.capacity import QUANTILES

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
            raise RequestRefused(f"{value!r} is not a number {'above' if beyond else 'of at least'} {least:g}")
        return number

    return read


def _nodes(value: object) -> int:
    number = _number(0)(value)
    if not number.is_integer():
        raise RequestRefused(f"{value!r} is not a whole number")
    return int(number)


READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "wait": seconds_of,
    "quantile": _quantile,
    "price_per_node_hour": _number(0, beyond=True),
    "currency": str,
    "spare_nodes": _nodes,
    "lead_time": seconds_of,
}


def targets_of(targets: Targets) -> dict[str, dict[str, Any]]:
    """Return targets with their waits and lead times in seconds.

    Raises
    ------
    RequestRefused
        When a value is invalid, or a name is unknown; the message names the pattern and the value.
    """
    read: dict[str, dict[str, Any]] = {}
    for pattern, values in targets.items():
        for name, value in values.items():
            if name not in READERS:
                raise RequestRefused(
                    f"targets of {pattern!r}: {name!r} is not a setting: take one of {', '.join(READERS)}"
                )
            try:
                read.setdefault(pattern, {})[name] = READERS[name](value)
            except RequestRefused as error:
                raise RequestRefused(f"targets of {pattern!r}, {name}: {error}") from None
    return read
