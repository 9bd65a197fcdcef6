"""The record as estimates read it: the slots in which each pool was observed, and the counts of each of its series."""
