"""What the next weeks bring, by hour of the week: ways to say so, and which of them was best on weeks gone by.

Each takes the hours of whole weeks and gives those of the next. The one that is used was chosen on earlier weeks; how
good it is was judged on later ones, beside the bar: last week over again.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats, Ints
from analysis.windows import WEEK_HOURS

FEWEST: Final = 2
"""Weeks before a forecast can be made at all."""
MOST_FOLDS: Final = 26
"""About as many forecasts choose and judge; of a long record not every week begins one."""
RECENT: Final = 8
"""Weeks of which a usual week is made."""
LEVEL: Final = 0.90
LEAST: Final = 0.5
"""Jobs an hour, of which at least the scatter is taken."""


def naive(weeks: Floats, ahead: int) -> Floats:
    """Return the last week over again."""
    return np.tile(weeks[-1], (ahead, 1))


def usual(weeks: Floats, ahead: int) -> Floats:
    """Return the mean of the last weeks, hour by hour."""
    return np.tile(weeks[-RECENT:].mean(axis=0), (ahead, 1))


def level(weeks: Floats, ahead: int) -> Floats:
    """Return a usual week at the level at which they are now: simple exponential smoothing of weekly sums."""
    return _shaped(weeks, ahead, trend=False)


def trend(weeks: Floats, ahead: int) -> Floats:
    """Return a usual week at a level that goes on to rise or fall, ever less: Holt's damped trend of weekly sums."""
    return _shaped(weeks, ahead, trend=True)


FORECASTERS: Final[dict[str, Callable[[Floats, int], Floats]]] = {
    "last week again": naive,
    "usual week": usual,
    "level of weeks": level,
    "trend of weeks": trend,
}
BAR: Final = "last week again"


def _shaped(weeks: Floats, ahead: int, *, trend: bool) -> Floats:
    sums = weeks.sum(axis=1)
    shape = usual(weeks, 1)[0]
    if len(sums) < (5 if trend else 3) or shape.sum() == 0 or np.ptp(sums) == 0:
        return usual(weeks, ahead)
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415 - its import takes a second

    with warnings.catch_warnings():
        # Where the best smoothing is at an end of its range it says so.
        warnings.simplefilter("ignore")
        model = ExponentialSmoothing(
            sums, trend="add" if trend else None, damped_trend=trend, initialization_method="estimated"
        )
        levels = np.asarray(model.fit().forecast(ahead), float)
    levels = np.where(np.isfinite(levels), np.maximum(levels, 0.0), sums[-RECENT:].mean())
    shaped: Floats = levels[:, None] * shape / shape.sum()
    return shaped


@dataclass(frozen=True)
class Judged:
    """A forecaster that was chosen, and what is known of its errors."""

    name: str
    error: float
    """Mean absolute error of an hour's jobs, in weeks that did not choose it,"""
    error_naive: float
    """and that of last week over again."""
    covered: float
    """Share of these hours inside the intervals."""
    folds: int
    """Forecasts that judged it."""
    hourly: Floats
    """A row a week ahead: the lowest and highest usual error of an hour, over the root of what was expected,"""
    weekly: Floats
    """and the standard deviation of errors of a week's sum, in logarithms."""
    freedom: float
    """Of the latter: by how many independent errors it is known."""


def judge(weeks: Floats, known: Bools, ahead: int) -> Judged | None:
    """Choose a forecaster on earlier weeks and judge it on later ones.

    Parameters
    ----------
    weeks
        A row a week, a column an hour: jobs.
    known
        Which of them were seen; the others are filled in, and not judged.
    ahead
        Weeks.

    Returns
    -------
    Judged
        None where there are too few weeks, it takes two and twice those ahead, or nothing of them was seen.
    """
    n = len(weeks)
    if n < weeks_needed(ahead):
        return None
    origins = range(FEWEST, n - ahead + 1, max(1, n // MOST_FOLDS))
    split = (FEWEST + n) // 2
    # What chooses ends before what judges begins.
    earlier = [origin for origin in origins if origin + ahead <= split] or [FEWEST]
    later = [origin for origin in origins if origin >= max(split, earlier[-1] + ahead)]
    made = {name: {origin: make(weeks[:origin], ahead) for origin in origins} for name, make in FORECASTERS.items()}

    def error(name: str, of: list[int]) -> float:
        errors = [np.abs(made[name][origin] - weeks[origin : origin + ahead]) for origin in of]
        of_known = np.concatenate([each[known[o : o + ahead]] for each, o in zip(errors, of, strict=True)])
        return float(of_known.mean()) if len(of_known) else np.inf

    chosen = min(FORECASTERS, key=lambda name: error(name, earlier))
    hourly = _hourly(made[chosen], weeks, known, earlier, ahead)
    if not np.isfinite([error(chosen, earlier), error(chosen, later)]).all():
        return None
    inside = [
        ((low <= of) & (of <= high))[known[origin : origin + ahead]]
        for origin in later
        for low, high in [within(made[chosen][origin], hourly)]
        for of in [weeks[origin : origin + ahead]]
    ]
    return Judged(
        chosen,
        error(chosen, later),
        error(BAR, later),
        float(np.concatenate(inside).mean()),
        len(later),
        _hourly(made[chosen], weeks, known, list(origins), ahead),
        _weekly(made[chosen], weeks, list(origins), ahead),
        max(len(origins) / ahead - 1, 1.0),
    )


def weeks_needed(ahead: int) -> int:
    """Return how many weeks it takes to choose and to judge."""
    return FEWEST + 2 * ahead


def within(expected: Floats, hourly: Floats) -> tuple[Floats, Floats]:
    """Return between which whole numbers of jobs nine in ten hours lie; a row a week ahead."""
    scale = np.sqrt(np.maximum(expected, LEAST))
    low, high = (expected + hourly[: len(expected), [side]] * scale for side in (0, 1))
    return np.maximum(np.ceil(low - 1e-9), 0.0), np.maximum(np.floor(high + 1e-9), 0.0)


def _hourly(made: dict[int, Floats], weeks: Floats, known: Bools, origins: list[int], ahead: int) -> Floats:
    tail = (1 - LEVEL) / 2
    rows = []
    for lead in range(ahead):
        errors = np.concatenate(list(_errors(made, weeks, known, origins, lead)))
        rows.append(np.quantile(errors, [tail, 1 - tail]) if len(errors) else [np.nan, np.nan])
    return np.array(rows)


def _errors(made: dict[int, Floats], weeks: Floats, known: Bools, origins: list[int], lead: int) -> Iterator[Floats]:
    for origin in origins:
        expected, of = made[origin][lead], weeks[origin + lead]
        yield ((of - expected) / np.sqrt(np.maximum(expected, LEAST)))[known[origin + lead]]


def _weekly(made: dict[int, Floats], weeks: Floats, origins: list[int], ahead: int) -> Floats:
    rows = []
    for lead in range(ahead):
        ratios = [np.log((weeks[origin + lead].sum() + 1) / (made[origin][lead].sum() + 1)) for origin in origins]
        rows.append(np.sqrt(np.mean(np.square(ratios))))
    # What is farther away is never known better.
    grown: Floats = np.maximum.accumulate(np.array(rows))
    return grown


def filled(hours: Floats, seen: Bools, of_week: Ints) -> Floats:
    """Return hours in which those that were not seen have the mean of their hour of the week."""
    times = np.bincount(of_week[seen], minlength=WEEK_HOURS)
    sums = np.bincount(of_week[seen], hours[seen], minlength=WEEK_HOURS)
    overall = hours[seen].mean() if seen.any() else 0.0
    means = np.where(times > 0, sums / np.maximum(times, 1), overall)
    return np.where(seen, hours, means[of_week])
