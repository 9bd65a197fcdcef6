"""Simulated years of arrivals: rhythms, overdispersion, moving levels, holidays, bursts and daylight saving."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tests.simulated import Floats, Ints

WEEKS = 52
DAYS = 7 * WEEKS
RHYTHMS = ("waves", "office", "flat", "timetable")
LEVELS = ("steady", "rising", "stepped", "wandering")
ZONES = ("UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York")


class Year(NamedTuple):
    """The arrivals of each hour of a year."""

    starts: Ints
    """When each hour begins, in seconds since 1970."""
    jobs: Floats
    zone: ZoneInfo
    """The zone of the people who submit jobs."""


def year(seed: int, level: str | None = None, *, holidays: bool | None = None, bursts: bool | None = None) -> Year:
    """Draw a year; its properties are random where they are None."""
    random = np.random.default_rng(seed)
    zone = ZoneInfo(ZONES[random.integers(len(ZONES))])
    begin = pd.Timestamp("2025-01-06", tz=zone)
    hours = pd.date_range(begin, begin + pd.DateOffset(days=DAYS), freq="h", inclusive="left")
    day, of_day = np.asarray((hours.tz_localize(None) - begin.tz_localize(None)).days), np.asarray(hours.hour)
    usual = random.choice([0.3, 2, 5, 10, 30]) * _rhythm(random, day % 7, of_day)
    usual = usual * _level(random, level)[day]
    if random.random() < 0.5 if holidays is None else holidays:
        usual = usual * _holidays(random)[day]
    # Overdispersion: days and weeks vary more than Poisson arrivals.
    scatter = random.choice([3.0, 8.0, 30.0])
    usual = usual * random.gamma(scatter, 1 / scatter, DAYS)[day]
    usual = usual * random.gamma(40, 1 / 40, WEEKS)[day // 7]
    jobs = random.poisson(usual).astype(float)
    if random.random() < 0.5 if bursts is None else bursts:
        # Arrays of jobs, submitted at once, mostly in busy hours.
        a_week, size = random.choice([0.5, 2.0, 6.0]), random.choice([0.1, 0.3]) * usual.sum() / WEEKS
        times = random.choice(len(jobs), random.poisson(a_week * WEEKS), p=usual / usual.sum())
        np.add.at(jobs, times, random.geometric(1 / max(size / a_week, 1.0), len(times)))
    return Year(
        np.asarray(hours.tz_convert("UTC").tz_localize(None).astype("datetime64[s]").astype("int64")), jobs, zone
    )


def _rhythm(random: np.random.Generator, weekday: Ints, hour: Ints) -> Floats:
    """Return the rate of each hour, over the mean rate of a weekday."""
    kind = RHYTHMS[random.integers(len(RHYTHMS))]
    weekend = np.where(weekday >= 5, random.choice([0.02, 0.5, 1.0]), 1.0)
    if kind == "office":
        office: Floats = np.where((hour >= 9) & (hour < 18), 2.6, 0.02) * weekend
        return office
    if kind == "timetable":
        # A pipeline that runs at five hours of the week.
        starts = random.choice(168, 5, replace=False)
        return 0.1 + 20.0 * np.isin(weekday * 24 + hour, starts).astype(float)
    if kind == "flat":
        return np.ones(len(hour))
    waves: Floats = (1 + 0.8 * np.sin((hour - 9) / 12 * np.pi)) * weekend
    return waves


def _level(random: np.random.Generator, level: str | None) -> Floats:
    """Return the factor of each day."""
    day = np.arange(DAYS)
    kind = level or LEVELS[random.integers(len(LEVELS))]
    if kind == "rising":
        return np.asarray(1 + random.uniform(0.3, 1.5) * day / DAYS, float)
    if kind == "stepped":
        return np.where(day > DAYS * random.uniform(0.2, 0.8), random.uniform(0.4, 2.5), 1.0)
    if kind == "wandering":
        weeks: Floats = np.exp(np.cumsum(random.normal(0, 0.08, WEEKS)))
        return weeks[day // 7]
    return np.ones(DAYS)


def _holidays(random: np.random.Generator) -> Floats:
    """Return the share of the usual arrivals on each day: few or none for a week, once to three times a year."""
    work = np.ones(DAYS)
    for start in random.choice(np.arange(30, DAYS - 20), random.integers(1, 4), replace=False):
        work[start : start + random.integers(5, 11)] = random.choice([0.0, 0.03, 0.15])
    return work
