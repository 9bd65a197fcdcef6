"""Compares plans for another capacity with the truth, on pools of an independent simulator.

    python tests/benchmarks/plans.py [--scenarios 80] [--first 1000] [--verbose]
    python tests/benchmarks/plans.py --families [NAME ...] [--each 40] [--first 1000] [--verbose]

Each scenario is simulated with c servers. Poolscope gets the counts and plans for c' servers, and the same jobs are
simulated with c' servers as truth. Errors are relative to the truth, or to the poll interval if that is larger, because
counts cannot show less. The smallest capacity that reaches a target (half of the wait with c servers) is found by
simulation. The exit code is 1 if a target is missed. The constants of `analysis/capacity/ensemble.py` were chosen on
scenarios 0 to 119, and on seeds 0 to 79 of the families.

The families are those of `plan_families.py`. Seeds below 1000 are for choosing constants. An answer with neither a
point nor an upper bound is a refusal: it is not counted, but counts as a miss if more than 15 % of a family are
refused. The interval score is the width plus 20 times the distance to the truth, relative to the truth.
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
    """A scenario, the plan's answer, and the truth."""

    seed: int
    scenario: Scenario
    answer: Answer
    needed: float
    smallest: float
    """The true smallest capacity that reaches the target; NaN if the wait is below the target already."""

    def inside(self, measure: int = 0) -> bool:
        """Return whether the truth is between two bounds; an answer without an upper bound is a miss."""
        return self.answer.inside(measure) and bool(np.isfinite(self.answer.high[measure]))

    @property
    def capacity_error(self) -> float:
        """The error of the recommended capacity, over the allowed error (one server or 5 %)."""
        return abs(self.needed - self.smallest) / max(1.0, 0.05 * self.smallest)


def judge(seed: int) -> Outcome:
    """Simulate a scenario, plan, and compare with the truth."""
    pool = scenario(seed)
    work = work_of(pool, seed)
    wait = partial(wait_of, work, backfill=pool.backfill)
    before = wait(pool.servers)[0]
    target = max(before / 2, 2 * STEP)
    with tempfile.TemporaryDirectory() as folder:
        nodes = [(FIRST, pool.servers)]
        history = history_of(Path(folder), work, pool.servers, pool.days, backfill=pool.backfill, nodes=nodes)
        plan = history.plan(capacity=pool.other, target_wait=f"{target:.0f}s")
    smallest = float("nan")
    if before > target:
        smallest = float(next(n for n in range(pool.servers, 5 * pool.servers) if wait(n)[0] <= target))
    answer = answer_of(plan, "capacity", pool.other, wait(pool.other))
    return Outcome(seed, pool, answer, float(plan["needed"].iloc[0]), smallest)


def lines(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, float, str, bool]]:
    """Yield each measure's name, value and target, and whether the target is reached."""
    answers = [outcome.answer for outcome in outcomes]
    with_point = [answer for answer in answers if np.isfinite(answer.points[0])]
    too_small = [outcome for outcome in outcomes if np.isfinite(outcome.smallest)]
    inside = float(np.mean([outcome.inside() for outcome in outcomes]))
    error = float(np.median([answer.error() for answer in with_point]))
    right = float(np.mean([outcome.capacity_error <= 1 + 1e-9 for outcome in too_small]))
    yield "mean wait inside its interval, share", inside, "at least 0.90", inside >= 0.9
    yield "median error of the mean wait", error, "at most 0.25", error <= 0.25
    yield f"right capacity for a target, share of {len(too_small)}", right, "at least 0.80", right >= 0.8
    width = float(np.median([(answer.high[0] - answer.low[0]) / max(answer.truth[0], STEP) for answer in answers]))
    yield "width of the interval over the truth, median", width, "-", True
    yield "interval score, median", float(np.median([answer.score for answer in answers])), "-", True
    p90 = float(np.mean([outcome.inside(1) for outcome in outcomes]))
    yield "P90 wait inside its interval, share", p90, "-", True
    yield "scenarios without a point", float(len(outcomes) - len(with_point)), "-", True


def judge_family(family: str, seed: int) -> Answer:
    """Simulate a case of a family, plan, and compare with the truth."""
    case = case_of(family, seed)
    with record(case) as history:
        return answer_of(history.plan(capacity=case.other), "capacity", case.other, case.truth(case.other))


def counted(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers to count: without refusals if these are few, otherwise all."""
    answered = [answer for answer in answers if not answer.refused]
    return list(answers) if len(answered) < (1 - MOST_REFUSED) * len(answers) else answered


def row_of(name: str, answers: Sequence[Answer], counting: Sequence[Answer]) -> tuple[list[str | float], bool]:
    """Return a row of the families' table, and whether each target is reached."""
    answered = [answer for answer in answers if not answer.refused]
    confident = [answer.inside() for answer in answered if answer.confidence != "none"]
    inside = _mean([answer.inside() and not answer.refused for answer in counting])
    error = _median([answer.error() for answer in answered if np.isfinite(answer.points[0])])
    ratio, score = (_median([getattr(answer, measure) for answer in answered]) for measure in ("ratio", "score"))
    targets = {
        "inside": inside >= (LEAST_INSIDE_ALL if name == "all" else LEAST_INSIDE),
        "high/low": ratio <= MOST_RATIO,
    }
    if name != "all":
        targets["error"] = error <= MOST_ERROR[name]
    missed = [target for target, reached in targets.items() if not reached]
    unbounded = _mean([bool(np.isnan(answer.high[0])) for answer in answered])
    measured = [inside, unbounded, error, ratio, score]
    without_confidence = sum(answer.confidence == "none" for answer in answered)
    verdict = f"MISSED {', '.join(missed)}" if missed else "reached"
    counts = [len(answers), len(answers) - len(answered)]
    return [name, *counts, *measured, without_confidence, _mean(confident), verdict], not missed


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else np.nan


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else np.nan


def print_families(answers: dict[str, list[Answer]]) -> bool:
    """Print a row for each family and one for all; return whether all targets are reached."""
    counting = {name: counted(of_family) for name, of_family in answers.items()}
    rows = [row_of(name, of_family, counting[name]) for name, of_family in answers.items()]
    rows.append(row_of("all", list(chain(*answers.values())), list(chain(*counting.values()))))
    headings = ["", "answers", "refused", "inside", "no upper bound", "error", "high/low", "score"]
    headings += ["confidence none", "inside, others", "targets"]
    print(tabulate([row for row, _ in rows], headings, floatfmt=".2f"))
    return all(reached for _, reached in rows)


def main() -> int:
    """Simulate, plan and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=80)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--families", nargs="*", choices=list(FAMILIES), help="these families; all without a name")
    parser.add_argument("--each", type=int, default=40, help="cases of each family")
    parser.add_argument("--workers", type=int, help="processes; by default as many as cores")
    parser.add_argument("--verbose", action="store_true", help="also print each scenario or case that was missed")
    options = parser.parse_args()
    # One case is computed here first, so that numba compiles the code that the workers load.
    if options.families is not None:
        names, seeds = options.families or list(FAMILIES), range(options.first, options.first + options.each)
        cases = [(name, seed) for name in names for seed in seeds]
        judge_family(*cases[0])
        with ProcessPoolExecutor(options.workers) as workers:
            answers = list(workers.map(judge_family, *zip(*cases, strict=True)))
        if options.verbose:
            for (name, seed), answer in zip(cases, answers, strict=True):
                if answer.refused or not answer.inside():
                    print(name, seed, answer)
        by_family: dict[str, list[Answer]] = {name: [] for name in names}
        for (name, _), answer in zip(cases, answers, strict=True):
            by_family[name].append(answer)
        return int(not print_families(by_family))
    judge(options.first)
    with ProcessPoolExecutor(options.workers) as workers:
        outcomes = list(workers.map(judge, range(options.first, options.first + options.scenarios)))
    if options.verbose:
        for outcome in outcomes:
            if not outcome.inside() or outcome.capacity_error > 1:
                print(outcome)
    rows = list(lines(outcomes))
    headings = ["", "measured", "target", ""]
    print(tabulate([(*line, "reached" if reached else "MISSED") for *line, reached in rows], headings, floatfmt=".3f"))
    return int(not all(reached for *_, reached in rows))


if __name__ == "__main__":
    sys.exit(main())
