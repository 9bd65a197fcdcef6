"""From the counts of a series to its flows and events, and from these to waits and failures.

counters, retention -> conservation -> discipline (matching) -> waits (cohorts, mean_bounds, quantile_bounds), failures,
totals (job_counts)

Of a group of series: facts (what a question needs of one series), observation (its windows and their coverage), floor
(what is refused at low coverage), verdict (the limit on waits).
"""
