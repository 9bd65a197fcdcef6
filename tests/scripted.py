"""Parts that a test scripts: the answers of a real server on loopback, a pool that never changes, another process."""

import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Self

from collector.record.statuses import STATUSES
from collector.sandbox.jobs import KEPT_FOR_EVER, Counts
from tests.leaks import IN_USE
from tests.passing import TIME

Act = Callable[[socket.socket], None]
# A third of the read time-out of the tests' polls, so that no single read times out.
DRIP_SECONDS = 100.0


def answer(status: int, body: bytes, **headers: str) -> Act:
    """Send a complete answer, and keep the connection open."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    data = "\r\n".join([*lines, "", ""]).encode() + body
    return lambda client: client.sendall(data)


def cut_off(client: socket.socket) -> None:
    """Send less than the announced length, and close the connection in order."""
    client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"statistics"')
    client.shutdown(socket.SHUT_RDWR)


def close(client: socket.socket) -> None:
    """Close the connection without an answer."""
    client.shutdown(socket.SHUT_RDWR)


def reset(client: socket.socket) -> None:
    """Reset the connection: with SO_LINGER 0 it is reset when its thread closes it."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError


def hang(client: socket.socket) -> None:
    """Stay silent for a day, until the client closes."""
    TIME.add(86400)
    client.recv(1)


def drip(client: socket.socket) -> None:
    """Send the head slowly, byte by byte, so that no single read times out."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        client.sendall(bytes([byte]))
        TIME.add(DRIP_SECONDS)


class Scripted:
    """A server with a script of acts for each path, one per request; the last repeats. Other paths get `otherwise`."""

    def __init__(self, scripts: Mapping[str, Sequence[Act]], otherwise: Act, tls: ssl.SSLContext | None = None) -> None:
        self.requests: Counter[str] = Counter()
        self.heads: list[str] = []
        self._scripts = scripts
        self._otherwise = otherwise
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def endpoint(self) -> str:
        """The address to configure as a project's endpoint."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(5)
        self._listener.close()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.add(client)
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            with client, client.makefile("rb") as stream:
                while head := self._head(stream):
                    length = re.search(r"(?i)\r\ncontent-length: (\d+)", head)
                    stream.read(int(length[1]) if length else 0)
                    path = head.split()[1].split("?")[0]
                    with self._lock:
                        self.requests[path] += 1
                        number = self.requests[path]
                        self.heads.append(head)
                    script = self._scripts.get(path, [self._otherwise])
                    script[min(number, len(script)) - 1](client)
        except OSError:
            return  # The client closed, or the test ended.

    @staticmethod
    def _head(stream: BinaryIO) -> str:
        lines = []
        while (line := stream.readline()) not in (b"\r\n", b""):
            lines.append(line.decode("latin-1"))
            name, _, value = lines[-1].partition(":")
            IN_USE.use_header(name, value.strip())
        return "".join(lines)


@dataclass
class StillPool:
    """A pool that never changes: `queue` training jobs wait, one runs, and there are no notebooks."""

    id: str
    queue: int = 1
    workspace: str = "0"
    display_name: str = ""
    created: datetime = datetime(2024, 3, 4, tzinfo=UTC)
    policy: str | None = None
    flavor: str | None = None
    nodes: int = 0

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:  # noqa: ARG002 - the signature of every pool
        """Return the same counts at every instant."""
        none = dict.fromkeys(STATUSES, 0)
        return {"train": none | {"Queue": self.queue, "Running": 1}, "notebook": none}


@contextmanager
def another_process(code: str, *words: str) -> Iterator[None]:
    """Run Python code in another process, from its line ``ready`` until the end of the block."""
    call = [sys.executable, "-c", code, *words]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        yield
        process.communicate("\n")
