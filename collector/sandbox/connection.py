"""One HTTP/1.1 connection: requests are read, answers leave in one piece, the connection stays open.

http.server would read headers with the parser for mail, which costs more than all the rest of an answer.
"""

import socketserver
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast

from collector.sandbox.gateway import Request

LONGEST_LINE = 65536
MOST_HEADERS = 100
LARGEST_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers beside the length and type of the body, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def encode(self, *, closes: bool) -> bytes:
        """Return the bytes that leave."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", f"Connection: {'close' if closes else 'keep-alive'}", "\r\n"]
        return "\r\n".join(lines).encode("latin-1") + self.body


class Answering(Protocol):
    """A server that can answer a request."""

    answer: Callable[[Request], Answer]


class Malformed(Exception):
    """What came is no HTTP request that the sandbox reads."""


class Connection(socketserver.StreamRequestHandler):
    """Answers one client, request after request, until one side closes."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer until the end."""
        server = cast("Answering", self.server)
        closes = False
        # A client may go at any time, and so may the server.
        with suppress(ConnectionError):
            try:
                while not closes and (request := self._read()) is not None:
                    closes = request.headers.get("connection", "").lower() == "close"
                    self.connection.sendall(server.answer(request).encode(closes=closes))
            except Malformed:
                refusal = Answer(400, {}, b'{"error_msg": "Bad request.", "error_code": "APIGW.0201"}')
                self.connection.sendall(refusal.encode(closes=True))

    def _read(self) -> Request | None:
        """Read one request; None where the client has closed."""
        line = self.rfile.readline(LONGEST_LINE)
        if not line:
            return None
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or parts[2] != "HTTP/1.1":
            raise Malformed
        headers = self._read_headers()
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY or "transfer-encoding" in headers:
            raise Malformed
        path, _, query = parts[1].partition("?")
        return Request(parts[0], path, query, headers, self.rfile.read(int(length)))

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MOST_HEADERS):
            line = self.rfile.readline(LONGEST_LINE)
            if line in (b"\r\n", b"\n"):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                break
            headers[name.strip().lower()] = value.strip()
        raise Malformed
