"""Simulated years of arrivals: a rhythm of days and weeks, scatter beyond chance, and a level that moves."""

import numpy as np

from tests.simulated import Floats

HOURS = 168
WEEKS = 52
KINDS = ("steady", "rising", "stepped", "wandering")


def year(seed: int) -> Floats:
    """Return the jobs of each hour of a year, a row a week; the kind follows from chance."""
    random = np.random.default_rng(seed)
    hour = np.arange(HOURS * WEEKS)
    usual = random.choice([2, 5, 10, 30]) * (1 + 0.8 * np.sin((hour % 24 - 9) / 12 * np.pi))
    usual = usual * np.where(hour // 24 % 7 >= 5, 0.5, 1.2)
    kind = KINDS[random.integers(len(KINDS))]
    if kind == "rising":
        usual = usual * (1 + random.uniform(0.3, 1.5) * hour / len(hour))
    elif kind == "stepped":
        usual = usual * np.where(hour > len(hour) * random.uniform(0.2, 0.8), random.uniform(0.6, 1.8), 1)
    elif kind == "wandering":
        usual = usual * np.exp(np.cumsum(random.normal(0, 0.08, WEEKS)))[hour // HOURS]
    # Days are busier or quieter than chance makes them.
    busy = random.gamma(8, 1 / 8, len(hour) // 24).repeat(24)
    jobs: Floats = random.poisson(usual * busy).astype(float).reshape(WEEKS, HOURS)
    return jobs
