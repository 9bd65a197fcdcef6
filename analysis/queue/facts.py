"""The facts of one series: its flows, and what estimates derive from them; each is computed if a question needs it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast, overload

from analysis.arrays import Ints
from analysis.queue.conservation import Flows
from analysis.queue.discipline import Waiting, waiting_of
from analysis.queue.failures import Ending, ending_of
from analysis.queue.job_counts import JobCount, job_count_of

Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Slots:
    """When a series was observed."""

    known: Ints
    """The slots at which its counts are known, in seconds."""
    asked_until: int
    """The last slot in which its pool was polled, with or without an answer, in seconds."""
    odd: Mapping[str, Ints]
    """The slots that were left out as odd, by kind, see `Series`."""


@dataclass(frozen=True)
class Facts:
    """The facts of one series by their type: ``facts[Flows]`` are its flows."""

    by_type: Mapping[type, object]

    def __getitem__(self, kind: type[Fact]) -> Fact:
        """Return the fact of a type, which was among the `needs` of `facts_of`."""
        return cast("Fact", self.by_type[kind])


class Each(Sequence[Fact]):
    """One fact of each series of a group. Compressed facts are restored one at a time, when they are read."""

    def __init__(self, group: Sequence[Facts], kind: type[Fact]) -> None:
        self._group, self._kind = group, kind

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self._group)

    @overload
    def __getitem__(self, place: int) -> Fact: ...
    @overload
    def __getitem__(self, place: slice) -> "Each[Fact]": ...
    def __getitem__(self, place: int | slice) -> "Fact | Each[Fact]":
        """Return the fact of a series, or those of several."""
        if isinstance(place, slice):
            return Each(self._group[place], self._kind)
        return self._group[place][self._kind]


MAKERS: Final[Mapping[type, Callable[[Flows, str], object]]] = {
    Flows: lambda flows, _order: flows,
    Waiting: waiting_of,
    Ending: lambda flows, _order: ending_of(flows),
    JobCount: lambda flows, _order: job_count_of([flows]),
    Slots: lambda flows, _order: Slots(flows.series.slots, flows.series.pool.asked_until, flows.series.odd_slots),
}


def facts_of(flows: Flows, order: str, needs: Collection[type]) -> Facts:
    """Return facts of a series.

    Parameters
    ----------
    order
        The assumed service discipline, one of `assumptions.ORDERS`.
    needs
        The types of the facts, keys of `MAKERS`. Other facts are not kept: the flows of thousands of series would not
        fit into memory.
    """
    return Facts({kind: MAKERS[kind](flows, order) for kind in needs})
