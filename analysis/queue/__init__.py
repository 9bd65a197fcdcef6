"""From the counts of a series to its flows and events, and from these to waits and failures.

counters, retention -> conservation -> discipline (matching) -> waits (cohorts, mean_bounds, quantile_bounds), failures,
totals (levels)
"""
