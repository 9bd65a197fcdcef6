"""Where a dataset is published, a folder or an object store: how it is held, and how its files are kept and removed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir
from typing import Final, Protocol

from collector.errors import InputRefused, LockHeld, RecordNotWritten
from collector.record.columns import TABLES
from collector.record.dataset import MANIFEST, OWN_NAME, DataFile, Manifest, read_manifest, sha256_of
from collector.record.files import UNFINISHED, clear_unfinished, follow_rights, make_folder, remove, unfinished
from collector.record.places import Place, StorePath, is_in_store
from collector.record.store import Listing
from collector.storage.dataset_files import content_of, write_manifest
from collector.storage.held_folder import clear_abandoned, made_and_held
from collector.storage.lock import holding

LOCK: Final = ".publishing.lock"
EXPORT: Final = "poolscope-export"


class Overtaken(LockHeld):
    """Another process published to the same place meanwhile."""


class Target(Protocol):
    """A place that a dataset is published to."""

    held_alone: bool
    """Whether no other process can publish there while it is held; old files are then removed first, for space."""

    def fix(self, error: Exception) -> str:
        """Return what to do after an error of the place or of this machine's disk."""

    def manifest(self) -> Manifest | None:
        """Return the manifest of the dataset there; None where there is no dataset yet. Refuse a folder of others.

        Raises
        ------
        InputRefused
            When there are other files, and no manifest.
        RecordUnreadable
            When the manifest is damaged, or from a newer Poolscope.
        """

    def held(self) -> AbstractContextManager[Manifest | None]:
        """Let no other process replace the dataset meanwhile, and return its manifest; refuse a folder of others.

        Raises
        ------
        InputRefused, RecordUnreadable, LockHeld
            See `publish`.
        """

    def intact(self, manifest: Manifest) -> dict[str, DataFile]:
        """Return the files of a manifest that are there and unchanged, by path: the others are written again."""

    def working_folder(self, own: Path | None) -> AbstractContextManager[Path]:
        """Return the folder in which files are written, see `publish`."""

    def keep(self, file: DataFile) -> None:
        """Put a file that was written into its place."""

    def share(self, manifest: Manifest) -> None:
        """Let those read the files of a manifest who can read the folder."""

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest; all its files must be in their places.

        Raises
        ------
        Overtaken
            When another process replaced it meanwhile.
        """

    def files(self, now: datetime) -> Iterator[tuple[str, timedelta]]:
        """Yield all files in the folders of tables: the path, and how long ago it was written or touched."""

    def is_left_over(self, path: str) -> bool:
        """Return whether a file is one that a killed process did not finish."""

    def touch(self, path: str, now: datetime) -> None:
        """Set a file's time of change to now."""

    def remove(self, path: str) -> bool:
        """Remove a file, and return whether it was removed: one that was written again since `files` stays."""

    def remove_empty_folders(self) -> None:
        """Remove the folders of projects and months that have no files."""


def target_of(place: Place) -> Target:
    """Return the target for a place."""
    return _Store(place) if isinstance(place, StorePath) else _Folder(place)


class _Folder:
    """A folder: held by a lock file, files appear by a rename."""

    held_alone = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fix(self, error: Exception) -> str:  # noqa: ARG002 - it has one disk
        return "check the folder and the disk"

    @contextmanager
    def held(self) -> Iterator[Manifest | None]:
        # Before a lock file is made in a folder of others.
        self.manifest()
        make_folder(self._folder)
        with holding(self._folder / LOCK, f"publishing to {self._folder}"):
            clear_unfinished(self._folder / MANIFEST)
            yield self.manifest()

    def manifest(self) -> Manifest | None:
        if self._folder.exists() and not self._folder.is_dir():
            raise InputRefused(f"{self._folder} is a file: name a folder for the dataset")
        if (self._folder / MANIFEST).exists():
            return read_manifest(self._folder)
        if self._folder.is_dir():
            _refuse_others(self._folder, {path.name for path in self._folder.iterdir()})
        return None

    def intact(self, manifest: Manifest) -> dict[str, DataFile]:
        intact = {}
        for file in manifest.files:
            with suppress(OSError):
                if sha256_of(self._folder / file.path) == file.sha256:
                    intact[file.path] = file
        return intact

    def working_folder(self, own: Path | None) -> AbstractContextManager[Path]:  # noqa: ARG002 - files stay there
        return nullcontext(self._folder)

    def keep(self, file: DataFile) -> None:
        """Do nothing: it was written there."""

    def share(self, manifest: Manifest) -> None:
        # The last parent of a relative path is the folder itself.
        names = {name for file in manifest.files for name in (Path(file.path), *list(Path(file.path).parents)[:-1])}
        for name in (*names, Path(MANIFEST)):
            # There may be no manifest yet: it is written last.
            with suppress(FileNotFoundError):
                follow_rights(self._folder / name, self._folder)

    def write_manifest(self, manifest: Manifest) -> None:
        write_manifest(self._folder, manifest)

    def files(self, now: datetime) -> Iterator[tuple[str, timedelta]]:
        for table in TABLES:
            for path in (self._folder / table).glob("project=*/month=*/*"):
                if path.is_file():
                    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                    yield path.relative_to(self._folder).as_posix(), now - changed

    def is_left_over(self, path: str) -> bool:
        # Only under the lock, so that no process writes an unfinished file now; what others put there stays.
        return path.endswith(UNFINISHED) and OWN_NAME.search(path.rpartition("/")[2]) is not None

    def touch(self, path: str, now: datetime) -> None:
        os.utime(self._folder / path, (now.timestamp(), now.timestamp()))

    def remove(self, path: str) -> bool:
        remove(self._folder / path)
        return True

    def remove_empty_folders(self) -> None:
        for pattern in ("project=*/month=*", "project=*"):
            for place in (place for table in TABLES for place in (self._folder / table).glob(pattern)):
                # Where it is not empty, it stays.
                with suppress(OSError):
                    place.rmdir()


class _Store:
    """An object store: files appear by an upload, and the manifest is replaced only if it is the one that was read."""

    held_alone = False

    def __init__(self, folder: StorePath) -> None:
        self._folder = folder
        self._working: Path | None = None

    def fix(self, error: Exception) -> str:
        if isinstance(error, OSError) and is_in_store(error.filename):
            return "check the endpoint, the bucket and the keys, then run it again"
        return "check the disk of this machine, where the files are written first, then run it again"

    @cached_property
    def _tag(self) -> str | None:
        return (self._folder / MANIFEST).tag()

    @cached_property
    def _listed(self) -> Listing:
        return self._folder.files()

    @contextmanager
    def held(self) -> Iterator[Manifest | None]:
        yield self.manifest()

    def manifest(self) -> Manifest | None:
        # The tag first: a manifest that is replaced before it is read is then one of another tag.
        if self._tag is not None:
            return read_manifest(self._folder)
        _refuse_others(self._folder, {name.partition("/")[0] for name in self._listed.objects})
        return None

    def intact(self, manifest: Manifest) -> dict[str, DataFile]:
        return _present(self._listed, manifest)

    @contextmanager
    def working_folder(self, own: Path | None) -> Iterator[Path]:
        with _temporary() if own is None else _cleared(own) as self._working:
            yield self._working

    def keep(self, file: DataFile) -> None:
        if self._working is not None:
            (self._folder / file.path).upload(self._working / file.path)
            remove(self._working / file.path)

    def share(self, manifest: Manifest) -> None:
        """Do nothing: the bucket says who can read."""

    def write_manifest(self, manifest: Manifest) -> None:
        # While an upload takes longer than the grace period, another process removes what no manifest names.
        present = _present(self._folder.files(), manifest)
        if lost := [file.path for file in manifest.files if file.path not in present]:
            raise RecordNotWritten(
                f"{self._folder / min(lost)} is not there as it was written, so {self._folder} is as before: another"
                " process may have removed it; run this again"
            )
        if not (self._folder / MANIFEST).replace(content_of(manifest), self._tag):
            raise Overtaken(
                f"another process published to {self._folder} meanwhile: its dataset is there and whole; run this again"
            )

    def files(self, now: datetime) -> Iterator[tuple[str, timedelta]]:
        # By a clock that is ahead, a file would be removed while it is still read.
        now = min(now, self._listed.at or now)
        for name, stored in self._listed.objects.items():
            yield name, now - stored.changed

    def is_left_over(self, path: str) -> bool:  # noqa: ARG002 - an upload that ended too early leaves none
        return False

    def touch(self, path: str, now: datetime) -> None:  # noqa: ARG002 - the store's clock sets the time
        (self._folder / path).touch()

    def remove(self, path: str) -> bool:
        return (self._folder / path).unlink(self._listed.objects[path])

    def remove_empty_folders(self) -> None:
        """Do nothing: a store has none."""


@contextmanager
def _temporary() -> Iterator[Path]:
    """Make a folder among the temporary files, and remove it at the end; first those that killed processes left."""
    files = Path(gettempdir()) / EXPORT
    clear_abandoned(files)
    folder = unfinished(files)
    try:
        with made_and_held(folder):
            yield folder
    finally:
        remove(folder)


@contextmanager
def _cleared(folder: Path) -> Iterator[Path]:
    """Make a folder empty, which a killed process may have left, and remove it at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _present(listing: Listing, manifest: Manifest) -> dict[str, DataFile]:
    """Return the files of a manifest that a listing has, with their size, by path."""
    sizes = {name: stored.size for name, stored in listing.objects.items()}
    return {file.path: file for file in manifest.files if sizes.get(file.path) == file.bytes}


def _refuse_others(place: Place, names: set[str]) -> None:
    """Refuse a folder without a manifest that has files of others; a killed process may have left files of tables."""
    others = [name for name in names if name not in TABLES and not name.startswith(".")]
    if others:
        raise InputRefused(f"{place} has other files ({min(others)}) and no {MANIFEST}: name a new folder")
