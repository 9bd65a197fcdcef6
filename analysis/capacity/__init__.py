"""How full a pool is, what another capacity would do, and what the next weeks bring.

occupancy, nodes -> load
occupancy -> jobs -> replicas (replay) -> ensemble -> plan (scenario, caveats), headroom
days -> analogs (lulls) -> backtest (calibration), headroom -> shortfall -> forecast
"""
