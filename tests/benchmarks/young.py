"""What plans say of young or cut-off records: windows of 20 minutes to 30 days over simulated pools of all kinds.

    python tests/benchmarks/young.py [--each 6] [--first 1000] [--windows 6] [--workers N] [--verbose]

Each window is asked about with the capacity that there was. The truth is the wait of the jobs that came in it, whenever
they started. Lengths are spread evenly in logarithm; half of the windows lie around an instant at which jobs queued.
Where nodes were lost or came back before the window's last job started there is no such truth: another is drawn. An
answer has a point or an upper bound. It ends with 1 where less than 90 % of the answers hold the truth, or less than
90 % of windows of a week or longer, in which 100 jobs queued, are answered.
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
CLASSES = {"below 3 h": 3 * HOUR, "3 h to 24 h": DAY, "1 d to 7 d": 7 * DAY, "7 d and more": np.inf}
"""Of lengths, and where each ends."""
WEEK = 7 * DAY
MANY_QUEUED = 100
LEAST = 0.9
TRIES = 50


@dataclass(frozen=True)
class Young:
    """A window that was asked about."""

    kind: str
    seed: int
    start: float
    length: float
    """In seconds, as is the start in the record."""
    queued: int
    """Jobs that came in it and waited, in truth."""
    answer: Answer

    @property
    def answered(self) -> bool:
        """Whether there is a point or an upper bound."""
        return not self.answer.refused

    @property
    def due(self) -> bool:
        """Whether it is long enough, and enough jobs queued, to be answered."""
        return self.length >= WEEK and self.queued >= MANY_QUEUED


def spans(case: Case, windows: int, random: np.random.Generator) -> Iterator[tuple[float, float, Floats]]:
    """Draw start and length of windows, and what the jobs that came in each waited; fewer where few have a truth."""
    stays, until = case.stays, case.days * DAY
    changes = np.array([(instant - FIRST).total_seconds() for instant, _ in case.nodes[1:]])
    queue = np.sum([each.counts["Queue"] for each in case.counts.values()], axis=0)
    busy = np.flatnonzero(queue > 0) * float(STEP)
    edges = np.geomspace(SHORTEST, min(LONGEST, until), windows + 1)
    for shortest, longest in pairwise(edges):
        for _ in range(TRIES):
            length = np.exp(random.uniform(np.log(shortest), np.log(longest))) // STEP * STEP
            middle = random.choice(busy) if random.random() < 0.5 and len(busy) else random.uniform(0, until)
            start = float(np.clip((middle - length * random.random()) // STEP * STEP, 0, until - length))
            came = (stays.came > start) & (stays.came <= start + length)
            if came.any() and not ((changes > start) & (changes <= stays.left[came].max())).any():
                yield start, float(length), stays.waits[came]
                break


def judge(kind: str, seed: int, windows: int) -> list[Young]:
    """Simulate a pool, and ask about windows of its record."""
    case = usual(seed) if kind == "usual" else case_of(kind, seed)
    young = []
    with record(case) as history:
        for start, length, waits in spans(case, windows, np.random.default_rng([seed, KINDS.index(kind)])):
            since, until = (FIRST + timedelta(seconds=each) for each in (start, start + length))
            frame = history.plan(factor=1.0, since=since, until=until)
            answer = answer_of(frame, "factor", 1.0, mean_and_ninth(waits))
            young.append(Young(kind, seed, start, length, int((waits > 0).sum()), answer))
    return young


def row_of(name: str, windows: Sequence[Young]) -> list[str | float]:
    """Return a row of the table."""
    answers = [each.answer for each in windows if each.answered]
    due = [each.answered for each in windows if each.due]
    inside = [share([each.inside(measure) for each in answers]) for measure in (0, 1)]
    return [name, len(windows), len(answers), *inside, len(due), share(due)]


def share(values: Sequence[bool]) -> float:
    """Return the share of what is true; NaN of nothing."""
    return float(np.mean(values)) if values else np.nan


def main() -> int:
    """Judge and print; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=6, help="pools of each kind")
    parser.add_argument("--first", type=int, default=1000, help="seeds below 1000 are for choosing constants")
    parser.add_argument("--windows", type=int, default=6, help="of each pool")
    parser.add_argument("--workers", type=int, help="processes; as many as cores where not given")
    parser.add_argument("--verbose", action="store_true", help="also tell each window that was missed")
    options = parser.parse_args()
    asked = [
        (kind, seed, options.windows) for kind in KINDS for seed in range(options.first, options.first + options.each)
    ]
    # Here numba compiles what the workers load.
    judge(*asked[0])
    with ProcessPoolExecutor(options.workers) as workers:
        young = [each for windows in workers.map(judge, *zip(*asked, strict=True)) for each in windows]
    if options.verbose:
        for each in young:
            if not each.answer.inside() if each.answered else each.due:
                print(each)
    place = np.searchsorted(list(CLASSES.values()), [each.length for each in young], side="right")
    rows = [
        row_of(name, [each for each, of in zip(young, place, strict=True) if of == number])
        for number, name in enumerate(CLASSES)
    ]
    headings = ["length", "windows", "answered", "mean inside", "9-of-10 inside", "to be answered", "of these answered"]
    print(tabulate([*rows, row_of("all", young)], headings, floatfmt=".2f"))
    inside = share([each.answer.inside() for each in young if each.answered])
    answered = share([each.answered for each in young if each.due])
    goals = [("truth inside, of those answered", inside), ("answered, of those to be answered", answered)]
    headings = ["", "measured", "target", ""]
    lines = [(name, value, f"at least {LEAST:.2f}", "reached" if value >= LEAST else "MISSED") for name, value in goals]
    print(tabulate(lines, headings, floatfmt=".3f"))
    return int(not all(value >= LEAST for _, value in goals))


if __name__ == "__main__":
    sys.exit(main())
