"""A report as plain values, for JSON; `json_schema` describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from analysis.report.findings import SERIES, Finding
from analysis.report.gather import POOL, Failure, Report
from analysis.report.json_schema import POOL_PARTS, SERIES_PARTS, VERSION, Part
from analysis.text.language import in_words, rendered, speaking


def plain(report: Report, failed: Sequence[Failure]) -> dict[str, Any]:
    """Return a report as plain values: instants in ISO 8601 with their offset, None for the unknown, notes in English.

    Parameters
    ----------
    failed
        The parts of the report that could not be made.
    """
    request = report.request
    return {
        "schema": VERSION,
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
        "findings": [_finding(finding) for finding in report.findings],
        "pools": [_group(POOL, POOL_PARTS, frames) for frames in report.by_pool.values()],
        "series": [_group(SERIES, SERIES_PARTS, frames) for frames in report.by_series.values()],
        "attempts": _rows(report.attempts),
        "failed": [asdict(failure) for failure in failed],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    values = {field.name: getattr(finding, field.name) for field in fields(finding)}
    with speaking("en"):
        values["why"] = rendered(finding.why)
    return {name: _value(value) for name, value in values.items()}


def _group(key: Sequence[str], parts: Mapping[str, Part], frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return the labels of a series or pool and its parts by name: the values of one row, or lists of values."""
    first = next(iter(frames.values())).iloc[0]
    labels = [name for name in ("project", "pool", "pool_name", "type") if name in (*key, "pool_name")]
    group: dict[str, Any] = {name: _value(first[name]) for name in labels}
    for name, frame in frames.items():
        values = in_words(frame.drop(columns=["project", "pool", "pool_name", "type"]))
        group[name] = _rows(values)[0] if parts[name].single else _columns(values)
    return group


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
