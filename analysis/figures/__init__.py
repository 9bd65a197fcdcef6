"""Figures: frames of `History` drawn on axes, and the pictures of a report that are made of them.

queueing, endings, by_pool, capacity (axes) -> sheets -> draw (svg)
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from analysis.figures.by_pool import coverage, pools
    from analysis.figures.capacity import cost, forecast, plan, plans
    from analysis.figures.endings import changes, failures, outcomes
    from analysis.figures.queueing import curves, distribution, queue, waits, week

__all__ = [
    "changes", "cost", "coverage", "curves", "distribution", "failures", "forecast", "outcomes", "plan", "plans",
    "pools", "queue", "waits", "week",
]  # fmt: skip
MODULES: Final = {
    "by_pool": ("coverage", "pools"),
    "capacity": ("cost", "forecast", "plan", "plans"),
    "endings": ("changes", "failures", "outcomes"),
    "queueing": ("curves", "distribution", "queue", "waits", "week"),
}
"""The names of the functions that draw, by module."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what a module holds
    """Load a function when it is first used: a report in JSON does without matplotlib."""
    for module, figures in MODULES.items():
        if name in figures:
            return getattr(importlib.import_module(f"analysis.figures.{module}"), name)
    raise AttributeError(name)
