"""The sandbox's server on loopback: it starts, stops, routes and counts requests."""

import errno
import json
import socket
import socketserver
import ssl
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from collector.clock import Clock, SystemClock
from collector.errors import ConfigError
from collector.sandbox.behaviour import AS_DOCUMENTED, CUT, LISTING, TOKENS, Behaviour
from collector.sandbox.connection import Answer, Connection
from collector.sandbox.faults import EXPIRED_PEM, SkewedClock, is_gone, meets, spoil
from collector.sandbox.gateway import Gateway, Refused, Request
from collector.sandbox.jobs import Pool
from collector.sandbox.payloads import Json, pool_list, pool_payload, statistics_payload

HOST = "127.0.0.1"
SECONDS_TO_STOP = 5.0


class Sandbox:
    """A simulated API in threads of this process: a context manager that serves until it exits.

    Raises
    ------
    ConfigError
        When the port cannot be used.
    """

    def __init__(
        self, pools: Sequence[Pool], behaviour: Behaviour = AS_DOCUMENTED, clock: Clock | None = None, port: int = 0
    ) -> None:
        self.requests: Counter[str] = Counter()
        """The number of requests by path (as sent, without the query)."""
        self.statuses: Counter[int] = Counter()
        """The number of answers by HTTP status."""
        self.behaviour = behaviour
        self._pools = {pool.id: pool for pool in pools}
        self._clock = SkewedClock(clock or SystemClock(), behaviour.skew)
        self._gateway = Gateway(behaviour, self._clock)
        self._counter_lock = threading.Lock()
        self._stopping = threading.Event()
        try:
            self._server = _Server(self, port)
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            raise ConfigError(
                f"port {port} of {HOST} {'is in use' if in_use else f'cannot be used ({error.strerror})'}: "
                "choose another port, or 0 for any free port"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)

    @property
    def endpoint(self) -> str:
        """The address to configure as a project's endpoint."""
        scheme = "https" if _over_tls(self.behaviour) else "http"
        return f"{scheme}://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()

    def answer(self, request: Request) -> Answer:
        """Answer one request; safe to call from several threads."""
        with self._counter_lock:
            self.requests[request.path] += 1
            number = self.requests[request.path]
        if self.behaviour.latency:
            self._stopping.wait(self.behaviour.latency)
        request_id = uuid.uuid4().hex
        headers = {"X-Request-Id": request_id}
        payload: Json
        names: tuple[str, ...] = ()
        try:
            status, payload, names = self._payload(request, headers)
        except Refused as refusal:
            status = refusal.status
            payload = {"error_msg": refusal.message, "error_code": refusal.code}
            if refusal.code.startswith("APIGW."):
                payload["request_id"] = request_id
            if refusal.retry_after is not None:
                headers["Retry-After"] = str(refusal.retry_after)
        headers["Date"] = format_datetime(self._clock.now(), usegmt=True)
        answer = Answer(status, headers, json.dumps(payload).encode())
        if status < 300:
            answer = spoil(answer, self.behaviour.faults, names, number, self._stopping)
        with self._counter_lock:
            self.statuses[answer.status] += 1
        return answer

    def _payload(self, request: Request, headers: dict[str, str]) -> tuple[int, Json, tuple[str, ...]]:
        """Return status, payload and the names that faults can match; a token is put into the headers."""
        # An unknown path is refused before the signature is checked.
        match [unquote(segment) for segment in request.path.split("/")]:
            case ["", "v3", "auth", "tokens"] if request.method == "POST":
                token, expires = self._gateway.issue_token(request)
                headers["X-Subject-Token"] = token
                return 201, {"token": {"expires_at": f"{expires:%Y-%m-%dT%H:%M:%S.%fZ}"}}, (TOKENS,)
            case ["", "v2", project, "pools"] if request.method == "GET":
                instant = self._admit(request, project)
                pools = [pool for pool in self._pools.values() if not self._gone(pool, instant)]
                return 200, pool_list(pools, dict(request.pairs), self.behaviour), (LISTING,)
            case ["", "v2", project, "pools", pool_id] if request.method == "GET":
                pool = self._pool(pool_id, self._admit(request, project))
                return 200, pool_payload(pool, self.behaviour), _names(pool)
            case ["", "v2", project, "statistics", "pools", pool_id, "workloads"] if request.method == "GET":
                instant = self._admit(request, project)
                pool = self._pool(pool_id, instant)
                counts = pool.counts_at(instant.timestamp(), self.behaviour.retention_seconds)
                return 200, statistics_payload(counts, self.behaviour), _names(pool)
        raise Refused(404, "APIGW.0101", "The API does not exist or has not been published in the environment")

    def _admit(self, request: Request, project: str) -> datetime:
        instant = self._gateway.admit(request)
        if {project, request.headers.get("x-project-id", project)} != {self.behaviour.project_id}:
            raise Refused(403, "ModelArts.0210", "The project ID in the URL differs from the project ID of the token.")
        return instant

    def _pool(self, pool_id: str, instant: datetime) -> Pool:
        pool = self._pools.get(pool_id)
        if pool is None or self._gone(pool, instant):
            raise Refused(404, "ModelArts.50015001", f"Pool {pool_id} not found.")
        return pool

    def _gone(self, pool: Pool, instant: datetime) -> bool:
        return is_gone(self.behaviour.faults, _names(pool), instant)


def _names(pool: Pool) -> tuple[str, ...]:
    return pool.id, pool.display_name


def _over_tls(behaviour: Behaviour) -> bool:
    return behaviour.expired_certificate or any(fault.kind == CUT for fault in behaviour.faults)


class _Server(socketserver.ThreadingTCPServer):
    """A server with one thread a connection, which can close its open connections.

    The server of http.server would additionally look up this machine's name in DNS.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self.answer = sandbox.answer
        self._tls: ssl.SSLContext | None = None
        self._cut_faults = [fault for fault in sandbox.behaviour.faults if fault.kind == CUT]
        self._accepted = 0
        if _over_tls(sandbox.behaviour):
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(EXPIRED_PEM)
        self._open: set[socket.socket] = set()
        self._open_changed = threading.Condition()
        super().__init__((HOST, port), Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls is not None:
            # The connection's own thread does the handshake, so that it does not block other connections.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401, ARG002 - as the base class has it
        self._accepted += 1
        return not any(meets(fault, (CUT,), self._accepted) for fault in self._cut_faults)

    # In the base class a request may also be a datagram with its socket; in a TCP server it is always a socket.
    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        with self._open_changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().shutdown_request(request)
        with self._open_changed:
            self._open.discard(request)
            self._open_changed.notify_all()

    def close_connections(self) -> None:
        """Close the connections that clients keep open, and wait until their threads have ended them."""
        with self._open_changed:
            for connection in self._open:
                with suppress(OSError):  # The client, or the thread, has closed it already.
                    connection.shutdown(socket.SHUT_RDWR)
            self._open_changed.wait_for(lambda: not self._open, SECONDS_TO_STOP)
