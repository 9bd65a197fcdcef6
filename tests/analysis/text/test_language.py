"""The catalogues: every text is translated, with the same fields, and a note comes back whole."""

import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from analysis.text.language import LANGUAGES, LOCALE, _, plural, speaking, translated
from analysis.text.units import duration

FIELD = re.compile(r"\{(\w+)")
METHODS = [("**.py", "python"), ("templates/**.j2", "jinja2")]
KEYWORDS = {"_": None, "mark": ((1, "c"), 2), "plural": (1, 2)}


def texts() -> set[tuple[str | None, str]]:
    """Return every text of the source that a reader may meet, with its context."""
    found = set()
    for _file, _line, said, _comments, context in extract_from_dir(LOCALE.parent, METHODS, keywords=KEYWORDS):
        found.add((context, said if isinstance(said, str) else said[0]))
    return found


def both(message: Message) -> tuple[Any, Any]:
    return message.id, message.string


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_text_is_translated(language: str) -> None:
    """Of the source all, nothing else, none empty, each with the fields of the original and no formats of its own."""
    with Path(LOCALE / f"{language}.po").open("rb") as file:
        catalogue = read_po(file)
    there = {}
    for message in catalogue:
        if message.id:
            # Of plurals the first: Chinese has no other.
            one, text = (
                said if isinstance(said, str) else "".join(list(said or [])[:1])
                for said in (message.id, message.string)
            )
            there[message.context, one] = text
    assert texts() == set(there)
    assert 150 < len(there)
    for (_context, english), text in there.items():
        assert text
        assert set(FIELD.findall(english)) == set(FIELD.findall(text)), english


def test_notes_are_translated_with_what_is_in_them() -> None:
    """Several that were joined, of several series, with numbers and names; an unknown one stays as it is."""
    with speaking("zh"):
        assert "无任务到达; Failed：1,024 个视为已删除" == translated("no arrivals; Failed: 1,024 taken as deleted")  # noqa: RUF001 - Chinese
        assert "记录在此窗内开始（kept train, a infer）" == translated("the record begins in it (kept train, a infer)")  # noqa: RUF001 - Chinese
        assert "滚动 7 天" == translated("rolling 7d")
        assert "something new" == translated("something new")
        assert "" == translated("")
    assert "rolling 7d" == translated("rolling 7d")


def test_a_language_ends_with_its_block() -> None:
    """Durations and plurals follow the language that is spoken, and English comes back."""
    with speaking("zh"):
        assert ["3.5 小时", "不到 5 分钟"] == [duration(12600), duration(10, 300)]
        assert "共查看 {n} 个序列。" == plural("{n} series was looked at.", "{n} series were looked at.", 3)
        assert "所有资源池" == _("All pools")
    assert ["3.5 h", "under 5 min", "All pools"] == [duration(12600), duration(10, 300), _("All pools")]
