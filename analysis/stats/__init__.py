"""Statistics of arrays: regression and change points of daily values, proportions, bursts, quantiles, and a search."""
