"""Pictures, drawn by several processes: on one core, matplotlib would take most of a report's time."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Final

import pandas as pd

from analysis.figures.scales import Shared, shared
from analysis.text.language import speaking, spoken

FEW: Final = 12
"""For fewer pictures, starting another process takes longer than it saves."""


@dataclass(frozen=True)
class Picture:
    """A picture to be drawn."""

    name: str
    kind: str
    """One of `sheets.PICTURES`."""
    frames: Mapping[str, pd.DataFrame]
    caption: str
    alt: str


def draw(wanted: Sequence[Picture], form: str, limit: float | None = None) -> Iterator[str | bytes | Exception]:
    """Yield the drawn pictures in order: SVG as text or PNG as bytes; an exception for a picture that failed.

    Parameters
    ----------
    form
        svg or png.
    limit
        On waits, in seconds; None where there is no limit.
    """
    common = shared((picture.frames for picture in wanted), limit)
    draw_one = partial(_draw_one, form=form, common=common, language=spoken())
    processes = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)
    if len(wanted) < FEW or processes < 2:
        yield from map(draw_one, wanted, range(len(wanted)))
        return
    # A fork would copy the threads of reading and estimating in an undefined state.
    with ProcessPoolExecutor(processes, get_context("spawn"), gc.disable) as workers:
        yield from workers.map(partial(_draw_alone, draw_one), wanted, range(len(wanted)), chunksize=4)


def _draw_alone(
    draw_one: Callable[[Picture, int], str | bytes | Exception], picture: Picture, place: int
) -> str | bytes | Exception:
    """Draw in a process of its own: garbage is collected after each picture, not while one is drawn."""
    drawn = draw_one(picture, place)
    gc.collect()
    # The remaining objects stay for good: later collections skip them.
    gc.freeze()
    return drawn


def _draw_one(picture: Picture, place: int, form: str, common: Shared, language: str) -> str | bytes | Exception:
    from analysis.figures import sheets  # noqa: PLC0415 - a report in JSON does without matplotlib

    try:
        with speaking(language), sheets.styled():
            figure = sheets.PICTURES[picture.kind](picture.frames, common)
            return sheets.png(figure) if form == "png" else sheets.svg(figure, f"p{place}-")
    except Exception as error:  # noqa: BLE001 - the page says which picture failed, the rest appears
        return error
