"""Poolscope's reading half: from the record that `collector` keeps to what planners need.

How data flows, one way::

    record -> series -> flows (classes, retention) -> waits, failures, loads -> history (matching: the passes)

Where do I go to ...?

- change how the record is read, or what an answer that left something out means: `history`
- change the table that a demo ends with: `summary`

It knows the collector by its tables and its spool alone (their dictionary is data/README.md), and never asks what
time it is.
"""

from analysis.history import History

__all__ = ["History"]
