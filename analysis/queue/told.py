"""What one series tells: its flows, and what estimates make of them, each made once however many ask."""

from collections.abc import Collection, Mapping
from functools import cached_property

from analysis.arrays import Ints
from analysis.queue.conservation import Flows
from analysis.queue.discipline import Waiting
from analysis.queue.failures import Ending
from analysis.queue.levels import Level, level_of


class Told:
    """What one series tells.

    Parameters
    ----------
    order
        The order of service that is assumed.
    keep
        Which of the names below will be asked for: they are made now, and what only they need is let go.
    """

    flows: Flows

    def __init__(self, flows: Flows, order: str, keep: Collection[str]) -> None:
        self.flows, self._order = flows, order
        for name in keep:
            getattr(self, name)
        if "flows" not in keep:
            del self.flows

    @cached_property
    def waiting(self) -> Waiting:
        """Who came to the queue and left it."""
        return Waiting(self.flows, self._order)

    @cached_property
    def ending(self) -> Ending:
        """What ended."""
        return Ending(self.flows)

    @cached_property
    def queued(self) -> Level:
        """How many waited."""
        return level_of([self.flows])

    @cached_property
    def slots(self) -> Ints:
        """When that was observed."""
        return self.flows.series.slots

    @cached_property
    def odd_slots(self) -> Mapping[str, Ints]:
        """When counts were left out as odd, by kind, see `Series`."""
        return self.flows.series.odd_slots
