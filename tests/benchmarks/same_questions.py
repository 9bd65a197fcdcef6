"""The questions of `same`: all methods of History with various options, and commands."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from tests.benchmarks.same_records import TestedRecord

Options = dict[str, Any]


def questions(record: TestedRecord) -> Iterator[tuple[str, Options]]:
    """Yield the questions to History: a method and its keywords."""
    span = {"since": record.since, "until": record.until}
    for method in ("scrapes", "counts", "attempts"):
        yield method, {}
    yield "attempts", {**span, "pool": "*a*"}
    for method, options in chain(_estimates(span), _trends(record, span), _planning(span)):
        # The trace has only one type.
        if record.name != "theta" or options.get("by") != "type":
            yield method, options


def _estimates(span: Options) -> Iterator[tuple[str, Options]]:
    for method in ("waits", "distribution", "failures", "flows", "coverage"):
        yield method, {}
        limited = {"slo": "15m"} if method == "waits" else {}
        yield method, {"by": "pool", "every": "1d", "zone": "Asia/Shanghai", **limited}
        yield method, {"by": "type", "every": "1w", "zone": "Europe/Berlin", "queue": "queue"}
        yield method, {"by": "all", "every": "all", "queue": "queue+pending+creating"}
        yield method, {"every": "6h", **span, "pool": "*a*"}
    yield "waits", {"every": "1mo", "order": "fifo", "slo": "1h", "zone": "Europe/Berlin"}
    yield "waits", {"by": "pool", "every": "1d", "order": ["backfill", "*a=fifo"], "type": "train"}
    yield "waits", {"by": "pool", "every": "1h", "since": "3d"}
    yield "flows", {"by": "pool", "every": "3h", "since": "9d", "until": "2d", "zone": "Europe/Berlin"}


def _trends(record: TestedRecord, span: Options) -> Iterator[tuple[str, Options]]:
    for method in ("trend", "changes", "profile"):
        limit = [] if method == "profile" else ["15m", "5m"]
        yield method, {"slo": limit[0]} if limit else {}
        yield method, {"by": "pool", "zone": "Asia/Shanghai"}
        yield method, {"by": "type", "zone": "Europe/Berlin", "queue": "queue", **span}
        yield method, {"by": "all", "queue": "queue+pending+creating", **({"slo": limit[1]} if limit else {})}
    yield "compare", {}
    yield "compare", {"since": "7d", "by": "pool", "slo": "15m", "zone": "Asia/Shanghai"}
    yield "compare", {"since": record.middle, "against": f"{record.since}..{record.middle}", "zone": "Europe/Berlin"}
    yield "compare", {**span, "by": "all", "queue": "queue"}


def _planning(span: Options) -> Iterator[tuple[str, Options]]:
    yield "load", {}
    yield "load", {"every": "1d", "zone": "Asia/Shanghai", "flavors": {"gpu.8": 8}}
    yield "load", {"every": "1w", "by": "all", "zone": "Europe/Berlin", "queue": "queue"}
    yield "load", {"every": "1d", **span, "pool": "*a*"}
    yield "plan", {}
    yield "plan", {"target_wait": "15m", "price_per_node_hour": 4.2}
    yield "plan", {"factor": 1.2, "target_wait": "30m", "quantile": "p90", **span}
    yield "plan", {"add": 1, "demand": 1.3, "order": "fifo", "queue": "queue"}
    yield "plan", {"capacity": 12, "since": "14d", "zone": "Europe/Berlin"}
    yield "forecast", {}
    yield "forecast", {"target_wait": "15m", "zone": "Asia/Shanghai"}
    yield "forecast", {"every": "1h", "horizon": "1w", "target_wait": "1h", "quantile": "p90", "zone": "Europe/Berlin"}
    yield "waits", {"by": "nothing"}
    yield "waits", {"pool": "no such pool"}
    yield "plan", {"add": -1000}


def commands(record: TestedRecord) -> Iterator[tuple[str, ...]]:
    """Yield the questions to the command line; a report is written to the folder of --out."""
    yield "report", "--since", "14d", "--slo", "15m", "--format", "json"
    if record.name == "demo":
        return
    span = ("--since", record.since, "--until", record.until)
    yield "report", *span, "--every", "1w", "--zone", "Asia/Shanghai", "--lang", "zh", "--slo", "1h", "--format", "json"
    if record.name != "dirty":
        return
    for method in ("waits", "failures", "compare"):
        yield method, "--format", "json", "--by", "pool"
    for method in ("flows", "load"):
        yield method, "--format", "csv", "--zone", "Europe/Berlin"
    for method in ("waits", "load", "profile"):
        yield method, "--zone", "Asia/Shanghai"
    yield "plan", "--target-wait", "15m"
    yield "waits", "--every", "2d"
