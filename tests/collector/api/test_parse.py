"""Parsing an answer's body: what is read, what is flagged, what is refused, and that nothing else can happen."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.api.parse import NotJson, Statistics, TypeCounts, WrongShape, parse_statistics
from collector.clock import SimulatedClock
from collector.record import spool
from collector.record.reading import reading
from collector.record.rows import PolledRows, Scrape, Snapshot
from collector.record.statuses import LARGEST_COUNT, STATUSES

NOTHING = dict.fromkeys(STATUSES)
DOCUMENTED = {"total": 234, "items": [{"type": "train", "total": 234, "status": {"Pending": 0, "Queue": 234}}]}
TRAIN = TypeCounts("train", 234, NOTHING | {"Pending": 0, "Queue": 234}, None)

LABELS = st.sampled_from(["statistics", "statics", "total", "items", "type", "status", *STATUSES])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1", "-1", "x" * 99]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | LABELS, inner, max_size=4),
)
COUNTS = st.none() | st.integers(0, LARGEST_COUNT)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
ITEMS = st.dictionaries(
    NAMES | st.sampled_from(["train", "infer", "x-infer"]),
    st.tuples(COUNTS, st.dictionaries(st.sampled_from([*STATUSES, "queue", ""]) | NAMES, COUNTS, max_size=6)),
    max_size=4,
)


def body(statistics: object, key: str = "statistics") -> bytes:
    return json.dumps({key: statistics}).encode()


def item(**fields: object) -> bytes:
    """Return an answer with one good item in which some fields are replaced."""
    return body({"total": 1, "items": [{"type": "train", "total": 1, "status": {"Queue": 1}} | fields]})


@pytest.mark.parametrize("key", ["statistics", "statics"])
def test_the_documented_example_is_read(key: str) -> None:
    """Under both spellings of the key, statuses that are not named are None, and a named zero is zero."""
    assert Statistics(234, (TRAIN,), None) == parse_statistics(body(DOCUMENTED, key))


def test_the_documented_spelling_is_read_first() -> None:
    """In an answer with both spellings, `statistics` is read."""
    both = json.dumps({"statics": {"total": 9}, "statistics": DOCUMENTED}).encode()
    assert Statistics(234, (TRAIN,), None) == parse_statistics(both)


def test_counts_as_strings_are_counts() -> None:
    """Decimal strings, as in one version of the documents, are read like integers."""
    texts = {"total": "234", "items": [{"type": "train", "total": "234", "status": {"Pending": "0", "Queue": "234"}}]}
    assert Statistics(234, (TRAIN,), None) == parse_statistics(body(texts))


def test_what_is_missing_is_not_zero() -> None:
    """A missing total or status is None; missing items are an empty tuple."""
    assert Statistics(0, (), None) == parse_statistics(body({"total": 0}))
    assert Statistics(None, (), None) == parse_statistics(body({"items": []}))
    bare = TypeCounts("train", None, NOTHING, None)
    assert Statistics(None, (bare,), None) == parse_statistics(body({"items": [{"type": "train"}]}))
    null = {"type": "train", "total": None, "status": None}
    assert Statistics(None, (bare,), None) == parse_statistics(body({"total": None, "items": [null]}))


def test_unknown_types_and_statuses_are_kept() -> None:
    """A type and a status that no document names keep their names, and their jobs count in the sums."""
    answer = parse_statistics(item(type="warmUpTask", total=3, status={"Queue": 1, "queue": 1, "Paused": "1"}))
    assert "warmUpTask" == answer.items[0].type
    assert {"queue": 1, "Paused": 1} == answer.items[0].other_statuses
    assert 1 == answer.items[0].counts["Queue"]
    assert answer.disagreement == "outer total 1, the items' totals sum to 3"


@pytest.mark.parametrize(
    ("statistics", "message"),
    [
        ({"total": 1, "items": [{"type": "a", "total": 1, "status": {"Queue": 2}}]}, "a: total 1, its statuses sum"),
        ({"total": 2, "items": [{"type": "a", "total": 1, "status": {"Queue": 1}}]}, "outer total 2, the items"),
        ({"total": 5}, "outer total 5, the items' totals sum to 0"),
    ],
)
def test_totals_that_disagree_are_flagged(statistics: dict[str, Any], message: str) -> None:
    """A total that differs from its sum is reported, and the counts are kept as received."""
    answer = parse_statistics(body(statistics))
    assert message in (answer.disagreement or "")
    assert statistics["total"] == answer.total


@pytest.mark.parametrize(
    "count",
    [-1, "-1", 1.5, "1.5", 1.0, True, "one", "", " 1", "1e3", "+1", "\u0661", [], {}, LARGEST_COUNT + 1, "2147483648"],
)
def test_an_invalid_count_is_refused_with_its_place(count: object) -> None:
    """Negative, fractional, boolean, not decimal, too large: in a status, an item's total, the outer total."""
    with pytest.raises(WrongShape, match=r"statistics\.items\[0\]\.status\.Queue: .* is not a count"):
        parse_statistics(item(status={"Queue": count}))
    with pytest.raises(WrongShape, match=r"statistics\.items\[0\]\.total: .* is not a count"):
        parse_statistics(item(total=count))
    with pytest.raises(WrongShape, match=r"statics\.total: .* is not a count"):
        parse_statistics(body({"total": count, "items": []}, "statics"))


def test_the_largest_count_is_read() -> None:
    """2^31-1, the largest value of a column, is a valid count, as an integer or a string."""
    assert LARGEST_COUNT == parse_statistics(item(total=LARGEST_COUNT)).items[0].total
    assert LARGEST_COUNT == parse_statistics(item(total=str(LARGEST_COUNT))).items[0].total


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"[]", "an object was expected"),
        (b"null", "an object was expected"),
        (b"{}", "statics: an object was expected, not nothing"),
        (body([]), "statistics: an object was expected, not a list"),
        (body({}), "statistics: neither total nor items"),
        (body({"items": {}}), "items: a list was expected, not an object"),
        (body({"items": ""}), "items: a list was expected"),
        (body({"items": [5]}), r"items\[0\]: an object was expected, not 5"),
        (body({"items": [{"total": 1}]}), r"items\[0\].type: a name was expected, not nothing"),
        (item(type=""), "type: a name was expected"),
        (item(type=7), "type: a name was expected"),
        (item(status=[]), "status: an object was expected"),
        (body({"items": [{"type": "train"}, {"type": "infer"}, {"type": "train"}]}), "type 'train' twice"),
        (b'{"statistics": {"total": 1, "total": 1}}', "the same key twice"),
        (b'{"statistics": {"total": 0, "x": {"a": 1, "\\u0061": 2}}}', "the same key twice"),
        (b'{"statistics": {"total": ' + b"9" * 5000 + b"}}", "too many digits"),
        (b'{"statistics": ' + b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (item(type="\ud800"), "type: the name is not valid text"),
        (item(type="a\0b"), "type: the name is not valid text"),
        (item(status={"\udfff": 1}), "status: the name is not valid text"),
    ],
)
def test_wrong_shapes_are_refused_with_their_place(answer: bytes, message: str) -> None:
    """JSON that cannot be trusted is refused with a message that says where and why."""
    with pytest.raises(WrongShape, match=message):
        parse_statistics(answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "Expecting value at character 0"),
        (b"<html>", "Expecting value"),
        (body(DOCUMENTED)[:-1], "Expecting"),
        (body(DOCUMENTED) + b"x", "Extra data"),
        (body(DOCUMENTED)[:20] + b"\xff", "invalid UTF-8 at byte 20"),
        (body(DOCUMENTED).decode().encode("utf-16"), "invalid UTF-8"),
        (b"\xef\xbb\xbf" * 2 + body(DOCUMENTED), "Unexpected UTF-8 BOM"),
        (body({"total": float("nan")}), "NaN is not JSON"),
        (body({"total": float("inf")}), "Infinity is not JSON"),
        (body({"total": float("-inf")}), "-Infinity is not JSON"),
    ],
)
def test_a_body_that_is_not_json_is_refused(answer: bytes, message: str) -> None:
    """Refused: bodies that are cut off, in other encodings or formats, or that only some decoders accept."""
    with pytest.raises(NotJson, match=message):
        parse_statistics(answer)


def assert_read_or_refused(answer: bytes) -> None:
    """Fail unless parsing gives statistics or one of its two refusals."""
    try:
        assert isinstance(parse_statistics(answer), Statistics)
    except (NotJson, WrongShape) as refusal:
        assert str(refusal)  # noqa: PT017 - both results are right, any other error is not


@settings(deadline=None)
@given(JSON, st.sampled_from(["statistics", "statics"]))
def test_any_json_is_read_or_refused(value: Any, key: str) -> None:  # noqa: ANN401 - any JSON
    """Any JSON value, inside the outer object or in its place, gives statistics or a refusal."""
    for answer in (value, {key: value}, {key: {"total": 1, "items": value}}, {key: {"total": 1, "items": [value]}}):
        assert_read_or_refused(json.dumps(answer).encode())


@settings(deadline=None)
@given(st.binary() | st.integers(0, 99).map(lambda cut: body(DOCUMENTED)[:cut]), st.binary(max_size=3))
def test_any_bytes_are_read_or_refused(answer: bytes, tail: bytes) -> None:
    """Any bytes, and any part of a good answer, give statistics or a refusal."""
    assert_read_or_refused(answer + tail)


@settings(deadline=None)
@given(ITEMS, COUNTS.filter(lambda n: n is not None), st.sampled_from([int, str]))
def test_counts_come_back_as_they_were_sent(
    items: dict[str, tuple[int | None, dict[str, int | None]]], total: int, spelled: type
) -> None:
    """All counts are read as they were sent, as integers or as strings."""

    def rendered_count(count: int | None) -> object:
        return None if count is None else spelled(count)

    rendered = [
        {
            "type": name,
            "total": rendered_count(sum_),
            "status": {label: rendered_count(n) for label, n in counts.items()},
        }
        for name, (sum_, counts) in items.items()
    ]
    answer = parse_statistics(body({"total": spelled(total), "items": rendered}))
    assert total == answer.total
    assert [(name, sum_) for name, (sum_, _) in items.items()] == [(i.type, i.total) for i in answer.items]
    for parsed, (_, counts) in zip(answer.items, items.values(), strict=True):
        assert NOTHING | counts == parsed.counts | (parsed.other_statuses or {})


@settings(deadline=None, max_examples=40)
@given(ITEMS)
def test_accepted_names_and_counts_can_be_stored(
    tmp_path_factory: pytest.TempPathFactory, items: dict[str, tuple[int | None, dict[str, int | None]]]
) -> None:
    """Every name and count that parsing accepts passes unchanged through the spool into the tables."""
    folder = tmp_path_factory.mktemp("stored")
    rendered = [{"type": name, "total": sum_, "status": counts} for name, (sum_, counts) in items.items()]
    answer = parse_statistics(body({"total": 1, "items": rendered}))
    slot = datetime(2026, 1, 15)
    scrape = Scrape(slot, "p", "a", slot, 60, "ok", 200, None, None, None, 1, slot, slot, 1, answer.disagreement, None)
    snapshots = [Snapshot(slot, "p", "a", i.type, slot, i.total, i.counts, i.other_statuses) for i in answer.items]
    spool.write(folder / "spool", slot, slot, PolledRows([], [], [scrape], snapshots))

    def stored() -> dict[str, TypeCounts]:
        with reading(folder / "none", folder / "spool", SimulatedClock(slot.replace(tzinfo=UTC)).pause) as record:
            names = ", ".join(f'"{status}"' for status in STATUSES)
            rows = record.execute(f"SELECT type, total, {names}, other_statuses FROM snapshots").fetchall()
            assert [(answer.disagreement,)] == record.execute("SELECT disagreement FROM scrapes").fetchall()
        return {
            row[0]: TypeCounts(row[0], row[1], dict(zip(STATUSES, row[2:-1], strict=True)), row[-1]) for row in rows
        }

    assert {i.type: i for i in answer.items} == stored()
