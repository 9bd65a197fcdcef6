"""Runs `poolscope watch` at one-second slots against an unreliable sandbox, and checks for leaks; run it by hand.

    python tests/benchmarks/soak.py [--minutes 120]

The sandbox throttles, and is killed and restarted every minute. Memory and open file descriptors are read from /proc
every ten seconds. The exit code is 1 if the median memory of the last quarter is more than 5 % above that of the second
quarter (the first is warm-up), or if more descriptors are open.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY

PORT = 8790
SAMPLE_SECONDS = 10
RESTART_SECONDS = 60
MOST_GROWTH = 1.05
CONFIG = f"""\
[collect]
interval = "1s"
discovery_interval = "10s"
[projects.sandbox]
project_id = "{PROJECT_ID}"
endpoint = "http://127.0.0.1:{PORT}"
"""


def sandbox() -> subprocess.Popen[bytes]:
    """Start a sandbox that throttles."""
    call = [sys.executable, "-m", "collector", "sandbox", "--port", str(PORT), "--requests-per-second", "8"]
    return subprocess.Popen([*call, "--pools", "6"], stdout=subprocess.DEVNULL)


def usage_of(process: int) -> tuple[int, int]:
    """Return a process's resident memory in KiB and its number of open descriptors."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return memory, sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def main() -> int:
    """Run, and print a line a minute and the verdict; return 1 if there is a leak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    minutes = parser.parse_args().minutes
    environment = os.environ | {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
    samples: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "poolscope.toml").write_text(CONFIG, encoding="utf-8")
        log = Path(folder) / "watch.log"
        with log.open("wb") as out:
            call = [sys.executable, "-m", "collector", "watch"]
            watch = subprocess.Popen(call, cwd=folder, env=environment, stdout=out, stderr=out)
        start, served = time.monotonic(), sandbox()
        try:
            while (passed := time.monotonic() - start) < minutes * 60:
                time.sleep(SAMPLE_SECONDS)  # between two samples
                samples.append(usage_of(watch.pid))
                if passed // RESTART_SECONDS != (passed + SAMPLE_SECONDS) // RESTART_SECONDS:
                    print(
                        f"{passed / 60:6.1f} min  {samples[-1][0] / 1024:7.1f} MiB  {samples[-1][1]:4} descriptors",
                        flush=True,
                    )
                    served.kill()
                    served.wait()
                    served = sandbox()
            watch.send_signal(signal.SIGTERM)
            code = watch.wait(60)
        finally:
            watch.kill()
            served.kill()
            served.wait()
        events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    polled = [event for event in events if event["event"] == "polled"]
    quarter = len(samples) // 4
    warm, last = (
        statistics.median(memory for memory, _ in part) for part in (samples[quarter : 2 * quarter], samples[-quarter:])
    )
    open_warm, open_last = (
        max(descriptors for _, descriptors in part) for part in (samples[quarter : 2 * quarter], samples[-quarter:])
    )
    print(
        f"{len(polled)} slots polled, {sum(event['failed'] for event in polled)} pools failed, exit code {code}\n"
        f"memory {warm / 1024:.1f} -> {last / 1024:.1f} MiB ({last / warm:.3f}), descriptors {open_warm} -> {open_last}"
    )
    return int(code != 0 or last > MOST_GROWTH * warm or open_last > open_warm)


if __name__ == "__main__":
    sys.exit(main())
