"""Checks that two installations give the same answers, to the last bit; run it after each step of a change.

    python tests/benchmarks/same.py OLD_PYTHON NEW_PYTHON [--keep FOLDER] [--records demo,theta,dirty]
        [--questions waits,report] [--renamed OLD=NEW ...] [--trace FILE] [--days DAYS] [--workers 2] [--numbers]

OLD_PYTHON and NEW_PYTHON are interpreters of environments with a Poolscope. The records are the demo's, ThetaGPU at
300 s (`same_records`) and a dirty one (`same_dirty`). The old installation makes the first two; each installation makes
its own dirty record. The questions go to History and to the command line (`cli`, `report`). --keep stores the old
records and answers for later runs, under a name made from the old code and the code that makes the records.

There is a line for each question: "equal", or the columns that differ, with the number of cells, the largest difference
and the first example. Times are compared in UTC, in whatever zone they are. Columns that only the new answer has are
listed but are not a difference; a missing column, another type, other rows or another order are. The exit code is 1 if
anything differs.
"""

import argparse
import hashlib
import json
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks import same_dirty, same_records
from tests.benchmarks.same_columns import columns_of, differences, without_words
from tests.benchmarks.same_questions import commands, questions
from tests.benchmarks.same_records import TestedRecord, call

TRACE = Path(__file__).parents[2] / "../shared/traces/alcf_thetagpu_2023.parquet"
RECORDS = ("demo", "theta", "dirty")
SEED = 1
PARTS = 2
"""The number of processes that share the questions about one record."""
CODE = """
import hashlib, importlib.util, pathlib
digest = hashlib.sha256()
for package in ("analysis", "collector"):
    folder = pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0])
    for file in sorted(folder.rglob("*.py")):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
print(folder.parent, digest.hexdigest(), sep="|", end="")
"""
Answers = dict[str, pd.DataFrame | str]


@dataclass(frozen=True)
class Installation:
    """A Poolscope, by the python that runs it."""

    python: Path
    folder: Path
    """The folder of its packages."""
    digest: str
    """The digest of its code."""


def installation(python: str) -> Installation:
    """Find the Poolscope of an environment."""
    # Not resolved: in a virtual environment, the path of the link decides which packages are used.
    path = Path(python).absolute()
    folder, digest = _output([str(path), "-P", "-c", CODE]).split("|")
    return Installation(path, Path(folder), digest)


def _output(words: list[str], stdin: str = "") -> str:
    done = subprocess.run(words, input=stdin, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def make(name: str, python: Path, folder: Path, trace: Path, days: int | None) -> TestedRecord:
    """Make a record, or return the one that was completed in this folder before."""
    marker = folder / "made.pickle"
    if marker.exists():
        existing: TestedRecord = pickle.loads(marker.read_bytes())  # noqa: S301 - written below
        return existing
    shutil.rmtree(folder, ignore_errors=True)
    if name == "demo":
        record = same_records.demo(python, folder)
    elif name == "theta":
        record = same_records.theta(python, folder, trace, days)
    else:
        record = same_dirty.dirty(python, folder, SEED)
    marker.write_bytes(pickle.dumps(record))
    return record


def calls_of(record: TestedRecord, only: Collection[str]) -> dict[str, Any]:
    """Return the questions about a record by name: a method of History with keywords, or the words of a command."""
    calls: dict[str, Any] = {}
    for method, options in questions(record):
        if not only or method in only:
            keywords = ", ".join(f"{name}={value!r}" for name, value in options.items())
            calls[f"{method}({keywords})"] = method, options
    for words in commands(record):
        if not only or words[0] in only:
            calls[f"poolscope {' '.join(words)}"] = words
    return calls


def answers(installed: Installation, record: TestedRecord, calls: Mapping[str, Any], workers: Executor) -> Answers:
    """Return the answers of an installation."""
    to_history = {name: question for name, question in calls.items() if not name.startswith("poolscope ")}
    names = [*to_history]
    shares = [{name: to_history[name] for name in names[part::PARTS]} for part in range(PARTS)]
    futures = [workers.submit(_ask_history, installed, record, share) for share in shares if share]
    futures += [
        workers.submit(_ask_command, installed, record, name, words)
        for name, words in calls.items()
        if name not in to_history
    ]
    return {name: answer for future in futures for name, answer in future.result().items()}


def _ask_history(installed: Installation, record: TestedRecord, calls: Mapping[str, Any]) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "answers"
        script = Path(__file__).with_name("same_answers.py")
        words = [installed.python, "-P", script, record.database, record.spool, target]
        _output([str(word) for word in words], json.dumps(calls))
        answers: Answers = pickle.loads(target.read_bytes())  # noqa: S301 - written by the script
    return answers


def _ask_command(installed: Installation, record: TestedRecord, name: str, words: tuple[str, ...]) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        done = call(installed.python, record.folder, *words, *(("--out", folder) if words[0] == "report" else ()))
        text = "".join(file.read_text(encoding="utf-8") for file in Path(folder).iterdir()) or done.stdout
    if done.returncode:
        # Only the last line of a traceback: the lines of code in it change.
        text += f"exit code {done.returncode}: {done.stderr.splitlines()[-1:]}"
    return {name: text.replace(str(record.folder), "FOLDER")}


def old_answers(
    installed: Installation, record: TestedRecord, calls: Mapping[str, Any], file: Path, workers: Executor
) -> Answers:
    """Return the old installation's answers, from the file if it has them."""
    stored: Answers = pickle.loads(file.read_bytes()) if file.exists() else {}  # noqa: S301 - written below
    missing = {name: question for name, question in calls.items() if name not in stored}
    if missing:
        stored |= answers(installed, record, missing, workers)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(stored))
    return stored


def lines(old: Answers, new: Answers, renamed: Mapping[str, str], *, numbers: bool) -> Iterator[tuple[bool, str]]:
    """Compare the answers to each question of the new installation; yield whether they are equal, and a line."""
    for name in new:
        old_columns, new_columns = columns_of(old[name]), columns_of(new[name])
        if numbers:
            old_columns, new_columns = without_words(old_columns), without_words(new_columns)
        differing, only_new = differences(old_columns, new_columns, renamed)
        size = max((len(column) for column in old_columns.values()), default=0)
        text = "; ".join(differing) if differing else f"equal ({len(old_columns)} columns, {size:,} rows)"
        more = f"; only in the new: {', '.join(only_new)}" if only_new else ""
        yield not differing, f"{'DIFFERS ' if differing else ''}{name}: {text}{more}"


def main() -> int:
    """Ask, compare and print; return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--keep", type=Path, help="folder for the old installation's records and answers")
    parser.add_argument("--records", default=",".join(RECORDS))
    parser.add_argument("--questions", default="", help="only these, such as waits,report")
    parser.add_argument("--numbers", action="store_true", help="compare numbers and times, not words")
    parser.add_argument("--renamed", action="append", default=[], metavar="OLD=NEW", help="a renamed column")
    parser.add_argument("--trace", type=Path, default=TRACE)
    parser.add_argument("--days", type=int, help="use only this many days of the trace")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    renamed = dict(pair.split("=", 1) for pair in options.renamed)
    trace = options.trace.resolve()
    only = [name for name in options.questions.split(",") if name]
    old, new = installation(options.old), installation(options.new)
    print(f"old: {old.folder}\nnew: {new.folder}")
    start = time.perf_counter()
    count = differing = 0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.workers) as workers:
        code = [file.read_bytes() for file in (Path(same_records.__file__), Path(same_dirty.__file__))]
        digest = hashlib.sha256(f"{old.digest} {trace} {options.days}".encode() + b"".join(code)).hexdigest()
        old_folder = (options.keep or Path(scratch)).absolute() / digest[:16]
        for name in options.records.split(","):
            record_start = time.perf_counter()
            record = make(name, old.python, old_folder / name, trace, options.days)
            calls = calls_of(record, only)
            before = old_answers(old, record, calls, old_folder / f"{name}.pickle", workers)
            if name == "dirty":
                record = make(name, new.python, Path(scratch) / "new", trace, options.days)
            print(f"\n{name}")
            for equal, line in lines(before, answers(new, record, calls, workers), renamed, numbers=options.numbers):
                print(f"  {line}", flush=True)
                count += 1
                differing += not equal
            print(f"  {time.perf_counter() - record_start:.0f} s")
    print(f"\n{count} questions, {differing} with different answers; {time.perf_counter() - start:.0f} s")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
