"""Statistics of arrays: regression of daily figures, change points, proportions, and a search."""
