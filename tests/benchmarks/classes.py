"""How often the constants of `queue.counters` and `queue.retention` decide right; run it by hand.

    python tests/benchmarks/classes.py [--first 1000]

Simulated series of known classes are classed with the constants as they are, and with each at other values. Seeds below
1000 may choose constants; those from 1000 on judge them.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from unittest.mock import patch

import numpy as np
from tabulate import tabulate

from analysis.queue import counters, retention
from analysis.record.series import COUNTS, Pool, Series
from collector.record.statuses import ENDED
from tests.simulated import DAY, HOUR, Floats, Ints

CLASSES = ("absent", "capped", "kept", "purged", "rolling", "silent")
SHARES_OF_ENDED = (0.8, 0.08, 0.12)
CLASSING: tuple[tuple[Any, str, Any], ...] = (
    *((counters, "DELETED", value) for value in (0.05, 0.0125, 0.025, 0.1, 0.2)),
    *((counters, "HANDFUL", value) for value in (0, 1, 2, 6, 12)),
    *((counters, name, value) for name in ("FALLS_PER_RISE", "AT_CEILING") for value in (0.05, 0.1, 0.4, 0.8)),
    *((retention, "UNEXPLAINED", value) for value in (0.0, 0.01, 0.04, 0.08)),
    *((retention, "ECHO", value) for value in (0.06, 0.125, 0.18, 0.35, 0.5)),
    *((retention, "FEWEST_ECHOES", value) for value in (1, 2, 8, 16)),
    (retention, "USUAL", ()),
)
"""The first row is the constants as they are."""


def series_of(seed: int) -> tuple[str, Series, int]:
    """Return a class, a series of it, and its retention in seconds; 0 if it does not roll."""
    random = np.random.default_rng(seed)
    name, step = CLASSES[seed % len(CLASSES)], int(random.choice([60, 120, 300, 600, 900]))
    days, older, rate = np.exp(random.uniform(np.log([2, 0.1, 0.2]), np.log([30, 30, 60])))
    until = days * DAY
    arrived = np.sort(random.uniform(-older * DAY, until, random.poisson(rate * (older + days) * DAY / HOUR)))
    if random.integers(2):
        arrived = arrived[random.uniform(0, 2, len(arrived)) < 1 + np.sin(arrived / DAY * 2 * np.pi)]
    left = arrived + random.lognormal(0, 1.2, len(arrived)) * random.uniform(0.1, 6) * HOUR
    deleted = random.random(len(arrived)) < random.choice([0, 0.1]) * random.random()
    if name == "silent":
        deleted = random.permutation(len(arrived)) < random.poisson(1)
        left = np.where(deleted, np.maximum(left, arrived), np.inf)
    ended, kept = left[~deleted], 0
    status = random.choice(len(ENDED), len(ended), p=SHARES_OF_ENDED)
    gone = ended.copy() if name in ("absent", "silent") else np.full(len(ended), np.inf)
    if name == "purged":
        every, oldest = np.exp(random.uniform(np.log(DAY / 4), np.log(until / 2))), random.choice([0, 0.3]) * until
        gone = np.ceil((ended + oldest * random.random()) / every) * every
    elif name == "capped":
        together, share = random.integers(2), random.uniform(0.05, 0.9)
        for number in range(1 if together else len(ENDED)):
            mine = np.flatnonzero((status == number) | together)
            mine = mine[np.argsort(ended[mine])]
            ceiling = 1 + int(share * len(mine))
            gone[mine[:-ceiling]] = ended[mine[ceiling:]]
    elif name == "rolling":
        usual = [hours * HOUR for hours in (1, 2, 6, 12, 24, 72, 168, 336) if hours * HOUR < 0.9 * until]
        kept = int(random.choice(usual) if random.integers(2) else random.uniform(HOUR, 0.9 * until) // 300 * 300)
        gone = ended + kept
    if name in ("kept", "rolling"):
        share = random.choice([0, 0.04 if name == "kept" else 0.015]) * random.random()
        early = (random.random(len(ended)) < share) | (random.permutation(len(ended)) < random.poisson(1))
        gone = np.where(early, np.minimum(gone, ended + random.exponential(DAY, len(ended))), gone)
    slots = np.arange(0, until, step).astype(np.int64)
    outages = [(first, first + random.uniform(0, 0.05) * until) for first in random.uniform(0, until, 4)]
    missed = random.random(len(slots)) < random.choice([0, 0.01])
    for first, last in outages[: random.choice([0, 0, 4])]:
        missed |= (slots > first) & (slots < last)
    slots = slots[~missed]
    counts = {"Running": _until(slots, arrived) - _until(slots, left)}
    for number, label in enumerate(ENDED):
        counts[label] = _until(slots, ended[status == number]) - _until(slots, gone[status == number])
    return name, _series(slots, counts, step), kept


def _until(slots: Ints, instants: Floats) -> Ints:
    return np.searchsorted(np.sort(instants), slots, side="right").astype(np.int64)


def _series(slots: Ints, counts: dict[str, Ints], step: int) -> Series:
    total: Ints = np.sum(list(counts.values()), axis=0)
    pool = Pool("p", "a", None, None, slots, np.full(len(slots), step), total)
    return Series(pool, "train", slots, pool.intervals, dict.fromkeys(COUNTS, 0 * total) | counts | {"total": total})


def classed(seed: int) -> tuple[str, list[tuple[float, ...]]]:
    """Classed right, in %, by class; rolling series with the retention to one slot; all with a wrong retention."""
    name, series, kept = series_of(seed)
    results: list[tuple[float, ...]] = []
    for constant in CLASSING:
        with patch.object(*constant):
            classes = counters.classify(series)
        near = abs((classes.retention or 0) - kept) <= series.intervals[0]
        wrong = 100.0 * (classes.retention is not None and not near)
        results.append((100.0 * (classes.name == name), 100.0 * near if kept else np.nan, wrong))
    return name, results


def main() -> None:
    """Simulate, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    first = parser.parse_args().first
    with ProcessPoolExecutor(2) as processes:
        names, results = zip(*processes.map(classed, range(first, first + 600)), strict=True)
    table, columns = np.array(results), {"": [f"{name} {value}" for _, name, value in CLASSING]}
    for name in ("all", *CLASSES):
        mine = np.array([name in ("all", own) for own in names])
        columns[f"{name} {mine.sum()}"] = table[mine, :, 0].mean(axis=0)
    for place, name in enumerate(("retention found", "wrong retention"), 1):
        columns[name] = np.nanmean(table[:, :, place], axis=0)
    print(classed.__doc__, tabulate(columns, headers="keys", floatfmt=".2f"), sep="\n\n", flush=True)


if __name__ == "__main__":
    main()
