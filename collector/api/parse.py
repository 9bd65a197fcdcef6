"""Parses an answer's body into counts: strict where a number could be wrong, lenient where documents disagree."""

import codecs
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from collector.record.statuses import LARGEST_COUNT, STATUSES

LONGEST_SHOWN = 40


class NotJson(ValueError):
    """The body is not JSON."""


class WrongShape(ValueError):
    """The body is JSON, but its statistics cannot be trusted; the message says where and why."""


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """The counts of one job type; None where the answer has no count."""

    type: str
    total: int | None
    counts: dict[str, int | None]
    other_statuses: dict[str, int | None] | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """One pool's counts; `disagreement` says which totals differ from the sum of their parts."""

    total: int | None
    items: tuple[TypeCounts, ...]
    disagreement: str | None


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Decode one JSON text, with or without a byte order mark, more strictly than the standard decoder.

    Raises
    ------
    NotJson
        For invalid UTF-8, NaN, Infinity or any other text that is not JSON.
    WrongShape
        For duplicate keys, nesting that is too deep, and numbers that are too long.
    """
    try:
        text = body.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise NotJson(f"invalid UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise WrongShape("nested too deep") from None
    except (NotJson, WrongShape):
        raise
    except ValueError:
        # Python refuses to convert integers of thousands of digits.
        raise WrongShape("a number has too many digits") from None


def parse_statistics(body: bytes) -> Statistics:
    """Parse the answer to the workload statistics request.

    The object is `statistics` or, in one version of the documents, `statics`. Counts are integers or decimal strings. A
    missing count is None. Unknown statuses and types keep their names. Totals that differ from their sums are reported
    in `disagreement`.

    Raises
    ------
    NotJson
        When the body is not JSON.
    WrongShape
        When a part of the body is not a valid count, name, object or list.
    """
    outer = parse_json(body)
    if not isinstance(outer, dict):
        raise WrongShape(f"an object was expected, not {_kind(outer)}")
    key = "statistics" if "statistics" in outer else "statics"
    statistics = outer.get(key)
    if not isinstance(statistics, dict):
        raise WrongShape(f"{key}: an object was expected, not {_kind(statistics)}")
    total = _count(statistics.get("total"), key, "total")
    entries = statistics.get("items")
    if entries is None and total is None:
        raise WrongShape(f"{key}: neither total nor items")
    if entries is not None and not isinstance(entries, list):
        raise WrongShape(f"{key}.items: a list was expected, not {_kind(entries)}")
    items = tuple(_item(item, f"{key}.items[{i}]") for i, item in enumerate(entries or []))
    for name, listings in Counter(item.type for item in items).items():
        if listings > 1:
            raise WrongShape(f"{key}.items: type {name!r} twice")
    return Statistics(total, items, _disagreement(total, items))


def _item(item: object, where: str) -> TypeCounts:
    if not isinstance(item, dict):
        raise WrongShape(f"{where}: an object was expected, not {_kind(item)}")
    name = item.get("type")
    if not isinstance(name, str) or not name:
        raise WrongShape(f"{where}.type: a name was expected, not {_kind(name)}")
    _valid_text(name, f"{where}.type")
    total = _count(item.get("total"), where, "total")
    status = item.get("status")
    if status is None:
        status = {}
    if not isinstance(status, dict):
        raise WrongShape(f"{where}.status: an object was expected, not {_kind(status)}")
    counts: dict[str, int | None] = dict.fromkeys(STATUSES)
    other: dict[str, int | None] = {}
    for label, value in status.items():
        if label in counts:
            counts[label] = _count(value, where, "status", label)
        else:
            _valid_text(label, f"{where}.status")
            other[label] = _count(value, where, "status", label)
    return TypeCounts(name, total, counts, other or None)


def _count(value: object, *where: str) -> int | None:
    """Return a count; `where`, the parts of its path, is only joined for an error message."""
    if value is None or (type(value) is int and 0 <= value <= LARGEST_COUNT):
        return value
    # str.isdecimal accepts digits of other scripts too, and a bool is an int.
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(LARGEST_COUNT)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongShape(f"{'.'.join(where)}: {_kind(value)} is not a count")
    if not 0 <= value <= LARGEST_COUNT:
        raise WrongShape(
            f"{'.'.join(where)}: a {'negative number' if value < 0 else 'number above 2^31-1'} is not a count"
        )
    return value


def _disagreement(total: int | None, items: tuple[TypeCounts, ...]) -> str | None:
    disagreements = []
    for item in items:
        known = sum(n for n in (*item.counts.values(), *(item.other_statuses or {}).values()) if n is not None)
        if item.total is not None and item.total != known:
            disagreements.append(f"{item.type}: total {item.total}, its statuses sum to {known}")
    known = sum(item.total for item in items if item.total is not None)
    if total is not None and total != known:
        disagreements.append(f"outer total {total}, the items' totals sum to {known}")
    return "; ".join(disagreements)[:1000] or None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise WrongShape("an object contains the same key twice")
    return result


def _no_constant(name: str) -> None:
    raise NotJson(f"{name} is not JSON")


def _valid_text(text: str, where: str) -> None:
    if text.isascii() and "\0" not in text:
        return
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise WrongShape(f"{where}: the name is not valid text")


def _kind(value: object) -> str:
    """Describe a JSON value; a long one is neither repeated nor cut, because part of a secret would not be redacted."""
    if value is None:
        return "nothing"
    if isinstance(value, str | int | float):
        text = json.dumps(value)
        return text if len(text) <= LONGEST_SHOWN else f"a value of {len(text):,} characters"
    return "a list" if isinstance(value, list) else "an object"
