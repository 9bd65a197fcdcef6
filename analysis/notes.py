"""Notes: remarks on an estimate, which become text only when an answer is shown, in the language of the reader.

An estimate writes notes and never reads them. `text.language` turns them into text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias


@dataclass(frozen=True)
class Duration:
    """A length of time in a note, shown in a unit that fits its size."""

    seconds: float


@dataclass(frozen=True)
class Days:
    """A number of days in a note, shown as "1 day" or "2 days"."""

    number: int


@dataclass(frozen=True)
class Instant:
    """A point in time in a note, in seconds since 1970, shown in UTC."""

    seconds: int

    def __str__(self) -> str:
        """Return the date and time in UTC, to the minute."""
        return f"{datetime.fromtimestamp(int(self.seconds), UTC):%Y-%m-%d %H:%MZ}"


@dataclass(frozen=True)
class Names:
    """Names in a note, shown as a list in the language of the reader."""

    names: tuple[str, ...]


Field: TypeAlias = "str | int | float | Days | Duration | Instant | Names | Note"
"""The types of a note's fields. A field of type str is a name: it is not translated."""


@dataclass(frozen=True)
class Note:
    """One remark: a text of the catalogues, and the values of the fields in its braces."""

    id: str
    """The text in English, such as ``{jobs:,} jobs gave up``."""
    fields: tuple[tuple[str, Field], ...] = ()


def note(text: str, **fields: Field) -> Note:
    """Return a note. Its text must be a literal in the call: it is extracted from there for the catalogues."""
    return Note(text, tuple(fields.items()))


def word(text: str) -> str:
    """Return a word of a fixed list, such as a verdict, unchanged. The call marks the word for translation."""
    return text


@dataclass(frozen=True)
class Notes:
    """The notes of a row, in the order in which they are shown."""

    notes: tuple[Note, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any note."""
        return bool(self.notes)

    def __iter__(self) -> Iterator[Note]:
        """Return the notes."""
        return iter(self.notes)


NOTHING: Final = Notes()


def joined(*parts: Note | Notes | None) -> Notes:
    """Return all given notes in order; None stands for no note."""
    notes: list[Note] = []
    for part in parts:
        if isinstance(part, Note):
            notes.append(part)
        elif part is not None:
            notes += part.notes
    return Notes(tuple(notes))


NO_ARRIVALS: Final = note("no arrivals")
TOO_SHORT: Final = note("fewer than two slots with known counts")
GOOD: Final = word("good")
WEAK: Final = word("weak")
NONE: Final = word("none")
"""The confidence of a row. Good: the intervals hold. Weak: the intervals may be too narrow, for the reason that is
given. None: there are no estimates."""
