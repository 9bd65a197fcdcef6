"""A report as plain values, for JSON. Its schema is `templates/report.schema.json`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import pandas as pd

from analysis.report.gather import POOL, SERIES, Report, part

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
        "pools": [_of(report.pools, POOL, key) for key in report.pool_keys],
        "series": [_of(report.series, SERIES, key) for key in report.series_keys],
        "attempts": _rows(report.attempts),
        "failed": [asdict(each) for each in report.failed],
    }


def _of(frames: dict[str, pd.DataFrame], key: Sequence[str], of: tuple[Any, ...]) -> dict[str, Any]:
    parts = {name: found for name, frame in frames.items() if (found := part(frame, key, of)) is not None}
    first = next(iter(parts.values())).iloc[0]
    said: dict[str, Any] = {name: _value(first[name]) for name in LABELS if name in (*key, "pool_name")}
    for name, frame in parts.items():
        rest = frame.drop(columns=[label for label in LABELS if label in frame])
        said[name] = _rows(rest)[0] if name in ONE else _columns(rest)
    return said


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): _value(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(name): [_value(value) for value in frame[name]] for name in frame.columns}


def _value(value: Any) -> Any:  # noqa: ANN401 - a cell is of any type
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _listed(patterns: str | Sequence[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns)
