"""Patterns that select projects, pools and types by name: the one rule for every option and parameter."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(patterns: Sequence[str], *names: str | None) -> bool:
    """Tell whether one of the names fits one of the patterns; no pattern at all takes everything.

    ``*`` stands for any characters, ``?`` for one, ``[ab]`` and ``[!ab]`` for one of a set or outside it. Capitals
    count.

    Parameters
    ----------
    names
        What a thing is called: a pool by its id and, where it is known, its display name.
    """
    return not patterns or any(fnmatchcase(name, pattern) for name in names if name is not None for pattern in patterns)
