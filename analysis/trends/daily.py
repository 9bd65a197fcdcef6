"""The days of a group as trends take them: wait, share over a limit, arrivals, failure rate, each with its bounds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.notes import mark
from analysis.queue import failures, waits
from analysis.queue.discipline import Waiting
from analysis.queue.failures import Ending
from analysis.queue.floor import enough
from analysis.stats.batches import Days, Stretches
from analysis.windows import DAY, Columns, Windows, ratio

# Of so many days the waits are bounded together too.
LENGTHS: Final = (28, 7)
SUMS: Final = ("mean_", "over_slo", "arrivals")


def daily(waiting: Sequence[Waiting], ending: Sequence[Ending], windows: Ints, limit: int | None) -> Columns:
    """Estimate mean waits, shares over a limit and arrivals, and count ends, in each day."""
    said: Columns = waits.estimate(waiting, windows, limit, ())
    longest, arrivals = (np.asarray(said[name], float) for name in ("mean_high_seconds", "arrivals"))
    # Together only as far as waits are bounded from above.
    bounded = np.flatnonzero((arrivals > 0) & ~np.isnan(longest))
    days = int(bounded[-1]) + 1 if len(bounded) else 0
    first, last = _spans(days)
    if days:
        together = waits.estimate(waiting, np.column_stack([windows[first, 0], windows[last - 1, 1]]), limit, ())
        said |= {f"together_{name}": values for name, values in together.items() if name.startswith(SUMS)}
        said["together_first"], said["together_last"] = first, last
    if all(each.kept for each in ending):
        ended, low, high = failures.ends(ending, windows)
        others_low, others_high = (of["Completed"] + of["Terminated"] for of in (low, high))
        said |= {
            "failed": ended["Failed"],
            "finished": np.sum(list(ended.values()), axis=0),
            "rate_low": low["Failed"] / np.maximum(low["Failed"] + others_high, 1),
            "rate_high": high["Failed"] / np.maximum(high["Failed"] + others_low, 1),
        }
    return said


def _spans(days: int) -> tuple[Ints, Ints]:
    """Return the stretches of so many days, from the whole to the shortest: each's first day, and the one after it."""
    lengths = [days, *(length for length in LENGTHS if length < days)]
    first = [np.arange(0, days, max(length, 1)) for length in lengths]
    last = [np.minimum(starts + length, days) for starts, length in zip(first, lengths, strict=True)]
    return np.concatenate(first), np.concatenate(last)


def measures(found: Windows) -> Iterator[tuple[str, Days, str]]:
    """Return each measure's days, and what is to be said of those that are left out.

    Left out are days in which the record begins or ends, of which less than half was seen, and the last ones whose
    jobs may still wait, while these are the fewer: they are the ones without an upper bound.
    """
    whole = ~found.begins_in & ~found.ends_in
    seen = whole & enough(found.coverage)
    unseen = int((whole & ~seen).sum())
    left_out = mark("note", "days left out since less than half of them was seen: {days}")
    note = left_out.format(days=unseen) if unseen else ""
    said = found.said
    lengths = np.diff(found.cut)[:, 0] / DAY
    numbers = np.arange(len(found.cut))
    nothing = np.full(len(numbers), np.nan)

    def column(name: str) -> Floats:
        values = said.get(name)
        return nothing if values is None else np.asarray(values, float)

    arrivals = column("arrivals")
    for name, value in (("wait", "mean{}_seconds"), ("over", "over_slo{}")):
        point, low, high = (column(value.format(bound)) for bound in ("", "_low", "_high"))
        if value.format("") in said or name == "wait":
            waiting = last_open(np.isnan(high), seen & (arrivals > 0))
            left_open = mark("note", "last days left out since their jobs may still wait: {days}")
            more = left_open.format(days=waiting.sum()) if waiting.any() else ""
            days = _days_of(numbers, (point, low, high), arrivals, seen & ~waiting)
            days = replace(days, stretches=_stretches(said, value, arrivals, low, high))
            yield name, days, "; ".join(filter(None, (note, more)))
    a_day = (arrivals / lengths, column("arrivals_low") / lengths, column("arrivals_high") / lengths)
    yield "arrivals", _days_of(numbers, a_day, np.ones(len(numbers)), seen), note
    finished = column("finished")
    rate = ratio(column("failed"), finished)
    yield "failures", _days_of(numbers, (rate, column("rate_low"), column("rate_high")), finished, seen), note


def last_open(without: Bools, some: Bools) -> Bools:
    """Return which of the last windows with jobs are without an upper bound; none where those are not the fewer."""
    bounded = np.flatnonzero(some & ~without)
    last: Bools = some & (np.arange(len(some)) > (bounded[-1] if len(bounded) else -1))
    return last if 2 * last.sum() < some.sum() else np.zeros(len(some), np.bool_)


def _stretches(said: Columns, value: str, arrivals: Floats, low: Floats, high: Floats) -> Stretches | None:
    """Return the bounds of all waits, or of how many were over the limit, together and day by day."""
    if "together_first" not in said:
        return None
    first, last = (np.asarray(said[f"together_{end}"], np.int64) for end in ("first", "last"))
    came = np.concatenate([[0.0], np.cumsum(np.nan_to_num(arrivals))])
    jobs = came[last] - came[first]
    days = np.arange(len(arrivals))
    sums = []
    for bound, each, missing in (("_low", low, -np.inf), ("_high", high, np.inf)):
        both = np.concatenate([np.asarray(said[f"together_{value.format(bound)}"], float), each])
        of = np.concatenate([jobs, np.nan_to_num(arrivals)])
        sums.append(np.where(of > 0, np.where(np.isnan(both), missing, both) * np.maximum(of, 1e-300), 0.0))
    return Stretches(np.concatenate([first, days]), np.concatenate([last, days + 1]), sums[0], sums[1])


def _days_of(numbers: Ints, figures: tuple[Floats, Floats, Floats], weights: Floats, chosen: Bools) -> Days:
    point, low, high = figures
    weights = np.nan_to_num(weights)
    some = chosen & np.isfinite(point) & (weights > 0)
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    return Days(numbers, point, low, high, weights).where(some)
