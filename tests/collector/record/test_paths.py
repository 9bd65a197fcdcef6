"""A path that a user names is that path, never a pattern, a home folder or a column of a partition."""

from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.commands.backup import command as backup
from collector.commands.compact import command as compact
from collector.commands.export import command as export
from collector.commands.import_ import command as import_
from collector.commands.prune import command as prune
from collector.commands.restore import command as restore
from collector.context import Context
from collector.errors import InputRefused, RecordUnreadable
from collector.record import spool
from collector.record.reading import reading
from collector.sandbox.traces import read_trace
from tests.collector.record.test_spool import RUN, SLOT, a_round
from tests.polling import START, configure, rows, take_in

# Names that DuckDB reads as more than a name, each with another name that it would match as a pattern.
NAMES = {
    "a*c": "abc",
    "a?c": "axc",
    "[x]y": "xy",
    "a[!b]": "ac",
    "**": "other",
    "{a,b}": "a",
    "back\\slash": "backslash",
    "quo'te": "quote",
    "month=3": "month=4",
    "~": "home",
}
# The names of folders that DuckDB can make a database in.
DATABASE_FOLDERS = {name: decoy for name, decoy in NAMES.items() if not {"?", "\\"} & set(name)}
CSV = "slot,pool,type,total,Queue\n2026-01-15T08:00Z,{0},train,1,1\n2026-01-15T08:01Z,{0},train,2,2\n"


def call(folder: Path, command: object, *words: str) -> None:
    context = Context({}, SimulatedClock(START), folder / "poolscope.toml")
    command.main(list(words), standalone_mode=False, obj=context)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "decoy"), NAMES.items(), ids=NAMES)
def test_import_reads_the_named_file(tmp_path: Path, name: str, decoy: str) -> None:
    """CSV and Parquet, beside a file that the name would match as a pattern."""
    configure(tmp_path, "http://127.0.0.1:9")
    for pool, stem in (("right", name), ("wrong", decoy)):
        (tmp_path / f"{stem}.csv").write_text(CSV.format(pool))
        query = f"SELECT TIMESTAMP '2026-01-15' + INTERVAL (i) MINUTE AS slot, '{pool}2' AS pool, 't' AS type"
        with duckdb.connect() as connection:
            connection.sql(f"{query} FROM range(2) t(i)").write_parquet(str(tmp_path / "made"))
        (tmp_path / "made").rename(tmp_path / f"{stem}.parquet")
    call(tmp_path, import_, str(tmp_path / f"{name}.csv"), str(tmp_path / f"{name}.parquet"))
    record = tmp_path / "data/poolscope.duckdb"
    assert [("right",), ("right2",)] == rows(record, "SELECT DISTINCT pool FROM snapshots ORDER BY pool")


@pytest.mark.parametrize(("name", "decoy"), DATABASE_FOLDERS.items(), ids=DATABASE_FOLDERS)
def test_a_record_may_be_in_a_folder_of_any_name(tmp_path: Path, name: str, decoy: str) -> None:
    """Spool, reading, export, backup, compaction, prune and restore use the files of that folder only."""
    for stem, pool in ((decoy, "wrong"), (name, "right")):
        folder = tmp_path / stem
        folder.mkdir()
        configure(folder, "http://127.0.0.1:9")
        (folder / "given.csv").write_text(CSV.format(pool))
        call(folder, import_, str(folder / "given.csv"))
        spool.write(folder / "data/spool", SLOT, RUN, a_round())
        with reading(folder / "data/poolscope.duckdb", folder / "data/spool", SimulatedClock(START).pause) as record:
            pools = record.execute("SELECT DISTINCT pool FROM scrapes WHERE outcome = 'ok' ORDER BY pool").fetchall()
        assert [("a",), (pool,)] == pools
        call(folder, backup, str(folder / "kept"))
        call(folder, compact)
        call(folder, export, "--output", str(folder / "out.csv"))
        assert pool in (folder / "out.csv").read_text()
    call(folder, prune, "--before", "2026-01-15T08:01Z", "--backup", str(folder / "kept"))
    (folder / "data/poolscope.duckdb").unlink()
    call(folder, restore, str(folder / "kept"))
    record_file = folder / "data/poolscope.duckdb"
    assert [("a",), ("right",)] == rows(record_file, "SELECT DISTINCT pool FROM snapshots ORDER BY pool")


@pytest.mark.parametrize(("name", "decoy"), NAMES.items(), ids=NAMES)
def test_a_dataset_may_be_in_a_folder_of_any_name(tmp_path: Path, name: str, decoy: str) -> None:
    """Export writes that folder and reading reads it, beside one that the name would match as a pattern."""
    for folder, pool in ((tmp_path / decoy, "wrong"), (tmp_path / name, "right")):
        record = tmp_path / f"record-of-{pool}"
        record.mkdir()
        configure(record, "http://127.0.0.1:9")
        (record / "given.csv").write_text(CSV.format(pool))
        call(record, import_, str(record / "given.csv"))
        call(record, export, "--dataset", str(folder))
    with reading(tmp_path / name, tmp_path / "none", SimulatedClock(START).pause) as opened:
        assert [("right",)] == opened.execute("SELECT DISTINCT pool FROM snapshots").fetchall()
    assert {decoy, name, "record-of-wrong", "record-of-right"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", ["a?c", "back\\slash"])
def test_a_database_that_duckdb_would_look_for_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    """The poll stays in the spool, and no file is made at the other place."""
    folder = tmp_path / name
    folder.mkdir()
    spool.write(folder / "spool", SLOT, RUN, a_round())
    with pytest.raises(RecordUnreadable, match="rename the folder"):
        take_in(folder)
    assert 1 == len(spool.waiting(folder / "spool"))
    assert [folder] == list(tmp_path.iterdir())


def test_prune_checks_the_named_backup(tmp_path: Path) -> None:
    """Rows that are only in another backup, which the name would match as a pattern, are not deleted."""
    for stem, pool in (("mine", "right"), ("others", "wrong")):
        folder = tmp_path / stem
        folder.mkdir()
        configure(folder, "http://127.0.0.1:9")
        (folder / "given.csv").write_text(CSV.format(pool))
        call(folder, import_, str(folder / "given.csv"))
    call(tmp_path / "mine", backup, str(tmp_path / "bkx"))
    call(tmp_path / "others", backup, str(tmp_path / "bk?"))
    with pytest.raises(InputRefused, match="lacks"):
        call(tmp_path / "mine", prune, "--before", "2026-01-15T08:01Z", "--backup", str(tmp_path / "bk?"))


def test_the_named_trace_is_read(tmp_path: Path) -> None:
    """Beside one that the name would match as a pattern."""
    for stem, pool in (("t[1]", "right"), ("t1", "wrong")):
        query = f"""SELECT '1' AS job_id, '{pool}' AS pool, 't' AS type, TIMESTAMP '2026-01-01' AS submit,
            TIMESTAMP '2026-01-02' AS start, TIMESTAMP '2026-01-03' AS "end", 'Completed' AS final, 1 AS gpus"""
        with duckdb.connect() as connection:
            connection.sql(query).write_parquet(str(tmp_path / f"{stem}.parquet"))
    assert ["right"] == [pool.id for pool in read_trace(tmp_path / "t[1].parquet").pools]


@pytest.mark.parametrize("name", ["a\\[b].csv", "\udcff.csv"], ids=["backslash and bracket", "no UTF-8"])
def test_a_name_that_duckdb_cannot_read_is_refused(tmp_path: Path, name: str) -> None:
    """No pattern matches only that name, or it is not UTF-8: the message says to rename the file."""
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / name).write_text(CSV.format("right"))
    with pytest.raises(InputRefused, match="rename it"):
        call(tmp_path, import_, str(tmp_path / name))
    (tmp_path / name).unlink()
