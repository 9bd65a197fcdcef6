"""``poolscope demo``: collects days of simulated pools in minutes."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from collector import __version__
from collector.api.credentials import Credential
from collector.cli import flows_of_pools, write_report
from collector.clock import SimulatedClock
from collector.config.settings import Project
from collector.console import progress, warn
from collector.demo import run_demo
from collector.errors import ConfigError, PoolscopeError
from collector.local_path import LocalPath
from collector.output.forms import width
from collector.output.layout import STAYS, Heading, table
from collector.output.rows import cell
from collector.own_command import own_command
from collector.record import spool
from collector.record.durations import parse_duration, say_duration
from collector.record.folders import DEMO, find_upwards
from collector.record.places import spool_of
from collector.record.slots import slot_of
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from collector.storage.lock import writing

# A Monday, so that the demo has whole weeks.
START = datetime(2026, 1, 5, tzinfo=UTC)
MOST_WARNINGS = 5
CONFIG_MARK = "# Made by poolscope demo"
TARGETS = {"wait": "15m", "quantile": "p90", "price_per_node_hour": 4.2, "currency": "USD"}
"""What the demo's report plans for: with a price, it says what more nodes would cost."""
HEADINGS = (
    Heading("pool", STAYS, is_name=True),
    Heading("coverage", 1, right=True),
    *(Heading(text, right=True) for text in ("arrivals", "queue now", "mean queue", "largest queue")),
    *(Heading(text, STAYS, right=True) for text in ("finished", "failed")),
)


class SandboxFailed(PoolscopeError):
    """The sandbox did not start."""


def _read_step(_context: click.Context, _option: click.Parameter, text: str) -> timedelta:
    try:
        step = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if not step or step % timedelta(seconds=1) or timedelta(days=1) % step:
        raise click.BadParameter("the step must divide a day, such as 1m, 5m or 1h")
    return step


@click.command("demo")
@click.option(
    "--days", type=click.IntRange(1, 3660), help="The number of days to collect; default: 14, or the whole trace."
)
@click.option(
    "--trace",
    type=LocalPath(),
    help="Replay the jobs of this trace, a Parquet file, instead of simulated pools.",
)
@click.option(
    "--step",
    callback=_read_step,
    default="5m",
    show_default=True,
    help="The time between polls; it must divide a day, such as 1m, 5m or 1h.",
)
@click.option(
    "--out",
    type=LocalPath(),
    help="The folder for the database, the report and a configuration; default: data/demo, here or in a folder above.",
)
def command(days: int | None, trace: Path | None, step: timedelta, out: Path | None) -> int:
    """Collect two weeks of simulated pools in minutes.

    Runs the sandbox and polls it with the code of collect, over real HTTP but on a simulated clock. Ends with a table
    of the pools, a report, and what to do next. This takes two to five minutes; with --days 1 --step 1h, seconds.

    A demo that was made with the same options is used, not made again: remove its folder to make it anew.
    """
    mark = f"{CONFIG_MARK} {__version__}, {days or 14} days, one poll every {say_duration(step)}.\n"
    out = _default_folder(mark) if out is None else out
    database, config, reports_folder = out / DEMO.name, out / "poolscope.toml", out / "reports"
    spool_folder = spool_of(database)
    if config.exists() and not _text(config).startswith(CONFIG_MARK):
        raise ConfigError(f"{config} was not written by the demo: choose another folder with --out")
    failures: list[str] = []
    # A trace may have other jobs under the same name.
    if made := trace is None and _is_made(out, mark):
        click.echo(f"{out} has this demo already: remove the folder to make it anew.\n")
    else:
        failures = _make(_slots(days, trace, step), trace, step, database, spool_folder)
        _write_config(config, mark)
    shown, _left_out = table([_cells(pool) for pool in flows_of_pools(database, spool_folder)], HEADINGS, width())
    click.echo(shown)
    reports = sorted(reports_folder.glob("*.html")) if made else []
    _say_next(database, reports or write_report(database, spool_folder, reports_folder, {"*": TARGETS}))
    return int(bool(failures))


def _default_folder(mark: str) -> Path:
    """Return the folder of this demo, if it was made here or in a folder above; else the one to make it in."""
    here, above = Path().absolute(), find_upwards(DEMO, Path().absolute())
    if above is None or above.is_relative_to(here) or not _is_made(above.parent, mark):
        return DEMO.parent
    return above.parent


def _is_made(folder: Path, mark: str) -> bool:
    """Return whether a folder has a whole demo that was made with the same options."""
    config = folder / "poolscope.toml"
    return (folder / DEMO.name).exists() and config.exists() and _text(config).startswith(mark)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _make(
    slots: Sequence[datetime], trace: Path | None, step: timedelta, database: Path, spool_folder: Path
) -> list[str]:
    """Collect all slots in place of an earlier demo, and return what failed."""
    with writing(database):
        _remove_previous(database.with_name("poolscope.toml"), database, spool_folder)
        failures: list[str] = []
        with _sandbox(trace) as sandbox, progress(slots, f"{len(slots):,} polls") as slots_with_progress:
            asyncio.run(
                run_demo(
                    Project("demo", project_id=sandbox["project_id"], endpoint=sandbox["endpoint"]),
                    Credential("default", ACCESS_KEY, SECRET_KEY),
                    slots_with_progress,
                    step,
                    database,
                    spool_folder,
                    SimulatedClock(slots[0]),
                    failures.append,
                )
            )
    for failure in failures[:MOST_WARNINGS]:
        warn("failed", failure)
    click.echo(
        f"\nCollected {len(slots):,} polls, one every {say_duration(step)}, "
        f"from {slots[0]:%Y-%m-%d} to {slots[-1]:%Y-%m-%d}, into {database}:\n"
    )
    return failures


def _slots(days: int | None, trace: Path | None, step: timedelta) -> list[datetime]:
    """Return every slot of the demo: of the days, or from a trace's first event to its last."""
    if trace is None:
        first, last = START, START + timedelta(days=days or 14)
    else:
        from collector.sandbox.traces import read_trace  # noqa: PLC0415 - imports duckdb, only for traces

        jobs = read_trace(trace)
        first, last = slot_of(jobs.first, step), slot_of(jobs.last + step - timedelta(microseconds=1), step)
        if days is not None:
            last = min(last, first + timedelta(days=days))
    return [first + number * step for number in range((last - first) // step + 1)]


def _remove_previous(config: Path, database: Path, spool_folder: Path) -> None:
    """Remove the record of an earlier demo; first the configuration, which says that the demo is whole."""
    for path in (config, database, database.with_name(database.name + ".wal")):
        path.unlink(missing_ok=True)
    spool.remove(spool.waiting(spool_folder))
    shutil.rmtree(spool_folder, ignore_errors=True)


@contextmanager
def _sandbox(trace: Path | None) -> Iterator[Mapping[str, Any]]:
    """Run the sandbox in another process, on the time of the requests; yield its `sandbox_ready` event."""
    call = [sys.executable, "-m", "collector", "sandbox", "--port", "0", "--clock", "requests"]
    call += ["--trace", str(trace)] if trace else []
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                reason = process.stderr.read().strip() if process.stderr else ""
                raise SandboxFailed(f"the sandbox did not start: {reason}")
            yield json.loads(line)
        finally:
            process.terminate()


def _cells(pool: Mapping[str, Any]) -> dict[str, str]:
    ended = [pool[status] for status in ("completed", "failed", "terminated")]
    cells: dict[str, object] = {
        "pool": pool["pool"],
        "coverage": None if pool["coverage"] is None else f"{pool['coverage']:.1%}",
        "arrivals": _count(pool["arrivals"]),
        "queue now": _count(pool["queue_end"]),
        "mean queue": pool["queue_mean"],
        "largest queue": _count(pool["queue_max"]),
        "finished": None if None in ended else _count(sum(ended)),
        "failed": _count(pool["failed"]),
    }
    return {heading: cell(value) for heading, value in cells.items()}


def _count(jobs: float | None) -> int | None:
    """Return a number of jobs without decimals: an estimate may have some."""
    return None if jobs is None else round(jobs)


def _write_config(file: Path, mark: str) -> None:
    """Write a configuration with which the other commands find the demo's record."""
    targets = "\n".join(f"{name} = {json.dumps(value)}" for name, value in TARGETS.items())
    text = f'{mark}[paths]\ndatabase = "{DEMO.name}"\nspool = "demo.spool"\n\n[targets]\n{targets}\n'
    file.write_text(text, encoding="utf-8")


def _say_next(database: Path, reports: Sequence[Path]) -> None:
    report, called = ", ".join(map(str, reports)), own_command()
    click.echo(
        f"""
The report of these days, to open in a browser: {report}

What to do next:
  see the waits    {called} waits --db {database}
  plan capacity    {called} plan --db {database} --target-wait 15m
  use notebooks    {called} notebooks
  use your pools   {called} init"""
    )
