"""One HTTP/1.1 connection: requests are read by the standard library; answers are sent whole, or as `Answer` says."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Literal, Protocol, cast

from collector.sandbox.gateway import Request

LARGEST_BODY = 1 << 20
NO_LINGER = struct.pack("ii", 1, 0)
"""With this socket option, closing resets the connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and a body; the headers may give another length and type than those of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    rest: Iterable[bytes] = ()
    """More of the body, of which each piece is sent at once."""
    ending: Literal["open", "close", "reset"] = "open"
    """What happens to the connection; before a reset nothing is sent."""


class Answering(Protocol):
    """A server that can answer a request."""

    answer: Callable[[Request], Answer]


class Connection(BaseHTTPRequestHandler):
    """Answers one client, request after request, until one side closes."""

    protocol_version = "HTTP/1.1"
    # Invalid requests get a status line too, not an answer of HTTP/0.9.
    default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that head and body leave together

    def handle(self) -> None:
        """Answer requests until the client or the server closes the connection."""
        with suppress(ConnectionError, ssl.SSLError):
            super().handle()

    def finish(self) -> None:
        """Close both directions, also if the client has closed the connection already."""
        with suppress(ConnectionError):
            super().finish()
        self.rfile.close()

    def do_GET(self) -> None:
        """Answer one request."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self.send_error(400)
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value.strip() for name, value in self.headers.items()}
        request = Request(self.command, path, query, headers, self.rfile.read(int(length)))
        self._send(cast("Answering", self.server).answer(request))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class's names

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - as the base class has it
        """Refuse a request that the sandbox cannot read, with an error like the gateway's, and close."""
        self.close_connection = True
        self._send(Answer(code, {}, b'{"error_msg": "Bad request.", "error_code": "APIGW.0201"}'))

    def _send(self, answer: Answer) -> None:
        if answer.ending == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self.connection.close()
            self.close_connection = True
            return
        # The base class's send_response would log each request, and send the version of Python.
        self.send_response_only(answer.status)
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(answer.body)),
            "Connection": "close" if self.close_connection else "keep-alive",
        }
        for name, value in (headers | dict(answer.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        for piece in answer.rest:
            self.wfile.write(piece)
            self.wfile.flush()
        self.close_connection |= answer.ending == "close"
