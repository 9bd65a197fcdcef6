"""Simulated pools of the sandbox: named, seeded, and simulated only as far as requests need."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta

from collector.sandbox.jobs import KEPT_FOR_EVER, Counts
from collector.sandbox.plans import PoolPlan, plans_for
from collector.sandbox.simulation import DAY, Simulation

FIRST_CREATED = datetime(2024, 3, 4, 1, 30, tzinfo=UTC)


class SimulatedPool:
    """A pool whose simulation begins some days before the time of its first request, at midnight UTC.

    The same seed and the same day of the first request give the same jobs. The simulation only moves forward; requests
    for earlier times are answered from the ledger.
    """

    def __init__(self, plan: PoolPlan, seed: int, number: int) -> None:
        digest = hashlib.sha256(f"{seed}:{number}:{plan.name}".encode()).hexdigest()
        self.id = f"{plan.name}-{digest[:8]}-{digest[8:12]}-{digest[12:24]}"
        self.display_name = plan.display_name
        self.workspace = "0"
        self.created = FIRST_CREATED + timedelta(days=number % 400)
        self.policy = plan.policy
        self.flavor = plan.flavor
        self.nodes = plan.nodes
        self._plan = plan
        self._seed = digest
        self._simulation: Simulation | None = None
        self._lock = threading.Lock()

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:
        """Return the counts of every type at a time (see `Pool`)."""
        with self._lock:
            if self._simulation is None:
                start = instant // DAY * DAY - self._plan.warm_up_days * DAY
                self._simulation = Simulation(self._plan, self.id, self._seed, start)
            self._simulation.advance(instant)
            return self._simulation.ledger.counts_at(instant, retention)


def simulated_pools(count: int = 4, seed: int = 1) -> list[SimulatedPool]:
    """Return `count` simulated pools: the first four show typical uses, the others are small and cheap."""
    return [SimulatedPool(plan, seed, number) for number, plan in enumerate(plans_for(count))]
