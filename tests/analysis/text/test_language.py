"""The catalogues: every text is translated, with the same fields, and notes are rendered once."""

import ast
import os
import re
from collections.abc import Iterable
from gettext import GNUTranslations
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from analysis.errors import RequestRefused
from analysis.notes import NOTHING, Duration, Instant, Names, joined, note
from analysis.text.catalogue import catalogue
from analysis.text.language import (
    LANGUAGES,
    LOCALE,
    _,
    in_words,
    listed,
    paragraph,
    plural,
    rendered,
    speaking,
    together,
)
from analysis.text.units import duration

FIELD: Final = re.compile(r"\{(\w+)([^}]*)\}")
METHODS: Final = [("**.py", "python"), ("templates/**.j2", "jinja2")]
KEYWORDS: Final = {"_": None, "note": (1,), "word": (1,), "plural": (1, 2)}
CHINESE: Final = "[\u4e00-\u9fff\uff00-\uffef\u3000-\u303f]"
NAMES: Final = (
    "name", "names", "pool", "needs", "series", "sentence", "target", "order", "type", "flavor", "today",
)  # fmt: skip
"""Fields that may be filled with Chinese: a space beside them would stand between Chinese characters."""
TIMES: Final = ("limit", "wait", "duration", "interval", "longest", "value", "other", "by")
"""Fields that end with a unit, which is Chinese."""


def texts() -> set[str]:
    """Return every text of the source that a reader may meet."""
    extracted = extract_from_dir(LOCALE.parent, METHODS, keywords=KEYWORDS)
    return {_first(text) for _file, _line, text, _comments, _context in extracted}


def translations(language: str) -> dict[str, str]:
    """Return the texts of a catalogue as it was written, by their English; of plurals the first."""
    with Path(LOCALE / f"{language}.po").open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    assert all(message.context is None for message in messages)
    return {_first(message.id): _first(message.string) for message in messages}


def _first(text: object) -> str:
    """Return a text, of the forms of a plural the first."""
    return text if isinstance(text, str) else str(next(iter(text))) if isinstance(text, Iterable) else ""


def test_every_text_is_translated() -> None:
    """The catalogue has all texts of the source and no others, each with the fields and formats of the English."""
    for language in LANGUAGES[1:]:
        translated = translations(language)
        assert texts() == set(translated)
        for english, text in translated.items():
            assert text
            assert sorted(set(FIELD.findall(english))) == sorted(set(FIELD.findall(text))), english


def test_every_marked_text_is_spelled_where_it_is_marked() -> None:
    """The catalogues are made of what is spelled in the calls: a text in a variable would never be translated."""
    for file in LOCALE.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS:
                spelled = [isinstance(argument, ast.Constant) for argument in node.args[:1]]
                # `_` translates words of fixed lists too, which are marked where they are listed.
                assert spelled == [True] or node.func.id == "_", f"{file.name}:{node.lineno}"


def test_the_compiled_catalogue_is_what_was_written() -> None:
    """What gettext reads equals the source that people edit."""
    with (LOCALE / "zh.po").open("rb") as file:
        for message in read_po(file):
            if isinstance(message.id, str) and message.id:
                assert message.string == catalogue("zh").gettext(message.id)
            elif message.id:
                one, many = message.id
                assert _first(message.string) == catalogue("zh").ngettext(one, many, 2)


def test_a_catalogue_that_is_not_compiled_says_what_to_do(tmp_path: Path) -> None:
    """Missing, or older than its source in a checkout: install again. Without a source any is taken."""
    with pytest.raises(RequestRefused, match=r"zh.mo is missing: .*pip install -e \."):
        catalogue("zh", tmp_path)
    (tmp_path / "zh.mo").write_bytes((LOCALE / "zh.mo").read_bytes())
    assert isinstance(catalogue("zh", tmp_path), GNUTranslations)
    (tmp_path / "zh.po").touch()
    os.utime(tmp_path / "zh.mo", (0, 0))
    catalogue.cache_clear()
    with pytest.raises(RequestRefused, match=r"older than zh.po: .*pip install -e \."):
        catalogue("zh", tmp_path)


def test_chinese_has_no_spaces_between_its_characters() -> None:
    """Nor beside a field that Chinese may fill; its punctuation is of full width."""
    for text in translations("zh").values():
        assert not re.search(rf"{CHINESE} +{CHINESE}", text), text
        assert not re.search(rf"{CHINESE} *[,;:?!()]|[,;:?!()] *{CHINESE}", text), text
        for field in NAMES:
            assert not re.search(rf"{CHINESE} \{{{field}\W|\{{{field}\}} {CHINESE}", text), text
        for field in TIMES:
            assert not re.search(rf"\{{{field}\}} {CHINESE}", text), text


def test_notes_are_rendered_once_in_the_language_asked_for() -> None:
    """Several are joined; numbers have the format of the text, names are left as they are, notes hold notes."""
    first = note("{status}: {deleted:,} jobs taken as deleted", status="Failed", deleted=1024)
    inner = note(
        "{note} ({names})",
        note=note("no job ended"),
        names=Names(("train", "a infer")),
    )
    cell = joined(note("no arrivals"), first, note("no arrivals"), inner)
    assert "no arrivals; Failed: 1,024 jobs taken as deleted; no job ended (train, a infer)" == rendered(cell)
    with speaking("zh"):
        window = "没有任务结束（train、a infer）"  # noqa: RUF001 - Chinese
        assert f"无任务到达；Failed：1,024 个任务视为已删除；{window}" == rendered(cell)  # noqa: RUF001 - Chinese
        assert ["", "", "", "text; as it is"] == [rendered(cell) for cell in (NOTHING, None, np.nan, "text; as it is")]


def test_a_name_may_hold_what_joins_notes() -> None:
    """It is a field, and no part of the text."""
    with speaking("zh"):
        name = "train; no arrivals"
        called = rendered(note("the type was called {type} until {instant}", type=name, instant=Instant(0)))
    assert "1970-01-01 00:00Z 之前的名称：train; no arrivals" == called  # noqa: RUF001 - Chinese


def test_a_note_with_a_duration_has_no_english_in_chinese() -> None:
    """Its unit is of the language that is spoken, whatever was spoken when the note was made."""
    at_most = note("at most {number}", number=Duration(3780))
    assert "at most 63 min" == rendered(at_most)
    with speaking("zh"):
        assert not re.search("[A-Za-z]", rendered(at_most))


def test_a_frame_in_words_has_texts_for_notes() -> None:
    """Its other columns stay as they are, and so does the frame that was given."""
    frame = pd.DataFrame(
        {"pool": ["a", "b"], "note": [joined(note("no arrivals")), NOTHING], "mean_seconds": [1.0, 2.0]}
    )
    words = in_words(frame)
    assert ["no arrivals", ""] == words["note"].tolist()
    assert frame["note"].iloc[1] is NOTHING
    pd.testing.assert_frame_equal(frame.drop(columns="note"), words.drop(columns="note"))


def test_sentences_and_names_are_put_together_as_the_language_does() -> None:
    """English has spaces between them, Chinese has none; what repeats is said once."""
    assert "All pools. All pools." == paragraph(["All pools.", "All pools."])
    assert ["a, b", "a; b"] == [listed(["a", "b"]), together(["a", "", "b", "a"])]
    with speaking("zh"):
        assert "甲。乙。" == paragraph(["甲。", "乙。"])
        assert ["甲、乙", "甲；乙"] == [listed(["甲", "乙"]), together(["甲", "乙"])]  # noqa: RUF001 - Chinese


def test_a_language_ends_with_its_block() -> None:
    """Durations and plurals follow the language that is spoken, and English comes back."""
    with speaking("zh"):
        assert ["3.5 小时", "不到 5 分钟"] == [duration(12600), duration(10, 300)]
        assert "{n} 个节点" == plural("{n} node", "{n} nodes", 3)
        assert "所有资源池" == _("All pools")
        assert "" == _("")
    assert ["3.5 h", "under 5 min", "All pools"] == [duration(12600), duration(10, 300), _("All pools")]
