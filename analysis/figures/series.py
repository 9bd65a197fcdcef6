"""The series of a frame: most figures draw one; a line in a colour of its own for each where a figure draws several."""

from typing import Final

import pandas as pd

from analysis.errors import RequestRefused
from analysis.figures.axes import AMBER, BLUE, GREEN, INK, MUTED, RED, SKY
from analysis.text.units import isolated, named

COLORS: Final = (BLUE, AMBER, GREEN, SKY, INK, MUTED, RED)
"""Of the series of one figure, in their order; red, the colour of the limit, comes last. No figure has more series."""
LABELS: Final = ("project", "pool", "type")


def series_of(frame: pd.DataFrame, most: int = 1) -> list[pd.DataFrame]:
    """Return the rows of each series of a frame.

    Raises
    ------
    RequestRefused
        When the frame has more series than the figure can show.
    """
    labels = [label for label in LABELS if label in frame]
    parts = [part for _key, part in frame.groupby(labels, sort=False, dropna=False)] if labels else [frame]
    if len(parts) > most:
        limit = "one" if most == 1 else f"at most {most}"
        raise RequestRefused(
            f"the frame has {len(parts)} series, and the figure shows {limit}: select some of its rows"
        )
    return parts


def name_of(series: pd.DataFrame) -> str:
    """Return the name of a series: its pool and type, without what it sums over."""
    row = series.iloc[0]
    pool = named(row) if pd.notna(row["pool"]) else ""
    kind = isolated(row["type"]) if pd.notna(row["type"]) else ""
    return " · ".join(filter(None, (pool, kind)))
