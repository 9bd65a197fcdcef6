"""Measures the accuracy of the estimates on traces of real jobs, whose waits and failures are known.

    python tests/benchmarks/accuracy.py [--shared ../shared] [--python INTERPRETER] [--trace NAME ...] [--quick]

Each case replays a trace as counts with shared/tools/replay_trace.py, imports it with the real command, estimates by
week, and is scored by shared/tools/score_estimates.py. The two tools describe the columns. They need pandas with
pyarrow, which Poolscope does not: give --python an interpreter that has both. --quick runs only the cases with a
target. The exit code is 1 if a target is missed.
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
from analysis.cli.output import in_form

TRACES = ("alcf_thetagpu_2023", "sdsc_sp2_1998_5k")
MIDDLE = {
    "alcf_thetagpu_2023": ("2022-11-01", "2023-05-01"),
    "sdsc_sp2_1998_5k": ("1998-05-10", "1998-06-10"),
}
Score = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One way to replay a trace, with polls every `step` seconds."""

    trace: str
    step: int
    retention: str
    variant: str = "whole"

    def options(self) -> list[str]:
        """Return the options of the replay."""
        words = ["--by-pool", "--step", str(self.step), "--history", self.retention]
        if self.variant == "gaps":
            words += ["--gap", "0.05", "--sparse"]
        elif self.variant == "stages":
            words += ["--pending", "60", "--creating", "120"]
        elif self.variant == "middle":
            since, until = MIDDLE[self.trace]
            words += ["--from", since, "--until", until]
        return words


def cases(traces: list[str], *, quick: bool) -> Iterator[Case]:
    """Yield the cases in the order of the table."""
    for trace in traces:
        for retention, steps in (("keep", (300,)), ("7D", (300,)), ("none", (60,))):
            for step in steps if quick else (60, 300, 900):
                yield Case(trace, step, retention)
        yield Case(trace, 300, "keep", "gaps")
        if not quick:
            for retention in ("keep", "7D", "none"):
                yield Case(trace, 300, retention, "stages")
                if trace in MIDDLE:
                    yield Case(trace, 300, retention, "middle")


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
        content = in_form("parquet", getattr(history, name)(every="1w"))
        assert isinstance(content, bytes)
        files[-1].write_bytes(content)
    text = _run(python, tools / "score_estimates.py", folder, *files, "--json")
    scores: Score = json.loads(text)
    return scores


def _run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def row(case: Case, scores: Score) -> dict[str, object]:
    """Return a row of the table."""
    mean, failures = scores["mean"], scores["failure_rate"]
    quantiles = [scores[name] for name in ("p50", "p90", "p95")]
    return {
        "trace": case.trace[:12],
        "step": case.step,
        "retention": case.retention,
        "variant": case.variant,
        "windows": scores["windows"],
        "mean error": mean["relative_error_median"],
        "inside": mean["inside"],
        "width": mean["width_median"],
        "arrivals": mean["arrivals_ratio"],
        "p50 p90 p95 error": " ".join(f"{quantile['log2_error_mean']:.2f}" for quantile in quantiles),
        "all inside": min(quantile["inside"] for quantile in quantiles),
        "rate error": failures["absolute_error_median"],
    }


def targets(by_case: dict[Case, Score]) -> Iterator[tuple[str, float, str, bool]]:
    """Yield each target's name, the measured value, the limit, and whether the target is reached."""

    def target(name: str, value: float, reached: Callable[[float], bool], limit: str) -> tuple[str, float, str, bool]:
        return name, value, limit, reached(value)

    for case, scores in by_case.items():
        mean = scores["mean"]
        keep = by_case.get(Case(case.trace, 300, "keep"))
        name = f"{case.trace[:12]} {case.step} s {case.retention} {case.variant}"
        if case == Case(case.trace, 300, "keep"):
            yield target(f"{name}: mean error", mean["relative_error_median"], lambda v: v <= 0.008, "0.008")
            yield target(f"{name}: width", mean["width_median"], lambda v: v <= 1.7, "1.5, 1.7")
            for measure in ("p50", "p90", "p95"):
                error = scores[measure]["log2_error_mean"]
                yield target(f"{name}: {measure} error", error, lambda v: v <= 0.45, "0.45")
        if case.retention == "keep":
            least = min(scores[measure]["inside"] for measure in ("mean", "p50", "p90", "p95"))
            yield target(f"{name}: inside", least, lambda v: v == 1.0, "1")
        if case.variant == "gaps" and keep is not None:
            ratio = mean["relative_error_median"] / keep["mean"]["relative_error_median"]
            yield target(f"{name}: mean error over that without gaps", ratio, lambda v: v <= 2.0, "2")
        if case == Case(case.trace, 300, "7D") and keep is not None:
            ratio = mean["relative_error_median"] / keep["mean"]["relative_error_median"]
            yield target(f"{name}: mean error over that of keep", ratio, lambda v: v <= 1.5, "1.5")
            yield target(f"{name}: inside", mean["inside"], lambda v: v >= 0.99, "0.99")
            rate = scores["failure_rate"]["absolute_error_median"]
            yield target(f"{name}: rate error", rate, lambda v: v <= 0.003, "0.003")
        if case == Case(case.trace, 60, "none"):
            arrivals = mean["arrivals_ratio"]
            yield target(f"{name}: arrivals over truth", arrivals, lambda v: 0.95 <= v <= 1.05, "0.95-1.05")


def main() -> int:
    """Score all cases and print the tables; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "../shared")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--trace", action="append", help="name of a file in shared/traces, without .parquet")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    by_case = {}
    for case in cases(options.trace or list(TRACES), quick=options.quick):
        with tempfile.TemporaryDirectory() as folder:
            by_case[case] = score(case, options.shared, options.python, Path(folder))
    print(tabulate([row(case, scores) for case, scores in by_case.items()], headers="keys", tablefmt="simple"))
    rows = list(targets(by_case))
    print()
    print(
        tabulate(
            [(name, f"{value:.4g}", limit, "reached" if reached else "MISSED") for name, value, limit, reached in rows],
            headers=["target", "measured", "at most", ""],
            tablefmt="simple",
        )
    )
    return int(not all(reached for *_, reached in rows))


if __name__ == "__main__":
    sys.exit(main())
