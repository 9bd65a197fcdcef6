"""The requests to an object store, by s3fs, and the file system through which DuckDB reads it.

Every error is an OSError that names neither keys nor signatures: the reason is the store's error code, not its message.
"""

import errno
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from threading import local
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import s3fs
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
from fsspec import AbstractFileSystem

from collector.errors import RecordNotWritten
from collector.record.store import AT_ONCE, SCHEME, Access, Listing, Served, StoredObject, served_at

BLOCK: Final = 1 << 20
"""Bytes that are read at a time: a request costs as much time as to transfer about as many."""
BLOCKS: Final = 64
"""The number of blocks that are kept: footers of files and the months that a question reads again and again."""
READS: Final = 3
"""How often an answer is asked for that breaks off. Botocore repeats requests without an answer, and refused ones for
throttling, by itself: five attempts, or AWS_MAX_ATTEMPTS."""
HUAWEI: Final = (".myhuaweicloud.com", ".myhuaweicloud.eu", ".myhuaweicloud.cn")
"""OBS takes the name of the bucket as a part of the host's name only."""
CONDITION_FAILED: Final = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
NO_CONDITIONS: Final = {"NotImplemented", "501"}
THROTTLED: Final = {"SlowDown", "ServiceUnavailable", "Throttling", "RequestLimitExceeded", "503", "429"}
REFUSED: Final = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"}
NO_KEYS: Final = (
    "there are no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access_key_file and secret_key_file in"
    " [dataset]"
)
# ValueError: botocore raises it for an endpoint that is no URL.
_ERRORS: Final = (OSError, ValueError, BotoCoreError, ClientError, aiohttp.ClientError)
_BROKEN_OFF: Final = (HTTPClientError, aiohttp.ClientError)


class Client:
    """The requests to one bucket."""

    def __init__(self, bucket: str, access: Access) -> None:
        self._bucket = bucket
        with _as_os_errors(f"{SCHEME}{bucket}"):
            self._s3 = _connection(access)
            # The endpoint may also be one of the environment.
            host = urlsplit(self._s3.s3.meta.endpoint_url).hostname or ""
            if host.endswith(HUAWEI):
                self._s3 = _connection(access, s3={"addressing_style": "virtual"})
        self.block = lru_cache(maxsize=BLOCKS)(self.read)
        """Returns bytes of a file of a dataset, as `read` does: such a file never changes."""

    def _address(self, key: str | None) -> str:
        return f"{SCHEME}{self._bucket}/{key or ''}"

    def _call(self, operation: str, key: str | None, **values: object) -> dict[str, Any]:
        if key is not None:
            values["Key"] = key
        with _as_os_errors(self._address(str(values.get("Prefix", "")) if key is None else key)):
            answer: dict[str, Any] = self._s3.call_s3(operation, Bucket=self._bucket, **values)
            return answer

    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes of an object from `start` to before `end`, or all."""
        content = self._read(key, start, end)
        if start is not None and end is not None and len(content) != end - start:
            # Some gateways answer with the whole object.
            reason = "it ended too early" if len(content) < end - start else "the store sent more than was asked for"
            raise OSError(errno.EIO, reason, self._address(key))
        return content

    def _read(self, key: str, start: int | None, end: int | None) -> bytes:
        for left in reversed(range(READS)):
            try:
                with _as_os_errors(self._address(key)):
                    # Without concurrency, which asks for the size first.
                    content: bytes = self._s3.cat_file(f"{self._bucket}/{key}", start=start, end=end, max_concurrency=1)
                    return content
            except OSError as error:
                if not left or not isinstance(error.__cause__, _BROKEN_OFF):
                    raise
        raise AssertionError

    def size(self, key: str) -> int:
        """Return the size of an object."""
        return int(self._call("head_object", key)["ContentLength"])

    def tag(self, key: str) -> str | None:
        """Return the tag of an object; None where there is none."""
        try:
            return str(self._call("head_object", key)["ETag"])
        except FileNotFoundError:
            return None

    def files(self, before: str) -> Listing:
        """Return the objects whose keys begin with a text, under the rest of their keys."""
        objects: dict[str, StoredObject] = {}
        after = ""
        while True:
            # The first version of this request: more stores know it.
            former, answer = after, self._call("list_objects", None, Prefix=before, Marker=after)
            for entry in answer.get("Contents", ()):
                after = entry["Key"]
                # A console makes an empty object for a folder.
                if not after.endswith("/"):
                    objects[after.removeprefix(before)] = _stored(entry, int(entry["Size"]))
            if not answer.get("IsTruncated"):
                return Listing(objects, _time_of(answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")))
            if after == former:
                raise OSError(errno.EIO, "the store's listing ended too early", self._address(before))

    def upload(self, key: str, file: Path) -> None:
        """Write the content of a file to an object."""
        with _as_os_errors(self._address(key)):
            self._s3.put_file(str(file), f"{self._bucket}/{key}")

    def replace(self, key: str, content: bytes, tag: str | None) -> bool:
        """Write an object if its tag is still `tag`, and return whether it was; see `StorePath.replace`."""
        if self.tag(key) != tag:
            return False
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self._call("put_object", key, Body=content, **condition)
        except OSError as error:
            if _code_of(error.__cause__) not in NO_CONDITIONS:
                return self._was_written(key, content, error)
        else:
            return True
        try:
            self._call("put_object", key, Body=content)
        except OSError as error:
            return self._was_written(key, content, error)
        return True

    def _was_written(self, key: str, content: bytes, error: OSError) -> bool:
        """Return whether an object was written although an error came; False where another process wrote it.

        An attempt whose answer was lost may have written it: then the condition of the next one failed.
        """
        condition_failed = _code_of(error.__cause__) in CONDITION_FAILED
        if not condition_failed and _is_refusal(error.__cause__):
            raise error
        try:
            written = self.read(key) == content
        except FileNotFoundError:
            written = False
        except OSError as unread:
            raise RecordNotWritten(
                f"{self._address(key)} is the former or the new one, which is not known ({unread.strerror}): run this"
                " again"
            ) from None
        if not written and not condition_failed:
            raise error
        return written

    def touch(self, key: str) -> None:
        """Copy an object onto itself."""
        source = {"Bucket": self._bucket, "Key": key}
        self._call("copy_object", key, CopySource=source, MetadataDirective="REPLACE")

    def remove(self, key: str, listed: StoredObject | None = None) -> bool:
        """Remove an object, if it is still the one that was listed, and return whether it was removed."""
        if listed is not None:
            try:
                answer = self._call("head_object", key)
            except FileNotFoundError:
                return False
            # This answer has no fractions of a second.
            present = _stored(answer, listed.size)
            if present.tag != listed.tag or int(present.changed.timestamp()) != int(listed.changed.timestamp()):
                return False
        self._call("delete_object", key)
        return True

    def served(self, folder: str, sizes: Mapping[str, int], served: Served) -> AbstractFileSystem:
        """Return a file system of the objects of a folder for DuckDB, see `StorePath.serve`."""
        return _Files(self, folder, sizes, served)


def _connection(access: Access, **config: object) -> s3fs.S3FileSystem:
    connection = s3fs.S3FileSystem(
        key=access.access_key,
        secret=access.secret_key,
        endpoint_url=access.endpoint,
        client_kwargs={} if access.region is None else {"region_name": access.region},
        # Other stores than Amazon's refuse its newer checksums.
        config_kwargs={
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "max_pool_connections": AT_ONCE,
            **config,
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    # s3fs would repeat all attempts of botocore.
    connection.retries = 1
    return connection


@contextmanager
def _as_os_errors(address: str) -> Iterator[None]:
    """Raise an OSError with a number, a reason and the address, in place of errors of s3fs, botocore and aiohttp."""
    try:
        yield
    except _ERRORS as error:
        # Where the store answered, s3fs raises an error of Python, whose cause has the answer.
        cause = error.__cause__ if error.__cause__ is not None and _code_of(error.__cause__) else error
        code = _code_of(cause)
        number, reason = getattr(error, "errno", None) or errno.EIO, code or _described(cause)
        if isinstance(error, FileNotFoundError):
            number, reason = errno.ENOENT, f"there is none ({code or 'NotFound'})"
        elif isinstance(cause, NoCredentialsError):
            number, reason = errno.EACCES, NO_KEYS
        elif isinstance(error, PermissionError) or code in REFUSED:
            number, reason = errno.EACCES, f"the store refused it ({code}): check the keys and their permissions"
        elif code in THROTTLED:
            number, reason = errno.EBUSY, f"the store wants fewer requests, at every attempt ({code}): try again later"
        # Of this number, Python makes a FileNotFoundError or a PermissionError.
        raise OSError(number, reason, address) from cause


def _code_of(error: BaseException | None) -> str:
    """Return the error code of a store's answer, such as AccessDenied; empty where it did not answer."""
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", ""))[:60] if isinstance(answer, dict) else ""


def _is_refusal(error: BaseException | None) -> bool:
    """Return whether a store answered that it did not do what was asked for; after other errors it may have."""
    answer = getattr(error, "response", None)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(answer, dict) else 0
    return bool(400 <= status < 500)


def _stored(answer: Mapping[str, Any], size: int) -> StoredObject:
    """Return what a listing or an answer says of an object."""
    return StoredObject(size, answer["LastModified"], str(answer.get("ETag", "")).strip('"'))


def _time_of(date: str) -> datetime | None:
    """Return the time of an answer's header; None where it has none that can be read."""
    try:
        time = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _described(error: BaseException) -> str:
    """Return why there was no answer, without what a store sent: it could repeat parts of the request."""
    if isinstance(error, _BROKEN_OFF):
        return f"the connection failed ({type(error).__name__})"
    return f"{type(error).__name__}: {str(error)[:200]}"


class _Files(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """The files of a dataset as DuckDB reads them: in blocks, without a request for names, sizes or times."""

    protocol = urlsplit(served_at("")).scheme
    cachable = False

    def __init__(self, client: Client, folder: str, sizes: Mapping[str, int], served: Served) -> None:
        super().__init__()
        self.served = served
        self._client, self._folder, self._sizes = client, folder, sizes

    def block(self, name: str, number: int) -> bytes:
        """Return a block of a file."""
        end = min((number + 1) * BLOCK, self._sizes[name])
        try:
            return self._client.block(f"{self._folder}/{name}".lstrip("/"), number * BLOCK, end)
        except OSError as error:
            self.served.failures[name] = str(error.strerror)
            raise

    def glob(self, path: str, **_more: object) -> list[str]:
        """Return the path itself: none is a pattern."""
        return [path]

    def info(self, path: str, **_more: object) -> dict[str, Any]:
        """Return the size that the manifest says."""
        name = self._strip_protocol(path)
        return {"name": name, "size": self._sizes[name], "type": "file"}

    def modified(self, _path: str) -> datetime:
        """Return one time for all: a file of a dataset never changes."""
        return datetime(2000, 1, 1)  # noqa: DTZ001 - DuckDB wants it without a zone

    def open(self, path: str, _mode: str = "rb", **_more: object) -> "_File":
        """Open a file for reading."""
        name = self._strip_protocol(path)
        self.served.opened.add(name)
        return _File(self, name, self._sizes[name])


class _File(io.RawIOBase):
    """A file that is open for reading.

    DuckDB reads it from several threads at once, each with a `seek` and then a `read`: each has a position of its own.
    """

    def __init__(self, files: _Files, name: str, size: int) -> None:
        self._files, self._name, self._size = files, name, size
        self._thread = local()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set this thread's position."""
        self._thread.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        return self.tell()

    def tell(self) -> int:
        """Return this thread's position."""
        return int(getattr(self._thread, "at", 0))

    def read(self, size: int = -1) -> bytes:
        """Return bytes from this thread's position on."""
        at = self.tell()
        end = self._size if size < 0 else min(at + size, self._size)
        parts = []
        while at < end:
            number, offset = divmod(at, BLOCK)
            parts.append(self._files.block(self._name, number)[offset : offset + end - at])
            at += len(parts[-1])
        self.seek(at)
        return b"".join(parts)
