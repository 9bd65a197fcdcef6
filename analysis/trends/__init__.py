"""Conclusions from the days and hours of a group: trends, changes, comparisons, and a usual week."""
