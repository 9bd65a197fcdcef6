"""The columns that answers share: labels before the values of a row; coverage, retention, method, note after them."""

from typing import Final

from analysis.schemas.schema import FIRST, NEVER, Column, Kind, Schema

LABELS: Final = Schema(
    (
        Column("project", Kind.LABEL, "the project; missing where the row sums over projects"),
        Column("pool", Kind.LABEL, "the pool's id; missing where the row sums over pools"),
        Column("pool_name", Kind.LABEL, "the display name that the pool has now; missing where it is not known"),
        Column("type", Kind.LABEL, "the job type; missing where the row sums over types"),
        Column("window_start", Kind.INSTANT, "the start of the window, which is not part of it"),
        Column("window_end", Kind.INSTANT, "the end of the window, which is part of it"),
        Column("interval_seconds", Kind.SECONDS, "the poll interval at the end of the window"),
    )
)
MEASURE: Final = Column(
    "measure",
    Kind.WORD,
    "wait (mean, in seconds), over (share of jobs over the limit), arrivals (jobs a day), failures (rate)",
    heading="measure",
    weight=NEVER,
)
COVERAGE: Final = Column(
    "coverage", Kind.SHARE, "the share of the window's slots that were observed", heading="coverage", weight=FIRST
)
RETENTION: Final = Column("retention", Kind.NOTE, "how the API keeps finished jobs, and for how long")
METHOD: Final = Column("method", Kind.NOTE, "how the values were estimated")
NOTE: Final = Column("note", Kind.NOTE, "what limits the estimates, or why there are none")
ALWAYS: Final = (COVERAGE, RETENTION, METHOD, NOTE)
CONFIDENCE: Final = Column(
    "confidence",
    Kind.WORD,
    "good; weak: the intervals may be too narrow, see reason; none: no estimates",
    heading="confidence",
)
REASON: Final = Column("reason", Kind.NOTE, "why the confidence is not good")
