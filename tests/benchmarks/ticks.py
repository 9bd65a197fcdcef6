"""Runs the real `poolscope collect` in this process, slot after slot, and collects its exit codes and warnings."""

import io
import json
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from collector.clock import SimulatedClock, SystemClock
from collector.commands.collect import command
from collector.config.settings import Paths
from collector.context import Context
from collector.errors import PoolscopeError
from collector.record.reading import reading
from collector.record.slots import naive
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from tests.benchmarks.completeness import PROJECT, Kind, faults_of, slots_of

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=1)
KEYS: Mapping[str, str] = {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
CONFIG = """\
[paths]
database = "{paths.database}"
spool = "{paths.spool}"
[collect]
interval = "1m"
requests_per_second = 10000
[projects.{project}]
project_id = "{project_id}"
endpoint = "{endpoint}"
"""


class LongSleepClock(SimulatedClock):
    """A clock on which every sleep is long: waiting five seconds for the database tries twice, not fifty times."""

    async def sleep(self, seconds: float) -> None:
        """Advance the time by 50 times the seconds."""
        await super().sleep(50 * seconds)


@dataclass
class Ticks:
    """A record that is polled slot after slot, and the results."""

    folder: Path
    paths: Paths
    expected: set[Kind]
    """The pools and types of every slot."""
    results: Counter[str] = field(default_factory=Counter)
    """The number of polls by exit code and warnings."""
    acknowledged: set[datetime] = field(default_factory=set)
    refused: set[datetime] = field(default_factory=set)
    """Slots of which nothing was stored (exit code 4)."""
    reasons: dict[str, None] = field(default_factory=dict)
    """The messages of errors and warnings, each once."""
    _number: int = 0

    def configure(self, endpoint: str) -> None:
        """Write the configuration."""
        text = CONFIG.format(paths=self.paths, project=PROJECT, project_id=PROJECT_ID, endpoint=endpoint)
        (self.folder / "poolscope.toml").write_text(text, encoding="utf-8")

    def tick(self) -> None:
        """Run `collect` at the next slot."""
        now = START + self._number * STEP
        self._number += 1
        context = Context(KEYS, LongSleepClock(now), self.folder / "poolscope.toml")
        with redirect_stderr(io.StringIO()) as stderr:
            try:
                code = command.main([], standalone_mode=False, obj=context) or 0
            except PoolscopeError as error:
                code = error.exit_code
                self.reasons[str(error)] = None
        warnings = [json.loads(line) for line in stderr.getvalue().splitlines()]
        self.reasons |= dict.fromkeys(str(warning.get("reason") or warning) for warning in warnings)
        self.results[" ".join([str(code), *(warning["event"] for warning in warnings)])] += 1
        if code in (0, 1):
            self.acknowledged.add(naive(now))
        if code == 4:
            self.refused.add(naive(now))

    async def faults(self) -> list[str]:
        """Read database and spool as all readers do, and return the faults."""
        with reading(self.paths.database, self.paths.spool, SystemClock().pause) as record:
            wrong = sorted(self.refused & slots_of(record))
            return faults_of(record, self.acknowledged, self.expected) + [f"slot {s} was refused" for s in wrong]
