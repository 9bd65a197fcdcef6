"""``poolscope sandbox``: simulates the ModelArts API on this machine until it is interrupted."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from collector.console import say
from collector.local_path import LocalPath
from collector.own_command import own_command
from collector.record.counted import counted
from collector.record.durations import parse_duration
from collector.sandbox.behaviour import DEFAULT_PORT, Behaviour, Fault
from collector.sandbox.faults import KINDS, read_fault
from collector.sandbox.jobs import Pool
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools

HOW_TO_USE = """\
The sandbox serves {pools} at {endpoint}; Ctrl-C ends it.

In another terminal:

  {poolscope} init --sandbox{port}   (writes poolscope.toml and keys{over_tls})
  {poolscope} collect && {poolscope} status"""
OVER_TLS = """; then set endpoint = "{}" in it"""


def _read_retention(_context: click.Context, _option: click.Parameter, text: str) -> timedelta | None:
    """Return the retention, how long the API keeps finished jobs; None means for ever."""
    if text == "keep":
        return None
    try:
        return timedelta(0) if text == "none" else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}; or give keep or none") from None


def _read_faults(_context: click.Context, _option: click.Parameter, texts: Sequence[str]) -> tuple[Fault, ...]:
    try:
        return tuple(read_fault(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("sandbox")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="The port to serve; 0 for any free port.",
)
@click.option(
    "--pools", type=click.IntRange(1, 100_000), default=4, show_default=True, help="The number of simulated pools."
)
@click.option("--seed", type=int, default=1, show_default=True, help="A number; the same seed gives the same jobs.")
@click.option(
    "--trace",
    type=LocalPath(),
    help="Serve the jobs of this trace, a Parquet file, instead of simulated pools.",
)
@click.option(
    "--clock",
    type=click.Choice(["real", "requests"]),
    default="real",
    show_default=True,
    help="The time of the simulation: this machine's clock, or the X-Sdk-Date of each request.",
)
@click.option(
    "--key",
    type=click.Choice(["statistics", "statics"]),
    default="statistics",
    show_default=True,
    help="The outer key of the statistics; only the tables of the API's documents have statics.",
)
@click.option(
    "--counts",
    type=click.Choice(["integers", "strings"]),
    default="integers",
    show_default=True,
    help="How counts are written in the JSON.",
)
@click.option("--omit-zeros", is_flag=True, help="Leave out statuses and types without jobs.")
@click.option(
    "--history",
    callback=_read_retention,
    default="keep",
    show_default=True,
    metavar="keep|none|7d",
    help="The retention: how long finished jobs are counted. keep: for ever; none: not at all; or a duration.",
)
@click.option(
    "--requests-per-second",
    type=click.FloatRange(min=1),
    help="Throttle requests above this number per second, at least 1; default: no limit.",
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0, max=60),
    default=0.0,
    help="The delay of each answer, in seconds, from 0 to 60; default: 0.",
)
@click.option(
    "--fault",
    "faults",
    callback=_read_faults,
    multiple=True,
    metavar="KIND[:PATTERN][@SHARE]",
    help="A fault, the pools that it affects (listing: the listing of pools, iam: tokens), and the share of requests "
    f"that it affects; may be repeated. KIND: {', '.join(KINDS)}.",
)
@click.option(
    "--skew",
    type=int,
    default=0,
    help="The minutes by which the server's clock is ahead of this machine's; below zero: behind; default: 0.",
)
@click.option("--expired-certificate", is_flag=True, help="Serve https with an expired certificate.")
def command(
    *,
    port: int,
    pools: int,
    seed: int,
    trace: Path | None,
    clock: Literal["real", "requests"],
    key: Literal["statistics", "statics"],
    counts: Literal["integers", "strings"],
    omit_zeros: bool,
    history: timedelta | None,
    requests_per_second: float | None,
    latency: float,
    faults: tuple[Fault, ...],
    skew: int,
    expired_certificate: bool,
) -> None:
    """Serve a simulated API on loopback.

    Serves simulated pools, or the jobs of a trace. It checks signatures, throttles and refuses like the real API. Use
    it to try Poolscope out, for demonstrations and for tests.
    """
    behaviour = Behaviour(
        key=key,
        counts=counts,
        omit_zeros=omit_zeros,
        retention=history,
        requests_per_second=requests_per_second,
        latency=latency,
        time=clock,
        faults=faults,
        skew=timedelta(minutes=skew),
        expired_certificate=expired_certificate,
    )
    pools_to_serve: Sequence[Pool] = simulated_pools(pools, seed) if trace is None else _pools_of(trace)
    with _interruption() as interrupted, Sandbox(pools_to_serve, behaviour, port=port) as sandbox:
        served = urlsplit(sandbox.endpoint)
        text = HOW_TO_USE.format(
            endpoint=sandbox.endpoint,
            port="" if served.port == DEFAULT_PORT else f" --port {served.port}",
            over_tls="" if served.scheme == "http" else OVER_TLS.format(sandbox.endpoint),
            poolscope=own_command(),
            pools=counted(len(pools_to_serve), "pool"),
        )
        say("sandbox_ready", text, endpoint=sandbox.endpoint, project_id=behaviour.project_id, message=text)
        interrupted.wait()


def _pools_of(trace: Path) -> Sequence[Pool]:
    from collector.sandbox.traces import read_trace  # noqa: PLC0415 - only a trace needs duckdb

    return read_trace(trace).pools


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """Yield an event that SIGINT or SIGTERM sets, so that the server shuts down in order."""
    interrupted = threading.Event()
    handlers = {
        number: signal.signal(number, lambda *_: interrupted.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interrupted
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
