"""Whether two installations answer every question alike, to the last bit; run it after each step of a change.

    python tests/benchmarks/same.py OLD_PYTHON NEW_PYTHON [--keep FOLDER] [--records demo,theta,dirty]
        [--questions waits,report] [--renamed OLD=NEW ...] [--trace FILE] [--days DAYS] [--workers 2]

Each python is that of an environment in which a Poolscope is installed. The records are the demo's, ThetaGPU at 300 s
(`same_records`) and a dirty one (`same_dirty`); the old installation makes the first two, each its own dirty one. Asked
are History and the command line (`cli`, `report`). --keep keeps the old records and answers under a name that follows
from the old code and what makes the records, so that they are made once.

A line a question: equal, or which columns differ in how many cells, with the largest difference and the first example.
Instants are compared in UTC, whatever zone they are in. Columns that only the new answer has are listed and do no harm;
a column that the new lacks, or has of another type, in other rows or another order, does. It ends with 1 where anything
differs.
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
from tests.benchmarks.same_columns import columns_of, differences
from tests.benchmarks.same_questions import commands, questions
from tests.benchmarks.same_records import Made, call

TRACE = Path(__file__).parents[2] / "../shared/traces/alcf_thetagpu_2023.parquet"
RECORDS = ("demo", "theta", "dirty")
SEED = 1
PARTS = 2
"""Processes that share the questions to one record."""
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
    """Where its packages stand."""
    digest: str
    """Of its code."""


def installation(python: str) -> Installation:
    """Find the Poolscope of an environment."""
    # A virtual environment is known by the link to its python, which is not followed.
    path = Path(python).absolute()
    folder, digest = _output([str(path), "-P", "-c", CODE]).split("|")
    return Installation(path, Path(folder), digest)


def _output(words: list[str], given: str = "") -> str:
    done = subprocess.run(words, input=given, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def make(name: str, python: Path, folder: Path, trace: Path, days: int | None) -> Made:
    """Make a record, or take the one that was made whole in this folder before."""
    marker = folder / "made.pickle"
    if marker.exists():
        kept: Made = pickle.loads(marker.read_bytes())  # noqa: S301 - written below
        return kept
    shutil.rmtree(folder, ignore_errors=True)
    if name == "demo":
        record = same_records.demo(python, folder)
    elif name == "theta":
        record = same_records.theta(python, folder, trace, days)
    else:
        record = same_dirty.dirty(python, folder, SEED)
    marker.write_bytes(pickle.dumps(record))
    return record


def asked(record: Made, only: Collection[str]) -> dict[str, Any]:
    """Return the questions to a record by what they are called: keywords of History, or words of a command."""
    calls: dict[str, Any] = {}
    for method, options in questions(record):
        if not only or method in only:
            told = ", ".join(f"{name}={value!r}" for name, value in options.items())
            calls[f"{method}({told})"] = method, options
    for words in commands(record):
        if not only or words[0] in only:
            calls[f"poolscope {' '.join(words)}"] = words
    return calls


def answers(one: Installation, record: Made, calls: Mapping[str, Any], workers: Executor) -> Answers:
    """Ask an installation."""
    of_history = {name: of for name, of in calls.items() if not name.startswith("poolscope ")}
    names = [*of_history]
    shares = [{name: of_history[name] for name in names[part::PARTS]} for part in range(PARTS)]
    futures = [workers.submit(_ask_history, one, record, share) for share in shares if share]
    futures += [
        workers.submit(_ask_command, one, record, name, words)
        for name, words in calls.items()
        if name not in of_history
    ]
    return {name: answer for future in futures for name, answer in future.result().items()}


def _ask_history(one: Installation, record: Made, calls: Mapping[str, Any]) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "answers"
        script = Path(__file__).with_name("same_answers.py")
        words = [one.python, "-P", script, record.database, record.spool, target]
        _output([str(word) for word in words], json.dumps(calls))
        found: Answers = pickle.loads(target.read_bytes())  # noqa: S301 - written by the script
    return found


def _ask_command(one: Installation, record: Made, name: str, words: tuple[str, ...]) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        done = call(one.python, record.folder, *words, *(("--out", folder) if words[0] == "report" else ()))
        text = "".join(file.read_text(encoding="utf-8") for file in Path(folder).iterdir()) or done.stdout
    if done.returncode:
        # Of a defect the last line alone: the lines of code before it move.
        text += f"exit code {done.returncode}: {done.stderr.splitlines()[-1:]}"
    return {name: text.replace(str(record.folder), "FOLDER")}


def old_answers(one: Installation, record: Made, calls: Mapping[str, Any], file: Path, workers: Executor) -> Answers:
    """Ask the old installation what it was not asked before."""
    kept: Answers = pickle.loads(file.read_bytes()) if file.exists() else {}  # noqa: S301 - written below
    missing = {name: of for name, of in calls.items() if name not in kept}
    if missing:
        kept |= answers(one, record, missing, workers)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(kept))
    return kept


def lines(old: Answers, new: Answers, renamed: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """Compare what both answered to the questions of the new one; return whether each is equal, and a line of it."""
    for name in new:
        one, other = columns_of(old[name]), columns_of(new[name])
        found, only_new = differences(one, other, renamed)
        size = max((len(column) for column in one.values()), default=0)
        told = "; ".join(found) if found else f"equal ({len(one)} columns, {size:,} rows)"
        more = f"; only in the new: {', '.join(only_new)}" if only_new else ""
        yield not found, f"{'' if not found else 'DIFFERS '}{name}: {told}{more}"


def main() -> int:
    """Ask, compare and print; return 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--keep", type=Path, help="a folder for what the old installation made and answered")
    parser.add_argument("--records", default=",".join(RECORDS))
    parser.add_argument("--questions", default="", help="only these, as waits,report")
    parser.add_argument("--renamed", action="append", default=[], metavar="OLD=NEW", help="a column's names")
    parser.add_argument("--trace", type=Path, default=TRACE)
    parser.add_argument("--days", type=int, help="only so many of the trace")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    renamed = dict(pair.split("=", 1) for pair in options.renamed)
    trace = options.trace.resolve()
    only = [name for name in options.questions.split(",") if name]
    old, new = installation(options.old), installation(options.new)
    print(f"old: {old.folder}\nnew: {new.folder}")
    began = time.perf_counter()
    count = differing = 0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.workers) as workers:
        made_by = [file.read_bytes() for file in (Path(same_records.__file__), Path(same_dirty.__file__))]
        digest = hashlib.sha256(f"{old.digest} {trace} {options.days}".encode() + b"".join(made_by)).hexdigest()
        kept = (options.keep or Path(scratch)).absolute() / digest[:16]
        for name in options.records.split(","):
            begun = time.perf_counter()
            record = make(name, old.python, kept / name, trace, options.days)
            calls = asked(record, only)
            before = old_answers(old, record, calls, kept / f"{name}.pickle", workers)
            if name == "dirty":
                record = make(name, new.python, Path(scratch) / "new", trace, options.days)
            print(f"\n{name}")
            for equal, line in lines(before, answers(new, record, calls, workers), renamed):
                print(f"  {line}", flush=True)
                count += 1
                differing += not equal
            print(f"  {time.perf_counter() - begun:.0f} s")
    print(f"\n{count} questions, {differing} with another answer; {time.perf_counter() - began:.0f} s")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
