"""Names as users write them: in full, in part, as a pattern, or misspelt; and dates that were meant."""

import logging
from pathlib import Path

import pytest

from analysis import History
from analysis.errors import RequestRefused
from collector.errors import ConfigError
from collector.record.dates import date_hint
from collector.record.names import Names
from collector.record.nearest import nearest
from collector.record.selection import Selection
from tests.answered import queue
from tests.recorded import record_of
from tests.reported import name_pools

POOLS = (
    ("p", "pool-vision-a1", "Vision training"),
    ("p", "pool-b2", "vision"),
    ("p", "Vision", None),
    ("q", "pool-[c]", "Speech *"),
    ("q", "pool-c", "Training for speech"),
)
NAMES = Names(("p", "q"), POOLS, ("train", "Train-NPU", "infer"))


def taken(word: str) -> list[str]:
    selection = Selection(pools=(word,)).named(NAMES)
    return [pool for project, pool, name in POOLS if selection.takes(project, pool, name)]


@pytest.mark.parametrize(
    ("word", "pools"),
    [
        ("vision", ["pool-b2"]),
        ("Vision", ["Vision"]),
        ("VISION", ["pool-vision-a1", "pool-b2", "Vision"]),
        ("Vision training", ["pool-vision-a1"]),
        ("training", ["pool-vision-a1", "pool-c"]),
        ("pool-v*", ["pool-vision-a1"]),
        ("pool-[c]", ["pool-[c]"]),
        ("pool-[bc]*", ["pool-b2", "pool-c"]),
        ("Speech *", ["pool-[c]"]),
    ],
)
def test_a_word_is_a_name_or_a_pattern_or_a_part(word: str, pools: list[str]) -> None:
    """An exact id or display name first; then a pattern; else all pools with it in a name, whatever its capitals."""
    assert pools == taken(word)


def test_a_note_says_what_a_part_selects(caplog: pytest.LogCaptureFixture) -> None:
    """Of a part of a name only: a name in full and a pattern say it themselves."""
    with caplog.at_level(logging.INFO, "poolscope"):
        assert Selection(types=("train",), pools=("pool-*",)).named(NAMES).types == ("train",)
        assert "" == caplog.text
        selection = Selection(projects=("P",), pools=("TRAIN",), types=("npu",)).named(NAMES)
    assert Selection(projects=("p",), pools=("pool-vision-a1",), types=("Train-NPU",)) == selection
    notes = ["project P: p", "pool TRAIN: pool-vision-a1 (Vision training)", "type npu: Train-NPU"]
    assert notes == [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            Selection(pools=("visoin",)),
            "'visoin' in the record: poolscope pools lists all; did you mean Vision?",
        ),
        (Selection(pools=("x*",)), "there is no pool 'x*' in the record: poolscope pools lists all"),
        (Selection(projects=("p",), pools=("speech",)), "there is no pool 'speech'"),
        (Selection(projects=("r",)), "there is no project 'r'"),
        (Selection(types=("trian",)), "did you mean train?"),
        (Selection(pools=("",)), "there is no pool ''"),
    ],
)
def test_a_name_that_nothing_has_is_refused(selection: Selection, message: str) -> None:
    """With the nearest one and how to list all, exit code 2."""
    with pytest.raises(ConfigError) as refused:
        selection.named(NAMES)
    assert message in str(refused.value)
    assert 2 == refused.value.exit_code


def test_python_takes_names_as_the_command_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`History` takes parts of names, and its log says which pools these are; a misspelt name is refused."""
    database = record_of(tmp_path, {("p", pool): {"train": queue()} for pool in ("pool-a1", "pool-b2")})
    name_pools(database, {"pool-a1": "Vision training"})
    history = History(database)
    with caplog.at_level(logging.INFO, "poolscope"):
        assert ["pool-a1"] == history.flows(every="all", pool="vision")["pool"].tolist()
        assert ["pool-a1"] == history.attempts(pool="vision")["pool"].tolist()
    assert ["pool vision: pool-a1 (Vision training)"] * 2 == [record.getMessage() for record in caplog.records]
    with pytest.raises(RequestRefused, match=r"no pool 'pool-a3' in the record.*did you mean pool-a1\?"):
        history.flows(pool="pool-a3")
    with pytest.raises(RequestRefused, match=r"no zone 'asia/shangai'.*did you mean Asia/Shanghai\?"):
        history.flows(zone="asia/shangai")
    with pytest.raises(RequestRefused, match=r"'2026-13-01' is not a date.*did you mean 2026-01-13\?"):
        history.flows(since="2026-13-01")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-02-30", "2026-02-28"),
        ("2026/1/5", "2026-01-05"),
        ("31.01.2026", "2026-01-31"),
        ("01/31/2026", "2026-01-31"),
        ("31/01/2026", "2026-01-31"),
        ("2026-01-31 25:00", "2026-01-31"),
        ("yesterday", "1d"),
        ("last month", "30d"),
        ("3 weeks ago", "3w"),
        ("2mo", "60d"),
    ],
)
def test_a_date_that_was_meant(text: str, meant: str) -> None:
    """In another order, with another separator, of a day that a month lacks, or in words."""
    assert f"; did you mean {meant}?" == date_hint(text)


@pytest.mark.parametrize("text", ["soon", "", "2026", "0-0-0", "99999-1-1", "1.1.1.1", "0000-01-01", "2026-00-01"])
def test_a_text_that_is_no_date_has_no_hint(text: str) -> None:
    """Nothing is guessed from a word, one number, or numbers that no calendar has."""
    assert "" == date_hint(text)


def test_the_nearest_name_is_the_name_itself() -> None:
    """Before a longer one of which it is a part; from no names none is near."""
    assert "vision" == nearest("vision", ["vision-large", "vision"])
    assert "vision-large" == nearest("visoin", ["vision-large", "speech"])
    assert nearest("vision", []) is None
