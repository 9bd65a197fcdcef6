"""A report as plain values, for JSON. Its schema is `templates/report.schema.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.report.gather import POOL, SERIES, Report

SCHEMA: Final = 1
LABELS: Final = ("project", "pool", "pool_name", "type")
ONE: Final = ("whole", "failures", "flows", "coverage", "load")
"""Of one window: their values; all others are columns, a value a row."""


def plain(report: Report) -> dict[str, Any]:
    """Return all of a report: times in ISO 8601 with their offset, None for what is unknown, seconds and shares."""
    request = report.request
    return {
        "schema": SCHEMA,
        "period": {
            "start": _value(report.start and report.start.astimezone(request.tz)),
            "end": _value(report.end and report.end.astimezone(request.tz)),
            "zone": str(request.tz),
            "every": request.every,
            "interval_seconds": report.interval,
        },
        "asked": {
            "slo_seconds": request.limit,
            "share_allowed": request.allowed,
            "queue": request.queue,
            **{name: _listed(getattr(request, name)) for name in ("project", "pool", "type", "order")},
        },
        "findings": [{name: _value(value) for name, value in asdict(found).items()} for found in report.found],
        "pools": [_of(POOL, of) for of in report.of_pools.values()],
        "series": [_of(SERIES, of) for of in report.of_series.values()],
        "attempts": _rows(report.attempts),
        "failed": [asdict(each) for each in report.failed],
    }


def _of(key: Sequence[str], parts: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    first = next(iter(parts.values())).iloc[0]
    said: dict[str, Any] = {name: _value(first[name]) for name in LABELS if name in (*key, "pool_name")}
    for name, frame in parts.items():
        rest = frame.drop(columns=[label for label in LABELS if label in frame])
        said[name] = _rows(rest)[0] if name in ONE else _columns(rest)
    return said


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = _columns(frame)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(name): _values(frame[name]) for name in frame.columns}


def _values(column: pd.Series) -> list[Any]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        known = column.notna().tolist()
        return [value if is_known else None for value, is_known in zip(column.tolist(), known, strict=True)]
    return [_value(value) for value in column]


def _value(value: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _listed(patterns: str | Sequence[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns)
