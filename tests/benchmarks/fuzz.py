"""Read mutated bodies and compare each count that was read with an independent reading; run it by hand.

    python tests/benchmarks/fuzz.py [--bodies 1000000] [--seed 1]

Valid bodies of every documented shape are changed at random, as text (bytes changed, lost, doubled, moved; numbers and
names replaced by awkward ones) or as JSON (values replaced, keys renamed or doubled, parts lost). A body may be refused
as NotJson or WrongShape; any other error is a crash. What was read is put together again and must agree with what
json.loads alone says: every type, status, count and total, and whether the totals are the sums. It ends with 1 where
one does not.
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
NO_COUNTS = (
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
    *(*NO_COUNTS, "Queue", [], {}, [1], {"Queue": 1}),
)
AWKWARD_TEXTS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e5", b"1E400", b"-0", b"007", b"1.0", b"0x10", b"9" * 12, b"9" * 5000),
    *(b"null", b"true", b'"7"', rb'"\u0037"', rb'"\ud800"', rb'"\u0000"', b'"Queue":1,', b'"total":1,', b"[" * 3000),
    *(b'{"a":' * 3000, b",", b"}", b"]", b"{", b"[", b'"', b"\\", b"/*x*/", b"//", b" ", b"\t", b"\0"),
    *(b"\xff", b"\xc0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8"),
)


def a_body(chance: random.Random) -> Any:  # noqa: ANN401 - a JSON value
    """Return the statistics of a pool in one of the shapes that the documents know."""
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
    place = chance.randrange(len(value))
    act = chance.choice(("lose", "again", *["within"] * 8))
    if isinstance(value, list):
        changed = {"lose": [], "again": [value[place]] * 2, "within": [mutate_value(value[place], chance)]}
        return [*value[:place], *changed[act], *value[place + 1 :]]
    key = list(value)[place]
    rest = {name: part for name, part in value.items() if name != key}
    if act == "within":
        return value | {key: mutate_value(value[key], chance)}
    return rest if act == "lose" else rest | {chance.choice(NAMES): value[key]}


def mutate_text(text: bytes, chance: random.Random) -> bytes:
    """Return a text with one piece of it changed, lost, doubled or moved."""
    begin = chance.randrange(len(text) + 1)
    end = min(len(text), begin + chance.choice((0, 1, 1, 2, 5, 20)))
    act = chance.randrange(6)
    if act == 0:
        return text[:begin] + text[end:]
    if act == 1:
        return text[:end] + text[begin:]
    if act == 2:
        return text[:begin] + chance.randbytes(1) + text[end:]
    if act == 3:
        return text[:begin]
    if act == 4:
        return text[end:] + text[:end]
    return text[:begin] + chance.choice(AWKWARD_TEXTS) + text[end:]


def a_mutated_body(chance: random.Random) -> bytes:
    """Return a body after none to some mutations, most often one or two."""
    value = a_body(chance)
    times = chance.choice((0, 1, 1, 1, 2, 2, 3, 5))
    as_values = chance.randrange(times + 1)
    for _ in range(as_values):
        value = mutate_value(value, chance)
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5, separators=chance.choice(((",", ":"), (", ", ": "))))
    body = text.encode("utf-8", errors="surrogatepass")
    for _ in range(times - as_values):
        body = mutate_text(body, chance)
    return body


def read_alone(body: bytes) -> dict[str, Any]:
    """Read a body by json.loads and nothing of Poolscope's; what is null or missing is not told."""
    outer = json.loads(body.decode(), object_pairs_hook=no_key_twice)
    statistics = outer["statistics"] if "statistics" in outer else outer["statics"]
    listed = statistics.get("items") or []
    items: dict[str, tuple[int | None, dict[str, int]]] = {}
    for item in listed:
        status = {label: count_alone(count) for label, count in (item.get("status") or {}).items() if count is not None}
        items[item["type"]] = (count_alone(item.get("total")), status)
    assert len(items) == len(listed), "a type twice"
    total = count_alone(statistics.get("total"))
    sums = sum(total for total, _ in items.values() if total is not None)
    wrong = [said for said, status in items.values() if said not in (None, sum(status.values()))]
    agrees = total in (None, sums) and not wrong
    return {"total": total, "items": items, "agrees": agrees}


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of which nothing was dropped."""
    assert len({name for name, _ in pairs}) == len(pairs), "a key twice"
    return dict(pairs)


def count_alone(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a count, or nothing where there is none."""
    if value is None:
        return None
    assert type(value) is int or (type(value) is str and re.fullmatch("[0-9]{1,10}", value)), f"{value!r} is no count"
    assert 0 <= int(value) < 2**31, f"{value!r} is no count that the tables hold"
    return int(value)


def put_together(read: Statistics) -> dict[str, Any]:
    """Return what Poolscope read in the same form."""
    items = {}
    for item in read.items:
        every = item.counts | (item.other_statuses or {})
        items[item.type] = (item.total, {label: count for label, count in every.items() if count is not None})
    return {"total": read.total, "items": items, "agrees": read.disagreement is None}


def fault_of(body: bytes, found: Counter[str]) -> str | None:
    """Read one body, count how it went, and say what was wrong with that, if anything."""
    try:
        read = parse_statistics(body)
    except (NotJson, WrongShape) as refused:
        found[type(refused).__name__] += 1
        return None
    except Exception as error:  # noqa: BLE001 - any other error is what is looked for
        return f"{type(error).__name__}: {error}"
    found["read"] += 1
    ours = put_together(read)
    try:
        alone = read_alone(body)
    except Exception as error:  # noqa: BLE001 - what nobody else can read may not be read
        return f"read as {ours}, alone not at all: {error}"
    return None if ours == alone else f"read as {ours}, alone as {alone}"


def main() -> int:
    """Read so many bodies; return 1 where one was a crash or was changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    found: Counter[str] = Counter()
    faults = 0
    began = time.monotonic()
    for _ in range(options.bodies):
        body = a_mutated_body(chance)
        fault = fault_of(body, found)
        if fault is not None:
            faults += 1
            if faults <= MOST_SHOWN:
                print(f"{body[:400]!r}\n  {fault[:400]}")
    ways = ", ".join(f"{count:,} {way}" for way, count in found.most_common())
    print(f"{options.bodies:,} bodies, seed {options.seed}, in {time.monotonic() - began:.0f} s: {ways}")
    print(f"{faults:,} crashed or changed" if faults else "no crash, nothing changed")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
