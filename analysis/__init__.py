"""Poolscope's reading half: from the record that `collector` keeps to what planners need.

How data flows, one way::

    record (rows) -> series -> flows -> waits, failures, loads -> days -> trends, profile -> history -> output
                                                                                          report -> views -> pages

with, beside them, `classes` and `retention` (what the API keeps of finished jobs), `service`, `matching`, `cohorts`
and `quantiles` (who left the queue when), `windows` and `periods` (what lies in which span of time), `questions` and
`groups` (what is asked of all series, and how they are summed).

Where do I go to ...?

- change how the record is read: `record`, `rows`; what an answer that left something out means: `series`
- change how ends are inferred from counts that are not kept for ever: `classes`, `retention`, `flows`
- change an estimate: `waits` (bounds: `matching`, `quantiles`; the order it assumes: `service`), `failures`, `loads`
- change what is said of trends: `trends`; the statistics: `batches`, `slopes`, `changes`, `differences`
- change what a caller can ask for: `request`, `questions`; what comes back: `groups`, `history`; how it is shown:
  `output`, `cells`, `wording`
- change the table that a demo ends with: `summary`
- change a figure: `figures`; what all have in common: `axes`; how they become SVG and PNG: `pictures`, `svg`, `drawing`
- change a report: what is asked for `report`; what matters `findings`; its words `views`, `tables`, `definitions`; its
  pages `pages`, `plain` and `templates`; its files `publish`; all of it `reporting`
- change a text or its translation: `language`, `locale`
- change a notebook: the folder `notebooks` beside this one; how they reach a user: `notebooks`

It knows the collector by its tables and its spool alone (their dictionary is data/README.md), and never asks what
time it is.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.history import History
    from analysis.text.terminal import in_zone, readable

__all__ = ["History", "in_zone", "readable"]
FROM = {"History": "analysis.history", "in_zone": "analysis.text.terminal", "readable": "analysis.text.terminal"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what a module holds
    """Load what is asked for: the command line lists its commands without what they compute with."""
    if name in FROM:
        return getattr(importlib.import_module(FROM[name]), name)
    raise AttributeError(name)
