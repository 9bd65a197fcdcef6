"""One record of the campaign of kills: what was acknowledged of it, and what is wrong with it and with its backups.

Beside what is polled it holds projects that are not: `history`, which nobody touches; `old`, which is pruned an hour at
a time, each once a backup has it; and `import-N`, each of them one import of the same file.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from collector.clock import SystemClock
from collector.errors import InputRefused
from collector.record.columns import TABLES
from collector.record.database import Record
from collector.record.files import UNFINISHED
from collector.record.paths import quoted
from collector.record.reading import reading
from collector.storage.backups import verify
from tests.benchmarks.whole import PROJECT, Kind, faults_of

START = datetime(2026, 1, 5, tzinfo=UTC)
OLD = datetime(2025, 1, 1)
PRUNED_AT_ONCE = timedelta(hours=1)
Content = dict[tuple[str, str], tuple[int, int]]
"""Rows and checksum by table and project."""
OldHours = dict[datetime, dict[str, tuple[int, ...]]]
"""The same of a project by hour and table."""
IMPORTS = """SELECT project, count(*), bit_xor(hash(pool, type, slot, total, "Queue", "Running")) FROM snapshots
WHERE starts_with(project, 'import-') GROUP BY project"""


@dataclass(frozen=True)
class Acknowledged:
    """What was told to be done at some time."""

    slots: set[datetime]
    """Naive UTC."""
    imports: set[str]
    """Their projects."""
    prunes: int


@dataclass(frozen=True)
class Life:
    """What a process is told: where the record lies, whom to ask, and what has to be in it."""

    folder: Path
    endpoint: str
    began: float
    expected: frozenset[Kind]
    """What every slot holds."""
    imported: tuple[int, int]
    """Rows and checksum of an import."""
    backed_up: Content
    old: OldHours
    """What is to be pruned."""
    has_history: bool
    """Whether the record began with what is backed up."""

    @property
    def database(self) -> Path:
        """The record."""
        return self.folder / "record.duckdb"

    @property
    def spool(self) -> Path:
        """Its spool."""
        return self.folder / "spool"

    @property
    def restored(self) -> Path:
        """What the first backup is made into."""
        return self.folder / "restored" / "record.duckdb"

    @property
    def first_backup(self) -> Path:
        """The backup of the history, which all records share."""
        return self.folder.parent / "backup"

    @property
    def file(self) -> Path:
        """What is imported, which all records share."""
        return self.folder.parent / "import.csv"

    @property
    def backups(self) -> Path:
        """Where backups of this record lie: `backup-N`, and `prune-N` with what the prune of that number deletes."""
        return self.folder / "backups"

    def tell(self, word: str, what: object = "") -> None:
        """Note what has been done: one line in one write, which a kill leaves whole or out."""
        with (self.folder / "told").open("ab", buffering=0) as file:
            file.write(f"{word} {what}\n".encode())

    def told(self, word: str) -> list[str]:
        """Return what was told under a word."""
        return [what for told, what in self._lines() if told == word]

    def acknowledged(self, backup: str | None = None) -> Acknowledged:
        """Return what was acknowledged until now, or until somebody first tried to make a backup."""
        lines = list(self._lines())
        if backup is not None:
            lines = lines[: lines.index(("backing-up", backup))]
        return Acknowledged(
            {datetime.fromisoformat(what) for word, what in lines if word == "slot"},
            {what for word, what in lines if word == "imported"},
            sum(word == "pruned" for word, _ in lines),
        )

    def _lines(self) -> Iterator[tuple[str, str]]:
        with suppress(FileNotFoundError):
            for line in (self.folder / "told").read_text(encoding="utf-8").splitlines():
                word, _, what = line.partition(" ")
                yield word, what


def content(record: Record) -> Content:
    """Return rows and checksum of what is not polled, whatever its order."""
    found = {}
    for table in TABLES:
        query = f"SELECT project, count(*), bit_xor(hash({table})) FROM {table} WHERE project <> $1 GROUP BY project"
        for project, rows, checksum in record.execute(query, [PROJECT]).fetchall():
            found[table, project] = rows, checksum
    return found


def look(life: Life, wait_seconds: float) -> list[str]:
    """Read the record as everybody does, and return what it lacks of what was acknowledged before.

    Raises
    ------
    RecordUnreadable
        When another process writes to it for longer than the wait.
    """
    acknowledged = life.acknowledged()
    with reading(life.database, life.spool, SystemClock().pause, wait_seconds) as record:
        return faults_in(record, life, acknowledged)


def faults_in(record: Record, life: Life, acknowledged: Acknowledged) -> list[str]:
    """Return what is wrong with an open record, or with a backup as one."""
    there = content(record)
    history = {key: rows for key, rows in life.backed_up.items() if life.has_history and key[1] == "history"}
    found = {key: rows for key, rows in there.items() if key[1] == "history"}
    faults = [f"the history is {found}, was {history}"] if found != history else []
    faults += faults_of(record, acknowledged.slots, set(life.expected))
    faults += _faults_of_imports(record, there, life, acknowledged.imports)
    return faults + (_faults_of_pruning(record, life, acknowledged.prunes) if life.has_history else [])


def _faults_of_imports(record: Record, there: Content, life: Life, acknowledged: set[str]) -> list[str]:
    """Return which imports are neither there whole and once, nor absent and never acknowledged."""
    snapshots = {project: (rows, checksum) for project, rows, checksum in record.execute(IMPORTS).fetchall()}
    faults = []
    for project in sorted(acknowledged | {project for _, project in there if project.startswith("import-")}):
        polls, scrapes = (there.get((table, project), (0, 0))[0] for table in ("polls", "scrapes"))
        if (polls, scrapes, snapshots.get(project)) != (1, life.imported[0], life.imported):
            faults.append(f"{project}: {polls} polls, {scrapes} scrapes and {snapshots.get(project)} of snapshots")
    return faults


def _faults_of_pruning(record: Record, life: Life, acknowledged: int) -> list[str]:
    """Return what is wrong with the old rows: the first hours of them are gone, each only where its backup has it."""
    hours = old_hours(record)
    faults = [f"the old rows of {hour} are not whole" for hour in hours if hours[hour] != life.old.get(hour)]
    gone = sorted(life.old.keys() - hours.keys())
    if gone != sorted(life.old)[: len(gone)] or len(gone) < min(acknowledged, len(life.old)):
        faults.append(f"of the old rows these hours are gone, and {acknowledged} were pruned: {gone}")
    for hour in gone:
        backup = life.backups / f"prune-{(hour - OLD) // PRUNED_AT_ONCE + 1}"
        if not backup.exists() or _kept(backup).get(hour) != life.old[hour]:
            faults.append(f"the old rows of {hour} are gone, and not in {backup.name}")
    return faults


def _kept(backup: Path) -> OldHours:
    with opened(backup) as record:
        return old_hours(record)


def old_hours(record: Record) -> OldHours:
    """Return rows and checksum of all tables of the old rows by hour, naive UTC."""
    hours: OldHours = {}
    for table in ("polls", "scrapes", "snapshots"):
        query = f"""SELECT date_trunc('hour', slot), count(*), bit_xor(hash({table})) FROM {table}
            WHERE project = 'old' GROUP BY ALL"""
        for hour, *rows in record.execute(query).fetchall():
            hours.setdefault(hour, {})[table] = tuple(rows)
    return hours


def pruned_before(number: int) -> datetime:
    """Return the instant before which the prune of a number deletes, naive UTC; the first is 1."""
    return OLD + number * PRUNED_AT_ONCE


def look_at_backups(life: Life, names: str) -> list[str]:
    """Return what is wrong with backups of these names; what is not finished is whole, or not taken for a backup."""
    faults = []
    for folder in sorted(life.backups.glob(names)):
        try:
            verify(folder)
        except InputRefused as refusal:
            faults.append(str(refusal))
        else:
            faults += [f"{folder.name}: {fault}" for fault in _faults_of_backup(life, folder, folder.name)]
    for folder in sorted(life.backups.glob(f".{names}.*{UNFINISHED}")):
        with suppress(InputRefused):
            verify(folder)
            name = folder.name.split(".")[1]
            faults += [f"{folder.name}: {fault}" for fault in _faults_of_backup(life, folder, name)]
    return faults


def _faults_of_backup(life: Life, folder: Path, name: str) -> list[str]:
    with opened(folder) as record:
        return faults_in(record, life, life.acknowledged(name))


@contextmanager
def opened(backup: Path) -> Iterator[Record]:
    """Open a backup as a record."""
    with duckdb.connect() as record:
        for table in TABLES:
            record.execute(f"CREATE VIEW {table} AS FROM read_parquet({quoted(backup / f'{table}.parquet')})")
        yield record


def look_at_restored(life: Life) -> list[str]:
    """Return what is wrong with what a killed restore left: nothing where there is no database."""
    if not life.restored.exists():
        return []
    with duckdb.connect(life.restored, read_only=True) as record:
        return [] if content(record) == life.backed_up else ["the restored database is not whole"]
