"""Parses mutated bodies and compares the counts with those of an independent parser; run it by hand.

    python tests/benchmarks/fuzz.py [--bodies 1000000] [--seed 1]

Valid bodies of every documented form are changed at random, as text (bytes changed, removed, doubled, moved; numbers
and names replaced by awkward ones) or as JSON (values replaced, keys renamed or doubled, parts removed). A body may be
refused as NotJson or WrongShape; any other error is a crash. Parsed bodies must agree with a parser based on json.loads
only: in every type, status, count and total, and in whether the totals are the sums. The exit code is 1 if one does
not.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from typing import Any

from collector.api.parse import NotJson, Statistics, WrongShape, parse_statistics
from collector.record.statuses import STATUSES

MOST_SHOWN = 10
TYPES = ("train", "infer", "notebook", "x-infer", "warmUpTask")
NAMES = (*STATUSES, *TYPES, "statistics", "statics", "total", "items", "type", "status", "", "\ud800")
INVALID_COUNTS = (
    "",
    "-7",
    "+7",
    " 7",
    "7 ",
    "7.0",
    "1e3",
    "1_0",
    "0x1",
    "NaN",
    "\u0663",
    "\u00b2",
    "\uff17",
    "\0",
    "\ud800",
)
AWKWARD_VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 7, 2**31 - 1, 2**31, 2**63, 10**30, 1.0, 0.5, 1e300, -0.0, "7", "007"),
    *(*INVALID_COUNTS, "Queue", [], {}, [1], {"Queue": 1}),
)
AWKWARD_TEXTS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e5", b"1E400", b"-0", b"007", b"1.0", b"0x10", b"9" * 12, b"9" * 5000),
    *(b"null", b"true", b'"7"', rb'"\u0037"', rb'"\ud800"', rb'"\u0000"', b'"Queue":1,', b'"total":1,', b"[" * 3000),
    *(b'{"a":' * 3000, b",", b"}", b"]", b"{", b"[", b'"', b"\\", b"/*x*/", b"//", b" ", b"\t", b"\0"),
    *(b"\xff", b"\xc0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8"),
)


def valid_body(chance: random.Random) -> Any:  # noqa: ANN401 - a JSON value
    """Return the statistics of a pool in one of the documented forms."""
    as_text = chance.random() < 0.3
    items: list[dict[str, Any]] = []
    for name in chance.sample(TYPES, chance.randrange(4)):
        labels = chance.sample(STATUSES, chance.randrange(len(STATUSES) + 1))
        counts = {label: chance.choice((0, 1, 3, chance.randrange(10**6))) for label in labels}
        status = {label: str(count) if as_text else count for label, count in counts.items()}
        if chance.random() < 0.1:
            status[chance.choice(("Suspended", "queue", "été"))] = 2
        items.append({"type": name, "total": sum(counts.values()), "status": status})
    total = sum(item["total"] for item in items)
    return {chance.choice(("statistics", "statistics", "statics")): {"total": total, "items": items}}


def mutate_value(value: Any, chance: random.Random) -> Any:  # noqa: ANN401 - a JSON value
    """Return a JSON value with one part of it changed."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.1:
        return chance.choice(AWKWARD_VALUES)
    index = chance.randrange(len(value))
    change = chance.choice(("remove", "double", *["mutate"] * 8))
    if isinstance(value, list):
        changed = {"remove": [], "double": [value[index]] * 2, "mutate": [mutate_value(value[index], chance)]}
        return [*value[:index], *changed[change], *value[index + 1 :]]
    key = list(value)[index]
    others = {name: part for name, part in value.items() if name != key}
    if change == "mutate":
        return value | {key: mutate_value(value[key], chance)}
    return others if change == "remove" else others | {chance.choice(NAMES): value[key]}


def mutate_text(text: bytes, chance: random.Random) -> bytes:
    """Return a text with one part of it changed, removed, doubled or moved."""
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.choice((0, 1, 1, 2, 5, 20)))
    change = chance.randrange(6)
    if change == 0:
        return text[:start] + text[end:]
    if change == 1:
        return text[:end] + text[start:]
    if change == 2:
        return text[:start] + chance.randbytes(1) + text[end:]
    if change == 3:
        return text[:start]
    if change == 4:
        return text[end:] + text[:end]
    return text[:start] + chance.choice(AWKWARD_TEXTS) + text[end:]


def mutated_body(chance: random.Random) -> bytes:
    """Return a body after up to five mutations, most often one or two."""
    value = valid_body(chance)
    mutations = chance.choice((0, 1, 1, 1, 2, 2, 3, 5))
    value_mutations = chance.randrange(mutations + 1)
    for _ in range(value_mutations):
        value = mutate_value(value, chance)
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5, separators=chance.choice(((",", ":"), (", ", ": "))))
    body = text.encode("utf-8", errors="surrogatepass")
    for _ in range(mutations - value_mutations):
        body = mutate_text(body, chance)
    return body


def parse_independently(body: bytes) -> dict[str, Any]:
    """Parse a body with json.loads and no code of Poolscope; null and missing counts are omitted."""
    outer = json.loads(body.decode(), object_pairs_hook=no_key_twice)
    statistics = outer["statistics"] if "statistics" in outer else outer["statics"]
    entries = statistics.get("items") or []
    items: dict[str, tuple[int | None, dict[str, int]]] = {}
    for item in entries:
        status = {label: count_of(count) for label, count in (item.get("status") or {}).items() if count is not None}
        items[item["type"]] = (count_of(item.get("total")), status)
    assert len(items) == len(entries), "a type twice"
    total = count_of(statistics.get("total"))
    sums = sum(total for total, _ in items.values() if total is not None)
    wrong = [item_total for item_total, status in items.values() if item_total not in (None, sum(status.values()))]
    agrees = total in (None, sums) and not wrong
    return {"total": total, "items": items, "agrees": agrees}


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, and fail if it has a key twice."""
    assert len({name for name, _ in pairs}) == len(pairs), "a key twice"
    return dict(pairs)


def count_of(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a count, or None for null."""
    if value is None:
        return None
    assert type(value) is int or (type(value) is str and re.fullmatch("[0-9]{1,10}", value)), (
        f"{value!r} is not a count"
    )
    assert 0 <= int(value) < 2**31, f"{value!r} is not a count that fits into the tables"
    return int(value)


def as_comparable(statistics: Statistics) -> dict[str, Any]:
    """Return Poolscope's statistics in the form of `parse_independently`."""
    items = {}
    for item in statistics.items:
        counts = item.counts | (item.other_statuses or {})
        items[item.type] = (item.total, {label: count for label, count in counts.items() if count is not None})
    return {"total": statistics.total, "items": items, "agrees": statistics.disagreement is None}


def fault_of(body: bytes, results: Counter[str]) -> str | None:
    """Parse a body, count the result, and return the fault, if there is one."""
    try:
        statistics = parse_statistics(body)
    except (NotJson, WrongShape) as refusal:
        results[type(refusal).__name__] += 1
        return None
    except Exception as error:  # noqa: BLE001 - any other error is a fault
        return f"{type(error).__name__}: {error}"
    results["read"] += 1
    ours = as_comparable(statistics)
    try:
        independent = parse_independently(body)
    except Exception as error:  # noqa: BLE001 - Poolscope must not read what the other parser cannot
        return f"read as {ours}, but refused by the other parser: {error}"
    return None if ours == independent else f"read as {ours}, by the other parser as {independent}"


def main() -> int:
    """Parse mutated bodies; return 1 if one crashed or was read wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    results: Counter[str] = Counter()
    faults = 0
    start = time.monotonic()
    for _ in range(options.bodies):
        body = mutated_body(chance)
        fault = fault_of(body, results)
        if fault is not None:
            faults += 1
            if faults <= MOST_SHOWN:
                print(f"{body[:400]!r}\n  {fault[:400]}")
    counts = ", ".join(f"{count:,} {result}" for result, count in results.most_common())
    print(f"{options.bodies:,} bodies, seed {options.seed}, in {time.monotonic() - start:.0f} s: {counts}")
    print(f"{faults:,} crashed or were read wrongly" if faults else "no crash, nothing read wrongly")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
