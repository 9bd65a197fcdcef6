"""Pictures drawn by several processes: matplotlib keeps one core busy for most of a report's time."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Final

import pandas as pd

from analysis.text.language import speaking, spoken

FEW: Final = 12
"""Pictures: of fewer another process costs more than it saves."""


@dataclass(frozen=True)
class Picture:
    """A picture to be drawn: see `sheets.PICTURES`."""

    name: str
    kind: str
    frames: Mapping[str, pd.DataFrame]
    caption: str
    alt: str


def draw(wanted: Sequence[Picture], form: str, limit: float | None = None) -> Iterator[str | bytes | Exception]:
    """Draw pictures as svg or png, in their order; what fails is given instead.

    Parameters
    ----------
    limit
        On waits, in seconds.
    """
    one = partial(_one, form=form, limit=limit, language=spoken())
    processes = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)
    if len(wanted) < FEW or processes < 2:
        yield from map(one, wanted, range(len(wanted)))
        return
    # Forking would copy the threads of what reads and estimates, in whatever state they are.
    with ProcessPoolExecutor(processes, get_context("spawn"), gc.disable) as workers:
        yield from workers.map(partial(_alone, one), wanted, range(len(wanted)), chunksize=4)


def _alone(
    draw_one: Callable[[Picture, int], str | bytes | Exception], picture: Picture, place: int
) -> str | bytes | Exception:
    """Draw in a process that does nothing else: garbage is looked for once a picture, not while it is made."""
    drawn = draw_one(picture, place)
    gc.collect()
    # What is left stays, and need not be looked through again.
    gc.freeze()
    return drawn


def _one(picture: Picture, place: int, form: str, limit: float | None, language: str) -> str | bytes | Exception:
    from analysis.figures import sheets  # noqa: PLC0415 - a report in JSON does without matplotlib

    try:
        with speaking(language), sheets.styled():
            figure = sheets.PICTURES[picture.kind](picture.frames, limit)
            return sheets.png(figure) if form == "png" else sheets.svg(figure, f"p{place}-")
    except Exception as error:  # noqa: BLE001 - a picture that fails is told in its place, the rest appears
        return error
