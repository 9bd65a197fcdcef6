"""The catalogues of translations, and the current language.

`_` translates a text where the text is written. `notes.note` and `notes.word` mark the texts of estimates, which
`language.rendered` translates. ``locale/zh.po`` has the translations and is the file to edit; it is compiled to
``zh.mo`` when the package is built or installed (``locale/build.py``). After a change of texts:

    pybabel extract -F analysis/locale/babel.cfg -k note:1 -k word:1 -k plural:1,2 --no-location -o texts.pot analysis
    pybabel update -i texts.pot -o analysis/locale/zh.po -l zh --no-fuzzy-matching --ignore-obsolete -w 120
    pip install -e .

The first two commands add the missing texts to the catalogue, the last one compiles it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

from analysis.errors import RequestRefused

LANGUAGES: Final = ("en", "zh")
LOCALE: Final = Path(__file__).parent.with_name("locale")
_spoken: ContextVar[str] = ContextVar("spoken", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Translate into one of `LANGUAGES` within the block."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """Return the current language, one of `LANGUAGES`."""
    return _spoken.get()


def _(text: str) -> str:
    """Return a text in the current language; a text that the catalogue lacks stays English."""
    # The empty text is the catalogue's own header.
    return catalogue(spoken()).gettext(text) if text else ""


def plural(one: str, many: str, number: float) -> str:
    """Return a text in the current language, in the form for a number: in English `one` or `many`."""
    return catalogue(spoken()).ngettext(one, many, round(number))


@cache
def catalogue(language: str, folder: Path = LOCALE) -> NullTranslations:
    """Return the translations into a language.

    Raises
    ------
    RequestRefused
        When the compiled catalogue is missing, or older than its source.
    """
    if language == "en":
        return NullTranslations()
    source, compiled = (folder / f"{language}.{form}" for form in ("po", "mo"))
    if not compiled.exists():
        raise RequestRefused(f"{compiled} is missing: install Poolscope again (in a checkout: pip install -e .)")
    # A checkout has the source beside it, an installed package does not.
    if source.exists() and compiled.stat().st_mtime < source.stat().st_mtime:
        raise RequestRefused(f"{compiled} is older than {source.name}: compile it again with pip install -e .")
    with compiled.open("rb") as file:
        return GNUTranslations(file)
