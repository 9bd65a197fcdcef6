"""Texts in the current language: translations from the catalogues, and the notes of estimates."""

from collections.abc import Iterable

import pandas as pd

from analysis.notes import Days, Duration, Field, Instant, Names, Note, Notes
from analysis.schemas import NOTES
from analysis.text.catalogue import LANGUAGES, LOCALE, _, plural, speaking, spoken
from analysis.text.units import duration

__all__ = [
    "LANGUAGES",
    "LOCALE",
    "_",
    "in_words",
    "listed",
    "paragraph",
    "plural",
    "rendered",
    "speaking",
    "spoken",
    "together",
]


def rendered(value: object) -> str:
    """Return the text of a cell of notes in the current language.

    Parameters
    ----------
    value
        A note or notes. A text stays as it is; a missing value gives an empty text.

    >>> from analysis.notes import joined, note
    >>> with speaking("zh"):
    ...     rendered(joined(note("no arrivals"), note("rolling {days:g}d", days=7)))
    '无任务到达；滚动 7 天'
    """  # noqa: RUF002 - Chinese
    if isinstance(value, Note):
        return _(value.id).format(**{name: _field(field) for name, field in value.fields})
    if isinstance(value, Notes):
        return together(map(rendered, value))
    return value if isinstance(value, str) else ""


def _field(field: Field) -> str | int | float:
    """Return the value to put into a note's text for a field; the text itself formats numbers."""
    if isinstance(field, Duration):
        return duration(field.seconds)
    if isinstance(field, Days):
        return plural("{n} day", "{n} days", field.number).format(n=f"{field.number:,}")
    if isinstance(field, Names):
        return listed(field.names)
    if isinstance(field, Note):
        return rendered(field)
    return str(field) if isinstance(field, Instant) else field


def together(sentences: Iterable[str]) -> str:
    """Return the sentences of one cell or line as one text, each once, without empty ones."""
    return _("; ").join(dict.fromkeys(filter(None, sentences)))


def paragraph(sentences: Iterable[str]) -> str:
    """Return whole sentences as one paragraph: in English with a space between them, in Chinese without."""
    first, *others = [*sentences] or [""]
    for other in others:
        first = _("{sentence} {next}").format(sentence=first, next=other)
    return first


def listed(names: Iterable[str]) -> str:
    """Return names as a list in the current language: a, b."""
    return _(", ").join(names)


def in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of the engine with its notes as English text, whatever the current language is."""
    notes = [str(name) for name in frame.columns if name in NOTES]
    with speaking("en"):
        return frame.assign(**{name: frame[name].map(rendered).tolist() for name in notes})
