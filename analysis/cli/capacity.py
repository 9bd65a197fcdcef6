"""``poolscope load``, ``plan`` and ``forecast``: how full pools are, what more capacity would do, what comes next."""

import click

from analysis.cli.estimates import OUTPUT, POOLS, SINCE, command_of

TARGET = (
    click.option("--target-wait", metavar="15m", help="The wait to be reached; that of [targets] by default."),
    click.option(
        "--quantile",
        type=click.Choice(["mean", "p90"]),
        help="Which wait that is: the mean, which is usual, or what nine in ten do not exceed.",
    ),
)

load = command_of(
    "load",
    """Tell how full pools are.

    Offered load, how many run at once while others queue, hours with a queue, what was not served, what stood idle,
    and how long jobs run, with 95 % intervals.
    """,
    click.option("--every", default="all", show_default=True, metavar="1d|1w|1mo|all", help="The windows' length."),
    SINCE,
    *POOLS,
    click.option("--by", default="pool", show_default=True, metavar="pool|all", help="What is a row."),
    *OUTPUT,
    configured=("flavors",),
)
plan = command_of(
    "plan",
    """Tell what more, or less, capacity would have done to the waits of the jobs that came.

    The same jobs are replayed through pools of another capacity. What counts do not tell, sizes and order of jobs and
    how run times spread, is varied: the 90 % intervals hold it. Without --capacity, --add or --factor a curve around
    today's is shown. Capacity is in nodes where discovery told them, else in jobs at once.
    """,
    click.option("--capacity", type=float, metavar="N", help="So many nodes, or jobs at once."),
    click.option("--add", type=float, metavar="N", help="So many more than today; negative for fewer."),
    click.option("--factor", type=float, metavar="1.2", help="So many times today's."),
    click.option("--demand", type=float, default=1.0, metavar="1.3", help="So many jobs for one that came."),
    *TARGET,
    click.option(
        "--price-per-node-hour",
        type=float,
        metavar="PRICE",
        help="Also what it costs a month of 730 hours; that of [targets] by default.",
    ),
    click.option("--check", is_flag=True, help="What plans from before nodes changed said, beside what happened."),
    SINCE,
    *POOLS,
    *OUTPUT,
    configured=("targets",),
)
forecast = command_of(
    "forecast",
    """Forecast what comes, and when a pool passes a target with today's capacity.

    The method is chosen on earlier weeks of the record and judged on later ones, beside last week over again. With
    --target-wait also how much more demand the pool takes, and how probable it is that a week brings more than that.
    """,
    click.option("--horizon", metavar="4w", help="How far; by default 4 weeks beyond the lead time, else 4, 2 or 1."),
    click.option("--every", default="1w", show_default=True, metavar="1h|1d|1w", help="The windows' length."),
    *TARGET,
    SINCE,
    *POOLS,
    *OUTPUT,
    configured=("targets",),
)
