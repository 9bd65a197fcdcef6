"""How close plans come to what really would have happened: pools of a simulator of its own, with another capacity.

    python tests/benchmarks/plans.py [--scenarios 80] [--first 1000] [--verbose]

Each scenario is simulated with c servers; Poolscope is shown the counts alone and asked for c'; c' is simulated on the
same jobs. Errors are over the truth, or over the time between polls where the truth is smaller: nothing is told apart
below it. The smallest capacity that reaches a target (half of the wait that was) is sought by simulating each. It ends
with 1 where a target is missed. The constants of `analysis/capacity/ensemble.py` were chosen on the scenarios from 0 to
119.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parents[2]))
from analysis import History
from tests.recorded import MONDAY, observed, record_of
from tests.simulated import DAY, STEP, Floats, Scenario, scenario, starts_of, wait_of, work_of

MEASURES = ("mean", "p90")
BOUNDS = ("", "_low", "_high")


@dataclass(frozen=True)
class Outcome:
    """What was asked of a scenario, what was answered, and the truth."""

    seed: int
    of: Scenario
    truth: Floats
    """Mean and 9-of-10 wait, in seconds; likewise:"""
    points: Floats
    low: Floats
    high: Floats
    needed: float
    smallest: float
    """The true smallest capacity that reaches the target; NaN where there was no wait to shorten."""

    def error(self, measure: int = 0) -> float:
        """Return the error over the truth."""
        return float(abs(self.points[measure] - self.truth[measure]) / max(self.truth[measure], STEP))

    def inside(self, measure: int = 0) -> bool:
        """Return whether the truth lies in the interval."""
        return bool(self.low[measure] <= self.truth[measure] <= self.high[measure])

    @property
    def off(self) -> float:
        """How many servers the recommendation is off, over what is allowed: one, or 5 %."""
        return abs(self.needed - self.smallest) / max(1.0, 0.05 * self.smallest)


def judge(seed: int) -> Outcome:
    """Simulate, ask, and simulate what was asked."""
    of = scenario(seed)
    work = work_of(of, seed)
    started = starts_of(work, of.servers, backfill=of.backfill)
    slots = MONDAY + np.arange(0, int(of.days * DAY) + 1, STEP)
    series = observed(slots, MONDAY + work.came, MONDAY + started, MONDAY + started + work.run)
    before = float((started - work.came).mean())
    target = max(before / 2, 2 * STEP)
    with tempfile.TemporaryDirectory() as folder:
        nodes = {("p", "a"): [(datetime(2026, 1, 5), of.servers)]}
        history = History(record_of(Path(folder), {("p", "a"): {"train": series}}, nodes))
        told = history.plan(capacity=of.other, target_wait=f"{target:.0f}s")
    row = told[np.isclose(told["capacity"], of.other)].iloc[0]
    wait = partial(wait_of, work, backfill=of.backfill)
    smallest = float("nan")
    if before > target:
        smallest = float(next(n for n in range(of.servers, 5 * of.servers) if wait(n)[0] <= target))
    point, low, high = (row[[f"{name}{bound}_seconds" for name in MEASURES]].to_numpy(float) for bound in BOUNDS)
    return Outcome(seed, of, wait(of.other), point, low, high, float(row["needed"]), smallest)


def lines(found: list[Outcome]) -> Iterator[tuple[str, float, str, bool]]:
    """Return what is to be reached, what was, and whether it was."""
    with_point = [each for each in found if np.isfinite(each.points[0])]
    short = [each for each in found if np.isfinite(each.smallest)]
    inside = float(np.mean([each.inside() for each in found]))
    error = float(np.median([each.error() for each in with_point]))
    right = float(np.mean([each.off <= 1 + 1e-9 for each in short]))
    yield "mean wait inside its interval, share", inside, "at least 0.90", inside >= 0.9
    yield "median error of the mean wait", error, "at most 0.25", error <= 0.25
    yield f"right capacity for a target, share of {len(short)}", right, "at least 0.80", right >= 0.8
    width = float(np.median([(each.high[0] - each.low[0]) / max(each.truth[0], STEP) for each in found]))
    yield "interval's width over the truth, median", width, "-", True
    ninth = float(np.mean([each.inside(1) for each in found]))
    yield "9-of-10 wait inside its interval, share", ninth, "-", True
    yield "without a point, scenarios", float(len(found) - len(with_point)), "-", True


def main() -> int:
    """Judge and print; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=80)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--verbose", action="store_true", help="also tell each scenario that was missed")
    options = parser.parse_args()
    judge(options.first)
    with ProcessPoolExecutor() as workers:
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
