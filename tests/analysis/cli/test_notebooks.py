"""The notebooks: they run from first to last cell, hold nothing but their words, and reach a user."""

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot as plt
from nbclient import NotebookClient
from traitlets.config import Config

from analysis import History, readable
from analysis.cli.notebooks import demo as demo_record
from analysis.cli.notebooks import shipped
from analysis.errors import RequestRefused
from collector.clock import SimulatedClock
from collector.record import RecordUnreadable
from collector.record.reading import reading
from collector.storage.publish import publish
from tests.polling import GUARD_SECONDS, START, poolscope
from tests.recorded import MONDAY, record_of, series_of
from tests.reported import queue, small_demo

NOTEBOOKS = shipped()
PUBLIC = {"analysis", "analysis.cli.notebooks", "analysis.figures.sheets", "matplotlib.pyplot", "pandas"}


class Shell(InteractiveShell):
    """What runs cells in this process; figures are shown in no window."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Do without."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small record where the demo's is by default."""
    return small_demo(tmp_path_factory)


def test_they_are_all_there() -> None:
    """Four, in the order in which they are read."""
    assert ["01_coverage_and_data", "02_queue_waits", "03_failures", "04_capacity"] == [each.stem for each in NOTEBOOKS]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_runs_from_first_to_last_cell(file: Path, demo: Path) -> None:
    """On the demo's record, found by default: no cell fails, frames and figures are shown."""
    notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]  # so it comes
    NotebookClient(
        notebook, timeout=GUARD_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(demo)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [*range(1, len(cells) + 1)] == [cell.execution_count for cell in cells]
    kinds = {kind for cell in cells for output in cell.outputs for kind in output.get("data", {})}
    assert {"text/html", "image/png"} <= kinds
    assert [] == [output for cell in cells for output in cell.outputs if output.output_type == "stream"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
@pytest.mark.parametrize(
    "record", ["an hour", "one slot", "no queue", "nothing but a queue", "one pool", "one gap", "a dataset"]
)
def test_it_runs_on_odd_records(file: Path, record: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On too little, on pools that never queue, or where nothing is told of a pool: every cell runs all the same."""
    odd = {
        "an hour": lambda: {"train": queue(2, days=1).within(MONDAY + 36_000, MONDAY + 39_600)},
        "one slot": lambda: {"train": series_of([MONDAY], {"Queue": [3], "Running": [2]})},
        "no queue": lambda: {"train": queue(3, days=8, step=1800, load=0.01)},
        "nothing but a queue": lambda: {"train": series_of(MONDAY + 300 * np.arange(600), {"Queue": np.arange(600)})},
        "one pool": lambda: {"train": queue(4, days=15, step=1800)},
        "a dataset": lambda: {"train": queue(4, days=15, step=1800)},
        "one gap": lambda: {"train": series_of([MONDAY, MONDAY + 3 * 86_400], {"Queue": [0, 4], "Completed": [0, 90]})},
    }[record]()
    database = record_of(tmp_path, {("p", "a"): odd})
    if record == "a dataset":
        clock = SimulatedClock(START)
        publish(reading(database, tmp_path / "spool", clock.pause), tmp_path / "ds", clock.now)
        database.unlink()
        database = tmp_path / "ds"
    monkeypatch.chdir(tmp_path)
    shell: Any = Shell(config=Config({"HistoryManager": {"enabled": False}}))  # type: ignore[no-untyped-call]
    try:
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                code = "".join(cell["source"]).replace("DATABASE = None", f"DATABASE = {str(database)!r}")
                shell.run_cell(code).raise_error()
        assert [database] == list(tmp_path.iterdir())
    finally:
        plt.close("all")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_what_is_committed_holds_no_results(file: Path) -> None:
    """No outputs, no keys, no paths of a machine; one cell of parameters; a question first, the answer last."""
    text = file.read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    nbformat.validate(json.loads(text))
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert 1 == sum("parameters" in cell["metadata"].get("tags", []) for cell in cells)
    assert not re.search(r"(?i)secret|access_key|\b(AK|SK)\b|/(home|root|tmp|Users)/|[A-Z]:\\\\", text)
    first, *_, question, last = cells
    assert first["source"][0].startswith("# ")
    assert "?" in first["source"][0]
    assert question["source"][0].startswith("## The answer")
    assert "code" == last["cell_type"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_uses_what_is_public_and_defines_nothing(file: Path) -> None:
    """No function, no class, no private name; what it imports is meant for it."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert not re.search(r"^\s*(def|class)\b|\blambda\b|\._\w|^from .* import _", code, re.MULTILINE)
    assert set(re.findall(r"^(?:from|import) ([\w.]+)", code, re.MULTILINE)) <= PUBLIC


def test_they_are_copied_and_never_written_over(tmp_path: Path) -> None:
    """To the folder that is named; what is there stays; without JupyterLab it says how to get it."""
    done = poolscope(tmp_path, "notebooks", "--dir", "mine", "--no-open")
    assert 0 == done.returncode, done.stderr
    assert [each.name for each in NOTEBOOKS] == sorted(file.name for file in (tmp_path / "mine").iterdir())
    changed = tmp_path / "mine" / NOTEBOOKS[0].name
    changed.write_text("mine")
    again = poolscope(tmp_path, "notebooks", "--dir", "mine", "--no-open")
    assert 0 == again.returncode
    assert "mine" == changed.read_text()
    assert "exists and was not overwritten" in again.stdout
    (tmp_path / "file").touch()
    refused = poolscope(tmp_path, "notebooks", "--dir", "file/inside", "--no-open")
    assert 0 != refused.returncode
    assert "name another folder with --dir" in refused.stderr


def test_they_read_the_demo_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder above; copies elsewhere name it; without one it is said what to run, and nothing is made."""
    (tmp_path / "a" / "nb").mkdir(parents=True)
    none = poolscope(tmp_path / "a", "notebooks", "--dir", "first", "--no-open")
    assert "run poolscope demo" in none.stdout
    monkeypatch.chdir(tmp_path / "a" / "nb")
    with pytest.raises(RecordUnreadable, match="run poolscope demo there"):
        demo_record()
    record = tmp_path / "a" / "data" / "demo" / "demo.duckdb"
    record.parent.mkdir(parents=True)
    record.touch()
    assert record == demo_record()
    poolscope(tmp_path / "a", "notebooks", "--dir", "nb", "--no-open")
    poolscope(tmp_path / "a", "notebooks", "--dir", "../elsewhere", "--no-open")
    for folder, database in (("a/nb", "None"), ("elsewhere", repr(str(record)))):
        cells = json.loads((tmp_path / folder / NOTEBOOKS[0].name).read_text())["cells"]
        assert f"DATABASE = {database}\n" in cells[1]["source"]


def test_jupyterlab_is_opened_or_named(tmp_path: Path) -> None:
    """Where it is installed it is started on the folder; where not, how to install it is said."""
    (tmp_path / "jupyterlab").mkdir()
    (tmp_path / "jupyterlab" / "__main__.py").write_text("import sys; print('opened', *sys.argv[1:])")
    (tmp_path / "jupyterlab" / "__init__.py").touch()
    root = ["--allow-root"] if 0 == os.geteuid() else []
    done = poolscope(tmp_path, "notebooks", *root, PYTHONPATH=f"{tmp_path}")
    assert f"opened --ServerApp.root_dir={tmp_path / 'notebooks'}" in done.stdout
    if root:
        refused = poolscope(tmp_path, "notebooks", PYTHONPATH=f"{tmp_path}")
        assert (2, True) == (refused.returncode, "with --allow-root" in refused.stderr)
    without = (
        "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: None if n == 'jupyterlab' else f(n)"
    )
    (tmp_path / "sitecustomize.py").write_text(without)
    told = poolscope(tmp_path, "notebooks", PYTHONPATH=f"{tmp_path}")
    assert 0 == told.returncode
    assert "pip install 'poolscope[notebooks]'" in told.stdout


def test_a_frame_in_words(tmp_path: Path) -> None:
    """Names, units and rounding as in the tables of the command; rows may be chosen; other frames are refused."""
    history = History(record_of(tmp_path, {("p", "a"): {"train": queue(1, days=8, step=1800)}}))
    waits = history.waits(every="1d")
    told = readable(waits)
    assert ["pool", "type", "from", "arrivals", "mean wait", "P90 wait", "coverage", "note"] == list(told.columns)
    assert len(waits) == len(told)
    assert told["mean wait"].str.contains("min|-").all()
    assert told["from"].tolist()[1:3] == readable(waits.iloc[1:3])["from"].tolist()
    assert {"share of jobs", "wait at most", "coverage"} <= set(readable(history.distribution(every="all")).columns)
    with pytest.raises(RequestRefused, match="only a frame that a method of History returned"):
        readable(history.counts())
