"""The dirty record of `benchmarks.same_dirty` with its dataset: made once for all processes of a run, and copied."""

import fcntl
import shutil
import sys
from pathlib import Path

import pytest

from tests.benchmarks.same_dirty import dirty
from tests.polling import poolscope


def dirty_copy(factory: pytest.TempPathFactory) -> Path:
    """Return a new folder with a record that has all kinds of defects, polls in its spool, and its dataset `ds`."""
    base = factory.getbasetemp()
    # With several processes of pytest-xdist, each has a folder in that of the run.
    shared = (base.parent if base.name.startswith("popen-") else base) / "dirty-record"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "ds/manifest.json").exists():
            dirty(Path(sys.executable), shared, 1)
            done = poolscope(shared, "export", "--dataset", "ds")
            assert 0 == done.returncode, done.stderr
    return shutil.copytree(shared, factory.mktemp("dirty") / "record")
