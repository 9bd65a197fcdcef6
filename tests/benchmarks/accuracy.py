"""How close the estimates come to waits and failures that are known: traces of real jobs, replayed as counts.

    python tests/benchmarks/accuracy.py [--shared ../shared] [--python INTERPRETER] [--trace NAME ...] [--quick]

Each case replays a trace with shared/tools/replay_trace.py, imports it with the real command, estimates by week, and is
scored by shared/tools/score_estimates.py, which say what the columns are. Both tools need pandas with pyarrow, which
Poolscope does not: --python names an interpreter that has them. `--quick` leaves out all but the cases with a target.
It ends with 1 where a target is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from analysis import History
from analysis.cli.output import write

TRACES = ("alcf_thetagpu_2023", "sdsc_sp2_1998_5k")
MIDDLE = {
    "alcf_thetagpu_2023": ("2022-11-01", "2023-05-01"),
    "sdsc_sp2_1998_5k": ("1998-05-10", "1998-06-10"),
}
Score = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One way to replay a trace."""

    trace: str
    step: int
    history: str
    how: str = "whole"

    def options(self) -> list[str]:
        """Return what the replay is called with."""
        words = ["--by-pool", "--step", str(self.step), "--history", self.history]
        if self.how == "gaps":
            words += ["--gap", "0.05", "--sparse"]
        elif self.how == "stages":
            words += ["--pending", "60", "--creating", "120"]
        elif self.how == "middle":
            since, until = MIDDLE[self.trace]
            words += ["--from", since, "--until", until]
        return words


def cases(traces: list[str], *, quick: bool) -> Iterator[Case]:
    """Return the cases in the order of the table."""
    for trace in traces:
        for history, steps in (("keep", (300,)), ("7D", (300,)), ("none", (60,))):
            for step in steps if quick else (60, 300, 900):
                yield Case(trace, step, history)
        yield Case(trace, 300, "keep", "gaps")
        if not quick:
            for history in ("keep", "7D", "none"):
                yield Case(trace, 300, history, "stages")
                if trace in MIDDLE:
                    yield Case(trace, 300, history, "middle")


def score(case: Case, shared: Path, python: str, folder: Path) -> Score:
    """Replay, import, estimate and score one case."""
    tools = shared / "tools"
    _run(python, tools / "replay_trace.py", shared / "traces" / f"{case.trace}.parquet", folder, *case.options())
    (folder / "poolscope.toml").write_text("", encoding="utf-8")
    _run(
        sys.executable, "-m", "collector", "--config", folder / "poolscope.toml", "import", folder / "snapshots.parquet"
    )
    history = History(folder / "data" / "poolscope.duckdb")
    files = []
    for name in ("waits", "failures"):
        files.append(folder / f"{name}.parquet")
        write(getattr(history, name)(every="1w"), "parquet", files[-1], str)
    told = _run(python, tools / "score_estimates.py", folder, *files, "--json")
    scored: Score = json.loads(told)
    return scored


def _run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def row(case: Case, scored: Score) -> dict[str, object]:
    """Return a line of the table."""
    mean, failures = scored["mean"], scored["failure_rate"]
    quantiles = [scored[name] for name in ("p50", "p90", "p95")]
    return {
        "trace": case.trace[:12],
        "step": case.step,
        "history": case.history,
        "how": case.how,
        "windows": scored["windows"],
        "mean error": mean["relative_error_median"],
        "inside": mean["inside"],
        "width": mean["width_median"],
        "arrivals": mean["arrivals_ratio"],
        "p50 p90 p95 error": " ".join(f"{each['log2_error_mean']:.2f}" for each in quantiles),
        "all inside": min(each["inside"] for each in quantiles),
        "rate error": failures["absolute_error_median"],
    }


def targets(scores: dict[Case, Score]) -> Iterator[tuple[str, float, str, bool]]:
    """Return what is to be reached, what was, and whether it was."""

    def told(what: str, value: float, holds: Callable[[float], bool], limit: str) -> tuple[str, float, str, bool]:
        return what, value, limit, holds(value)

    for case, scored in scores.items():
        mean = scored["mean"]
        keep = scores.get(Case(case.trace, 300, "keep"))
        name = f"{case.trace[:12]} {case.step} s {case.history} {case.how}"
        if case == Case(case.trace, 300, "keep"):
            yield told(f"{name}: mean error", mean["relative_error_median"], lambda v: v <= 0.008, "0.008")
            yield told(f"{name}: width", mean["width_median"], lambda v: v <= 1.7, "1.5, 1.7")
            for each in ("p50", "p90", "p95"):
                yield told(f"{name}: {each} error", scored[each]["log2_error_mean"], lambda v: v <= 0.45, "0.45")
        if case.history == "keep":
            least = min(scored[each]["inside"] for each in ("mean", "p50", "p90", "p95"))
            yield told(f"{name}: inside", least, lambda v: v == 1.0, "1")
        if case.how == "gaps" and keep is not None:
            times = mean["relative_error_median"] / keep["mean"]["relative_error_median"]
            yield told(f"{name}: mean error over that without gaps", times, lambda v: v <= 2.0, "2")
        if case == Case(case.trace, 300, "7D") and keep is not None:
            times = mean["relative_error_median"] / keep["mean"]["relative_error_median"]
            yield told(f"{name}: mean error over that of keep", times, lambda v: v <= 1.5, "1.5")
            yield told(f"{name}: inside", mean["inside"], lambda v: v >= 0.99, "0.99")
            rate = scored["failure_rate"]["absolute_error_median"]
            yield told(f"{name}: rate error", rate, lambda v: v <= 0.003, "0.003")
        if case == Case(case.trace, 60, "none"):
            yield told(f"{name}: arrivals over truth", mean["arrivals_ratio"], lambda v: 0.95 <= v <= 1.05, "0.95-1.05")


def main() -> int:
    """Score and print; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "../shared")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--trace", action="append", help="a file's name in shared/traces, without .parquet")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    scores = {}
    for case in cases(options.trace or list(TRACES), quick=options.quick):
        with tempfile.TemporaryDirectory() as folder:
            scores[case] = score(case, options.shared, options.python, Path(folder))
    print(tabulate([row(case, scored) for case, scored in scores.items()], headers="keys", tablefmt="simple"))
    reached = list(targets(scores))
    print()
    print(
        tabulate(
            [(what, f"{value:.4g}", limit, "reached" if holds else "MISSED") for what, value, limit, holds in reached],
            headers=["target", "measured", "at most", ""],
            tablefmt="simple",
        )
    )
    return int(not all(holds for *_, holds in reached))


if __name__ == "__main__":
    sys.exit(main())
