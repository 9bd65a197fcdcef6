"""From the days and hours of a group to what they say: trends, changes, comparisons, and a usual week."""
