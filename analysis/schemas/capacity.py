"""The columns of answers about capacity: load, plan, check, forecast."""

from typing import Final

from analysis.schemas.schema import FIRST, NEVER, Column, Kind, Schema, with_bounds
from analysis.schemas.shared import ALWAYS, CONFIDENCE, REASON

QUANTILES: Final = ("mean", "p90")
"""The waits that a plan estimates, and that a target may limit."""
LEVEL: Final = 0.90
"""The level of the intervals of plans and forecasts, of 1."""
PLANNED: Final = f"{LEVEL * 100:.0f}% interval"
WAITS: Final = {"mean": "mean wait", "p90": "P90 wait"}
LOAD: Final = Schema(
    (
        *with_bounds(
            "offered",
            Kind.COUNT,
            "offered load: arrivals times run time",
            "95% interval",
            "concurrent jobs",
            "load",
            NEVER,
        ),
        Column("offered_nodes", Kind.COUNT, "the offered load in nodes", "nodes", "nodes used"),
        Column("offered_nodes_high", Kind.COUNT, "upper bound of the offered load in nodes", "nodes"),
        Column("offered_cards", Kind.COUNT, "the offered load in cards", "cards"),
        Column("offered_cards_high", Kind.COUNT, "upper bound of the offered load in cards", "cards"),
        Column("running_mean", Kind.COUNT, "the mean number of running jobs"),
        *with_bounds(
            "servers",
            Kind.COUNT,
            "servers: the mean number of jobs that run while others wait; missing where the pool may run more",
            "95% interval",
            "concurrent jobs",
            "servers",
        ),
        Column("servers_most", Kind.COUNT, "the most jobs that ran while others waited", "concurrent jobs"),
        Column("nodes", Kind.COUNT, "the mean number of nodes", "nodes"),
        Column("cards", Kind.COUNT, "the mean number of cards", "cards"),
        Column("utilisation", Kind.SHARE, "the mean share of the servers in use"),
        Column("utilisation_high", Kind.SHARE, "upper bound of utilisation"),
        Column("queued_hours", Kind.NUMBER, "hours a week with a queue", "hours", "queue h/week", FIRST),
        Column("unmet_job_hours", Kind.NUMBER, "the waiting of all jobs in the window", "job-hours"),
        Column("unmet_node_hours", Kind.NUMBER, "the waiting of all jobs in the window, in node-hours", "node-hours"),
        Column("unmet_node_hours_high", Kind.NUMBER, "upper bound of unmet_node_hours", "node-hours"),
        Column("idle", Kind.SHARE, "the mean share of the servers that is not in use", heading="idle", weight=NEVER),
        Column("idle_low", Kind.SHARE, "lower bound of idle"),
        Column("idle_night", Kind.SHARE, "the idle share from 20 to 8 o'clock in the zone"),
        Column("idle_night_low", Kind.SHARE, "lower bound of idle_night"),
        Column("idle_weekend", Kind.SHARE, "the idle share on Saturdays and Sundays in the zone"),
        Column("idle_weekend_low", Kind.SHARE, "lower bound of idle_weekend"),
        *with_bounds(
            "run_seconds",
            Kind.SECONDS,
            "the mean run time, by Little's law",
            "95% interval",
            heading="run time",
            weight=FIRST,
        ),
        CONFIDENCE,
        REASON,
        *ALWAYS,
    )
)
PLAN: Final = Schema(
    (
        Column(
            "capacity",
            Kind.COUNT,
            "the capacity, in the unit of the next column",
            "nodes or concurrent jobs",
            heading="capacity",
            weight=NEVER,
        ),
        Column("unit", Kind.WORD, "nodes, or concurrent jobs where the nodes are not known"),
        Column("factor", Kind.NUMBER, "the capacity as a multiple of the current one", "ratio"),
        Column("demand", Kind.NUMBER, "the arrivals as a multiple of those observed", "ratio"),
        *(
            column
            for name, heading in WAITS.items()
            for column in with_bounds(
                f"{name}_seconds",
                Kind.SECONDS,
                f"the {heading} of the observed jobs at that capacity",
                PLANNED,
                heading=heading,
                weight=NEVER,
            )
        ),
        Column("utilisation", Kind.SHARE, "the mean share of the capacity in use", heading="utilisation", weight=FIRST),
        Column("utilisation_high", Kind.SHARE, "upper bound of utilisation"),
        Column(
            "extrapolated",
            Kind.NUMBER,
            "1 where the load on the capacity exceeds every observed load, else 0",
            "0 or 1",
        ),
        Column("target_seconds", Kind.SECONDS, "the target for the wait"),
        Column("quantile", Kind.WORD, "the wait that the target limits: mean or p90"),
        Column(
            "verdict",
            Kind.WORD,
            "the wait compared with the target: over, may be over, within or cannot be judged",
            heading="verdict",
            weight=NEVER,
        ),
        *with_bounds(
            "needed",
            Kind.COUNT,
            "the smallest capacity that reaches the target, without spare_nodes",
            PLANNED,
            "nodes or concurrent jobs",
        ),
        Column("needed_confidence", Kind.WORD, "the confidence of needed: good, weak or none"),
        Column("needed_reason", Kind.NOTE, "why needed_confidence is not good"),
        Column("today", Kind.COUNT, "the capacity at the end of the record", "nodes or concurrent jobs"),
        Column("spare_nodes", Kind.COUNT, "nodes to keep in addition to needed", "nodes"),
        Column("flavor", Kind.LABEL, "the flavor of the nodes; empty where they have several"),
        Column("price_per_node_hour", Kind.NUMBER, "the price of a node an hour", "currency"),
        Column("cost_a_month", Kind.NUMBER, "the cost of the capacity in 730 hours", "currency", "cost a month", NEVER),
        Column("currency", Kind.LABEL, "the currency of prices and costs"),
        Column("run_seconds", Kind.SECONDS, "the mean run time, by Little's law"),
        Column(
            "run_spread_low",
            Kind.NUMBER,
            "standard deviation of run times over their mean: the smallest ratio of all replicas",
            "ratio",
        ),
        Column("run_spread_high", Kind.NUMBER, "the largest such ratio of all replicas", "ratio"),
        CONFIDENCE,
        REASON,
        *ALWAYS,
    )
)
CHECK: Final = Schema(
    (
        Column("changed_at", Kind.INSTANT, "when the number of nodes changed", heading="changed on", weight=NEVER),
        Column("nodes_before", Kind.COUNT, "nodes before the change", "nodes", "nodes"),
        Column("capacity", Kind.COUNT, "nodes after the change", "nodes"),
        Column(
            "demand", Kind.NUMBER, "arrivals a day after the change, as a multiple of those before", "ratio", "demand"
        ),
        *(
            column
            for name, wait in WAITS.items()
            for column in with_bounds(
                f"{name}_seconds",
                Kind.SECONDS,
                f"the {wait} that a plan from before the change predicted",
                PLANNED,
                heading="planned mean wait" if name == "mean" else "",
                weight=NEVER,
            )
        ),
        *(
            column
            for name, wait in WAITS.items()
            for column in with_bounds(
                f"seen_{name}_seconds",
                Kind.SECONDS,
                f"the {wait} that was observed, until the next change",
                "bounds over every service discipline",
                heading="observed mean wait" if name == "mean" else "",
                weight=NEVER,
            )
        ),
        CONFIDENCE,
        REASON,
        *ALWAYS,
    )
)
FORECAST: Final = Schema(
    (
        Column(
            "weeks_ahead",
            Kind.NUMBER,
            "the week in which the window lies; 1 is the first week after the record",
            "weeks",
        ),
        *with_bounds(
            "arrivals",
            Kind.COUNT,
            "arrivals in the window: the median forecast",
            PLANNED,
            heading="arrivals",
            weight=NEVER,
        ),
        *with_bounds("load", Kind.COUNT, "offered load: arrivals times run time", PLANNED, "concurrent jobs", "load"),
        Column(
            "error",
            Kind.COUNT,
            "the mean absolute error of a window's arrivals in the backtest",
            heading="error",
            weight=FIRST,
        ),
        Column(
            "error_naive",
            Kind.COUNT,
            "the same error where the arrivals of the week before are the forecast",
            heading="error of last week",
            weight=FIRST,
        ),
        Column(
            "covered",
            Kind.SHARE,
            "the share of the backtest's windows inside their intervals",
            heading="inside",
            weight=FIRST,
        ),
        Column("folds", Kind.COUNT, "forecasts in the backtest", "forecasts"),
        Column("target_seconds", Kind.SECONDS, "the target for the wait"),
        *with_bounds(
            "growth",
            Kind.NUMBER,
            "the largest demand for which today's capacity reaches the target, over the demand of the last weeks",
            PLANNED,
            "ratio",
        ),
        Column(
            "pass_probability",
            Kind.SHARE,
            "the probability of more arrivals in the week than the capacity can take",
            heading="falls short",
            weight=NEVER,
        ),
        Column(
            "may_pass_from",
            Kind.INSTANT,
            "the start of the first week with a pass_probability of at least 10%; missing: no such week",
        ),
        Column("passes_from", Kind.INSTANT, "the same with a pass_probability of at least 50%"),
        Column("order_by", Kind.INSTANT, "the last time to order nodes: lead_seconds before may_pass_from"),
        Column("lead_seconds", Kind.SECONDS, "the time from an order of nodes to their delivery"),
        CONFIDENCE,
        REASON,
        *ALWAYS,
    )
)
