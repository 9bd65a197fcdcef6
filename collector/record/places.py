"""Where a record or dataset is: a path, or a folder of an object store, ``s3://BUCKET/PREFIX``; here is chosen which.

A `StorePath` has the few methods that a dataset needs. Nothing third-party is imported before the first request.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from collector.errors import RecordUnreadable
from collector.record.store import FROM_ENVIRONMENT, SCHEME, Access, Listing, Served, StoredObject

if TYPE_CHECKING:
    # The command line imports this file, and does without DuckDB.
    import duckdb

    from collector.record.store_client import Client


DEFAULT_DATABASE: Final = "poolscope.duckdb"


class ExtraMissing(RecordUnreadable):
    """The packages that reach an object store are not installed."""

    exit_code = 2


class Store:
    """A bucket and how to reach it."""

    def __init__(self, bucket: str, access: Access) -> None:
        self.bucket = bucket
        self.access = access

    def __reduce__(self) -> tuple[type["Store"], tuple[str, Access]]:
        """Let another process reach the same bucket, by a connection of its own."""
        return Store, (self.bucket, self.access)

    @cached_property
    def client(self) -> "Client":
        """The connection, from the first request on.

        Raises
        ------
        ExtraMissing
            When s3fs is not installed.
        """
        try:
            importlib.import_module("s3fs")
        except ImportError:
            raise ExtraMissing(f"{SCHEME}{self.bucket} needs s3fs: run pip install 'poolscope[s3]'") from None
        from collector.record.store_client import Client  # noqa: PLC0415 - a path does without s3fs

        return Client(self.bucket, self.access)


@dataclass(frozen=True)
class StorePath:
    """An object, or the folder of all objects whose keys begin with `key` and a slash.

    All methods raise OSError, with a reason that has no secret: FileNotFoundError where there is no such object or
    bucket, PermissionError where the store refuses.
    """

    store: Store = field(repr=False)
    key: str

    def __str__(self) -> str:
        """Return the address."""
        return f"{SCHEME}{self.store.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, name: str) -> "StorePath":
        """Return the path of an object or folder in this folder."""
        return StorePath(self.store, f"{self.key}/{name}".lstrip("/"))

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the content of the object as text."""
        return self.read_bytes().decode(encoding)

    def read_bytes(self) -> bytes:
        """Return the content of the object."""
        return self.store.client.read(self.key)

    def size(self) -> int:
        """Return the size of the object in bytes."""
        return self.store.client.size(self.key)

    def tag(self) -> str | None:
        """Return the tag (ETag) of the object, which changes with its content; None where there is none."""
        return self.store.client.tag(self.key)

    def files(self) -> Listing:
        """Return all objects in this folder."""
        return self.store.client.files(f"{self.key}/" if self.key else "")

    def upload(self, file: Path) -> None:
        """Write the content of a file to the object: all of it or nothing."""
        self.store.client.upload(self.key, file)

    def replace(self, content: bytes, tag: str | None) -> bool:
        """Write the object in one request, if its tag is still `tag` (None: if there is none); return whether it was.

        A store that does not know conditional writes gets a plain one, right after the tag was compared.
        """
        return self.store.client.replace(self.key, content, tag)

    def touch(self) -> None:
        """Set the object's time of change to now."""
        self.store.client.touch(self.key)

    def unlink(self, listed: StoredObject | None = None) -> bool:
        """Remove the object, and return whether it was removed.

        Parameters
        ----------
        listed
            What a listing said of it: it stays if it was written again since.
        """
        return self.store.client.remove(self.key, listed)

    def serve(self, connection: "duckdb.DuckDBPyConnection", sizes: Mapping[str, int]) -> Served:
        """Let DuckDB read objects of this folder, by the address `served_at` their name.

        Parameters
        ----------
        sizes
            The size in bytes of each object, by name relative to the folder: neither sizes nor names are asked for.
        """
        served = Served()
        connection.register_filesystem(self.store.client.served(self.key, sizes, served))
        return served


Place: TypeAlias = Path | StorePath
"""Where a dataset is."""


def has_scheme(text: str) -> bool:
    """Return whether a text begins with a scheme, such as ``s3://``, and is no path."""
    return re.match(r"\w\w+://", text) is not None


def is_in_store(text: str | Path) -> bool:
    """Return whether a text is an address in an object store and not a path."""
    return isinstance(text, str) and text.startswith(SCHEME)


def place_of(text: str | Path | StorePath, access: Access = FROM_ENVIRONMENT) -> Place:
    """Return the path or the address in an object store that a text is.

    Raises
    ------
    RecordUnreadable
        When the address has no bucket.
    """
    if isinstance(text, StorePath):
        return text
    if not isinstance(text, str) or not is_in_store(text):
        return Path(text)
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise RecordUnreadable(f"{text} has no bucket: write s3://BUCKET/PREFIX")
    return StorePath(Store(bucket, access), prefix.strip("/"))


def spool_of(database: Path) -> Path:
    """Return the spool of a database that no configuration names one for: ``NAME.spool`` beside ``NAME.duckdb``.

    That of ``poolscope.duckdb`` is ``spool``, as in the default configuration. Two databases in one folder never share
    a spool: the polls of one would be stored in the other.
    """
    return database.with_name(
        "spool" if database.name == DEFAULT_DATABASE else f"{database.name.removesuffix('.duckdb')}.spool"
    )
