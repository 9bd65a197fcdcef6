"""The columns of the answer to every question, in three files by subject: `queue`, `trends` and `capacity`."""

from collections.abc import Mapping
from typing import Final

from analysis.schemas import capacity, queue, trends
from analysis.schemas.schema import Kind, Schema
from analysis.schemas.shared import LABELS

SCHEMAS: Final[Mapping[str, Schema]] = {
    "waits": queue.WAITS,
    "distribution": queue.DISTRIBUTION,
    "failures": queue.FAILURES,
    "flows": queue.FLOWS,
    "coverage": queue.COVERAGE,
    "trend": trends.TREND,
    "changes": trends.CHANGES,
    "compare": trends.COMPARE,
    "profile": trends.PROFILE,
    "load": capacity.LOAD,
    "plan": capacity.PLAN,
    "check": capacity.CHECK,
    "forecast": capacity.FORECAST,
}
"""By the name of the method of `History` that asks the question; `LABELS` come before these columns."""
INSTANTS: Final = frozenset(name for schema in (LABELS, *SCHEMAS.values()) for name in schema.of_kind(Kind.INSTANT))
"""The columns of any answer that hold instants."""
NOTES: Final = frozenset(name for schema in SCHEMAS.values() for name in schema.of_kind(Kind.NOTE))
"""The columns of any answer that hold notes."""
