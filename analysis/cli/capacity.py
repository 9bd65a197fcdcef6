"""``poolscope load``, ``plan`` and ``forecast``: the load of pools, the effect of other capacities, future demand."""

import click

from analysis.cli.estimates import OUTPUT, POOLS, SINCE, command_of

TARGET = (
    click.option(
        "--target-wait",
        metavar="15m",
        help="The longest acceptable wait; default: wait in the section [targets] of the configuration.",
    ),
    click.option(
        "--quantile",
        type=click.Choice(["mean", "p90"]),
        help="The wait that must meet the target: the mean, or P90, which 9 in 10 jobs do not exceed; default: "
        "quantile in [targets], else mean.",
    ),
)

load = command_of(
    "load",
    """Show the load of pools, and how much of them is idle.

    Offered load, servers (jobs that run while others wait), hours with a queue, the idle share, and run times, with 95%
    intervals.
    """,
    click.option(
        "--every", default="all", show_default=True, metavar="1d|1w|1mo|all", help="The length of the windows."
    ),
    SINCE,
    *POOLS,
    click.option(
        "--by",
        default="pool",
        show_default=True,
        metavar="pool|all",
        help="One row per pool, or one row for the sum of all pools.",
    ),
    *OUTPUT,
    configured=("flavors",),
)
plan = command_of(
    "plan",
    """Show the waits that the same jobs would have had with more or less capacity.

    The jobs are replayed through pools of another capacity. The counts do not show the sizes of jobs, their order and
    how run times vary; the 90% intervals allow for these. Without --capacity, --add or --factor there is a curve around
    the current capacity. Capacity is in nodes where discovery knows these, else in concurrent jobs.
    """,
    click.option("--capacity", type=float, metavar="N", help="The capacity to try, in nodes or concurrent jobs."),
    click.option(
        "--add",
        type=float,
        metavar="N",
        help="The capacity to try, as a difference from the current one; below zero for less.",
    ),
    click.option("--factor", type=float, metavar="1.2", help="The capacity to try, as a multiple of the current one."),
    click.option("--demand", type=float, default=1.0, metavar="1.3", help="Arrivals as a multiple of those observed."),
    *TARGET,
    click.option(
        "--price-per-node-hour",
        type=float,
        metavar="PRICE",
        help="The price of one node for one hour, to show the cost of a month (730 hours); default: "
        "price_per_node_hour in [targets]. Its currency is set there too: currency.",
    ),
    click.option(
        "--check",
        is_flag=True,
        help="For each change of the number of nodes: compare a plan from before it with the waits observed after it.",
    ),
    SINCE,
    *POOLS,
    *OUTPUT,
    configured=("targets",),
)
forecast = command_of(
    "forecast",
    """Forecast arrivals, and when a pool misses its target with the current capacity.

    The method is chosen on earlier weeks of the record, tested on later weeks, and compared with repeating the last
    week. With a target: also the highest demand at which the pool meets its target, and for each week the probability
    of a higher demand.
    """,
    click.option(
        "--horizon",
        metavar="4w",
        help="How far to forecast; default: the lead time and 4 more weeks. Without a lead time, or on a short record: "
        "4, 2 or 1 weeks.",
    ),
    click.option("--every", default="1w", show_default=True, metavar="1h|1d|1w", help="The length of the windows."),
    *TARGET,
    SINCE,
    *POOLS,
    *OUTPUT,
    configured=("targets",),
)
