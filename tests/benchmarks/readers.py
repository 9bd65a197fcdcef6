"""Twenty readers of a dataset while `poolscope watch` polls each second, publishes and compacts; run it by hand.

    python tests/benchmarks/readers.py [--seconds 60] [--readers 20] [--rows 1000000] [--nice 0]

Half of the readers are processes that ask `History` again and again, the others run `poolscope waits --db` again and
again. Compactions run one after the other. The exit code is 1 if a reader or the watch reports an error or a warning,
if a slot is missing, or if the scrapes that a reader counts are not those of one manifest. Readers that never pause use
all cores of a small machine: with --nice 19 they leave the watch its share, as readers on other machines do.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from analysis import History
from collector.record.dataset import read_manifest
from collector.record.selection import Selection
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from tests.benchmarks.long import fill, sandbox

POOLS = 8
CONFIG = """\
[collect]
interval = "1s"
discovery_interval = "1m"
[dataset]
path = "ds"
every = "5s"
[projects.research]
project_id = "{project_id}"
endpoint = "{endpoint}"
"""
COMMAND = ("waits", "--db", "ds", "--every", "1d", "--since", "2d", "--format", "json")
WITH_KEYS = os.environ | {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}


def ask(dataset: Path, until: float) -> None:
    """Ask a new `History` again and again; print the number of scrapes and the last slot, twice of one record."""
    while time.time() < until:
        record = History(dataset).record
        for _ in range(2):
            attempts = record.attempts(Selection())
            last = max(row[-1] for row in attempts)
            print(json.dumps([sum(row[4] for row in attempts), f"{last.isoformat()}Z"]), flush=True)


def run_command(folder: Path, until: float) -> None:
    """Run the command again and again; print a line for each run."""
    while time.time() < until:
        call = [sys.executable, "-m", "collector", *COMMAND]
        done = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode or not json.loads(done.stdout):
            sys.exit(f"waits ended with {done.returncode}: {done.stderr}")
        print("null", flush=True)


class Manifests(threading.Thread):
    """Reads each manifest that appears: number of scrapes and last slot; and how old its last slot was, in seconds."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.seen: dict[tuple[int, str | None], None] = {}
        self.ages: list[float] = []
        self.ended = threading.Event()
        self._folder = folder

    def run(self) -> None:
        """Look at the manifest until the end."""
        while not self.ended.wait(0.05):
            manifest = read_manifest(self._folder)
            self.seen[manifest.rows["scrapes"], manifest.last_slot] = None
            if manifest.last_slot is not None:
                age = datetime.now(UTC) - datetime.fromisoformat(manifest.last_slot)
                self.ages.append(age.total_seconds())


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def missing_slots(database: Path) -> tuple[int, int]:
    """Return how many slots of a second were observed, and how many between the first and the last were not."""
    with duckdb.connect(database, read_only=True) as record:
        observed, first, last = record.execute(
            """SELECT count(DISTINCT slot), epoch(min(slot))::BIGINT, epoch(max(slot))::BIGINT
            FROM scrapes WHERE outcome = 'ok' AND interval_seconds = 1"""
        ).fetchall()[0]
    return observed, last - first + 1 - observed


def main() -> int:
    """Run, and print figures and verdict; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="snapshots in the record before (default: 1 million)"
    )
    parser.add_argument("--nice", type=int, default=0, help="niceness of the readers, for machines with few cores")
    parser.add_argument("--reader", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        kind, folder, until = options.reader
        os.nice(options.nice)
        (ask if kind == "ask" else run_command)(Path(folder) / ("ds" if kind == "ask" else ""), float(until))
        return 0
    with tempfile.TemporaryDirectory() as name, sandbox(POOLS) as endpoint:
        return measure(Path(name), endpoint, options)


def measure(folder: Path, endpoint: str, options: argparse.Namespace) -> int:
    """Start watch, readers and compactions, wait for their end, and print the result."""
    database, log = folder / "data/poolscope.duckdb", folder / "watch.log"
    database.parent.mkdir()
    fill(database, options.rows, datetime.now(UTC).replace(tzinfo=None))
    (folder / "poolscope.toml").write_text(CONFIG.format(project_id=PROJECT_ID, endpoint=endpoint))
    with log.open("wb") as out:
        call = [sys.executable, "-m", "collector", "watch"]
        watch = subprocess.Popen(call, cwd=folder, env=WITH_KEYS, stdout=out, stderr=out)
    try:
        while not (folder / "ds/manifest.json").exists():
            time.sleep(0.1)  # between two looks
        manifests = Manifests(folder / "ds")
        manifests.start()
        until = time.time() + options.readers + options.seconds
        place = [str(folder), str(until), "--nice", str(options.nice)]
        readers = []
        for number in range(options.readers):
            call = [sys.executable, __file__, "--reader", "command" if number % 2 else "ask", *place]
            readers.append(subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
            time.sleep(1)  # each loads its libraries
        compactions = 0
        while time.time() < until:
            done = subprocess.run(
                [sys.executable, "-m", "collector", "compact"], cwd=folder, capture_output=True, text=True, check=False
            )
            compactions += not done.returncode
            time.sleep(2)  # between two compactions
        outputs = [reader.communicate() for reader in readers]
        manifests.ended.set()
        manifests.join()
        watch.send_signal(signal.SIGTERM)
        code = watch.wait()
    finally:
        watch.kill()
    subprocess.run([sys.executable, "-m", "collector", "collect"], cwd=folder, env=WITH_KEYS, check=True)
    lines = [json.loads(line) for output, _ in outputs for line in output.splitlines()]
    asked = [tuple(line) for line in lines if line]
    torn = [line for line in asked if line not in manifests.seen]
    torn += [first for first, second in zip(asked[::2], asked[1::2], strict=False) if first != second]
    errors = [
        error for reader, (_, error) in zip(readers, outputs, strict=True) if reader.returncode for error in [error]
    ]
    by_event = Counter(event["event"] for event in events(log))
    odd = [event for event in events(log) if event["event"] not in ("watching", "polled", "published", "ended")]
    observed, missing = missing_slots(database)
    slowest = max(event["seconds"] for event in events(log) if event["event"] == "polled")
    print(
        f"{options.readers} readers: {len(asked):,} readings by History, {len(lines) - len(asked):,} runs of waits,"
        f" {len(torn)} not of one manifest, {len(errors)} readers failed\n"
        f"watch: {observed} slots observed, {missing} missing, slowest {slowest:.2f} s, exit code {code};"
        f" {by_event['published']} publishings, {len(manifests.seen)} manifests, {compactions} compactions\n"
        f"last slot of the dataset: median {statistics.median(manifests.ages):.1f} s old, at most"
        f" {max(manifests.ages):.1f} s; {len(odd)} warnings"
    )
    print("warnings by event and slot:", Counter((event["event"], event.get("slot")) for event in odd))
    for line in [*errors, *torn][:10]:
        print(line)
    return int(bool(torn or errors or odd or missing or code))


if __name__ == "__main__":
    sys.exit(main())
