"""The JSON schema of a report, made from the columns of each question.

Its file is made by ``python -m analysis.report.json_schema > analysis/templates/report.schema.json``.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from analysis.report.findings import KINDS
from analysis.schemas import SCHEMAS
from analysis.schemas.queue import LIMITED
from analysis.schemas.schema import TEXTS, Column, Kind, Schema
from analysis.schemas.shared import LABELS

VERSION: Final = 2
"""Raised when a field changes its name or meaning. 2: history became retention."""


@dataclass(frozen=True)
class Part:
    """One part of a series or pool in a report: the answer to one question."""

    question: str
    meaning: str
    single: bool = False
    """Whether the part has only one row."""


WHOLE: Final = {
    "whole": Part("waits", "waits over the period", single=True),
    "failures": Part("failures", "failures over the period", single=True),
    "flows": Part("flows", "flows over the period", single=True),
    "coverage": Part("coverage", "coverage over the period", single=True),
    "windows": Part("waits", "waits by window"),
}
SERIES_PARTS: Final[Mapping[str, Part]] = {
    **WHOLE,
    "fine": Part("flows", "flows by the windows of the picture"),
    "distribution": Part("distribution", "distribution of waits over the period, one row per share of the jobs"),
    "ends": Part("failures", "failures by week, or by window where fewer than three weeks were observed"),
    "outcomes": Part("flows", "flows by the windows of `ends`"),
    "trend": Part("trend", "trend, one row per measure"),
    "changes": Part("changes", "changes, one row per change"),
    "compare": Part("compare", "comparison with the other period, one row per measure"),
    "profile": Part("profile", "a usual week, one row per hour"),
}
POOL_PARTS: Final[Mapping[str, Part]] = {
    **WHOLE,
    "seen": Part("coverage", "coverage by window"),
    "load": Part("load", "load over the period", single=True),
    "plan": Part("plan", "plan, one row per capacity"),
    "forecast": Part("forecast", "forecast, one row per week"),
}
WIDTH: Final = 160
"""Objects shorter than this many letters are on one line of the file."""
TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "number"}
TEXT_OR_NULL: Final = {"type": ["string", "null"]}
NUMBER_OR_NULL: Final = {"type": ["number", "null"]}
NAMES: Final = {"type": "array", "items": TEXT}


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a report."""
    questions = {part.question: None for part in (*SERIES_PARTS.values(), *POOL_PARTS.values())}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Poolscope report",
        "description": "Instants are ISO 8601 with their offset, durations are in seconds, shares are of 1. null means "
        "unknown; beside a lower bound, null means that there is no upper bound. Columns are those of the methods of "
        "analysis.History.",
        **_object(
            made_by={"const": "Poolscope report"},
            schema={"const": VERSION, "description": "raised when a field changes its name or meaning"},
            period=_object(
                start=TEXT_OR_NULL | {"description": "null where nothing was observed"},
                end=TEXT_OR_NULL,
                zone=TEXT,
                every=TEXT | {"description": "length of the windows"},
                interval_seconds=NUMBER_OR_NULL | {"description": "the longest poll interval; null without waits"},
            ),
            asked=_object(
                slo_seconds=NUMBER_OR_NULL | {"description": "limit on waits"},
                share_allowed=NUMBER | {"description": "share of the jobs that may wait longer than the limit"},
                queue=TEXT | {"description": "the statuses that count as waiting"},
                project=NAMES,
                pool=NAMES,
                type=NAMES,
                order=NAMES | {"description": "service disciplines that the point estimates assume"},
            ),
            findings=_list(_finding()) | {"description": "sure findings first; within a kind the largest first"},
            pools=_list({"$ref": "#/$defs/pool"}),
            series=_list({"$ref": "#/$defs/series"}),
            attempts=_list(
                _object(
                    project=TEXT, pool=TEXT, pool_name=TEXT_OR_NULL,
                    outcome=TEXT | {"description": "ok, or why the attempt failed"},
                    attempts=NUMBER, first_slot=TEXT, last_slot=TEXT,
                )
            ),
            failed=_list(_object(section=TEXT, message=TEXT)) | {"description": "parts that could not be made"},
        ),
        "$defs": {
            **{f"{question}_row": _row(SCHEMAS[question]) for question in questions},
            **{f"{question}_columns": _columns(question) for question in questions},
            "pool": _group(POOL_PARTS, project=TEXT, pool=TEXT, pool_name=TEXT_OR_NULL),
            "series": _group(SERIES_PARTS, project=TEXT, pool=TEXT, pool_name=TEXT_OR_NULL, type=TEXT),
        },
    }  # fmt: skip


def _object(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - a schema each
    """Return the schema of an object that has these properties and no others."""
    return {
        "type": "object", "required": list(properties), "additionalProperties": False, "properties": properties,
    }  # fmt: skip


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _finding() -> dict[str, Any]:
    return _object(
        kind={"enum": list(KINDS)},
        sure={
            "type": "boolean",
            "description": "true: in every service discipline, and beyond chance among all comparisons",
        },
        project=TEXT,
        pool=TEXT,
        pool_name=TEXT_OR_NULL,
        type=TEXT,
        measure={"enum": ["wait", "over", "failures"]},
        value=NUMBER_OR_NULL,
        low=NUMBER_OR_NULL,
        high=NUMBER_OR_NULL,
        other=NUMBER_OR_NULL | {"description": "value of the other period, before the change, or the share allowed"},
        difference=NUMBER_OR_NULL,
        difference_low=NUMBER_OR_NULL,
        difference_high=NUMBER_OR_NULL,
        since=TEXT_OR_NULL | {"description": "when the measure changed; null: no change was found"},
        interval_seconds=NUMBER | {"description": "poll interval"},
        coverage=NUMBER_OR_NULL,
        why=TEXT | {"description": "the reason where there is no interval"},
    )


def _group(parts: Mapping[str, Part], **labels: Any) -> dict[str, Any]:  # noqa: ANN401 - a schema each
    """Return the schema of a series or a pool; a part that could not be made is missing."""
    references = {
        name: {"description": part.meaning, "$ref": f"#/$defs/{part.question}_{'row' if part.single else 'columns'}"}
        for name, part in parts.items()
    }
    return _object(**labels, **references) | {"required": list(labels)}


def _row(columns: Schema) -> dict[str, Any]:
    """Return the schema of one row; without a limit on waits some columns are missing."""
    labels = (column for column in LABELS if column.name not in ("project", "pool", "pool_name", "type"))
    values = {column.name: _value(column) for column in (*labels, *columns)}
    optional = {column.name for column in LIMITED}
    return _object(**values) | {"required": [name for name in values if name not in optional]}


def _columns(question: str) -> dict[str, Any]:
    """Return the schema of an object with a list of values for each column."""
    row = _row(SCHEMAS[question])
    items = {name: _list({"$ref": f"#/$defs/{question}_row/properties/{name}"}) for name in row["properties"]}
    return row | {"properties": items}


def _value(column: Column) -> dict[str, Any]:
    kind = TEXT_OR_NULL if column.kind in (*TEXTS, Kind.INSTANT) else NUMBER_OR_NULL
    unit = f" ({column.measured_in})" if column.measured_in else ""
    return kind | {"description": column.meaning + unit}


def text() -> str:
    """Return the JSON schema as the text of its file."""
    return f"{_laid_out(schema())}\n"


def _laid_out(value: Any, depth: int = 1) -> str:  # noqa: ANN401 - a schema or a part of one
    """Return JSON: a short object on one line, a longer one with one line per property."""
    flat = json.dumps(value)
    if not isinstance(value, dict) or len(flat) < WIDTH:
        return flat
    properties = [f"{' ' * depth}{json.dumps(name)}: {_laid_out(part, depth + 1)}" for name, part in value.items()]
    return "\n".join(["{", ",\n".join(properties), " " * (depth - 1) + "}"])


if __name__ == "__main__":
    sys.stdout.write(text())
