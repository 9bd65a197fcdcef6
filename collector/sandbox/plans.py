"""The pools that the sandbox simulates: their cards and their workloads in the course of a week."""

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

WEEK_HOURS = 168
# 1970 began on a Thursday, three days after a Monday.
EPOCH_WEEKDAY_HOURS = 3 * 24
CHINA_HOURS = 8
"""The users of the pools are at UTC+8."""
LONGEST_RUN_SECONDS = 10 * 86400.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The rate of arrivals by hour of the week, relative to the week's mean."""

    by_hour: tuple[float, ...]
    peak: float

    def at(self, instant: float) -> float:
        """Return the rate at a time (seconds since 1970), relative to the week's mean."""
        return self.by_hour[(int(instant // 3600) + EPOCH_WEEKDAY_HOURS + CHINA_HOURS) % WEEK_HOURS]


def rhythm(night: float, day: float, evening: float, weekend: float) -> Rhythm:
    """Return a week's rhythm from the rates at 0 to 9, 9 to 19 and 19 to 24 o'clock; `weekend` is a factor on them."""
    hours = [night] * 9 + [day] * 10 + [evening] * 5
    week = hours * 5 + [level * weekend for level in hours] * 2
    mean = sum(week) / len(week)
    return Rhythm(tuple(level / mean for level in week), max(week) / mean)


OFFICE = rhythm(night=0.3, day=2.0, evening=1.0, weekend=0.35)
DESK = rhythm(night=0.05, day=2.2, evening=0.8, weekend=0.2)
STEADY = rhythm(night=0.8, day=1.3, evening=1.0, weekend=0.8)


@dataclass(frozen=True, slots=True)
class Workload:
    """The jobs of one type that are submitted to a pool."""

    type: str
    load: float
    """The share of the pool's cards that the jobs would use, in the week's mean, if all ran to completion."""
    median_seconds: float
    spread: float
    """The standard deviation of the logarithm of the run time: above 1 the tail is heavy."""
    cards: tuple[int, ...]
    weights: tuple[float, ...]
    rhythm: Rhythm = OFFICE
    fails: float = 0.04
    """The share of jobs that fail in good periods."""
    cancelled: float = 0.05
    """The share of jobs that are cancelled while running."""
    impatient: float = 0.15
    """The share of jobs that would give up a long wait."""
    patience: float = 8 * 3600.0
    """The mean wait after which these give up, in seconds."""

    def jobs_per_second(self, pool_cards: int) -> float:
        """Return the week's mean rate of arrivals at a pool with `pool_cards` cards."""
        mean_seconds = self.median_seconds * math.exp(self.spread**2 / 2)
        sizes = [min(size, pool_cards) for size in self.cards]
        mean_cards = sum(size * weight for size, weight in zip(sizes, self.weights, strict=True)) / sum(self.weights)
        return self.load * pool_cards / (mean_seconds * mean_cards)

    def draw_cards(self, random: Random, pool_cards: int) -> int:
        """Draw a job's number of cards, at most those of the pool."""
        return min(random.choices(self.cards, self.weights)[0], pool_cards)

    def draw_run_seconds(self, random: Random) -> float:
        """Draw a job's run time if it is not stopped."""
        return min(random.lognormvariate(math.log(self.median_seconds), self.spread), LONGEST_RUN_SECONDS)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """One pool: its nodes, queue policy and workloads."""

    name: str
    display_name: str
    nodes: int
    policy: Literal["fifo", "backfill"]
    workloads: tuple[Workload, ...]
    flavor: str = "modelarts.bm.npu.arm.8snt9b"
    cards_per_node: int = 8
    warm_up_days: int = 7
    """Days that are simulated before the first request."""

    @property
    def cards(self) -> int:
        """All cards of the pool."""
        return self.nodes * self.cards_per_node


SMALL_TO_LARGE = (1, 2, 4, 8, 16, 32)

DEFAULT_PLANS = (
    # Saturated by day: the queue grows from the morning and drains at night and at the weekend.
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
    # High utilisation: jobs queue in the afternoon, and small jobs overtake large ones.
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
    # For an evaluation twice a year: mostly idle.
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
    # Services and notebooks that run for days; training jobs use the remaining cards.
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
    """Return `count` plans: the four default plans, then small variants of them that are cheap to simulate."""
    plans = []
    for number in range(count):
        plan, round_ = DEFAULT_PLANS[number % len(DEFAULT_PLANS)], number // len(DEFAULT_PLANS)
        if round_:
            name = f"{plan.display_name} {round_ + 1}"
            plan = replace(plan, display_name=name, nodes=1, warm_up_days=1)
        plans.append(plan)
    return plans
