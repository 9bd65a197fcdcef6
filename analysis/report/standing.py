"""How each pool of a report stands: its plan, its verdicts, its findings; a report's first screen is made of these."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.notes import NONE
from analysis.queue.verdict import WITHIN
from analysis.report.findings import Finding
from analysis.report.gather import Frames, Key, Report
from analysis.report.tables import pool_id
from analysis.text.answer import lacking
from analysis.text.units import named


@dataclass(frozen=True)
class Standing:
    """How one pool stands."""

    key: Key
    name: str
    """Its display name; where several pools have the same name, with its project."""
    place: str
    """The name of the first section about it; empty where it has none."""
    parts: Frames
    """Its frames, see `Report.pools`."""
    verdicts: Sequence[str]
    """Of its series, by the limit; empty where there is no limit or no series."""
    findings: Sequence[Finding]

    @property
    def plan(self) -> pd.Series | None:
        """The first row of its plan, which has what is needed; None without a plan or a target."""
        plan = self.parts.get("plan")
        return None if plan is None or pd.isna(plan["target_seconds"].iloc[0]) else plan.iloc[0]

    @property
    def planned(self) -> bool:
        """Whether the capacity that it needs was estimated."""
        return self.plan is not None and self.plan["needed_confidence"] != NONE

    @property
    def lacks(self) -> float:
        """The capacity that it lacks, at least; above zero where it lacks some, NaN where that is unknown."""
        if self.plan is None or not self.planned:
            return math.nan
        point = lacking(self.plan, "needed")
        return lacking(self.plan, "needed_low") if math.isnan(point) else point

    @property
    def whole(self) -> pd.Series | None:
        """Its waits over the period; None where nothing was observed."""
        return self.parts["whole"].iloc[-1] if "whole" in self.parts else None

    @property
    def fine(self) -> bool:
        """Whether it was judged and found well: no series may be over the limit, nothing rose, nothing lacks."""
        if self.findings or self.lacks > 0:
            return False
        return set(self.verdicts) == {WITHIN} or (not self.verdicts and self._reaches_target())

    def _reaches_target(self) -> bool:
        """Return whether today's capacity reaches the target by the plan: without a limit there is no other verdict."""
        if self.plan is None or not self.planned:
            return False
        plan = self.parts["plan"]
        today = plan[np.isclose(plan["factor"], 1.0)]
        return bool((today["verdict"] == WITHIN).any())


def standings(report: Report) -> list[Standing]:
    """Return how each pool stands that has a plan or waits, in order of project and pool."""
    pools = {key: parts for key, parts in report.by_pool.items() if {"whole", "plan"} & parts.keys()}
    rows = {key: parts["whole" if "whole" in parts else "plan"].iloc[0] for key, parts in pools.items()}
    names = [named(row) for row in rows.values()]
    return [
        Standing(
            key,
            f"{key[0]}/{name}" if names.count(name) > 1 else name,
            pool_id(report, rows[key]),
            parts,
            _verdicts(report, key),
            [finding for finding in report.findings if (finding.project, finding.pool) == key],
        )
        for (key, parts), name in zip(pools.items(), names, strict=True)
    ]


def _verdicts(report: Report, key: Key) -> list[str]:
    whole = report.series.get("whole")
    if whole is None or "verdict" not in whole:
        return []
    return list(whole.loc[(whole["project"] == key[0]) & (whole["pool"] == key[1]), "verdict"])
