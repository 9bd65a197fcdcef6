"""From the body of an answer to counts: strict where a wrong number could slip in, lenient where documents disagree."""

import codecs
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from collector.record.statuses import LARGEST_COUNT, STATUSES

LONGEST_SHOWN = 40


class NotJson(ValueError):
    """The body is no JSON text."""


class WrongShape(ValueError):
    """The body is JSON, but no statistics that can be trusted; the message says where and why."""


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """One item of an answer."""

    type: str
    total: int | None
    counts: dict[str, int | None]
    other_statuses: dict[str, int | None] | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """One pool's counts; `disagreement` says which totals are not the sums they should be."""

    total: int | None
    items: tuple[TypeCounts, ...]
    disagreement: str | None


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Decode one JSON text, with or without a byte order mark, refusing what decoders usually let pass.

    Raises
    ------
    NotJson
        Invalid UTF-8, NaN and Infinity, or no JSON at all.
    WrongShape
        Duplicate keys, nesting too deep, numbers too long, or text that is not valid Unicode.
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
        raise WrongShape("a number of too many digits") from None


def parse_statistics(body: bytes) -> Statistics:
    """Read the answer of the workload statistics.

    `statistics` or, as one version of the documents has it, `statics`; counts as integers or decimal strings; what is
    missing stays None; unknown statuses and types keep their names; totals that disagree are flagged.

    Raises
    ------
    NotJson
        When the body is no JSON.
    WrongShape
        When a part of it cannot be a count, a type or a list of them.
    """
    outer = parse_json(body)
    if not isinstance(outer, dict):
        raise WrongShape(f"an object was expected, not {_kind(outer)}")
    key = "statistics" if "statistics" in outer else "statics"
    statistics = outer.get(key)
    if not isinstance(statistics, dict):
        raise WrongShape(f"{key}: an object was expected, not {_kind(statistics)}")
    total = _count(statistics.get("total"), key, "total")
    listed = statistics.get("items")
    if listed is None and total is None:
        raise WrongShape(f"{key}: neither total nor items")
    if listed is not None and not isinstance(listed, list):
        raise WrongShape(f"{key}.items: a list was expected, not {_kind(listed)}")
    items = tuple(_item(item, f"{key}.items[{i}]") for i, item in enumerate(listed or []))
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
    """Read a count; the place, in parts, is only spelled where it is no count."""
    if value is None or (type(value) is int and 0 <= value <= LARGEST_COUNT):
        return value
    # str.isdecimal takes other scripts' digits too, and a bool is an int.
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(LARGEST_COUNT)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongShape(f"{'.'.join(where)}: {_kind(value)} is no count")
    if not 0 <= value <= LARGEST_COUNT:
        raise WrongShape(f"{'.'.join(where)}: {'negative' if value < 0 else 'above 2^31-1'} is no count")
    return value


def _disagreement(total: int | None, items: tuple[TypeCounts, ...]) -> str | None:
    found = []
    for item in items:
        known = sum(n for n in (*item.counts.values(), *(item.other_statuses or {}).values()) if n is not None)
        if item.total is not None and item.total != known:
            found.append(f"{item.type}: total {item.total}, its statuses sum to {known}")
    known = sum(item.total for item in items if item.total is not None)
    if total is not None and total != known:
        found.append(f"outer total {total}, the items' totals sum to {known}")
    return "; ".join(found)[:1000] or None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise WrongShape("an object has the same key twice")
    return result


def _no_constant(name: str) -> None:
    raise NotJson(f"{name} is not JSON")


def _valid_text(text: str, where: str) -> None:
    if text.isascii() and "\0" not in text:
        return
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise WrongShape(f"{where}: a name that is not valid text")


def _kind(value: object) -> str:
    """Say what a JSON value is; a long one is not repeated, nor cut: a part of a secret could not be told as one."""
    if value is None:
        return "nothing"
    if isinstance(value, str | int | float):
        text = json.dumps(value)
        return text if len(text) <= LONGEST_SHOWN else f"a value of {len(text):,} characters"
    return "a list" if isinstance(value, list) else "an object"
