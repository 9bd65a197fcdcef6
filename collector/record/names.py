"""Names of projects, pools and types as users write them: in full, in part or as a pattern, by one rule."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.errors import ConfigError
from collector.record.nearest import hint
from collector.record.patterns import matches

MAGIC: Final = frozenset("*?[")
MOST_NAMED: Final = 5
LISTED_BY: Final = {
    "project": "poolscope pools lists all with their projects",
    "pool": "poolscope pools lists all",
    "type": "poolscope coverage --every all lists all",
}


class UnknownName(ConfigError):
    """A name that nothing in the record has."""


@dataclass(frozen=True)
class Names:
    """The names that a record has."""

    projects: Sequence[str]
    pools: Sequence[tuple[str, str, str | None]]
    """Project, pool and display name (None where no listing gave one) of each pool."""
    types: Sequence[str]


def in_full(
    option: str, words: Sequence[str], names: Sequence[tuple[str, str | None]], notes: list[str]
) -> tuple[str, ...]:
    """Return patterns that match what the words select, and nothing else.

    A word is first an exact name. Else it is a pattern if it has one of ``* ? [``; else it selects all that have it
    within a name, whatever its capitals: then a note says which these are.

    Parameters
    ----------
    option
        What is named: project, pool or type.
    names
        The name of each, and its display name, which may be missing.
    notes
        Gets the notes.

    Raises
    ------
    UnknownName
        When a word selects nothing; the message has the nearest name.
    """
    patterns: list[str] = []
    for word in words:
        if any(word in both for both in names):
            patterns.append(glob.escape(word))
        elif MAGIC & set(word):
            if not any(matches((word,), *both) for both in names):
                raise UnknownName(_unknown(option, word, names))
            patterns.append(word)
        else:
            part = word.casefold()
            chosen = [both for both in names if part and any(name and part in name.casefold() for name in both)]
            if not chosen:
                raise UnknownName(_unknown(option, word, names))
            patterns += dict.fromkeys(glob.escape(name) for name, _ in chosen)
            notes.append(f"{option} {word}: {_listed(chosen)}")
    return tuple(patterns)


def _listed(chosen: Sequence[tuple[str, str | None]]) -> str:
    texts = list(dict.fromkeys(f"{name} ({display})" if display else name for name, display in chosen))
    more = len(texts) - MOST_NAMED
    return ", ".join([*texts[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _unknown(option: str, word: str, names: Sequence[tuple[str, str | None]]) -> str:
    near = hint(word, (name for both in names for name in both if name))
    return f"there is no {option} {word!r} in the record: {LISTED_BY[option]}{near}"
