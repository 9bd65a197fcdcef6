"""The docstrings of `History`'s methods: each parameter and column is described once, and added where it occurs."""

import inspect
from collections.abc import Callable
from textwrap import indent, wrap
from typing import Final, TypeVar

from analysis.schemas import SCHEMAS
from analysis.schemas.shared import LABELS

Method = TypeVar("Method", bound=Callable[..., object])
WIDTH: Final = 100
PARAMETERS: Final = {
    "every": "the length of the windows: 1h, 3h, 6h, 1d, 1w (from Monday), 1mo or all; (start, end] in the zone",
    "since": "the start of the part of the record that is read: ISO 8601, a date or datetime (in the zone where it has "
    "none), or a duration back from the last slot such as 30d",
    "until": "the end of the part of the record that is read, in the same forms as since",
    "zone": "the time zone of windows, days and hours, such as Asia/Shanghai",
    "project": "projects to read: a pattern such as prod-*, or a list of them; all by default",
    "pool": "pools to read, by patterns of their ids or display names; all by default",
    "type": "job types to read, by patterns; all by default",
    "by": "what a row stands for: pool,type (a series), or sums by pool, by type, or over all",
    "queue": "the statuses that count as waiting: queue, queue+pending or queue+pending+creating",
    "slo": "the limit on waits, such as 15m: also the share of jobs that waited longer",
    "share": "the share of the jobs that may wait longer than slo, as 0.1 or 10%, for the verdict",
    "order": "the service discipline that point estimates assume: unknown (the pool's policy, or measured), fifo or "
    "backfill; pool-a*=fifo for some pools. The bounds hold for every one",
    "against": "the period to compare with: previous (as long, and right before), or START..END",
    "flavors": "cards a node, by flavor",
    "capacity": "the capacity to try: in nodes, or in concurrent jobs where the nodes are not known",
    "add": "the capacity to try, as the difference from the current capacity; below zero for less",
    "factor": "the capacity to try, as a multiple of the current capacity. Without capacity, add or factor: a curve "
    "of capacities",
    "demand": "the arrivals as a multiple of those observed",
    "target_wait": "the target for the wait, such as 15m",
    "quantile": "the wait that the target limits: mean (default) or p90",
    "price_per_node_hour": "the price of a node an hour, for the cost of each capacity",
    "targets": "targets by pattern of the pools' ids or names, as {'*': {'wait': '15m'}, 'pool-vision*': {'wait': "
    "'1h', 'spare_nodes': 2}}: wait, quantile, price_per_node_hour, currency, spare_nodes, lead_time. Of several "
    "patterns that match, the last sets a value",
    "horizon": "how far to look ahead, in whole weeks such as 4w; the record must have two weeks and twice the "
    "horizon. By default four weeks beyond the lead time if a target has one, else 4, 2 or 1 weeks: the first that "
    "the record is long enough for",
}

OF_METHOD: Final = {
    ("load", "by"): "what a row stands for: a pool, or all of them",
    ("forecast", "every"): "the length of a row's period: 1w, 1d or 1h",
}
"""Parameters that take other values in one method, by method and parameter."""


def documented(question: str) -> Callable[[Method], Method]:
    """Return a decorator that adds the parameters, the columns of a question's answer and the errors to a docstring."""

    def complete(method: Method) -> Method:
        names = [name for name in inspect.signature(method).parameters if name in PARAMETERS]
        parameters = "\n".join(
            f"{name}\n{_wrapped(OF_METHOD.get((question, name), PARAMETERS[name]))}" for name in names
        )
        columns = "\n".join((LABELS.text(WIDTH), SCHEMAS[question].text(WIDTH)))
        raised = (
            "RecordUnreadable\n    There is no record, it is damaged, or a writer holds it.\nRequestRefused\n"
            "    An argument is invalid, or no series matches; the message says what to do."
        )
        sections = {"Parameters": parameters, "Columns": columns, "Raises": raised}
        added = "\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections.items())
        method.__doc__ = f"{inspect.getdoc(method) or ''}\n\n{added}\n"
        return method

    return complete


def _wrapped(text: str) -> str:
    return indent("\n".join(wrap(text, WIDTH)), "    ")
