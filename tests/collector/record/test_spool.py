"""The spool: a file is whole or refused, readable by its owner only, and no acknowledged row is ever deleted."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.clock import SimulatedClock
from collector.errors import RecordNotWritten
from collector.record import spool
from collector.record.database import in_memory
from collector.record.files import unfinished
from collector.record.reading import reading
from collector.record.rows import Poll, PolledRows, Scrape, Snapshot, row_of
from collector.record.spooled import load
from collector.record.statuses import STATUSES
from collector.storage.drain import Drained, drain
from tests.leaks import innocent

SLOT = datetime(2026, 1, 15, 8, 0)
RUN = SLOT + timedelta(seconds=1, microseconds=7)
NAME = "20260115T080000Z-20260115T080001.000007Z.ndjson"
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(innocent)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))
NUMBERS = st.integers(0, 2**15 - 1)
TIMES_OR_NONE, TEXTS_OR_NONE = st.none() | TIMES, st.none() | TEXTS
SCRAPES = st.builds(
    Scrape,
    *(TIMES, TEXTS, TEXTS, TIMES, NUMBERS, TEXTS, st.none() | NUMBERS),
    *(TEXTS_OR_NONE, TEXTS_OR_NONE, TEXTS_OR_NONE, st.none() | NUMBERS, TIMES_OR_NONE, TIMES_OR_NONE),
    *(st.none() | NUMBERS, TEXTS_OR_NONE, TEXTS_OR_NONE),
)
SNAPSHOTS = st.builds(
    Snapshot,
    *(TIMES, TEXTS, TEXTS, TEXTS, TIMES, st.none() | NUMBERS),
    counts=st.fixed_dictionaries({status: st.none() | st.integers(0, 9) for status in STATUSES}),
    other_statuses=st.none() | st.dictionaries(TEXTS, st.integers(0, 9), min_size=1),
)


def a_round(minute: int = 0) -> PolledRows:
    """Return the rows of a poll of two pools, one of which failed."""
    slot, run = SLOT + timedelta(minutes=minute), RUN + timedelta(minutes=minute)
    counts: dict[str, int | None] = dict.fromkeys(STATUSES) | {"Queue": 3}
    good = Scrape(run, "p", "a", slot, 60, "ok", 200, None, None, "id", 1, run, run, 3, None, None)
    bad = Scrape(run, "p", "b", slot, 60, "not_json", 200, None, "x", "id", 1, run, run, None, None, 'é "\n\t')
    poll = Poll(run, "p", "id", "https://example.com", "collect", "1", slot, 60, run, 2)
    return PolledRows([poll], [], [good, bad], [Snapshot(run, "p", "a", "train", slot, 4, counts, {"Paused": 1})])


def written(folder: Path, minute: int = 0) -> Path:
    return spool.write(folder, SLOT + timedelta(minutes=minute), RUN + timedelta(minutes=minute), a_round(minute))


def drained(folder: Path) -> Drained:
    return asyncio.run(drain(folder / "record.duckdb", folder / "spool", CLOCK, 0.0))


CLOCK = SimulatedClock(SLOT.replace(tzinfo=UTC))
SCRAPED = "SELECT count(DISTINCT slot), count(*) FROM scrapes"


def without_line(number: int) -> Callable[[bytes], bytes]:
    return lambda whole: b"".join(line for i, line in enumerate(whole.splitlines(keepends=True)) if i != number)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "no header": without_line(0),
    "a line missing": without_line(2),
    "the last line missing": without_line(4),
    "a line twice": lambda whole: whole + whole.splitlines(keepends=True)[-1],
    "zeros": lambda whole: b"\0" * len(whole),
    "a hole": lambda whole: whole[:200] + b"\0" * 100 + whole[300:],
    "garbage": lambda _: bytes(range(256)) * 4,
    "another format": lambda whole: whole.replace(b'"format":1', b'"format":2'),
    "a header alone": lambda whole: whole.splitlines(keepends=True)[0],
    "deep nesting": lambda _: b"[" * 100_000,
    "a row without a table": lambda whole: without_line(4)(whole) + b"{}\n",
    "a row of another table": lambda whole: whole.replace(b'"table":"snapshots"', b'"table":"elsewhere"'),
    "an impossible date": lambda whole: whole.replace(b'"2026-01-15T08:00:00"', b'"2026-13-15T08:00:00"'),
}  # fmt: skip


def test_only_the_owner_can_read_a_written_file(tmp_path: Path) -> None:
    """The file is named after slot and run, 0600 in a folder of 0700, and nothing unfinished is left beside it."""
    file = written(tmp_path / "spool")
    assert [tmp_path / "spool" / NAME] == [file] == list((tmp_path / "spool").iterdir())
    assert (0o600, 0o700) == tuple(stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent))


def test_the_files_come_in_the_order_of_their_slots(tmp_path: Path) -> None:
    """The oldest slot first; with a slot, only its files."""
    files = [written(tmp_path, minute) for minute in (5, 0, 3)]
    assert [files[1], files[2], files[0]] == spool.waiting(tmp_path)
    assert [files[2]] == spool.waiting(tmp_path, SLOT + timedelta(minutes=3))
    assert [] == spool.waiting(tmp_path / "none")


@settings(deadline=None, max_examples=50)
@given(st.lists(SCRAPES, max_size=4), st.lists(SNAPSHOTS, max_size=4))
def test_rows_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, scrapes: list[Scrape], snapshots: list[Snapshot]
) -> None:
    """Reading a file gives the rows of the round in their order, times in ISO 8601, whatever their texts."""
    file = spool.write(tmp_path_factory.mktemp("spool"), SLOT, RUN, PolledRows([], [], scrapes, snapshots))
    expected = [{"table": "scrapes"} | row_of(scrape) for scrape in scrapes]
    expected += [{"table": "snapshots"} | row_of(snapshot) for snapshot in snapshots]
    with in_memory() as connection:
        assert ([file], []) == load(connection, [file])
        cursor = connection.execute("FROM spooled")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert expected == [{name: row[name] for name in kept} for row, kept in zip(rows, expected, strict=True)]


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """A file is read only at its full length, with or without its last newline."""
    whole = written(tmp_path / "spool").read_bytes()
    cut = tmp_path / "cut.ndjson"
    # At the ends of lines, and within them.
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    near = {end + step for end in ends for step in (-2, -1, 0, 1, 2)} & set(range(len(whole)))
    with in_memory() as connection:
        for length in sorted(near | set(range(0, len(whole), 17))):
            cut.write_bytes(whole[:length])
            expected = ([cut], []) if length == len(whole) - 1 else ([], [cut])
            assert expected == load(connection, [cut])


@pytest.mark.parametrize("header", [b"[" * 499, b"1", b'"spool"', b'{"table": "spool", "format": 1, "lines": "2"}'])
def test_the_header_must_be_json_of_the_right_form(tmp_path: Path, header: bytes) -> None:
    """Spaces do not matter; another value, endless nesting or another type counts as damage."""
    written(tmp_path / "spool")
    (whole,) = spool.waiting(tmp_path / "spool")
    rows_ = whole.read_bytes().partition(b"\n")[2]
    spaced = tmp_path / "spaced.ndjson"
    spaced.write_bytes(b'{ "lines": %d, "table": "spool",  "format": 1 }\n' % rows_.count(b"\n") + rows_)
    damaged = tmp_path / "damaged.ndjson"
    damaged.write_bytes(header + b"\n" + rows_)
    with in_memory() as connection:
        assert ([spaced], [damaged]) == load(connection, [spaced, damaged])


def test_cut_files_are_set_aside(tmp_path: Path) -> None:
    """A drain stores the complete file and sets every cut file aside, with its name and its bytes.

    A file that lacks only its last newline has all its rows: it is stored.
    """
    folder = tmp_path / "spool"
    whole = written(folder).read_bytes()
    cuts = {f"20260115T0900{n:04d}.ndjson": whole[:n] for n in (*range(0, len(whole) - 1, 9), len(whole) - 2)}
    for name, content in cuts.items():
        (folder / name).write_bytes(content)
    (folder / "20260115T100000.ndjson").write_bytes(whole[:-1])
    result = drained(tmp_path)
    assert (2, None) == (result.files, result.waits_because)
    assert sorted(cuts) == [path.name for path in spool.set_aside_files(folder)]
    assert cuts == {path.name: path.read_bytes() for path in result.set_aside}
    assert [] == spool.waiting(folder)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused_and_kept(tmp_path: Path, damage: str) -> None:
    """A reader skips a damaged file; the drain sets it aside unchanged and takes the others in."""
    folder = tmp_path / "spool"
    file = written(folder)
    file.write_bytes(content := DAMAGES[damage](file.read_bytes()))
    written(folder, minute=1)
    with reading(tmp_path / "record.duckdb", folder, CLOCK.pause) as record:
        assert [(1, 2)] == record.execute(SCRAPED).fetchall()
    result = drained(tmp_path)
    assert (1, [folder / "unreadable" / NAME]) == (result.files, result.set_aside)
    assert [content] == [path.read_bytes() for path in spool.set_aside_files(folder)]
    with duckdb.connect(str(tmp_path / "record.duckdb"), read_only=True) as record:
        assert [(1, 2)] == record.execute(SCRAPED).fetchall()


def test_two_damaged_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """A second damaged file of the same name gets a name of its own."""
    for content in (b"one", b"two"):
        (tmp_path / NAME).write_bytes(content)
        spool.set_aside(tmp_path, tmp_path / NAME)
    assert [b"two", b"one"] == [path.read_bytes() for path in spool.set_aside_files(tmp_path)]


def test_unfinished_files_of_killed_polls_are_removed(tmp_path: Path) -> None:
    """An unfinished file was never acknowledged: it is neither read nor kept."""
    file = written(tmp_path)
    unfinished(tmp_path / "x.ndjson").write_text("half")
    assert [file] == spool.waiting(tmp_path)
    spool.clear_unfinished(tmp_path)
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "file/below", "unfinished"])
def test_a_spool_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    """A file in place of the folder, or a folder in place of the file, gives one error with a fix."""
    (tmp_path / "file").write_text("in the way")
    unfinished(tmp_path / "unfinished" / NAME).mkdir(parents=True)
    with pytest.raises(RecordNotWritten, match=r"could not be written .* repair the folder") as refusal:
        written(tmp_path / place)
    assert 4 == refusal.value.exit_code
    assert [] == spool.waiting(tmp_path / place)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A write that stops after 400 bytes is an error, and neither file nor half a file is left."""
    program = f"""
import resource, signal
from datetime import datetime
from pathlib import Path
from collector.record import spool
from collector.errors import RecordNotWritten
from collector.record.rows import Discovery, PolledRows
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
slot = datetime(2026, 1, 15, 8)
page = Discovery(slot, "p", "0", 0, slot, "x", None, None, "x" * 400, None, 1, None, None, None, None)
try:
    spool.write(Path({str(tmp_path / "spool")!r}), slot, slot, PolledRows([], [page], [], []))
except RecordNotWritten as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert "nothing of slot 2026-01-15 08:00Z is recorded" in done.stdout
    assert [] == list((tmp_path / "spool").iterdir())


def test_only_the_owner_can_read_what_a_command_writes(tmp_path: Path) -> None:
    """Also under a lax umask, only the owner can read the database, lock, spool and folders of a collect."""
    (tmp_path / "poolscope.toml").write_text(
        '[collect]\nattempts = 1\n[paths]\ndatabase = "data/record.duckdb"\nspool = "data/spool"\n'
        '[projects.p]\nproject_id = "1"\nendpoint = "http://127.0.0.1:9"\npools = ["a"]\n'
    )
    keys = {"HUAWEICLOUD_SDK_AK": "AK", "HUAWEICLOUD_SDK_SK": "SK"}
    environment = {n: v for n, v in os.environ.items() if not n.startswith("POOLSCOPE_")} | keys
    call = [sys.executable, "-m", "collector", "collect"]
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, umask=0o022, check=False)
    assert (1, "") == (done.returncode, done.stdout)
    assert "refused" in done.stderr
    paths = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert {"data", "record.duckdb", "record.duckdb.lock", "spool"} == {path.name for path in paths}
    assert set() == {path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077}
