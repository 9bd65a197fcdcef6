"""The nearest known name to a misspelt one, for messages: one rule for commands, pools, zones and files."""

import difflib
import re
from collections.abc import Iterable


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the known name that resembles a word most, whatever its capitals; None where none resembles it.

    A word may also resemble a part of a name, or its beginning: ids and zones are long.

    >>> nearest("wait", ["waits", "watch"])
    'waits'
    >>> nearest("shangai", ["Asia/Shanghai", "Asia/Tokyo"])
    'Asia/Shanghai'
    >>> nearest("PARIS", ["Berlin"]) is None
    True
    """
    by_spelling = {name.casefold(): name for name in names}
    for spelling, name in list(by_spelling.items()):
        for part in (*re.split(r"[^\w]+", spelling), spelling[: len(word)]):
            by_spelling.setdefault(part, name)
    close = difflib.get_close_matches(word.casefold(), by_spelling, n=1)
    return by_spelling[close[0]] if close else None


def hint(word: str, names: Iterable[str]) -> str:
    """Return ``; did you mean NAME?`` for the end of a message, or nothing."""
    name = nearest(word, names)
    return "" if name is None else f"; did you mean {name}?"
