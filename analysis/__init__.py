"""Poolscope's reading half: from the record that `collector` keeps to what planners need.

How data flows, one way, a folder a stage::

    record -> queue -> trends -> capacity -> query -> history -> cli
                                                   -> report -> cli

with, beside them, `stats` (of arrays alone), `text` (words for people) and `figures` (frames on axes), and at the top
what all of them speak of: `arrays`, `windows`, `notes`, `errors`.

Where do I go to ...?

- change how the record is read: `record`; what an answer that left something out means: `record.series`
- change how ends are inferred from counts that are not kept for ever: `queue.counters`, `queue.retention`,
  `queue.conservation`
- change an estimate: `queue.waits` (bounds: `mean_bounds`, `quantile_bounds`; the order it assumes: `discipline`),
  `queue.failures`, `queue.totals`
- change what is said of trends: `trends.conclusions`; the statistics: `stats`
- change what is said of capacity: `capacity.load`, `capacity.plan`, `capacity.forecast`
- change what a caller can ask for: `query.request`, `query.questions`; how it is answered: `query.engine`; what comes
  back: `history`
- change how an answer is shown: `text.terminal`, `text.cells`, `text.units`; as a file: `cli.output`
- change a figure: `figures.estimates`, `figures.capacity`; what all have in common: `figures.axes`; how they become SVG
  and PNG: `figures.sheets`, `figures.svg`, `figures.draw`
- change a report: what is asked for `report.gather`; what matters `report.findings`; its words `report.sections`,
  `tables`, `capacity`, `glossary`; its pages `report.render`, `as_json` and `templates`; its files `report.files`; all
  of it `report.write`
- change a text or its translation: `text.language`, `locale`
- change a notebook: the folder `notebooks` beside this one; how they reach a user: `cli.notebooks`

It knows the collector by `collector.record` alone, and never asks what time it is.
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
