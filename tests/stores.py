"""A server of objects on loopback, with faults on request, for tests of datasets in an object store."""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from itertools import count
from typing import Any, Final

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from collector.record.places import StorePath, place_of
from collector.record.store import Access
from tests.leaks import IN_USE

KEY: Final = "AKIAOFTHETESTSTORE"
SECRET: Final = "secret-of/the+tests=store"  # noqa: S105 - of no store but the tests'
Start = Callable[..., Any]
Environ = dict[str, Any]
App = Callable[[Environ, Start], Iterable[bytes]]
Fault = Callable[[Environ, Start, App], Iterable[bytes]]
_NUMBERS = count()


def answering(status: str, code: str) -> Fault:
    """Answer with an error that repeats the key, as some stores do."""

    def answer(environ: Environ, start: Start, _app: App) -> Iterable[bytes]:
        body = f"<Error><Code>{code}</Code><Message>{KEY} may not</Message><Id>{KEY}</Id></Error>".encode()
        body = b"" if "HEAD" == environ["REQUEST_METHOD"] else body
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def refuse_conditions(environ: Environ, start: Start, app: App) -> Iterable[bytes]:
    """Answer as a store that does not know conditional writes."""
    if any(name in environ for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")):
        return answering("501 Not Implemented", "NotImplemented")(environ, start, app)
    return app(environ, start)


def close(environ: Environ) -> None:
    """Close the connection; the server then gives up the request."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError


def cut_upload(environ: Environ, _start: Start, _app: App) -> Iterable[bytes]:
    """Read a half of the request, and close the connection."""
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]) // 2)
    close(environ)
    return []


def lose_answer(environ: Environ, _start: Start, app: App) -> Iterable[bytes]:
    """Do what is asked for, and close the connection without an answer."""
    b"".join(app(environ, lambda *_: None))
    close(environ)
    return []


def cut_answer(environ: Environ, start: Start, app: App) -> Iterable[bytes]:
    """Send a half of the answer, and close the connection."""
    content = b"".join(app(environ, start))

    def half() -> Iterator[bytes]:
        yield content[: len(content) // 2]
        close(environ)

    return half()


def dated(moment: datetime) -> Fault:
    """Answer as a store whose clock shows another time."""

    def answer(environ: Environ, start: Start, app: App) -> Iterable[bytes]:
        def start_then(status: str, headers: list[tuple[str, str]], *more: object) -> object:
            kept = [(name, value) for name, value in headers if "date" != name.lower()]
            return start(status, [*kept, ("Date", format_datetime(moment, usegmt=True))], *more)

        return app(environ, start_then)

    return answer


def after(act: Callable[[], object]) -> Fault:
    """Do something else first, then what is asked for."""

    def answer(environ: Environ, start: Start, app: App) -> Iterable[bytes]:
        act()
        return app(environ, start)

    return answer


class _Handler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Log nothing."""


class ObjectStore:
    """A server; `requests` has the method and the path of every request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self._faults: list[list[Any]] = []
        self._lock = threading.Lock()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def begin(self) -> None:
        """Forget requests and faults of the test before."""
        self.requests.clear()
        self._faults.clear()

    def fail(self, method: str, end: str, fault: Fault, times: int = 1 << 20) -> None:
        """Let requests of a method and end of a path fail, a number of times."""
        self._faults.append([method, end, fault, times])

    def _answer(self, environ: Environ, start: Start) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode()
        with self._lock:
            self.requests.append((method, path))
            fault = next((f for f in self._faults if f[0] == method and path.endswith(f[1]) and f[3] > 0), None)
            if fault is not None:
                fault[3] -= 1
        answer: Iterable[bytes] = self._app(environ, start) if fault is None else fault[2](environ, start, self._app)
        return answer

    def named(self, method: str) -> list[str]:
        """Return the paths of the requests of a method."""
        return [path for requested, path in self.requests if requested == method]

    def variables(self) -> dict[str, str]:
        """Return the environment of a command that uses the server, without waits of botocore."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def new_folder(self, prefix: str = "a b/项%2F+#'目") -> StorePath:
        """Return an empty folder in a new bucket, for the tests' keys."""
        folder = place_of(f"s3://bucket-{next(_NUMBERS)}/{prefix}", Access(self.endpoint, "us-east-1", KEY, SECRET))
        assert isinstance(folder, StorePath)
        folder.store.client._call("create_bucket", None)
        return folder


@contextmanager
def serving() -> Iterator[ObjectStore]:
    """Serve while the block runs."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = ObjectStore()
    yield store
    store._server.shutdown()
    store._server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    """Serve for a module."""
    with serving() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Return the server without requests and faults; this process's environment names it."""
    server.begin()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.variables().items():
        monkeypatch.setenv(name, value)
    IN_USE.use("the store's access key", KEY)
    IN_USE.use("the store's secret key", SECRET)
    return server
