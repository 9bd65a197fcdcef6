"""What numba compiles, compiled by two processes before the workers of the tests start, each of which does it else."""

import subprocess
import sys
import tempfile
from pathlib import Path

import analysis

COMPILED = "__pycache__/*.nbi"


def compile_once() -> None:
    """Compile; nothing where that was done already."""
    if not any(Path(analysis.__file__ or "").parent.rglob(COMPILED)):
        calls = [[sys.executable, "-m", __name__, question] for question in ("waits", "plan")]
        for process in [subprocess.Popen(call, cwd=Path(__file__).parents[1]) for call in calls]:
            process.wait()


def main(question: str) -> None:
    """Ask something of a small record."""
    from analysis import History  # noqa: PLC0415 - what compiles is not loaded by every test run
    from tests.recorded import record_of  # noqa: PLC0415 - likewise
    from tests.reported import queue  # noqa: PLC0415 - likewise

    with tempfile.TemporaryDirectory() as folder:
        history = History(record_of(Path(folder), {("p", "a"): {"train": queue(1, days=7, load=0.6)}}))
        history.plan() if question == "plan" else history.several(["waits", "failures", "trend"], slo="15m")


if __name__ == "__main__":
    main(sys.argv[1])
