"""How close plans come to what really would have happened: pools of a simulator of its own, with another capacity.

    python tests/benchmarks/plans.py [--scenarios 80] [--first 1000] [--verbose]
    python tests/benchmarks/plans.py --families [NAME ...] [--each 40] [--first 1000] [--verbose]

Each scenario is simulated with c servers; Poolscope is shown the counts alone and asked for c'; c' is simulated on the
same jobs. Errors are over the truth, or over the time between polls where the truth is smaller: nothing is told apart
below it. The smallest capacity that reaches a target (half of the wait that was) is sought by simulating each. It ends
with 1 where a target is missed. The constants of `analysis/capacity/ensemble.py` were chosen on the scenarios from 0 to
119, and on the seeds from 0 to 79 of the families.

The families are those of `plan_families.py`. Seeds below 1000 are for choosing constants. Answers with neither a point
nor an upper bound are refused: left out, but misses where they are more than 15 % of a family. The interval score is
the width, and 20 times the distance to a truth outside, over the truth.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.plan_answers import Answer, answer_of, record
from tests.benchmarks.plan_families import FAMILIES, case_of
from tests.planned import FIRST, history_of
from tests.simulated import STEP, Scenario, scenario, wait_of, work_of

MOST_REFUSED = 0.15
MOST_RATIO = 4.0
MOST_ERROR = dict.fromkeys(FAMILIES, 0.25) | {"pre-emption": 0.5, "whole-pool": 0.5}
LEAST_INSIDE, LEAST_INSIDE_ALL = 0.85, 0.9


@dataclass(frozen=True)
class Outcome:
    """What was asked of a scenario, and what was answered."""

    seed: int
    of: Scenario
    answer: Answer
    needed: float
    smallest: float
    """The true smallest capacity that reaches the target; NaN where there was no wait to shorten."""

    def inside(self, measure: int = 0) -> bool:
        """Return whether the truth lies between two bounds: one alone is none here."""
        return self.answer.inside(measure) and bool(np.isfinite(self.answer.high[measure]))

    @property
    def off(self) -> float:
        """How many servers the recommendation is off, over what is allowed: one, or 5 %."""
        return abs(self.needed - self.smallest) / max(1.0, 0.05 * self.smallest)


def judge(seed: int) -> Outcome:
    """Simulate, ask, and simulate what was asked."""
    of = scenario(seed)
    work = work_of(of, seed)
    wait = partial(wait_of, work, backfill=of.backfill)
    before = wait(of.servers)[0]
    target = max(before / 2, 2 * STEP)
    with tempfile.TemporaryDirectory() as folder:
        nodes = [(FIRST, of.servers)]
        history = history_of(Path(folder), work, of.servers, of.days, backfill=of.backfill, nodes=nodes)
        told = history.plan(capacity=of.other, target_wait=f"{target:.0f}s")
    smallest = float("nan")
    if before > target:
        smallest = float(next(n for n in range(of.servers, 5 * of.servers) if wait(n)[0] <= target))
    answer = answer_of(told, "capacity", of.other, wait(of.other))
    return Outcome(seed, of, answer, float(told["needed"].iloc[0]), smallest)


def lines(found: Sequence[Outcome]) -> Iterator[tuple[str, float, str, bool]]:
    """Return what is to be reached, what was, and whether it was."""
    answers = [each.answer for each in found]
    with_point = [each for each in answers if np.isfinite(each.points[0])]
    short = [each for each in found if np.isfinite(each.smallest)]
    inside = float(np.mean([each.inside() for each in found]))
    error = float(np.median([each.error() for each in with_point]))
    right = float(np.mean([each.off <= 1 + 1e-9 for each in short]))
    yield "mean wait inside its interval, share", inside, "at least 0.90", inside >= 0.9
    yield "median error of the mean wait", error, "at most 0.25", error <= 0.25
    yield f"right capacity for a target, share of {len(short)}", right, "at least 0.80", right >= 0.8
    width = float(np.median([(each.high[0] - each.low[0]) / max(each.truth[0], STEP) for each in answers]))
    yield "interval's width over the truth, median", width, "-", True
    yield "interval score, median", float(np.median([each.score for each in answers])), "-", True
    ninth = float(np.mean([each.inside(1) for each in found]))
    yield "9-of-10 wait inside its interval, share", ninth, "-", True
    yield "without a point, scenarios", float(len(found) - len(with_point)), "-", True


def judge_family(family: str, seed: int) -> Answer:
    """Simulate a case of a family, ask, and simulate what was asked."""
    case = case_of(family, seed)
    with record(case) as history:
        return answer_of(history.plan(capacity=case.other), "capacity", case.other, case.truth(case.other))


def counted(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers that count: all but those refused, where few are."""
    given = [each for each in answers if not each.refused]
    return list(answers) if len(given) < (1 - MOST_REFUSED) * len(answers) else given


def row_of(name: str, answers: Sequence[Answer], counting: Sequence[Answer]) -> tuple[list[str | float], bool]:
    """Return a row of the families' table, and whether each goal is reached."""
    given = [each for each in answers if not each.refused]
    trusted = [each.inside() for each in given if each.confidence != "none"]
    inside = _mean([each.inside() and not each.refused for each in counting])
    error = _median([each.error() for each in given if np.isfinite(each.points[0])])
    ratio, score = (_median([getattr(each, measure) for each in given]) for measure in ("ratio", "score"))
    goals = {"inside": inside >= (LEAST_INSIDE_ALL if name == "all" else LEAST_INSIDE), "high/low": ratio <= MOST_RATIO}
    if name != "all":
        goals["error"] = error <= MOST_ERROR[name]
    missed = [goal for goal, reached in goals.items() if not reached]
    unbounded = _mean([bool(np.isnan(each.high[0])) for each in given])
    measured = [inside, unbounded, error, ratio, score]
    doubted = sum(each.confidence == "none" for each in given)
    reached = f"MISSED {', '.join(missed)}" if missed else "reached"
    return [name, len(answers), len(answers) - len(given), *measured, doubted, _mean(trusted), reached], not missed


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else np.nan


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else np.nan


def print_families(answers: dict[str, list[Answer]]) -> bool:
    """Print a row a family, and one of all; return whether each goal is reached."""
    counting = {name: counted(of) for name, of in answers.items()}
    rows = [row_of(name, of, counting[name]) for name, of in answers.items()]
    rows.append(row_of("all", list(chain(*answers.values())), list(chain(*counting.values()))))
    headings = ["", "answers", "refused", "inside", "no upper bound", "error", "high/low", "score"]
    headings += ["confidence none", "inside, others", "goals"]
    print(tabulate([row for row, _ in rows], headings, floatfmt=".2f"))
    return all(reached for _, reached in rows)


def main() -> int:
    """Judge and print; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=80)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--families", nargs="*", choices=list(FAMILIES), help="judge these, or all where none is named")
    parser.add_argument("--each", type=int, default=40, help="cases of each family")
    parser.add_argument("--workers", type=int, help="processes; as many as cores where not given")
    parser.add_argument("--verbose", action="store_true", help="also tell each scenario or case that was missed")
    options = parser.parse_args()
    # The first of each kind is judged here too, so that numba compiles what the workers load.
    if options.families is not None:
        names, seeds = options.families or list(FAMILIES), range(options.first, options.first + options.each)
        asked = [(name, seed) for name in names for seed in seeds]
        judge_family(*asked[0])
        with ProcessPoolExecutor(options.workers) as workers:
            told = list(workers.map(judge_family, *zip(*asked, strict=True)))
        if options.verbose:
            for (name, seed), answer in zip(asked, told, strict=True):
                if answer.refused or not answer.inside():
                    print(name, seed, answer)
        by_family = {name: [each for (of, _), each in zip(asked, told, strict=True) if of == name] for name in names}
        return int(not print_families(by_family))
    judge(options.first)
    with ProcessPoolExecutor(options.workers) as workers:
        found = list(workers.map(judge, range(options.first, options.first + options.scenarios)))
    if options.verbose:
        for each in found:
            if not each.inside() or each.off > 1:
                print(each)
    reached = list(lines(found))
    headings = ["", "measured", "target", ""]
    print(tabulate([(*line, "reached" if ok else "MISSED") for *line, ok in reached], headings, floatfmt=".3f"))
    return int(not all(ok for *_, ok in reached))


if __name__ == "__main__":
    sys.exit(main())
