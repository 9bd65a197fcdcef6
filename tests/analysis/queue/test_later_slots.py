"""What later slots tell of a window that was complete before: never a figure beyond the bounds that it had."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.calendar import DAY
from tests.recorded import KEPT, MONDAY, observed, record_of
from tests.simulated import fifo

FIGURES = ("arrivals", "mean{}_seconds", "p50{}_seconds", "p90{}_seconds", "over_slo")


def history_of(folder: Path, seed: int, retention: float) -> History:
    """Record two weeks of a queue of two servers of which the API keeps the ends for so long."""
    draw = np.random.default_rng(seed)
    came = np.sort(draw.uniform(0, 14 * DAY, 900)) + MONDAY
    lasts = draw.exponential(draw.uniform(1200, 2600), len(came))
    started = fifo(came, lasts, 2)
    slots = MONDAY + np.arange(0, 14 * DAY + 1, 300)
    kept = slots[draw.random(len(slots)) > 0.03]
    return History(
        record_of(folder, {("p", "a"): {"train": observed(kept, came, started, started + lasts, None, retention)}})
    )


@pytest.mark.parametrize("retention", [KEPT, 3 * DAY], ids=["kept", "rolling"])
@pytest.mark.parametrize("seed", range(4))
def test_a_window_that_was_complete_stays_within_its_bounds(tmp_path: Path, seed: int, retention: float) -> None:
    """Days that ended before the record did, and of which nobody waited any more."""
    history = history_of(tmp_path, seed, retention)
    whole = history.waits(every="1d", slo="15m").set_index("window_start")
    compared = 0
    for days in (5.3, 8.1, 11.7):
        until = pd.Timestamp(MONDAY + int(days * DAY), unit="s").isoformat()
        early = history.waits(every="1d", slo="15m", until=until).set_index("window_start")
        complete = early[~early["note"].str.contains("observed until|still waited") & (early["coverage"] > 0.5)]
        for start, before in complete.iterrows():
            after = whole[whole.index == start].iloc[0]
            for figure in FIGURES:
                name, low, high = (
                    figure.format(bound) if "{}" in figure else f"{figure}{bound}" for bound in ("", "_low", "_high")
                )
                if pd.notna(after[name]):
                    assert before[low] - 1e-9 <= after[name], (start, name)
                    assert pd.isna(before[high]) or after[name] <= before[high] + 1e-9, (start, name)
                    compared += 1
    assert compared > 50
