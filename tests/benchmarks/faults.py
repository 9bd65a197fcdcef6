"""Runs the real command against each fault of the sandbox at scale, and checks the other pools; run it by hand.

    python tests/benchmarks/faults.py [--pools 500] [--fault KIND ...]

For each fault, a new sandbox process serves simulated pools, of which the fault affects about a quarter, and
`poolscope collect` polls them once into a new record, with default settings and a deadline. Another project, on a
sandbox without faults, is polled in the same run. The table shows the outcomes of the affected pools, the numbers of
other pools and of pools of the other project with a sample, and the seconds, peak memory and exit code of the command.
The exit code is 1 if an expectation fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from collector.sandbox.simulated import simulated_pools

DEADLINE_SECONDS = 45
# What the command needs besides its requests: its start and the database.
OTHER_SECONDS = 5
# At most 1 MiB of a body is read, from 8 pools at once.
MEMORY_MIB = 32
PATTERN = "pool-*[0-3]"
"""A quarter of the pools: ids end with a hexadecimal digit; no display name matches."""
CONFIG = """\
[collect]
interval = "1d"
deadline = "{deadline}s"
{projects}
"""
PROJECT = """
[projects.{name}]
endpoint = "{endpoint}"
project_id = "{project_id}"
pools = {pools}
"""
QUERY = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(json.dumps(connection.execute("SELECT project, pool, outcome FROM scrapes").fetchall()))
"""
QUARTER = f":{PATTERN}"


@dataclass(frozen=True)
class Case:
    """A fault, its options of the sandbox, and the allowed outcomes of the affected pools."""

    name: str
    options: Sequence[str]
    outcomes: frozenset[str]
    all_pools: bool = False
    """Whether it affects all pools of the sandbox, not a quarter."""
    refuses_key: bool = False
    """Whether the key is refused, which ends its use in this poll, also for the other project with the same key."""


def of_pools(kind: str, *outcomes: str, share: str = "") -> Case:
    """Return a case whose fault affects a quarter of the pools."""
    return Case(f"{kind}{share}", ["--fault", f"{kind}{QUARTER}{share}"], frozenset(outcomes))


CASES = (
    Case("none", [], frozenset({"ok"})),
    of_pools("latency", "timeout", "deadline"),
    of_pools("throttled", "throttled"),
    of_pools("retry-after", "throttled"),
    of_pools("server-error", "server_error"),
    of_pools("server-error", "ok", "server_error", share="@0.5"),
    of_pools("reset", "disconnected"),
    of_pools("cut-off", "cut_off"),
    of_pools("slow", "timeout", "deadline"),
    of_pools("huge", "too_large"),
    of_pools("garbage", "not_json"),
    of_pools("wrong-type", "ok"),
    of_pools("redirect", "redirected"),
    of_pools("gone", "gone"),
    of_pools("new-type", "ok"),
    of_pools("new-status", "ok"),
    Case("skew 20", ["--skew", "20"], frozenset({"unauthorized"}), all_pools=True, refuses_key=True),
    Case("skew 10", ["--skew", "10"], frozenset({"ok"}), all_pools=True),
    Case("expired certificate", ["--expired-certificate"], frozenset({"tls"}), all_pools=True),
)


@dataclass(frozen=True)
class Result:
    """The result of one run."""

    affected: Counter[str]
    """The outcomes of the affected pools."""
    others_ok: int
    """The number of other pools with a sample."""
    others: int
    """The number of other pools."""
    other_project: Counter[str]
    seconds: float
    memory: float
    exit_code: int


@contextmanager
def sandbox(pools: int, options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Serve pools from another process, and yield its endpoint and project."""
    call = [sys.executable, "-m", "collector", "sandbox", "--port", "0", "--pools", str(pools), *options]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield ready["endpoint"], ready["project_id"]
        finally:
            process.terminate()


def collect(folder: Path) -> tuple[float, float, int]:
    """Run the command as a user does; return its seconds, its peak memory in MiB and its exit code."""
    environment = os.environ | {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
    start = time.perf_counter()
    with (folder / "collect.log").open("wb") as log:
        call = [sys.executable, "-m", "collector", "collect"]
        process = subprocess.Popen(call, env=environment, cwd=folder, stdout=log, stderr=log)
        # wait4 gives the usage of this child; getrusage would give the sum over all children.
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, usage.ru_maxrss / 1024, process.returncode


def run(case: Case, pools: int) -> Result:
    """Poll once under a fault, and return the outcomes of all pools."""
    # The ids depend on number and seed only, so they are known here, and no listing is needed.
    ids = [pool.id for pool in simulated_pools(pools)]
    affected = {pool for pool in ids if case.all_pools or fnmatchcase(pool, PATTERN)}
    with (
        tempfile.TemporaryDirectory() as name,
        sandbox(pools, case.options) as (endpoint, project_id),
        sandbox(pools, []) as (healthy, _),
    ):
        folder = Path(name)
        projects = "".join(
            PROJECT.format(name=project, endpoint=address, project_id=project_id, pools=json.dumps(ids))
            for project, address in (("tried", endpoint), ("other", healthy))
        )
        (folder / "poolscope.toml").write_text(CONFIG.format(deadline=DEADLINE_SECONDS, projects=projects))
        seconds, memory, exit_code = collect(folder)
        rows = subprocess.check_output([sys.executable, "-c", QUERY, f"{folder}/data/poolscope.duckdb"], text=True)
    outcomes = {(project, pool): outcome for project, pool, outcome in json.loads(rows)}
    tried = {pool: outcomes.get(("tried", pool), "no scrape") for pool in ids}
    return Result(
        Counter(tried[pool] for pool in affected),
        sum(tried[pool] == "ok" for pool in ids if pool not in affected),
        len(ids) - len(affected),
        Counter(outcomes.get(("other", pool), "no scrape") for pool in ids),
        seconds,
        memory,
        exit_code,
    )


def failures(case: Case, result: Result, base_memory: float) -> list[str]:
    """Return the expectations that failed."""
    failed = (
        [] if result.affected.keys() <= case.outcomes else [f"outcomes other than {', '.join(sorted(case.outcomes))}"]
    )
    if result.others_ok != result.others:
        failed.append(f"{result.others - result.others_ok} other pools lost their sample")
    if not result.other_project.keys() <= ({"ok", *case.outcomes} if case.refuses_key else {"ok"}):
        failed.append("the other project lost samples")
    if result.seconds > DEADLINE_SECONDS + OTHER_SECONDS:
        failed.append("it ended after the deadline")
    if result.memory > base_memory + MEMORY_MIB:
        failed.append("it needed too much memory")
    if result.exit_code != int(result.affected.keys() != {"ok"}):
        failed.append(f"exit code {result.exit_code}")
    return failed


def main() -> int:
    """Run each case and print its result; return 1 if an expectation fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=500, help="pools of each of the two projects (default: 500)")
    parser.add_argument("--fault", action="append", choices=[case.name for case in CASES[1:]], help="default: all")
    options = parser.parse_args()
    base = run(CASES[0], options.pools)
    print(f"{'fault':22}{'affected pools':34}{'others ok':>10}{'project':>9}{'seconds':>9}{'MiB':>6}{'exit':>5}")
    missed = False
    for case in CASES:
        if options.fault and case.name not in options.fault and case is not CASES[0]:
            continue
        result = base if case is CASES[0] else run(case, options.pools)
        failed = failures(case, result, base.memory)
        missed |= bool(failed)
        affected = ", ".join(f"{count} {outcome}" for outcome, count in result.affected.most_common())
        others = f"{result.others_ok}/{result.others}"
        project = f"{result.other_project['ok']}/{options.pools}"
        figures = f"{others:>10}{project:>9}{result.seconds:9.1f}{result.memory:6.0f}{result.exit_code:5}"
        print(
            f"{case.name:22}{affected:34}{figures}  {'FAILED: ' + '; '.join(failed) if failed else 'as expected'}",
            flush=True,
        )
    print(
        f"limits: {DEADLINE_SECONDS} s deadline + {OTHER_SECONDS} s; {MEMORY_MIB} MiB more memory than without faults"
    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
