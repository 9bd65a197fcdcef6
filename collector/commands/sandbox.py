"""``poolscope sandbox``: a stand-in for the ModelArts API on this machine, until it is interrupted."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

import click

from collector.console import say
from collector.record.durations import parse_duration
from collector.sandbox.behaviour import ACCESS_KEY, REGION, SECRET_KEY, Behaviour, Fault
from collector.sandbox.faults import KINDS, read_fault
from collector.sandbox.jobs import Pool
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools

DEFAULT_PORT = 8700
HOW_TO_USE = """\
The sandbox serves {pools} pools at {endpoint}; Ctrl-C ends it.

In another terminal, its keys (they open nothing else):

  export HUAWEICLOUD_SDK_AK={access_key}
  export HUAWEICLOUD_SDK_SK={secret_key}

and a poolscope.toml with:

  [projects.sandbox]
  endpoint = "{endpoint}"
  project_id = "{project_id}"
  region = "{region}"

Then: poolscope collect"""


def _read_history(_context: click.Context, _option: click.Parameter, text: str) -> timedelta | None:
    """Read how long the API keeps a finished job: None for ever."""
    if text == "keep":
        return None
    try:
        return timedelta(0) if text == "none" else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}; keep and none are words too") from None


def _read_faults(_context: click.Context, _option: click.Parameter, texts: Sequence[str]) -> tuple[Fault, ...]:
    try:
        return tuple(read_fault(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--pools", type=click.IntRange(1, 100_000), default=4, show_default=True, help="Simulated pools.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same life.")
@click.option("--trace", type=click.Path(path_type=Path), help="Serve the jobs of a trace (Parquet) instead.")
@click.option(
    "--clock",
    type=click.Choice(["real", "requests"]),
    default="real",
    show_default=True,
    help="Whose time it is: this machine's, or for each request its own X-Sdk-Date.",
)
@click.option(
    "--key",
    type=click.Choice(["statistics", "statics"]),
    default="statistics",
    show_default=True,
    help="The outer key of the statistics; statics stands in the documents' tables alone.",
)
@click.option("--counts", type=click.Choice(["integers", "strings"]), default="integers", show_default=True)
@click.option("--omit-zeros", is_flag=True, help="Leave out statuses and types without jobs.")
@click.option(
    "--history",
    callback=_read_history,
    default="keep",
    show_default=True,
    metavar="keep|none|7d",
    help="How long finished jobs stay counted.",
)
@click.option("--requests-per-second", type=click.FloatRange(min=1), help="Throttle above this rate.")
@click.option("--latency", type=click.FloatRange(min=0, max=60), default=0.0, help="Seconds before each answer.")
@click.option(
    "--fault",
    "faults",
    callback=_read_faults,
    multiple=True,
    metavar="KIND[:PATTERN][@SHARE]",
    help="What goes wrong, with which pools (listing: their listing, iam: tokens) and with which share of "
    f"their requests; may be given again. KIND: {', '.join(KINDS)}.",
)
@click.option("--skew", type=int, default=0, help="Minutes that its clock is ahead of this machine's.")
@click.option("--expired-certificate", is_flag=True, help="Serve https, with a certificate that has expired.")
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
    """Serve a stand-in for the API on loopback.

    Behind it live simulated pools, or the jobs of a trace. It checks signatures, throttles and refuses as the real API
    does, and is for trying Poolscope out, for demonstrations and for tests.
    """
    behaviour = Behaviour(
        key=key,
        counts=counts,
        omit_zeros=omit_zeros,
        history=history,
        requests_per_second=requests_per_second,
        latency=latency,
        time=clock,
        faults=faults,
        skew=timedelta(minutes=skew),
        expired_certificate=expired_certificate,
    )
    served: Sequence[Pool] = simulated_pools(pools, seed) if trace is None else _pools_of(trace)
    with _interruption() as interrupted, Sandbox(served, behaviour, port=port) as sandbox:
        text = HOW_TO_USE.format(
            endpoint=sandbox.endpoint,
            project_id=behaviour.project_id,
            region=REGION,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            pools=len(served),
        )
        say("sandbox_ready", text, endpoint=sandbox.endpoint, project_id=behaviour.project_id)
        interrupted.wait()


def _pools_of(trace: Path) -> Sequence[Pool]:
    from collector.sandbox.traces import read_trace  # noqa: PLC0415 - only a trace needs duckdb

    return read_trace(trace).pools


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """Give an event that SIGINT or SIGTERM sets, so that the server is left in order."""
    interrupted = threading.Event()
    before = {number: signal.signal(number, lambda *_: interrupted.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
