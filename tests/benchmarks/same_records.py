"""The records of `same`: the demo's and a trace's, and functions to make records."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
STATUSES = ("Queue", "Pending", "Abnormal", "Terminating", "Creating", "Running", "Completed", "Terminated", "Failed")
STEP = 300
DAY = 86_400
FEWEST_JOBS = 300
PENDING, CREATING = 60, 120
"""The seconds before a start that a job spends in these statuses."""


@dataclass(frozen=True)
class TestedRecord:
    """A record, and the times at a quarter, a half and nine tenths of it, which questions use."""

    folder: Path
    name: str
    since: str
    middle: str
    until: str

    @property
    def database(self) -> Path:
        """The database."""
        return self.folder / f"{self.name}.duckdb"

    @property
    def spool(self) -> Path:
        """The spool, with polls that are not in the database."""
        return self.folder / f"{self.name}.spool"


def tested_record(folder: Path, name: str, first: float, days: float) -> TestedRecord:
    """Return a folder's record, which begins at `first` (seconds since 1970) and has `days` days."""
    instants = (datetime.fromtimestamp(first + days * DAY * share, UTC) for share in (0.25, 0.5, 0.9))
    return TestedRecord(folder, name, *(f"{instant:%Y-%m-%dT%H:00}" for instant in instants))


def call(python: Path, folder: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line of an installation on a folder's record; -P prevents imports from the current folder."""
    line = [str(python), "-P", "-m", "collector", "--config", str(folder / "poolscope.toml"), *map(str, words)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


def do(python: Path, folder: Path, *words: object) -> None:
    """Run a command, and exit if it fails."""
    done = call(python, folder, *words)
    if done.returncode:
        raise SystemExit(f"{python}: poolscope {' '.join(map(str, words))} failed:\n{done.stderr[-2000:]}")


def begin(folder: Path, name: str) -> None:
    """Make the folder and the configuration of a record."""
    folder.mkdir(parents=True)
    text = f'[paths]\ndatabase = "{name}.duckdb"\nspool = "{name}.spool"\n[flavors]\n"gpu.8" = 8\n'
    (folder / "poolscope.toml").write_text(text, encoding="utf-8")


def demo(python: Path, folder: Path) -> TestedRecord:
    """Make the demo's record: two weeks of four pools."""
    folder.mkdir(parents=True)
    do(python, folder, "demo", "--out", folder)
    return tested_record(folder, "demo", datetime(2026, 1, 5, tzinfo=UTC).timestamp(), 14)


def theta(python: Path, folder: Path, trace: Path, days: int | None) -> TestedRecord:
    """Make a record of a trace's jobs, by pool: the whole trace, or `days` days after half of the pools began."""
    jobs = duckdb.execute('SELECT * FROM read_parquet($1) WHERE coalesce(start, "end") IS NOT NULL', [str(trace)]).df()
    jobs = jobs[jobs.groupby("pool")["pool"].transform("size") >= FEWEST_JOBS]
    for name in ("submit", "start", "end"):
        jobs[name] = (jobs[name] - pd.Timestamp(0)).dt.total_seconds()
    first = float(jobs["submit"].min() if days is None else jobs.groupby("pool")["submit"].min().median())
    last = float(jobs["end"].max()) if days is None else first + days * DAY
    slots = np.arange(first // STEP * STEP, last + STEP, STEP).astype(np.int64)
    counts = [counted(own, slots).assign(pool=pool, type="train") for pool, own in jobs.groupby("pool")]
    begin(folder, "theta")
    write(folder / "theta.parquet", pd.concat(counts))
    do(python, folder, "import", folder / "theta.parquet", "--interval", "5m")
    return tested_record(folder, "theta", first, (last - first) / DAY)


def counted(jobs: pd.DataFrame, slots: Ints, retention: float = np.inf) -> pd.DataFrame:
    """Count jobs (submit, start, end in seconds, final) at each slot; finished jobs count for `retention` seconds."""
    submit, start, end = jobs["submit"], jobs["start"], jobs["end"]
    ran = start.notna()
    left = start.fillna(end)
    creating = (left - CREATING).clip(lower=submit).where(ran, left)
    pending = (creating - PENDING).clip(lower=submit).where(ran, left)

    def until(instants: "pd.Series[float]") -> Ints:
        return np.searchsorted(np.sort(instants.dropna().to_numpy()), slots, side="right").astype(np.int64)

    frame = pd.DataFrame({"slot": slots, "total": 0} | dict.fromkeys(STATUSES, 0))
    frame["Queue"] = until(submit) - until(pending)
    frame["Pending"] = until(pending) - until(creating)
    frame["Creating"] = until(creating) - until(left)
    frame["Running"] = until(start) - until(end[ran])
    for final in ("Completed", "Terminated", "Failed"):
        ended = end[jobs["final"] == final]
        frame[final] = until(ended) - until(ended + retention)
    frame["total"] = frame[[*STATUSES]].sum(axis=1)
    return frame


def write(path: Path, counts: pd.DataFrame) -> None:
    """Write counts for `poolscope import`, as Parquet or CSV."""
    slots = pd.to_datetime(counts["slot"], unit="s")
    if path.suffix == ".csv":
        counts.assign(slot=slots.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(path, index=False)
    else:
        duckdb.from_df(counts.assign(slot=slots)).write_parquet(str(path))
