"""One record of `crash`: what was acknowledged, and the faults of the record and its backups.

Besides the polled project it has others: `history`, which no process changes; `old`, which is pruned hour by hour after
a backup; and `import-N`, each with one import of the same file.
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
from collector.record.dataset import open_dataset
from collector.record.files import UNFINISHED
from collector.record.reading import reading
from collector.storage.backups import verify
from tests.benchmarks.completeness import PROJECT, Kind, faults_of

START = datetime(2026, 1, 5, tzinfo=UTC)
OLD = datetime(2025, 1, 1)
PRUNED_AT_ONCE = timedelta(hours=1)
Content = dict[tuple[str, str], tuple[int, int]]
"""Number of rows and checksum, by table and project."""
OldHours = dict[datetime, dict[str, tuple[int, ...]]]
"""Number of rows and checksum of the project `old`, by hour and table."""
IMPORTS = """SELECT project, count(*), bit_xor(hash(pool, type, slot, total, "Queue", "Running")) FROM snapshots
WHERE starts_with(project, 'import-') GROUP BY project"""


@dataclass(frozen=True)
class Acknowledged:
    """What had been logged as done at some time."""

    slots: set[datetime]
    """Naive UTC."""
    imports: set[str]
    """The projects of imports."""
    prunes: int


@dataclass(frozen=True)
class Life:
    """One record under test: its files, the sandbox's endpoint, and the rows that must be in it."""

    folder: Path
    endpoint: str
    start_time: float
    expected: frozenset[Kind]
    """The pools and types of every slot."""
    imported: tuple[int, int]
    """Number of rows and checksum of an import."""
    backed_up: Content
    old: OldHours
    """The rows to be pruned."""
    has_older_rows: bool
    """Whether the record began with the rows of the first backup."""

    @property
    def database(self) -> Path:
        """The database."""
        return self.folder / "record.duckdb"

    @property
    def spool(self) -> Path:
        """The spool."""
        return self.folder / "spool"

    @property
    def restored(self) -> Path:
        """The database restored from the first backup."""
        return self.folder / "restored" / "record.duckdb"

    @property
    def first_backup(self) -> Path:
        """The backup of the older rows, which all records share."""
        return self.folder.parent / "backup"

    @property
    def file(self) -> Path:
        """The imported file, which all records share."""
        return self.folder.parent / "import.csv"

    @property
    def backups(self) -> Path:
        """The backups of this record: `backup-N`, and `prune-N`, made before the prune of that number."""
        return self.folder / "backups"

    def log(self, event: str, detail: object = "") -> None:
        """Log an event: one line in one write, which a kill cannot leave half written."""
        with (self.folder / "log").open("ab", buffering=0) as file:
            file.write(f"{event} {detail}\n".encode())

    def events(self, name: str) -> list[str]:
        """Return the details of the logged events of this name."""
        return [detail for event, detail in self._lines() if event == name]

    def acknowledged(self, backup: str | None = None) -> Acknowledged:
        """Return what has been acknowledged so far, or before the first attempt at a backup of this name."""
        lines = list(self._lines())
        if backup is not None:
            lines = lines[: lines.index(("backing-up", backup))]
        return Acknowledged(
            {datetime.fromisoformat(detail) for event, detail in lines if event == "slot"},
            {detail for event, detail in lines if event == "imported"},
            sum(event == "pruned" for event, _ in lines),
        )

    def _lines(self) -> Iterator[tuple[str, str]]:
        with suppress(FileNotFoundError):
            for line in (self.folder / "log").read_text(encoding="utf-8").splitlines():
                event, _, detail = line.partition(" ")
                yield event, detail


def content(record: Record) -> Content:
    """Return number of rows and checksum of all projects but the polled one, independent of their order."""
    contents = {}
    for table in TABLES:
        query = f"SELECT project, count(*), bit_xor(hash({table})) FROM {table} WHERE project <> $1 GROUP BY project"
        for project, rows, checksum in record.execute(query, [PROJECT]).fetchall():
            contents[table, project] = rows, checksum
    return contents


def check(life: Life, wait_seconds: float) -> list[str]:
    """Read database and spool as all readers do, and return the faults.

    Raises
    ------
    RecordUnreadable
        When another process writes to the database for longer than the wait.
    """
    acknowledged = life.acknowledged()
    with reading(life.database, life.spool, SystemClock().pause, wait_seconds) as record:
        return faults_in(record, life, acknowledged)


def faults_in(record: Record, life: Life, acknowledged: Acknowledged) -> list[str]:
    """Return the faults of an open record, or of a backup opened as a record."""
    contents = content(record)
    expected = {key: rows for key, rows in life.backed_up.items() if life.has_older_rows and key[1] == "history"}
    older = {key: rows for key, rows in contents.items() if key[1] == "history"}
    faults = [f"the older rows are {older}, were {expected}"] if older != expected else []
    faults += faults_of(record, acknowledged.slots, set(life.expected))
    faults += _faults_of_imports(record, contents, life, acknowledged.imports)
    return faults + (_faults_of_pruning(record, life, acknowledged.prunes) if life.has_older_rows else [])


def _faults_of_imports(record: Record, contents: Content, life: Life, acknowledged: set[str]) -> list[str]:
    """Return the imports that are incomplete, duplicated, or acknowledged but missing."""
    snapshots = {project: (rows, checksum) for project, rows, checksum in record.execute(IMPORTS).fetchall()}
    faults = []
    for project in sorted(acknowledged | {project for _, project in contents if project.startswith("import-")}):
        polls, scrapes = (contents.get((table, project), (0, 0))[0] for table in ("polls", "scrapes"))
        if (polls, scrapes, snapshots.get(project)) != (1, life.imported[0], life.imported):
            faults.append(f"{project}: {polls} polls, {scrapes} scrapes and {snapshots.get(project)} of snapshots")
    return faults


def _faults_of_pruning(record: Record, life: Life, acknowledged: int) -> list[str]:
    """Return the faults of the old rows: only their first hours may be missing, and only if the backup has them."""
    hours = old_hours(record)
    faults = [f"the old rows of {hour} are incomplete" for hour in hours if hours[hour] != life.old.get(hour)]
    missing = sorted(life.old.keys() - hours.keys())
    if missing != sorted(life.old)[: len(missing)] or len(missing) < min(acknowledged, len(life.old)):
        faults.append(f"these hours of the old rows are missing, and {acknowledged} were pruned: {missing}")
    for hour in missing:
        backup = life.backups / f"prune-{(hour - OLD) // PRUNED_AT_ONCE + 1}"
        if not backup.exists() or _old_hours_of_backup(backup).get(hour) != life.old[hour]:
            faults.append(f"the old rows of {hour} are missing, and not in {backup.name}")
    return faults


def _old_hours_of_backup(backup: Path) -> OldHours:
    with opened(backup) as record:
        return old_hours(record)


def old_hours(record: Record) -> OldHours:
    """Return number of rows and checksum of the old rows by hour (naive UTC) and table."""
    hours: OldHours = {}
    for table in ("polls", "scrapes", "snapshots"):
        query = f"""SELECT date_trunc('hour', slot), count(*), bit_xor(hash({table})) FROM {table}
            WHERE project = 'old' GROUP BY ALL"""
        for hour, *rows in record.execute(query).fetchall():
            hours.setdefault(hour, {})[table] = tuple(rows)
    return hours


def pruned_before(number: int) -> datetime:
    """Return the time before which the prune of this number deletes, naive UTC; the first number is 1."""
    return OLD + number * PRUNED_AT_ONCE


def check_backups(life: Life, names: str) -> list[str]:
    """Return the faults of the backups with these names; an unfinished one must be complete, or be refused."""
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
            record.execute(f"CREATE VIEW {table} AS FROM {open_dataset(backup).rows_of(table)}")
        yield record


def check_restored(life: Life) -> list[str]:
    """Return the faults of the database that a killed restore left; none if there is no database."""
    if not life.restored.exists():
        return []
    with duckdb.connect(life.restored, read_only=True) as record:
        return [] if content(record) == life.backed_up else ["the restored database is incomplete"]
