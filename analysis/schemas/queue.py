"""The columns of answers about the queue: waits, distribution, failures, flows, coverage."""

from dataclasses import replace
from typing import Final

from analysis.schemas.schema import FIRST, NEVER, Column, Kind, Schema, with_bounds
from analysis.schemas.shared import ALWAYS, NOTE, RETENTION
from analysis.schemas.shared import COVERAGE as COVERED

ORDERS: Final = "bounds over every service discipline"
QUEUE: Final = Column("queue", Kind.WORD, "which statuses count as waiting")
ORDER: Final = Column("order", Kind.NOTE, "the service discipline that the point estimates assume")
QUANTILES: Final = (50, 90, 95, 99)
"""The quantiles of waits, in per cent of the jobs."""
SHARES: Final = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
"""The quantiles of a distribution, in per cent of the jobs."""
LIMITED: Final = (
    *with_bounds(
        "over_slo",
        Kind.SHARE,
        "the share of the jobs that waited longer than the limit",
        ORDERS,
        heading="over the limit",
        weight=NEVER,
    ),
    Column(
        "verdict",
        Kind.WORD,
        "over: more than the allowed share in every service discipline; may be over: in some; within: in none; "
        "cannot be judged",
    ),
    Column("reason", Kind.NOTE, "why the window cannot be judged"),
    Column(
        "judged_from", Kind.INSTANT, "when the window can be judged if polls go on; missing: never, or it is judged"
    ),
)
"""The columns that waits have only where a limit is given."""
WAITS: Final = Schema(
    (
        QUEUE,
        *with_bounds("arrivals", Kind.COUNT, "jobs that arrived in the window", "bounds", heading="arrivals"),
        *with_bounds(
            "mean_seconds", Kind.SECONDS, "the mean wait of these jobs", ORDERS, heading="mean wait", weight=NEVER
        ),
        *(
            column
            for quantile in QUANTILES
            for column in with_bounds(
                f"p{quantile}_seconds",
                Kind.SECONDS,
                f"the wait that {quantile}% of these jobs did not exceed",
                ORDERS,
                heading="P90 wait" if quantile == 90 else "",
            )
        ),
        *LIMITED,
        ORDER,
        *ALWAYS,
    )
)
DISTRIBUTION: Final = Schema(
    (
        Column(
            "share", Kind.SHARE, "a share of the jobs that arrived in the window", heading="share of jobs", weight=NEVER
        ),
        *with_bounds(
            "wait_seconds",
            Kind.SECONDS,
            "the wait that this share of the jobs did not exceed",
            ORDERS,
            heading="wait at most",
            weight=NEVER,
        ),
        ORDER,
        *ALWAYS,
    )
)
FAILURES: Final = Schema(
    (
        *with_bounds(
            "finished", Kind.COUNT, "jobs that completed, failed or were terminated", "bounds", heading="ended"
        ),
        Column("failed", Kind.COUNT, "jobs that failed", heading="failed"),
        *with_bounds(
            "failure_rate",
            Kind.SHARE,
            "failed jobs over all jobs that ended",
            "95% interval of the underlying rate",
            heading="failure rate",
            weight=NEVER,
        ),
        Column(
            "failure_rate_of_ran",
            Kind.SHARE,
            "failed jobs over jobs that completed or failed",
            heading="without terminated",
            weight=FIRST,
        ),
        Column(
            "overdispersion",
            Kind.NUMBER,
            "how many jobs tell as much about the rate as one independent job: failures come in bursts",
            "ratio",
        ),
        *ALWAYS,
    )
)
FLOWS: Final = Schema(
    (
        QUEUE,
        *with_bounds("arrivals", Kind.COUNT, "jobs that arrived in the window", "bounds", heading="arrivals"),
        Column("departures", Kind.COUNT, "jobs that left the queue, by starting or by giving up"),
        Column("came_until", Kind.COUNT, "jobs waiting at the start of the first window, and all arrivals since"),
        Column("left_until", Kind.COUNT, "departures since the start of the first window"),
        Column("starts_low", Kind.COUNT, "jobs that started, if all terminated ones gave up in the queue"),
        Column("starts_high", Kind.COUNT, "jobs that started, if none gave up in the queue"),
        Column("completed", Kind.COUNT, "jobs that completed", heading="completed", weight=FIRST),
        Column("failed", Kind.COUNT, "jobs that failed", heading="failed"),
        Column("terminated", Kind.COUNT, "jobs that were terminated", heading="terminated", weight=FIRST),
        Column("queue_start", Kind.COUNT, "jobs waiting at the start of the window"),
        Column("queue_end", Kind.COUNT, "jobs waiting at the end of the window", heading="queue at end", weight=NEVER),
        Column("queue_mean", Kind.COUNT, "the mean queue length"),
        Column("queue_max", Kind.COUNT, "the largest queue length at any slot"),
        Column("running_mean", Kind.COUNT, "the mean number of running jobs"),
        Column("running_max", Kind.COUNT, "the most running jobs at any slot"),
        Column("abnormal", Kind.COUNT, "jobs in status Abnormal at the end of the window"),
        *with_bounds(
            "drain_seconds",
            Kind.SECONDS,
            "how long the queue at the end takes to drain at the window's rate of departures, without arrivals",
            "95% interval",
            heading="drains in",
        ),
        *ALWAYS,
    )
)
COVERAGE: Final = Schema(
    (
        Column(
            "slots",
            Kind.COUNT,
            "distinct slots with known counts, of at least one series",
            "slots",
            heading="slots",
            weight=FIRST,
        ),
        Column("odd_slots_fell", Kind.COUNT, "slots left out: the counts fell and came back", "slots"),
        Column("odd_slots_rose", Kind.COUNT, "slots left out: the counts rose and came back", "slots"),
        Column("odd_slots_open", Kind.COUNT, "slots left out: whether the counts came back is not known", "slots"),
        replace(COVERED, weight=NEVER),
        Column(
            "longest_gap_seconds",
            Kind.SECONDS,
            "the longest time between two slots with known counts; after the last of them, until the last poll",
            heading="longest gap",
        ),
        Column(RETENTION.name, RETENTION.kind, RETENTION.meaning, heading="retention"),
        NOTE,
    )
)
