"""The load of a pool, its waits with another capacity, and the arrivals of the next weeks.

The counts of a pool are its `occupancy`; its `nodes` are from discovery. A replica is a simulated copy of the pool: the
observed jobs with assumed sizes, run times and service discipline. From the counts on:

load
    occupancy -> servers (parts) -> load
plan, check
    occupancy -> jobs -> replicas (replay) -> explanation -> ensemble -> today; with a scenario: needed, caveats
forecast
    days -> analogs (quiet_days) -> backtest (calibration); with the growth of an ensemble (headroom): shortfall
"""
