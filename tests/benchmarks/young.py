"""Tests plans on short records: windows of 20 minutes to 30 days of simulated pools of all kinds.

    python tests/benchmarks/young.py [--each 6] [--first 1000] [--windows 6] [--workers N] [--verbose]

For each window, a plan with the actual capacity is made. The truth is the full wait of the jobs that arrived in the
window. The logarithms of the lengths are uniform; half of the windows contain a time at which jobs queued. A window is
drawn again if nodes were lost or added before its last job started, because it has no such truth. An answer has a point
or an upper bound. The exit code is 1 if less than 90 % of the answers contain the truth, or if less than 90 % of the
windows of a week or longer in which 100 jobs queued have an answer.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.plan_answers import Answer, answer_of, record
from tests.benchmarks.plan_families import FAMILIES, Case, case_of, usual
from tests.planned import FIRST
from tests.schedulers import mean_and_ninth
from tests.simulated import DAY, HOUR, STEP, Floats

KINDS = ("usual", *FAMILIES)
SHORTEST, LONGEST = HOUR / 3, 30 * DAY
LENGTHS = {"below 3 h": 3 * HOUR, "3 h to 24 h": DAY, "1 d to 7 d": 7 * DAY, "7 d and more": np.inf}
"""Classes of lengths, with the upper end of each."""
WEEK = 7 * DAY
MANY_QUEUED = 100
LEAST = 0.9
TRIES = 50


@dataclass(frozen=True)
class Window:
    """A window and the plan's answer."""

    kind: str
    seed: int
    start: float
    length: float
    """In seconds, like `start`, which is relative to the start of the record."""
    queued: int
    """The true number of jobs that arrived in the window and waited."""
    answer: Answer

    @property
    def answered(self) -> bool:
        """Whether there is a point or an upper bound."""
        return not self.answer.refused

    @property
    def due(self) -> bool:
        """Whether an answer is required: the window is long enough, and enough jobs queued."""
        return self.length >= WEEK and self.queued >= MANY_QUEUED


def spans(case: Case, windows: int, random: np.random.Generator) -> Iterator[tuple[float, float, Floats]]:
    """Yield the start, length and true waits of windows; fewer than `windows` if few have a truth."""
    stays, until = case.stays, case.days * DAY
    changes = np.array([(instant - FIRST).total_seconds() for instant, _ in case.nodes[1:]])
    queue = np.sum([series.counts["Queue"] for series in case.counts.values()], axis=0)
    busy = np.flatnonzero(queue > 0) * float(STEP)
    edges = np.geomspace(SHORTEST, min(LONGEST, until), windows + 1)
    for shortest, longest in pairwise(edges):
        for _ in range(TRIES):
            length = np.exp(random.uniform(np.log(shortest), np.log(longest))) // STEP * STEP
            middle = random.choice(busy) if random.random() < 0.5 and len(busy) else random.uniform(0, until)
            start = float(np.clip((middle - length * random.random()) // STEP * STEP, 0, until - length))
            in_window = (stays.came > start) & (stays.came <= start + length)
            if in_window.any() and not ((changes > start) & (changes <= stays.left[in_window].max())).any():
                yield start, float(length), stays.waits[in_window]
                break


def judge(kind: str, seed: int, windows: int) -> list[Window]:
    """Simulate a pool, and plan on windows of its record."""
    case = usual(seed) if kind == "usual" else case_of(kind, seed)
    results = []
    with record(case) as history:
        for start, length, waits in spans(case, windows, np.random.default_rng([seed, KINDS.index(kind)])):
            since, until = (FIRST + timedelta(seconds=seconds) for seconds in (start, start + length))
            frame = history.plan(factor=1.0, since=since, until=until)
            answer = answer_of(frame, "factor", 1.0, mean_and_ninth(waits))
            results.append(Window(kind, seed, start, length, int((waits > 0).sum()), answer))
    return results


def row_of(name: str, windows: Sequence[Window]) -> list[str | float]:
    """Return a row of the table."""
    answers = [window.answer for window in windows if window.answered]
    due = [window.answered for window in windows if window.due]
    inside = [share([answer.inside(measure) for answer in answers]) for measure in (0, 1)]
    return [name, len(windows), len(answers), *inside, len(due), share(due)]


def share(values: Sequence[bool]) -> float:
    """Return the share of true values; NaN without values."""
    return float(np.mean(values)) if values else np.nan


def main() -> int:
    """Plan, compare and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=6, help="pools of each kind")
    parser.add_argument("--first", type=int, default=1000, help="seeds below 1000 are for choosing constants")
    parser.add_argument("--windows", type=int, default=6, help="windows of each pool")
    parser.add_argument("--workers", type=int, help="processes; by default as many as cores")
    parser.add_argument("--verbose", action="store_true", help="also print each window that was missed")
    options = parser.parse_args()
    pools = [
        (kind, seed, options.windows) for kind in KINDS for seed in range(options.first, options.first + options.each)
    ]
    # One pool is computed here first, so that numba compiles the code that the workers load.
    judge(*pools[0])
    with ProcessPoolExecutor(options.workers) as workers:
        windows = [window for of_pool in workers.map(judge, *zip(*pools, strict=True)) for window in of_pool]
    if options.verbose:
        for window in windows:
            if not window.answer.inside() if window.answered else window.due:
                print(window)
    classes = np.searchsorted(list(LENGTHS.values()), [window.length for window in windows], side="right")
    rows = [
        row_of(name, [window for window, number in zip(windows, classes, strict=True) if number == wanted])
        for wanted, name in enumerate(LENGTHS)
    ]
    headings = ["length", "windows", "answered", "mean inside", "P90 inside", "answer required", "of these answered"]
    print(tabulate([*rows, row_of("all", windows)], headings, floatfmt=".2f"))
    inside = share([window.answer.inside() for window in windows if window.answered])
    answered = share([window.answered for window in windows if window.due])
    targets = [("truth inside, of the answers", inside), ("answered, of the required answers", answered)]
    headings = ["", "measured", "target", ""]
    lines = [
        (name, value, f"at least {LEAST:.2f}", "reached" if value >= LEAST else "MISSED") for name, value in targets
    ]
    print(tabulate(lines, headings, floatfmt=".3f"))
    return int(not all(value >= LEAST for _, value in targets))


if __name__ == "__main__":
    sys.exit(main())
