"""How far the point estimates of waits are off, by the service discipline of simulated queues; run it by hand.

    python tests/benchmarks/disciplines.py [--first 1000] [--each 40] [--constants]
    python tests/benchmarks/disciplines.py --traces [--shared ../shared]

The errors are those of the weekly P50, P90 and P95 wait, in octaves, and the 9th decile of the relative errors of the
weekly mean. Beside the point (unknown) stand what the orders fifo and backfill, last in first out and random order
have. With --constants the constants of `queue.discipline` are tried at other values too. Seeds below 1000 may choose
constants; those from 1000 on judge them, and so do traces of real jobs, of which days are judged too. The exit code is
1 if the point has more than half of the error of first in first out over all kinds in which jobs pass, or over all
traces, or more than 0.8 of it in one.
"""

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from zoneinfo import ZoneInfo

import numpy as np
from tabulate import tabulate

from analysis.arrays import Floats, Ints
from analysis.calendar import windows_between
from analysis.notes import note
from analysis.queue import discipline, waits
from analysis.queue.assumptions import ORDERS
from analysis.queue.conservation import flows_of
from analysis.queue.discipline import Discipline, Waiting, waiting_of, waiting_under
from analysis.windows import Windows
from tests.benchmarks.discipline_queues import BLIND, KINDS, SHOWN, queue_of
from tests.benchmarks.newest import FEWEST, STEP, TRACES, Jobs, pools_of
from tests.recorded import MONDAY, observed
from tests.simulated import DAY

UTC: Final = ZoneInfo("UTC")
QUANTILES: Final = (50, 90, 95)
MOST, MOST_OF_ONE = 0.5, 0.8
"""The largest shares of the error of first in first out: over all kinds, and in one."""
SUMMARIES: Final[tuple[Callable[[list[Floats]], Any], ...]] = (
    lambda octaves: np.mean([of_pool.mean() for of_pool in octaves]),
    lambda means: np.quantile(np.concatenate(means), 0.9),
)
"""Over the pools: of the errors of quantiles, and of means."""
Answers = dict[str, tuple[Floats, Floats]]
"""By discipline: the errors of quantiles in octaves, windows x quantiles, and the relative errors of means."""
CONSTANTS: Final[dict[str, Any]] = {
    "SURE": ((1.999, 2.0), (0.0, 2.0), (2.0, 4.0)),
    "OLDEST": (((0.0, 0.05), (1.0, 0.0)), ((0.0, 0.15), (1.0, 0.0))),
    "NEWEST": (((0.05, 0.3, 0.7), (0.0, 0.7, 1.0)), ((0.05, 0.35), (0.0, 0.85)), ((0.05, 0.65), (0.0, 1.0))),
    "FEWEST_MET": (10, 40),
    "BLOCK": (3600, 6 * 3600, 24 * 3600),
}


def judged(kind: str, seed: int, constants: bool) -> Answers | None:
    """Return the errors in the weeks of a simulated queue, see `_answers`."""
    queue, step = queue_of(kind, seed)
    jobs = Jobs(MONDAY + queue.came, MONDAY + queue.left, MONDAY + queue.ended, ["Completed"] * len(queue.came))
    slots = MONDAY + np.arange(0, queue.days * int(DAY) + 1, step)
    return _answers(jobs, slots, windows_between(MONDAY, int(slots[-1]), "1w", UTC), constants=constants)


def judged_trace(jobs: Jobs, every: str) -> Answers | None:
    """Return the errors in the weeks or days of a pool of a trace, see `_answers`."""
    slots = np.arange(jobs.arrived[0] // STEP * STEP, jobs.left.max() + STEP, STEP).astype(np.int64)
    return _answers(jobs, slots, windows_between(int(slots[0]), int(slots[-1]), every, UTC), constants=False)


def _answers(jobs: Jobs, slots: Ints, spans: Windows, *, constants: bool) -> Answers | None:
    """Return the errors in all windows whose jobs have left the queue by the end; None where there are none."""
    step = int(slots[1] - slots[0])
    truths, inside = [], np.zeros(len(spans), np.bool_)
    for number, (start, end) in enumerate(spans):
        of_window = (jobs.arrived > start) & (jobs.arrived <= end)
        inside[number] = of_window.sum() >= FEWEST and jobs.left[of_window].max() <= slots[-1] and end <= slots[-1]
        if inside[number]:
            waited = (jobs.left - jobs.arrived)[of_window]
            at = np.quantile(waited, np.array(QUANTILES) / 100, method="inverted_cdf")
            truths.append([waited.mean(), *at])
    if not truths:
        return None
    flows = flows_of(observed(slots, jobs.arrived, jobs.left, jobs.ended, jobs.outcomes), "queue+pending")
    errors = partial(_errors, windows=spans[inside], truths=np.array(truths), step=step)
    answers = {order: errors(waiting_of(flows, order)) for order in ORDERS}
    for name, shares in (("LIFO", (0.0, 1.0)), ("random", (0.0, 0.0))):
        answers[name] = errors(waiting_under(flows, Discipline(note("fifo"), *shares)))
    for name, values in CONSTANTS.items() if constants else ():
        for value in values:
            with patch.object(discipline, name, value):
                answers[f"{name} {value}"] = errors(waiting_of(flows, "unknown"))
    return answers


def _errors(waiting: Waiting, windows: Windows, truths: Floats, step: int) -> tuple[Floats, Floats]:
    """Return the errors of quantiles and means; a missing one counts with two octaves, or with 100%."""
    estimates = waits.estimate([waiting], windows, None, QUANTILES)
    points = np.column_stack([estimates.quantiles[quantile].point for quantile in QUANTILES])
    octaves = np.abs(np.log2(np.maximum(points, step) / np.maximum(truths[:, 1:], step)))
    of_mean = np.abs(estimates.mean.point - truths[:, 0]) / np.maximum(truths[:, 0], 60.0)
    return np.nan_to_num(octaves, nan=2.0), np.nan_to_num(of_mean, nan=1.0)


def _by_seed(options: argparse.Namespace) -> dict[str, list[Answers]]:
    cases = list(product(KINDS, range(options.first, options.first + options.each), [options.constants]))
    with ProcessPoolExecutor(2) as processes:
        results = list(processes.map(judged, *zip(*cases, strict=True), chunksize=4))
    return {
        kind: [answers for (of, *_), answers in zip(cases, results, strict=True) if of == kind and answers]
        for kind in KINDS
    }


def _by_trace(shared: Path) -> dict[str, list[Answers]]:
    """Return the errors of each pool by trace, in weeks and in days."""
    results = {}
    for trace in TRACES:
        pools = pools_of(shared / "traces" / f"{trace}.parquet")
        for every in ("1w", "1d"):
            results[f"{trace.split('_20')[0]} {every}"] = list(
                filter(None, (judged_trace(jobs, every) for jobs in pools))
            )
    return results


def main() -> int:
    """Judge and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--each", type=int, default=40, help="queues of each kind")
    parser.add_argument("--constants", action="store_true")
    parser.add_argument("--traces", action="store_true", help="judge by traces instead of simulated queues")
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "../shared")
    options = parser.parse_args()
    results = _by_trace(options.shared) if options.traces else _by_seed(options)
    groups = {"all": list(results)}
    if not options.traces:
        groups = {"all where none pass": list(BLIND), "all where some pass": list(SHOWN)} | groups
    names = list(next(iter(results.values()))[0])
    tables = [
        {
            kind: [float(summary([answers[name][column] for answers in found])) for name in names]
            for kind, found in results.items()
        }
        for column, summary in enumerate(SUMMARIES)
    ]
    for title, table in zip(("P50, P90, P95: error in octaves", "mean: 9th decile of errors"), tables, strict=True):
        rows = [[kind, len(results[kind]), *errors] for kind, errors in table.items()]
        rows += [[group, "", *np.mean([table[kind] for kind in kinds], axis=0)] for group, kinds in groups.items()]
        print(title, tabulate(rows, ["", "pools", *names], floatfmt=".3f"), sep="\n\n", end="\n\n", flush=True)
    judging = list(results) if options.traces else list(SHOWN)
    shares = {kind: tables[0][kind][0] / tables[0][kind][1] for kind in judging}
    point, fifo = np.mean([tables[0][kind][:2] for kind in judging], axis=0)
    worst = max(shares, key=lambda kind: shares[kind])
    print(f"of the error of FIFO: {point / fifo:.2f} over all; {shares[worst]:.2f} with {worst}")
    return int(point > MOST * fifo or shares[worst] > MOST_OF_ONE)


if __name__ == "__main__":
    sys.exit(main())
