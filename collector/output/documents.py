"""JSON as text."""

import json
from datetime import datetime

from collector.output.visible import visible


def as_json(value: object, indent: int | None = None) -> str:
    """Return a value as JSON, in which control and direction characters are escapes.

    A datetime is naive UTC and is written with a Z; any other value that JSON does not know is written as its text.
    """
    return visible(json.dumps(value, default=plain, indent=indent, ensure_ascii=False))


def plain(value: object) -> str:
    """Return the text of a value that JSON does not know."""
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat()}Z"
    return str(value)
