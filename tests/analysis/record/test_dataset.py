"""A dataset in place of the database: every estimate has the same numbers, and what is not whole is refused."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import History
from collector.record import RecordUnreadable
from tests.collector.storage.test_backup_rules import change
from tests.dirty import dirty_copy
from tests.engines import QUESTIONS as ON_ENGINES
from tests.polling import environment, poolscope

ROOT = Path(__file__).parent.parent.parent.parent
QUESTIONS: dict[str, dict[str, Any]] = {"scrapes": {}, "counts": {}, "attempts": {}, **ON_ENGINES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a record that has all kinds of defects, and polls in its spool, and its dataset `ds`."""
    return dirty_copy(tmp_path_factory)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_the_same_answer(folder: Path, question: str) -> None:
    """To the last bit, on a record with gaps, odd answers, undocumented statuses and failures."""
    of_database, of_dataset = (
        getattr(history, question)(**QUESTIONS[question])
        for history in (History(folder / "dirty.duckdb", folder / "dirty.spool"), History(folder / "ds"))
    )
    assert len(of_database)
    pd.testing.assert_frame_equal(of_database, of_dataset, check_exact=True)


def test_a_command_reads_it(folder: Path) -> None:
    """With `--db FOLDER` the output is that of the configured record; other commands: see test_engines."""
    words = ("waits", "--every", "1w", "--format", "csv")
    of_file, of_dataset = poolscope(folder, *words), poolscope(folder, *words, "--db", "ds")
    assert 0 == of_file.returncode, of_file.stderr
    assert of_file.stdout == of_dataset.stdout


def test_a_restored_record_has_the_same_answers(folder: Path, tmp_path: Path) -> None:
    """Export and restore lose neither intervals, outer totals, slots without rows, names, policies nor nodes."""
    (tmp_path / "poolscope.toml").write_text('[paths]\ndatabase = "r.duckdb"\n[flavors]\n"gpu.8" = 8\n')
    done = poolscope(tmp_path, "restore", str(folder / "ds"))
    assert 0 == done.returncode, done.stderr
    for question in ("counts", "attempts", "waits", "coverage", "load"):
        of_dataset, of_restored = (
            getattr(history, question)(**QUESTIONS[question])
            for history in (History(folder / "ds"), History(tmp_path / "r.duckdb"))
        )
        pd.testing.assert_frame_equal(of_dataset, of_restored, check_exact=True)
    pools = poolscope(tmp_path, "pools")
    assert "pool-a" in pools.stdout, pools.stderr
    assert poolscope(folder, "pools").stdout == pools.stdout


def test_a_dataset_in_the_configuration_is_read(folder: Path, tmp_path: Path) -> None:
    """`status` and `pools` show its pools, and no command writes to it."""
    (tmp_path / "poolscope.toml").write_text(f'[paths]\ndatabase = "{folder / "ds"}"\n[flavors]\n"gpu.8" = 8\n')
    before = sorted(path.name for path in (folder / "ds").iterdir())
    status = json.loads(poolscope(tmp_path, "status", "--json").stdout)
    expected = json.loads(poolscope(folder, "status", "--json").stdout)
    assert [pool["pool"] for pool in expected["pools"]] == [pool["pool"] for pool in status["pools"]]
    assert expected["last_slot"] == status["last_slot"]
    pools = poolscope(folder, "pools")
    assert "pool-a" in pools.stdout, pools.stderr
    assert pools.stdout == poolscope(tmp_path, "pools").stdout
    done = poolscope(tmp_path, "prune", "--before", "2026-03-10", "--yes")
    assert 4 == done.returncode
    assert "can only be read" in done.stderr
    assert before == sorted(path.name for path in (folder / "ds").iterdir())


def test_what_one_object_reads_is_of_one_manifest(folder: Path, tmp_path: Path) -> None:
    """A publication in between changes nothing for it; the next question reads the new one."""
    dataset = shutil.copytree(folder / "ds", tmp_path / "ds")
    history = History(dataset)
    record = history.record
    before = record.extent()
    manifest = json.loads((dataset / "manifest.json").read_text())
    manifest["files"] = [file for file in manifest["files"] if "beta" == file["project"]]
    (dataset / "manifest.json").write_text(json.dumps(manifest))
    assert before == record.extent()
    assert {"beta"} == set(history.waits()["project"])


def newer(dataset: Path) -> None:
    edit(dataset, lambda manifest: manifest.update(version=2))


def edit(dataset: Path, edited: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((dataset / "manifest.json").read_text())
    edited(manifest)
    (dataset / "manifest.json").write_text(json.dumps(manifest))


def snapshots(dataset: Path) -> Path:
    return min((dataset / "snapshots").rglob("*.parquet"))


def flip(dataset: Path) -> None:
    content = bytearray(snapshots(dataset).read_bytes())
    content[len(content) // 2] ^= 1
    snapshots(dataset).write_bytes(content)


def without_a_column(dataset: Path) -> None:
    change(dataset, "polls", "SELECT * EXCLUDE (slot) FROM old")


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda dataset: (dataset / "manifest.json").unlink(), "has no manifest.json"),
    "cut manifest": (lambda dataset: (dataset / "manifest.json").write_text('{"format'), "manifest.json is damaged"),
    "nested manifest": (lambda dataset: (dataset / "manifest.json").write_text("[" * 100_000), "is damaged"),
    "foreign": (lambda dataset: (dataset / "manifest.json").write_text('{"name": "x"}'), "not that of a dataset"),
    "newer": (newer, "newer Poolscope"),
    "newer schema": (lambda dataset: edit(dataset, lambda m: m.update(schema=99)), "newer Poolscope"),
    "path outside": (lambda dataset: edit(dataset, lambda m: m["files"][0].update(path="../x")), "is damaged"),
    "half-copied": (lambda dataset: snapshots(dataset).unlink(), r"snapshots/\S+ is missing"),
    "cut": (lambda dataset: snapshots(dataset).write_bytes(b"PAR1"), r"snapshots/\S+ has 4 bytes instead of"),
    "a column": (without_a_column, "ds/polls does not have the columns"),
    "a bit": (flip, r"snapshots/\S+ has changed since"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_not_a_whole_dataset_is_refused(folder: Path, tmp_path: Path, harm: str) -> None:
    """The message names the manifest or the file; a command exits with 5 and no traceback."""
    dataset = shutil.copytree(folder / "ds", tmp_path / "ds")
    do_harm, message = HARMS[harm]
    do_harm(dataset)
    with pytest.raises(RecordUnreadable, match=message):
        History(dataset).waits()
    assert re.search(message, repr(History(dataset)))
    if harm in ("newer", "a bit"):
        done = poolscope(folder, "waits", "--db", str(dataset))
        assert 5 == done.returncode
        assert "Traceback" not in done.stderr


def documented(*imports: str) -> str:
    """Return the blocks of `data/README.md` that import these modules, as they stand there."""
    section = (ROOT / "data/README.md").read_text(encoding="utf-8").partition("## The dataset")[2]
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?m)(?:^    .*\n)+", section)]
    return "\n".join(
        next(block for block in blocks if re.search(rf"import .*{name}|from {name}", block)) for name in imports
    )


def published_rows(folder: Path) -> int:
    files = json.loads((folder / "ds/manifest.json").read_text())["files"]
    return sum(file["rows"] for file in files if "snapshots" == file["table"])


@pytest.fixture
def place_of_lines(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the dataset under its name in the documentation, and with a file of a former manifest."""
    dataset = shutil.copytree(folder / "ds", tmp_path / "dataset")
    former = snapshots(dataset)
    shutil.copy(former, former.with_name("0" * 16 + ".parquet"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("place_of_lines")
def test_the_lines_of_the_documentation_read_it(folder: Path) -> None:
    """Those for DuckDB, pandas and polars give the rows of the table, and only those that the manifest names."""
    place: dict[str, Any] = {}
    exec(documented("json", "duckdb", "polars"), place)  # noqa: S102 - the lines that users copy
    collected = place["lazy"].collect()
    assert published_rows(folder) == len(place["snapshots"]) == len(place["frame"]) == collected.height
    assert {"alpha", "beta"} == set(place["frame"]["project"]) == set(collected["project"])
    assert place["frame"]["total"].sum() == collected["total"].sum()


@pytest.mark.services
def test_the_lines_for_spark_read_it(folder: Path, place_of_lines: Path) -> None:
    """They give the rows of the table too, with the types that its columns have."""
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("needs pyspark and Java: pip install pyspark, apt-get install default-jre-headless")
    lines = documented("json", "pyspark") + (
        "\nprint(table.count(), *sorted(row.project for row in table.select('project').distinct().collect()),"
        " table.agg({'total': 'sum'}).first()[0], dict(table.dtypes)['slot'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=place_of_lines,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    place: dict[str, Any] = {}
    exec(documented("json", "duckdb"), place)  # noqa: S102 - the lines that users copy
    total = int(place["frame"]["total"].sum())
    assert [str(published_rows(folder)), "alpha", "beta", str(total), "timestamp_ntz"] == done.stdout.split()
