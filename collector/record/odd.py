"""Odd answers: the slots in which counts jumped away and came back in one step, and types that were renamed.

An answer is checked against the samples before and after it. The rule is SQL over `samples`, a relation of known counts
with a row per sample, in the order of series and slot. Its columns: series (a number from 0 on), pool (a number), slot
and interval (seconds), total, and ended (the jobs in `statuses.ENDED`). Both counts are checked:

- The total jumps away in one step, which is larger than any earlier step that was not reversed. Within `LONGEST`
  samples it comes back in one step to about its old value.
- Where the API keeps finished jobs, their count never falls. An odd fall is larger than any before it. The count then
  comes back in one step, larger than any rise before it, to its old value plus what its rate adds. This run may be of
  any length.

A step that was reversed is not compared with later steps, so that one anomaly never hides another, unless its return
was an ordinary step; and samples after the return do not matter. The first query reads every sample once, all others
read the large steps only.
"""

from dataclasses import dataclass
from typing import Final

from collector.record.database import Record

# The constants were chosen on four traces of real clusters, replayed at 1, 5 and 15 minutes, with finished jobs kept
# for ever, for seven days and not at all. The rule finds no run in them (27 million samples), and in 6 of 7,200 pieces
# of two weeks, which have fewer samples to compare with.

FEWEST: Final = 10
"""The least step away, in jobs. Smaller ones are usual in small pools: real totals went from 9 to 0 and back to 10."""
MANY: Final = 20
"""The least step of a total that does not fall to zero: real steps of 10 to 19 jobs came back to within a tenth."""
SMALLEST: Final = 5
"""Smaller steps are not read, which keeps the rule cheap; they count as one job less than this."""
LONGEST: Final = 12
"""The longest run of a total, in samples (an hour of 5-minute polls). Over longer times real totals come back too."""
BACK: Final = 0.25
"""How far from its old value a count may come back, as a share of the step away. At 0.5 three real bursts match."""
AWAY: Final = 0.5
"""The share of the step away that must be left before the step back: a count that regained more grew anew."""
BURST: Final = 3
"""The factor by which a rise must exceed all before it, as the jobs of a burst may all be cancelled or end in one slot:
such real bursts were up to 2.25 times as large as any before. No real fall that came back exceeded those before."""
KEPT: Final = 20
"""The least finished jobs that show that they are kept: one deletion removes a large share of fewer. A renamed type
needs as many."""
DELETED: Final = 0.05
HANDFUL: Final = 3
"""Falls are deletions up to this share of the jobs that ended, and up to this many jobs. 94.8 % of 600 simulated series
are classed right; at shares of 0.0125 and 0.2 93.3 and 93.7 %, at 1 and 6 jobs 93.3 and 93.7 %:
tests/benchmarks/classes.py."""
GROWN: Final = 2
"""A count of finished jobs that rises in this many slots was reset; with fewer rises it is a long odd answer."""
GAP: Final = 1.5
"""Samples further apart than this, in intervals, have a gap between them, as in the estimates."""
ODD: Final = ("fell", "rose", "open")
"""The kinds of runs: counts fell and came back; rose and came back; came back across a gap or not before the end."""


@dataclass(frozen=True)
class Run:
    """Slots of a series whose counts are odd; all slots in seconds since 1970."""

    series: int
    before: int
    """The last slot before the run."""
    first: int
    last: int
    kind: str
    """One of `ODD`."""
    certain: bool
    """Whether the counts are surely wrong; if not, the bounds of estimates allow for right and for wrong counts."""


@dataclass(frozen=True)
class Renamed:
    """A series that continues as another one, as its type was renamed."""

    series: int
    later: int
    slot: int
    """The first slot of the later one, in seconds since 1970."""


_STEPS: Final = """SELECT *, row_number() OVER () AS n, lag(slot) OVER () AS before,
    series <> lag(series, 1, -1) OVER () AS first, series <> lead(series, 1, -1) OVER () AS last,
    total - lag(total) OVER () AS grown, ended - lag(ended) OVER () AS kept FROM samples"""
_MOVES: Final = f"""CREATE OR REPLACE TEMP TABLE moves AS
    FROM ({_STEPS}) WHERE first OR last OR abs(grown) >= {SMALLEST} OR abs(kept) >= {SMALLEST}"""
# The steps of both counts: `level` is the count after the step, `other` the step of the total.
_COURSES: Final = f"""CREATE OR REPLACE TEMP TABLE courses AS
    SELECT series, n, slot, before, interval, 'total' AS count, total AS level, grown AS step, grown AS other,
        ended, kept
    FROM moves WHERE NOT first AND abs(grown) >= {SMALLEST}
    UNION ALL SELECT series, n, slot, before, interval, 'ended', ended, kept, grown, ended, kept
    FROM moves WHERE NOT first AND abs(kept) >= {SMALLEST}"""
# Pairs of a step away and a step back: the first step back of each step away, the last step away of each step back.
_PAIRS: Final = f"""CREATE OR REPLACE TEMP TABLE pairs AS
    WITH away AS (
        SELECT courses.*, level - step AS base, begin.n AS begin, begin.ended AS begun
        FROM courses JOIN (FROM moves WHERE first) begin USING (series) WHERE abs(step) >= {FEWEST}
    ), falling AS (
        -- A count of finished jobs that falls about as often as it rises is of jobs that are not kept.
        SELECT series FROM courses WHERE count = 'ended' GROUP BY series
        HAVING count(*) FILTER (step < 0) > {LONGEST} + count(*) FILTER (step > 0) * {AWAY}
    )
    SELECT away.series, away.count, away.n AS away, back.n AS back, away.before, away.slot AS first,
        back.before AS last, back.slot - back.before > {GAP} * back.interval AS gap,
        base, away.step AS left_by, back.step AS back_by
    FROM away JOIN courses back
        ON away.series = back.series AND away.count = back.count AND away.n < back.n
        AND (back.n - away.n <= {LONGEST} OR away.count = 'ended' AND away.series NOT IN (FROM falling))
    WHERE sign(back.step) = -sign(away.step) AND abs(back.level - back.step - base) >= {AWAY} * abs(away.step)
        AND CASE away.count WHEN 'total'
                THEN greatest(abs(back.level - base), abs(back.ended - away.ended + away.kept))
                    <= {BACK} * abs(away.step)
                AND (away.level = 0 OR abs(away.step) >= {MANY})
            ELSE away.step < 0 AND away.other <= {AWAY} * away.step AND base >= {KEPT}
                AND back.level - base BETWEEN 0 AND {BACK} * -away.step
                    + 2 * (back.n - away.n + 1) * (base - begun) / greatest(away.n - 1 - begin, 1)
        END
    QUALIFY row_number() OVER (PARTITION BY away.series, away.count, away.n ORDER BY back.n) = 1
        AND row_number() OVER (PARTITION BY away.series, away.count, back.n ORDER BY away.n DESC) = 1"""
# For each step, the largest earlier steps of its count that are not reversed in a given relation of pairs.
_LARGEST: Final = """CREATE OR REPLACE TEMP TABLE largest AS
    SELECT series, count, n, coalesce(max(-step) FILTER (step < 0 AND NOT reversed) OVER earlier, 0) AS fall,
        coalesce(max(step) FILTER (step > 0 AND NOT reversed) OVER earlier, 0) AS rise
    FROM (
        SELECT courses.*, (series, count, n) IN
            (SELECT (series, count, away) FROM {0} UNION ALL SELECT (series, count, back) FROM {0}) AS reversed
        FROM courses
    ) WINDOW earlier AS (PARTITION BY series, count ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"""
# The pairs that are larger than all those. This runs twice: a pair that is not larger becomes a measure for the others.
_FURTHER: Final = f"""CREATE OR REPLACE TEMP TABLE {{1}} AS
    SELECT {{0}}.* FROM {{0}} JOIN largest
        ON {{0}}.series = largest.series AND {{0}}.count = largest.count AND {{0}}.back = largest.n
    WHERE CASE WHEN {{0}}.count = 'ended' THEN -left_by > fall AND back_by > {BURST} * greatest(rise, {SMALLEST - 1})
        WHEN left_by < 0 THEN least(-left_by, back_by) > greatest(fall, rise)
        ELSE least(left_by, -back_by) > {BURST} * greatest(fall, rise) AND base >= {MANY} AND left_by >= base END"""
# Falls by half or more that have not come back at the record's end.
_LOST: Final = f"""INSERT INTO candidates
    SELECT courses.series, count, courses.n, NULL, courses.before, courses.slot, finish.slot, true, level - step, step,
        NULL
    FROM courses JOIN largest USING (series, count, n) JOIN (FROM moves WHERE last) finish USING (series)
    WHERE step <= -{FEWEST} AND -step > fall AND level <= {AWAY} * (level - step) AND other <= {AWAY} * step
        AND CASE count WHEN 'total' THEN -step > rise AND finish.n - courses.n < {LONGEST}
            AND finish.total <= level - {AWAY} * step AND (level = 0 OR -step >= {MANY}) ELSE level - step >= {KEPT}
            AND finish.ended < level + {GROWN * SMALLEST} END
        AND NOT EXISTS (FROM pairs WHERE pairs.series = courses.series AND pairs.count = courses.count
            AND away = courses.n)"""
# A correct answer between two odd ones looks like a step away and back in the other direction: it is not odd.
_BETWEEN: Final = """DELETE FROM candidates WHERE left_by {0} 0 AND EXISTS (
    FROM candidates other WHERE other.series = candidates.series AND other.back = candidates.away
        AND sign(other.left_by) <> sign(candidates.left_by))"""
# Cumulative rises and falls of the count of finished jobs at the samples that matter, over all series in order.
_SUMS: Final = f"""CREATE OR REPLACE TEMP TABLE sums AS
    FROM (
        SELECT n, sum(CASE WHEN first THEN 0 ELSE greatest(kept, 0) END) OVER until AS came,
            sum(CASE WHEN first THEN 0 ELSE greatest(-kept, 0) END) OVER until AS lost,
            sum(CASE WHEN first THEN 0 ELSE sign(greatest(kept, 0)) END) OVER until AS rises
        FROM ({_STEPS}) WINDOW until AS (ROWS UNBOUNDED PRECEDING)
    ) SEMI JOIN (
        SELECT away - 1 AS n FROM candidates UNION SELECT n FROM moves SEMI JOIN candidates USING (series)
            WHERE first OR last
    ) USING (n)"""
# Runs of finished jobs count only where these are kept, by the jobs deleted before, without steps that were reversed.
_RUNS: Final = f"""CREATE OR REPLACE TEMP TABLE runs AS
    WITH reversed AS (
        SELECT series, n, step FROM courses SEMI JOIN (
            SELECT unnest([away, back]) AS n FROM candidates WHERE count = 'ended' AND back IS NOT NULL
        ) USING (n) WHERE count = 'ended'
    ), undone AS (
        SELECT series, away, sum(greatest(step, 0)) AS came, sum(greatest(-step, 0)) AS lost
        FROM candidates JOIN reversed USING (series) WHERE reversed.n < away GROUP BY ALL
    ), known AS (
        SELECT candidates.*, finish.rises - until.rises AS rises,
            begin.ended + until.came - start.came - coalesce(undone.came, 0) AS came,
            until.lost - start.lost - coalesce(undone.lost, 0) AS lost
        FROM candidates JOIN sums until ON until.n = away - 1
            JOIN (FROM moves WHERE first) begin USING (series) JOIN sums start ON start.n = begin.n
            JOIN (FROM moves WHERE last) final USING (series) JOIN sums finish ON finish.n = final.n
            LEFT JOIN undone USING (series, away)
    )
    SELECT series, before, first, max(last) AS last,
        CASE WHEN bool_and(gap) THEN 'open' WHEN bool_and(left_by < 0) THEN 'fell' ELSE 'rose' END AS kind,
        bool_or(count = 'ended' AND NOT gap) AS certain
    FROM known
    WHERE count = 'total' OR lost <= greatest({HANDFUL}, {DELETED} * came) AND (back IS NOT NULL OR rises < {GROWN})
    GROUP BY series, before, first, coalesce(back, -1)"""
# If a run of one type fell, other types of the pool with jobs before and after and none between are odd as well.
_BESIDE: Final = """INSERT INTO runs
    SELECT beside.series, runs.before, runs.first, runs.last, runs.kind, runs.certain
    FROM (SELECT DISTINCT runs.*, odd.pool FROM runs JOIN samples odd USING (series)) runs
        JOIN samples beside ON beside.pool = runs.pool AND beside.slot >= runs.before
    WHERE runs.kind = 'fell' AND NOT EXISTS (FROM runs own WHERE own.series = beside.series AND own.first = runs.first)
    GROUP BY ALL
    HAVING max(total) FILTER (slot BETWEEN runs.first AND runs.last) = 0
        AND any_value(total) FILTER (slot = runs.before) > 0 AND arg_min(total, slot) FILTER (slot > runs.last) > 0"""
_RENAMED: Final = f"""WITH gone AS (
        SELECT series, pool, slot, total - grown AS total, ended - kept AS ended FROM moves
        WHERE NOT first AND total = 0 AND ended - kept >= {KEPT}
    ), begun AS (
        SELECT series, pool, slot, total, ended FROM moves
        WHERE ended >= {KEPT} AND (first OR total = grown)
    )
    SELECT gone.series, begun.series, slot FROM gone JOIN begun USING (pool, slot)
    WHERE gone.series <> begun.series AND abs(begun.total - gone.total) <= {BACK} * gone.total
        AND abs(begun.ended - gone.ended) <= {BACK} * gone.ended
        AND NOT EXISTS (FROM samples WHERE samples.series = gone.series AND samples.slot > gone.slot AND total > 0)
        AND NOT EXISTS (FROM samples WHERE samples.series = begun.series AND samples.slot < begun.slot AND total > 0)
        AND EXISTS (FROM samples WHERE samples.pool = begun.pool AND samples.slot < begun.slot)
    QUALIFY row_number() OVER (PARTITION BY gone.series ORDER BY abs(begun.ended - gone.ended)) = 1
        AND row_number() OVER (PARTITION BY begun.series ORDER BY abs(begun.ended - gone.ended)) = 1
    ORDER BY slot"""


def find_odd(record: Record) -> tuple[list[Run], list[Renamed]]:
    """Find the odd runs of slots and the renamed types in the relation `samples` of an open record."""
    record.execute(_MOVES)
    renamed = [Renamed(*row) for row in record.execute(_RENAMED).fetchall()]
    record.execute(_COURSES)
    if not record.execute(f"SELECT count(*) FROM courses WHERE abs(step) >= {FEWEST}").fetchall()[0][0]:
        return [], renamed
    for query in (
        *(_PAIRS, _LARGEST.format("pairs"), _FURTHER.format("pairs", "further")),
        *(_LARGEST.format("further"), _FURTHER.format("further", "candidates")),
        *(_BETWEEN.format(">"), _BETWEEN.format("<"), _LOST),
    ):
        record.execute(query)
    if not record.execute("SELECT count(*) FROM candidates").fetchall()[0][0]:
        return [], renamed
    for query in (_SUMS, _RUNS, _BESIDE):
        record.execute(query)
    runs = record.execute("SELECT series, before, first, last, kind, certain FROM runs ORDER BY ALL").fetchall()
    renamed_series = {renaming.series for renaming in renamed}
    return [Run(*row) for row in runs if not (row[4] == "open" and row[0] in renamed_series)], renamed
