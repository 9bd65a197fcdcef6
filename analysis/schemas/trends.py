"""The columns of answers about trends: trend, changes, compare, profile."""

from typing import Final

from analysis.schemas.schema import NEVER, Column, Kind, Schema, with_bounds
from analysis.schemas.shared import ALWAYS, MEASURE

BY_MEASURE: Final = "unit of the measure"
BATCHES: Final = Column("batches", Kind.NUMBER, "the effective sample size: independent days", "days")
MORE_DAYS: Final = Column(
    "more_days",
    Kind.NUMBER,
    "further days of polling until there are ten batches, if the correlation of days stays the same",
    "days",
)
CHANCE: Final = Column("chance", Kind.SHARE, "p-value: how probable a value as far from zero is by chance alone")
DIRECTION: Final = Column(
    "direction",
    Kind.WORD,
    "up, down or not shown; several measures are tested, so that a direction needs more than a 95% interval without "
    "zero; missing: not enough data",
    heading="direction",
    weight=NEVER,
)
TREND: Final = Schema(
    (
        MEASURE,
        Column("days", Kind.COUNT, "days that have the measure", "days"),
        BATCHES,
        MORE_DAYS,
        *with_bounds(
            "level",
            Kind.NUMBER,
            "the mean over the period; days are weighted by their jobs, except for arrivals",
            "95% interval of the long-run mean",
            BY_MEASURE,
            heading="level",
            weight=NEVER,
        ),
        *with_bounds(
            "slope",
            Kind.NUMBER,
            "the change a day, after removal of the weekly pattern",
            "95% interval",
            BY_MEASURE,
            heading="in 30 days",
        ),
        CHANCE,
        DIRECTION,
        *ALWAYS,
    )
)
CHANGES: Final = Schema(
    (
        MEASURE,
        Column(
            "changed_at",
            Kind.INSTANT,
            "the start of the first day of the new level; missing: no change",
            heading="changed on",
            weight=NEVER,
        ),
        Column("earliest", Kind.INSTANT, "the earliest day of the change by its 95% interval"),
        Column("latest", Kind.INSTANT, "the latest day of the change by its 95% interval"),
        Column(
            "before", Kind.NUMBER, "the level before the change, back to the previous one", BY_MEASURE, heading="before"
        ),
        Column("after", Kind.NUMBER, "the level after the change, up to the next one", BY_MEASURE),
        *with_bounds(
            "change",
            Kind.NUMBER,
            "the level after minus the level before",
            "95% interval",
            BY_MEASURE,
            heading="change",
            weight=NEVER,
        ),
        Column("direction", Kind.WORD, "up or down; missing: no change, or not enough data"),
        BATCHES,
        MORE_DAYS,
        *ALWAYS,
    )
)
COMPARE: Final = Schema(
    (
        MEASURE,
        Column("other_start", Kind.INSTANT, "the start of the period that the window is compared with"),
        Column("other_end", Kind.INSTANT, "the end of that period"),
        *with_bounds("value", Kind.NUMBER, "the mean in the window", "bounds", BY_MEASURE, heading="now"),
        *with_bounds("other", Kind.NUMBER, "the mean in the other period", "bounds", BY_MEASURE, heading="before"),
        *with_bounds(
            "difference",
            Kind.NUMBER,
            "the mean in the window minus the mean in the other period, after removal of the weekly pattern",
            "95% interval",
            BY_MEASURE,
            heading="difference",
            weight=NEVER,
        ),
        CHANCE,
        DIRECTION,
        Column("batches", Kind.NUMBER, "the effective sample size of the shorter period: independent days", "days"),
        MORE_DAYS,
        *ALWAYS,
    )
)
PROFILE: Final = Schema(
    (
        Column("weekday", Kind.NUMBER, "1 is Monday, in the zone", "day of the week"),
        Column("hour", Kind.NUMBER, "0 to 23, in the zone", "hour of the day"),
        Column("weeks", Kind.NUMBER, "the number of weeks in which this hour was observed", "weeks"),
        *with_bounds("arrivals", Kind.COUNT, "arrivals an hour", "bounds", "jobs an hour"),
        *with_bounds(
            "wait_seconds",
            Kind.SECONDS,
            "the mean wait of the jobs that arrived in these hours",
            "bounds over these hours",
        ),
        Column("queue_mean", Kind.COUNT, "the mean queue length"),
        *ALWAYS,
    )
)
