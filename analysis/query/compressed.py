"""Members that need little memory: sums over pools hold those of all pools.

Every attribute is kept compressed, and is restored each time that it is read.
"""

import io
import pickle
import zlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np

from analysis.arrays import Ints
from analysis.query.members import Member

if TYPE_CHECKING:
    from analysis.queue.facts import Facts

Fact = TypeVar("Fact")
FEWEST: Final = 64
"""Shorter arrays stay as they are."""


def compressed(member: Member) -> Member:
    """Return an object with the attributes of a member that needs little memory; workers can send it."""
    packed = {field.name: _packed(getattr(member, field.name)) for field in fields(Member) if field.name != "facts"}
    facts = None if member.facts is None else {kind: _packed(fact) for kind, fact in member.facts.by_type.items()}
    return cast("Member", _Compressed(packed, facts))


class _Compressed:
    def __init__(self, packed: dict[str, bytes], facts: dict[type, bytes] | None) -> None:
        self._packed = packed
        self.facts = None if facts is None else cast("Facts", _CompressedFacts(facts))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the member has
        # While it is unpickled it has no attributes yet.
        if name.startswith("_"):
            raise AttributeError(name)
        return pickle.loads(self._packed[name])  # noqa: S301 - from `_packed`


class _CompressedFacts:
    def __init__(self, facts: dict[type, bytes]) -> None:
        self._facts = facts

    def __getitem__(self, kind: type[Fact]) -> Fact:
        return cast("Fact", pickle.loads(self._facts[kind]))  # noqa: S301 - from `_packed`


class _Packer(pickle.Pickler):
    """Writes integers as compressed differences: counts seldom change, and slots have equal distances."""

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401 - as pickle calls it
        if type(value) is not np.ndarray or value.dtype != np.int64 or value.ndim != 1 or len(value) < FEWEST:
            return NotImplemented
        steps = np.diff(value)
        least, most = int(steps.min()), int(steps.max())
        small = next(kind for kind in (np.int8, np.int16, np.int32, np.int64)
                     if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max)  # fmt: skip
        data = zlib.compress(steps.astype(small).tobytes(), 1)
        return _restored, (int(value[0]), np.dtype(small).char, data)


def _packed(value: object) -> bytes:
    file = io.BytesIO()
    _Packer(file, pickle.HIGHEST_PROTOCOL).dump(value)
    return file.getvalue()


def _restored(first: int, kind: str, data: bytes) -> Ints:
    steps = np.frombuffer(zlib.decompress(data), kind)
    values = np.empty(len(steps) + 1, np.int64)
    values[0] = first
    np.cumsum(steps, out=values[1:])
    values[1:] += first
    return values
