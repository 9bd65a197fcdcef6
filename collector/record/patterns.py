"""Patterns that select projects, pools and types by name: one rule for all options and parameters."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(patterns: Sequence[str], *names: str | None) -> bool:
    """Return whether a name matches a pattern; without patterns, everything matches.

    ``*`` stands for any characters, ``?`` for one character, ``[ab]`` for one of a set, ``[!ab]`` for one outside it.
    Capitals count.

    Parameters
    ----------
    names
        All names of one thing: of a pool its id and, where it is known, its display name.
    """
    return not patterns or any(fnmatchcase(name, pattern) for name in names if name is not None for pattern in patterns)
