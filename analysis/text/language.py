"""The language of what people read: gettext over the catalogues in `locale`, which are read as they were written.

Estimates speak English, with `mark` around what a reader may meet; figures, tables and reports translate when they are
drawn up, by `_`, and the notes of estimates by `translated`. What is missing in a catalogue is found by

    pybabel extract -F analysis/locale/babel.cfg -k mark:1c,2 -k plural:1,2 -o texts.pot analysis
    pybabel update -i texts.pot -o analysis/locale/zh.po -l zh --no-fuzzy-matching
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

LANGUAGES: Final = ("en", "zh")
LOCALE: Final = Path(__file__).parent.with_name("locale")
NOTE: Final = "note"
PLACEHOLDER: Final = re.compile(r"\\\{(\w+)(?::[^}]*)?\\\}")
_spoken: ContextVar[str] = ContextVar("spoken", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak one of `LANGUAGES` within the block."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """Return the language that is spoken."""
    return _spoken.get()


def _(text: str) -> str:
    """Translate a text."""
    return _catalogue(spoken()).gettext(text)


def plural(one: str, many: str, number: float) -> str:
    """Translate a text that names a number."""
    return _catalogue(spoken()).ngettext(one, many, round(number))


def translated(note: str) -> str:
    """Translate a note of an estimate: several that were joined, each made from a marked text.

    >>> with speaking("zh"):
    ...     translated("no arrivals; rolling 7d")
    '无任务到达; 滚动 7 天'
    """
    return "; ".join(_said(each) for each in note.split("; ")) if note else ""


def _said(note: str) -> str:
    if (whole := _catalogue(spoken()).pgettext(NOTE, note)) != note:
        return whole
    for pattern, text in _patterns(spoken()):
        if found := pattern.fullmatch(note):
            return text.format(
                **{name: translated(said) if name == NOTE else said for name, said in found.groupdict().items()}
            )
    return note


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - English does without

    compiled = BytesIO()
    write_mo(compiled, _read(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what recognises a text that was filled in, and its translation with the same fields; the longest first."""
    if language == "en":
        return []
    notes = {str(note.id): str(note.string) for note in _read(language) if note.context == NOTE and "{" in str(note.id)}
    found = []
    for english in sorted(notes, key=lambda each: -len(each)):
        pattern = PLACEHOLDER.sub(lambda name: f"(?P<{name[1]}>.+?)", re.escape(english))
        found.append((re.compile(pattern), re.sub(r"\{(\w+):[^}]*\}", r"{\1}", notes[english])))
    return found


def _read(language: str) -> "Catalog":
    from babel.messages.pofile import read_po  # noqa: PLC0415 - English does without

    with (LOCALE / f"{language}.po").open("rb") as file:
        return read_po(file)
