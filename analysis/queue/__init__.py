"""From the counts of a series to its flows, its events, and what they say of waits and failures.

counters, retention -> conservation -> discipline (matching) -> waits (cohorts, mean_bounds, quantile_bounds), failures,
totals (levels)
"""
