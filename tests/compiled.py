"""Compile numba's functions in two processes before the test workers start: else each worker would compile them."""

import subprocess
import sys
import tempfile
from pathlib import Path

import analysis

COMPILED = "__pycache__/*.nbi"


def compile_once() -> None:
    """Compile the functions; do nothing where they are compiled."""
    if not any(Path(analysis.__file__ or "").parent.rglob(COMPILED)):
        calls = [[sys.executable, "-m", __name__, question] for question in ("waits", "plan")]
        for process in [subprocess.Popen(call, cwd=Path(__file__).parents[1]) for call in calls]:
            process.wait()


def main(question: str) -> None:
    """Ask one question of a small record, which compiles the functions that it needs."""
    from analysis import History  # noqa: PLC0415 - a test run without compilation does not need it
    from tests.recorded import record_of  # noqa: PLC0415 - likewise
    from tests.reported import queue  # noqa: PLC0415 - likewise

    with tempfile.TemporaryDirectory() as folder:
        history = History(record_of(Path(folder), {("p", "a"): {"train": queue(1, days=7, load=0.6)}}))
        history.plan() if question == "plan" else history.several(["waits", "failures", "trend"], slo="15m")


if __name__ == "__main__":
    main(sys.argv[1])
