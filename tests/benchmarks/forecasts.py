"""How close forecasts come: forty simulated years, judged on weeks that did not choose the method.

    python tests/benchmarks/forecasts.py [--years 40] [--ahead 4]

The kinds of years are in tests/years.py. Beside each error is that of last week over again. It ends with 1 where a
target is missed.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parents[2]))
from analysis.capacity.forecasters import Judged, judge
from tests.years import year


def judged(seed: int, ahead: int) -> Judged:
    """Choose and judge on one year."""
    weeks = year(seed)
    found = judge(weeks, np.ones_like(weeks, bool), ahead)
    if found is None:
        raise ValueError(f"a year is too short for {ahead} weeks ahead")
    return found


def main() -> int:
    """Judge and print; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=40)
    parser.add_argument("--ahead", type=int, default=4)
    options = parser.parse_args()
    with ProcessPoolExecutor() as workers:
        found = list(workers.map(partial(judged, ahead=options.ahead), range(options.years)))
    ratios = np.array([each.error / each.error_naive for each in found])
    covered = np.array([each.covered for each in found])
    rows = [
        ("error over that of last week again, mean", ratios.mean(), "at most 1.02", ratios.mean() <= 1.02),
        ("likewise, of the worst year", ratios.max(), "at most 1.02", ratios.max() <= 1.02),
        ("hours inside the 90 % intervals, mean", covered.mean(), "0.85 to 0.95", 0.85 <= covered.mean() <= 0.95),
        ("likewise, of the least year", covered.min(), "-", True),
        ("likewise, of the most", covered.max(), "-", True),
    ]
    headings = ["", "measured", "target", ""]
    print(tabulate([(*line, "reached" if ok else "MISSED") for *line, ok in rows], headings, floatfmt=".3f"))
    chosen = {name: sum(each.name == name for each in found) for name in sorted({each.name for each in found})}
    print(", ".join(f"{name}: {number}" for name, number in chosen.items()))
    return int(not all(ok for *_, ok in rows))


if __name__ == "__main__":
    sys.exit(main())
