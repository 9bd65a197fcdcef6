"""Run the real command against each fault of the sandbox at scale, and see what it costs the others; run it by hand.

    python tests/benchmarks/faults.py [--pools 500] [--fault KIND ...]

For each fault a fresh sandbox, in a process of its own, serves simulated pools of which about a quarter meet it, and
`poolscope collect` polls them once into a fresh record, with its default settings and a deadline. Beside it another
project on a healthy sandbox is polled in the same run. Printed are the outcomes of those that met the fault, how many
of the others have their sample, how many pools of the other project, the seconds of the command, its peak memory and
its exit code. It ends with 1 where an expectation fails.
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
# What the command takes beside its requests: its start, and the database.
BESIDE_SECONDS = 5
# A body is read up to 1 MiB, from 8 pools at once.
MEMORY_MIB = 32
PATTERN = "pool-*[0-3]"
"""Ids end with a hexadecimal digit: a quarter of the pools; display names begin otherwise."""
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
ASK = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    print(json.dumps(connection.execute("SELECT project, pool, outcome FROM scrapes").fetchall()))
"""
QUARTER = f":{PATTERN}"


@dataclass(frozen=True)
class Case:
    """A fault, how the sandbox is asked for it, and the outcomes that those who meet it may have."""

    name: str
    options: Sequence[str]
    outcomes: frozenset[str]
    everybody: bool = False
    """Whether all pools of the sandbox meet it, not a quarter."""
    one_key: bool = False
    """Whether it refuses the key, which ends its use for the whole poll, and so for the other project with that key."""


def of_pools(kind: str, *outcomes: str, share: str = "") -> Case:
    """Return the case of a fault of a quarter of the pools."""
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
    Case("skew 20", ["--skew", "20"], frozenset({"unauthorized"}), everybody=True, one_key=True),
    Case("skew 10", ["--skew", "10"], frozenset({"ok"}), everybody=True),
    Case("expired certificate", ["--expired-certificate"], frozenset({"tls"}), everybody=True),
)


@dataclass(frozen=True)
class Seen:
    """What one run gave."""

    hit: Counter[str]
    """The outcomes of the pools that met the fault."""
    well: int
    others: int
    """How many of so many other pools have their sample."""
    other_project: Counter[str]
    seconds: float
    memory: float
    exit_code: int


@contextmanager
def sandbox(pools: int, options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Serve so many pools from a process of their own, and tell its endpoint and project."""
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
    began = time.perf_counter()
    with (folder / "collect.log").open("wb") as log:
        call = [sys.executable, "-m", "collector", "collect"]
        process = subprocess.Popen(call, env=environment, cwd=folder, stdout=log, stderr=log)
        # Of one child, and in the same step as its end: what getrusage tells is the sum over all children.
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - began, usage.ru_maxrss / 1024, process.returncode


def run(case: Case, pools: int) -> Seen:
    """Poll once under a fault, and look at every turn."""
    # The ids depend on the number and the seed alone, so they are known here; what is asked by name needs no listing.
    ids = [pool.id for pool in simulated_pools(pools)]
    met = {pool for pool in ids if case.everybody or fnmatchcase(pool, PATTERN)}
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
        found = subprocess.check_output([sys.executable, "-c", ASK, f"{folder}/data/poolscope.duckdb"], text=True)
    turns = {(project, pool): outcome for project, pool, outcome in json.loads(found)}
    tried = {pool: turns.get(("tried", pool), "no turn") for pool in ids}
    return Seen(
        Counter(tried[pool] for pool in met),
        sum(tried[pool] == "ok" for pool in ids if pool not in met),
        len(ids) - len(met),
        Counter(turns.get(("other", pool), "no turn") for pool in ids),
        seconds,
        memory,
        exit_code,
    )


def judge(case: Case, seen: Seen, base_memory: float) -> list[str]:
    """Say what was not as it should be."""
    failed = [] if seen.hit.keys() <= case.outcomes else [f"outcomes other than {', '.join(sorted(case.outcomes))}"]
    if seen.well != seen.others:
        failed.append(f"{seen.others - seen.well} other pools lost their sample")
    if not seen.other_project.keys() <= ({"ok", *case.outcomes} if case.one_key else {"ok"}):
        failed.append("the other project lost samples")
    if seen.seconds > DEADLINE_SECONDS + BESIDE_SECONDS:
        failed.append("the deadline was not kept")
    if seen.memory > base_memory + MEMORY_MIB:
        failed.append("memory was not bounded")
    if seen.exit_code != int(seen.hit.keys() != {"ok"}):
        failed.append(f"exit code {seen.exit_code}")
    return failed


def main() -> int:
    """Try each fault and print what was seen; return 1 where an expectation fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=500, help="of each of the two projects (default: 500)")
    parser.add_argument("--fault", action="append", choices=[case.name for case in CASES[1:]], help="default: all")
    options = parser.parse_args()
    base = run(CASES[0], options.pools)
    print(f"{'fault':22}{'pools that met it':34}{'others ok':>10}{'project':>9}{'seconds':>9}{'MiB':>6}{'exit':>5}")
    missed = False
    for case in CASES:
        if options.fault and case.name not in options.fault and case is not CASES[0]:
            continue
        seen = base if case is CASES[0] else run(case, options.pools)
        failed = judge(case, seen, base.memory)
        missed |= bool(failed)
        hit = ", ".join(f"{count} {outcome}" for outcome, count in seen.hit.most_common())
        others = f"{seen.well}/{seen.others}"
        project = f"{seen.other_project['ok']}/{options.pools}"
        figures = f"{others:>10}{project:>9}{seen.seconds:9.1f}{seen.memory:6.0f}{seen.exit_code:5}"
        print(
            f"{case.name:22}{hit:34}{figures}  {'FAILED: ' + '; '.join(failed) if failed else 'as expected'}",
            flush=True,
        )
    print(
        f"deadline: {DEADLINE_SECONDS} s and {BESIDE_SECONDS} s for the rest; memory: {MEMORY_MIB} MiB above no fault"
    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
