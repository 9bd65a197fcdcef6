"""Reports in both languages: a Chinese report has no English, and names stay whole in either."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pytest

from analysis.record.series import Series
from tests.answered import emptied
from tests.planned import FIRST, counts_of, markov
from tests.recorded import MONDAY, observed, record_of
from tests.reported import content, name_pools, only, write
from tests.simulated import DAY, HOUR, starts_of

DAYS: Final = 35
STEP: Final = 1800
NAME: Final = "night; low (spot)"
NAMES: Final = {
    *("p", "hidden", "busy", "crowded", "calm", "forgetful", "fresh", "gone", "dead", "train", "infer", "f"),
    *re.findall("[a-z]+", NAME),
}
"""Names of projects, pools, job types and flavors in the record."""
PROPER_NOUNS: Final = {"Poolscope", "API", "UTC", "Z", "Kaplan", "Meier", "P", "n"}
"""Z is that of an instant in UTC, P that of P90, n a number of days."""
CODES: Final = {"timeout", "poolscope", "status", "doctor", "report", "pool", "slo", "m"}
"""Outcomes as they are stored, commands and options as they are typed."""


def busy(seed: int, days: int = DAYS, retention: float = -1) -> Series:
    """Return a pool of eight servers whose jobs end in every way; those that wait for two hours give up."""
    work = markov(seed, 8, 0.9, HOUR, days)
    starts = starts_of(work, 8, backfill=False)
    gave_up = starts - work.came > 2 * HOUR
    starts = np.where(gave_up, work.came + 2 * HOUR, starts)
    ends = np.where(gave_up, starts, starts + work.run)
    draw = np.random.default_rng(seed)
    # From the fourth week on more jobs fail.
    failing = draw.random(len(work.came)) < np.where(work.came > 0.7 * days * DAY, 0.5, 0.1)
    outcomes = np.where(gave_up, "Terminated", np.where(failing, "Failed", "Completed")).tolist()
    slots = MONDAY + np.arange(0, days * DAY + 1, STEP)
    return observed(slots, MONDAY + work.came, MONDAY + starts, MONDAY + ends, outcomes, retention)


def later(series: Series, days: int) -> Series:
    """Return a series some days later."""
    return replace(series, slots=series.slots + int(days * DAY))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record pools with give-ups, nodes, odd answers and refusals of every kind."""
    calm = markov(3, 8, 0.3, HOUR, DAYS)
    pools = {
        ("p", "busy"): {"train": busy(1), "infer": busy(2)},
        ("p", "crowded"): {"train": emptied(busy(4), [700, 701, 702])},
        ("p", "calm"): {"train": counts_of(calm, starts_of(calm, 8, backfill=False), DAYS, STEP)},
        ("p", "forgetful"): {"train": busy(5, retention=0)},
        ("p", "fresh"): {"train": later(busy(6, days=1), DAYS - 1)},
        ("p", "gone"): {"train": busy(7, days=1)},
    }
    nodes = {
        ("p", name): [(FIRST - timedelta(days=1), 8), (FIRST + timedelta(days=20), 10)] for name in ("busy", "crowded")
    }
    database = record_of(tmp_path_factory.mktemp("languages"), pools, nodes, STEP)
    name_pools(database, {"calm": NAME})
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "INSERT INTO scrapes BY NAME SELECT DISTINCT ON (slot) * REPLACE ('dead' AS pool, 'timeout' AS outcome)"
            " FROM scrapes ORDER BY slot"
        )
        connection.execute(
            "INSERT INTO discoveries (run, project, workspace, page, slot, outcome)"
            " SELECT slot, 'hidden', '0', 0, slot, 'forbidden' FROM scrapes WHERE pool = 'dead'"
        )
    return database


@pytest.fixture(scope="module")
def reports(database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a folder for each language, with the report in all its forms."""
    folder = tmp_path_factory.mktemp("made")
    for language in ("en", "zh"):
        words = ("--since", "28d", "--slo", "15m", "--lang", language, "--format", "html,md,json")
        assert 0 == write(database, folder / language, *words)
    return {language: folder / language for language in ("en", "zh")}


class Texts(HTMLParser):
    """Collects what a reader sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take labels; skip styles and scripts."""
        self.hidden = tag in ("style", "script")
        self.texts += [value for name, value in attrs if name in ("aria-label", "alt", "title") and value]

    def handle_endtag(self, _tag: str) -> None:
        """End a style or a script."""
        self.hidden = False

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if not self.hidden and data.strip():
            self.texts.append(data)


def texts_of(page: str) -> list[str]:
    parser = Texts()
    parser.feed(page)
    return parser.texts


def english(texts: list[str]) -> list[str]:
    """Return the texts with words other than names, proper nouns and codes."""
    known = {*NAMES, *PROPER_NOUNS, *CODES}
    return [text for text in dict.fromkeys(texts) if set(re.findall("[A-Za-z]+", text)) - known]


def test_a_chinese_page_has_no_english(reports: dict[str, Path]) -> None:
    """In texts, tables, notes, pictures and labels for screen readers; the English page has hundreds of such texts."""
    assert [] == english(texts_of(only(reports["zh"], "html")))
    assert 300 < len(english(texts_of(only(reports["en"], "html"))))


def test_chinese_markdown_has_no_english(reports: dict[str, Path]) -> None:
    """But for the file names of pictures and the comment with the program's name."""
    text = re.sub(r"\]\([^)]*\)|^<!--.*-->|\\", "", only(reports["zh"], "md"))
    assert [] == english(text.splitlines())


def test_json_is_the_same_in_every_language(reports: dict[str, Path]) -> None:
    """Programs read it: notes are English whatever the language of the pages."""
    assert content(reports["en"]) == content(reports["zh"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_name_with_separators_stays_whole(reports: dict[str, Path], language: str) -> None:
    """A semicolon and brackets in a pool's name split no note: wherever its end stands, its beginning does too."""
    texts = " | ".join(texts_of(only(reports[language], "html")))
    before = re.findall(r"(.{12})\(spot\)", texts)
    assert {"night; low "} == {text[-11:] for text in before if not text.endswith("… ")}
    assert 10 < len(before)
    # Once in a note that is about this pool alone.
    bracket = {"en": r"\(night; low \(spot\)\)", "zh": r"[(（]night; low \(spot\)[)）]"}[language]  # noqa: RUF001
    assert re.search(bracket, texts)
