"""Statistics of arrays: regression and change points of daily values, proportions, quantiles, and a search."""
