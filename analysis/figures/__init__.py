"""Figures: a frame of `History` drawn on axes; and how figures become the pictures of a report.

estimates, capacity (axes) -> sheets -> draw (svg)
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from analysis.figures.capacity import cost, forecast, plan, plans
    from analysis.figures.estimates import (
        changes,
        coverage,
        curves,
        distribution,
        failures,
        outcomes,
        pools,
        queue,
        waits,
        week,
    )

__all__ = [
    "changes", "cost", "coverage", "curves", "distribution", "failures", "forecast", "outcomes", "plan", "plans",
    "pools", "queue", "waits", "week",
]  # fmt: skip
OF_CAPACITY: Final = ("cost", "forecast", "plan", "plans")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what a module holds
    """Load a figure when it is asked for: a report in JSON does without matplotlib."""
    if name not in __all__:
        raise AttributeError(name)
    module = "capacity" if name in OF_CAPACITY else "estimates"
    return getattr(importlib.import_module(f"analysis.figures.{module}"), name)
