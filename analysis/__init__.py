"""Poolscope's second half: it reads the record that `collector` keeps, and answers the questions of planners.

How data flows, in one direction, one folder per stage::

    record -> queue -> trends -> capacity -> query -> history -> cli
                                                   -> report -> cli

with, beside them, `stats` (functions of arrays), `text` (words for people) and `figures` (pictures of frames), and at
the top the types that all of them share: `arrays`, `windows` (windows of time), `calendar` (windows on the clock of a
zone), `estimate` (a value with its bounds), `notes` (remarks on an estimate), `schemas` (the columns of every answer).

Where do I go to ...?

- change how the record is read: `record`; how counts that an answer left out are filled in: `record.series`
- change how ends are inferred where the API does not keep finished jobs for ever: `queue.counters`,
  `queue.retention`, `queue.ends`, `queue.conservation`; where their records are deleted or restarted: `queue.removals`
- change an estimate: `queue.waits` (bounds: `mean_bounds`, `quantile_bounds`; the service discipline that it assumes:
  `discipline`), `queue.failures`, `queue.totals`
- change a column, its meaning or its heading: `schemas`
- change what trends conclude: `trends.conclusions`, `trends.comparison`; the statistics: `stats`
- change estimates of capacity: `capacity.load`, `capacity.plan`, `capacity.forecast`
- change what a caller can ask for: `query.request`, `query.question`; how it is answered: `query.kinds`,
  `query.part`; in which tasks, and where: `query.tasks`, `query.engines`, `query.processes`, `query.spark`; what is
  returned: `query.answers`, `history`, and its help: `schemas.documented`
- change how an answer is shown: `text.terminal`, `text.cells`, `text.measures`, `text.units`, `text.heatmap`; which
  rows and notes are told in one sentence: `text.refusals`; as a file: `cli.output`
- change a picture: `figures`; what all pictures have in common: `figures.axes`; how they become SVG and PNG:
  `figures.sheets`, `figures.svg`, `figures.draw`
- change a report: its data: `report.gather`; the choice of findings: `report.findings`; its words: `report.sections`,
  `tables`, `capacity`, `glossary`; its pages: `report.render`, `as_json` and `templates`; its files: `report.files`;
  the whole: `report.write`
- change a text or its translation: `text.language`, `locale`
- change a notebook: the folder `notebooks` beside this one; how they reach a user: `cli.notebooks`

It imports only `collector.record` and `collector.output` of the collector, and never reads the clock.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.history import History
    from analysis.text.terminal import in_zone, readable

__all__ = ["History", "in_zone", "readable"]
FROM = {"History": "analysis.history", "in_zone": "analysis.text.terminal", "readable": "analysis.text.terminal"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what a module holds
    """Load a name when it is first used: the command line lists its commands without loading what they compute with."""
    if name in FROM:
        return getattr(importlib.import_module(FROM[name]), name)
    raise AttributeError(name)
