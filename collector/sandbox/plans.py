"""The pools that the sandbox simulates: their cards, and what people send them in the course of a week."""

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

WEEK_HOURS = 168
# 1970 began on a Thursday: three days from the Monday before.
EPOCH_WEEKDAY_HOURS = 3 * 24
CHINA_HOURS = 8
"""The people who use the pools live at UTC+8."""
LONGEST_RUN_SECONDS = 10 * 86400.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the rate of arrivals moves in the week; its mean over the week is 1."""

    by_hour: tuple[float, ...]
    peak: float

    def at(self, instant: float) -> float:
        """Return the rate at an instant (seconds since 1970), 1 being the week's mean."""
        return self.by_hour[(int(instant // 3600) + EPOCH_WEEKDAY_HOURS + CHINA_HOURS) % WEEK_HOURS]


def rhythm(night: float, day: float, evening: float, weekend: float) -> Rhythm:
    """Return the rhythm of a week: levels of 0 to 9, 9 to 19 and 19 to 24 o'clock, the weekend as a share of them."""
    hours = [night] * 9 + [day] * 10 + [evening] * 5
    week = hours * 5 + [level * weekend for level in hours] * 2
    mean = sum(week) / len(week)
    return Rhythm(tuple(level / mean for level in week), max(week) / mean)


OFFICE = rhythm(night=0.3, day=2.0, evening=1.0, weekend=0.35)
DESK = rhythm(night=0.05, day=2.2, evening=0.8, weekend=0.2)
STEADY = rhythm(night=0.8, day=1.3, evening=1.0, weekend=0.8)


@dataclass(frozen=True, slots=True)
class Workload:
    """The jobs of one type that people send a pool."""

    type: str
    load: float
    """The share of the pool's cards that they would keep busy on a week's mean, if all ran to their end."""
    median_seconds: float
    spread: float
    """The standard deviation of the logarithm of the run time: above 1 the tail is heavy."""
    cards: tuple[int, ...]
    weights: tuple[float, ...]
    rhythm: Rhythm = OFFICE
    fails: float = 0.04
    """The share that fails in good periods."""
    cancelled: float = 0.05
    """The share that is stopped while running."""
    impatient: float = 0.15
    """The share that would give up waiting."""
    patience: float = 8 * 3600.0
    """The mean seconds that these would wait."""

    def jobs_per_second(self, pool_cards: int) -> float:
        """Return the week's mean rate of arrivals at a pool of so many cards."""
        mean_seconds = self.median_seconds * math.exp(self.spread**2 / 2)
        sizes = [min(size, pool_cards) for size in self.cards]
        mean_cards = sum(size * weight for size, weight in zip(sizes, self.weights, strict=True)) / sum(self.weights)
        return self.load * pool_cards / (mean_seconds * mean_cards)

    def draw_cards(self, random: Random, pool_cards: int) -> int:
        """Draw how many cards a job asks for, never more than the pool has."""
        return min(random.choices(self.cards, self.weights)[0], pool_cards)

    def draw_run_seconds(self, random: Random) -> float:
        """Draw how long a job runs if nothing stops it."""
        return min(random.lognormvariate(math.log(self.median_seconds), self.spread), LONGEST_RUN_SECONDS)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """One pool: what it has, how its queue is served, what is sent to it."""

    name: str
    display_name: str
    nodes: int
    policy: Literal["fifo", "backfill"]
    workloads: tuple[Workload, ...]
    flavor: str = "modelarts.bm.npu.arm.8snt9b"
    cards_per_node: int = 8
    warm_up_days: int = 7
    """How long it has lived when it is first looked at."""

    @property
    def cards(self) -> int:
        """All cards of the pool."""
        return self.nodes * self.cards_per_node


SMALL_TO_LARGE = (1, 2, 4, 8, 16, 32)

DEFAULT_PLANS = (
    # Saturated by day: the queue grows from morning on and drains at night and at the weekend.
    PoolPlan(
        "pool-pretrain",
        "LLM pre-training",
        16,
        "fifo",
        (
            Workload("train", 0.60, 2400, 1.3, SMALL_TO_LARGE, (20, 15, 20, 30, 10, 5)),
            Workload("notebook", 0.03, 5400, 0.8, (1,), (1,), DESK, fails=0.01, cancelled=0.3),
        ),
    ),
    # Well used: it queues in the afternoon, small jobs pass between the big ones.
    PoolPlan(
        "pool-vision",
        "Vision research",
        8,
        "backfill",
        (
            Workload("train", 0.58, 1800, 1.5, SMALL_TO_LARGE[:5], (40, 25, 15, 15, 5), fails=0.08),
            Workload("notebook", 0.06, 7200, 0.8, (1, 2), (4, 1), DESK, fails=0.01, cancelled=0.3),
        ),
    ),
    # Bought for an evaluation twice a year: mostly idle.
    PoolPlan(
        "pool-evaluation",
        "Model evaluation",
        6,
        "fifo",
        (
            Workload("train", 0.12, 1200, 1.2, (1, 2, 4, 8), (30, 20, 30, 20)),
            Workload("infer", 0.05, 4 * 3600, 1.0, (1, 2), (3, 1), STEADY),
        ),
    ),
    # Services and notebooks that stay for days, with training in what they leave.
    PoolPlan(
        "pool-shared",
        "Shared notebooks and inference",
        6,
        "backfill",
        (
            Workload("infer", 0.30, 14 * 3600, 1.2, (1, 2, 4), (6, 3, 1), STEADY, fails=0.02, cancelled=0.4),
            Workload("notebook", 0.20, 3 * 3600, 0.9, (1,), (1,), DESK, fails=0.01, cancelled=0.3),
            Workload("train", 0.22, 1500, 1.4, (1, 2, 4, 8), (40, 30, 20, 10)),
        ),
    ),
)


def plans_for(count: int) -> list[PoolPlan]:
    """Return so many plans: the four told ones, then small ones after their pattern that cost little to simulate."""
    plans = []
    for number in range(count):
        plan, round_ = DEFAULT_PLANS[number % len(DEFAULT_PLANS)], number // len(DEFAULT_PLANS)
        if round_:
            name = f"{plan.display_name} {round_ + 1}"
            plan = replace(plan, display_name=name, nodes=1, warm_up_days=1)
        plans.append(plan)
    return plans
