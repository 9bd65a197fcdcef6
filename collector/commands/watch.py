"""``poolscope watch``: polls like collect, slot after slot, until a signal."""

import asyncio
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime

import click

from collector.api.credentials import AnyCredential
from collector.api.names import run
from collector.clock import Clock
from collector.config.settings import Config
from collector.console import say, warn
from collector.context import Context
from collector.errors import ConfigError, LockHeld, PoolscopeError
from collector.polling.slot import poll_slot, warn_of_proxies
from collector.record.counted import counted
from collector.record.durations import say_duration
from collector.record.slots import slot_of
from collector.storage.compaction import compaction_due
from collector.storage.last_publishing import publishing_due
from collector.storage.lock import writing

# Seconds after which a suspended machine, or a clock that was set, is noticed at the latest.
LONGEST_WAIT = 2.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command("watch")
@click.pass_obj
def command(context: Context) -> None:
    """Poll slot after slot until a signal.

    Polls like collect, for machines without cron and for intervals below a minute. After SIGINT or SIGTERM, the current
    slot is completed; a second signal ends watch immediately. A slot is skipped while another run is writing to the
    record. An error that would end collect does not end watch. Compaction and publishing run in processes of their own.
    """
    config, credentials = context.ready_to_poll()
    warn_of_proxies()
    run(_watch(context, config, credentials))


async def _watch(context: Context, config: Config, credentials: Mapping[str, AnyCredential]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, end)
    # The processes that compact and publish, by command.
    beside: dict[str, asyncio.subprocess.Process] = {}
    clock, names = context.clock, ", ".join(project.name for project in config.projects)
    every = say_duration(config.collect.interval)
    say("watching", f"polling {names} every {every}; Ctrl-C ends it", database=str(config.paths.database))
    last: datetime | None = None
    while not stop.is_set():
        interval = config.collect.interval
        slot = slot_of(clock.now(), interval)
        if slot != last:
            last = slot
            with suppress(ConfigError):
                # The configuration and keys may have changed; if they cannot be read now, the old ones stay in use.
                config, credentials = context.ready_to_poll()
            await _poll(clock, slot, config, credentials)
            for command_name in _due(clock, config):
                if command_name not in beside or beside[command_name].returncode is not None:
                    beside[command_name] = await _start(context, command_name)
        # Short waits: a long one would not notice that the clock was set or the machine was suspended.
        remaining = (slot + interval - clock.now()).total_seconds()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(LONGEST_WAIT, max(0.0, remaining)))
    for process in beside.values():
        if process.returncode is None:
            # When killed, a compaction leaves the record unchanged, and a publishing the former dataset.
            process.kill()
            await process.wait()
    say("ended", "ended by a signal; all answers are stored", last_slot=last)


def _due(clock: Clock, config: Config) -> Iterator[str]:
    """Yield the commands that are due beside the polls."""
    database, dataset = config.paths.database, config.dataset
    if compaction_due(database):
        yield "compact"
    if dataset.path is not None and publishing_due(database, dataset.path, dataset.every, clock.now()):
        yield "publish"


async def _start(context: Context, command_name: str) -> asyncio.subprocess.Process:
    """Start a command in another process: no slot waits for it, and its memory is freed when it ends."""
    call = [sys.executable, "-P", "-m", "collector", *context.words(), command_name]
    return await asyncio.create_subprocess_exec(*call)


async def _poll(clock: Clock, slot: datetime, config: Config, credentials: Mapping[str, AnyCredential]) -> None:
    start = clock.monotonic()
    try:
        with writing(config.paths.database):
            result = await poll_slot(clock, config, credentials)
    except LockHeld as error:
        warn("left_out", f"{slot:%H:%M:%S}Z: skipped: {error}", slot=slot)
    except PoolscopeError as error:
        warn("error", f"{slot:%H:%M:%S}Z: {error}", slot=slot, exit_code=error.exit_code, message=str(error))
    except Exception as error:  # noqa: BLE001 - the next slot may succeed, whatever the error
        message = f"{type(error).__name__}: {error}"
        warn("error", f"{slot:%H:%M:%S}Z: {message}", slot=slot, exit_code=1, message=message)
    else:
        observed = sum(scrape.outcome == "ok" for scrape in result.scrapes)
        seconds = clock.monotonic() - start
        failed = len(result.failures())
        text = f"{slot:%Y-%m-%d %H:%M:%S}Z: {counted(observed, 'pool')} observed, {failed} failed, {seconds:.1f} s"
        say("polled", text, slot=slot, observed=observed, failed=failed, seconds=round(seconds, 3))
