"""One HTTP/1.1 connection: the standard library reads the requests, answers leave in one piece."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Protocol, cast

from collector.sandbox.gateway import Request

LARGEST_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers beside the length and type of the body, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Answering(Protocol):
    """A server that can answer a request."""

    answer: Callable[[Request], Answer]


class Connection(BaseHTTPRequestHandler):
    """Answers one client, request after request, until one side closes."""

    protocol_version = "HTTP/1.1"
    # What is no request at all is answered with a status line too, not in the manner of HTTP/0.9.
    default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that head and body leave together

    def handle(self) -> None:
        """Answer until the end; a client may go at any time, and so may the server."""
        with suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        """Close both directions, also where what was still to be sent has nowhere to go."""
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
        """Refuse what is no request that the sandbox reads, in the gateway's manner, and close."""
        self.close_connection = True
        self._send(Answer(code, {}, b'{"error_msg": "Bad request.", "error_code": "APIGW.0201"}'))

    def _send(self, answer: Answer) -> None:
        # The base class's send_response would log each request, and name the version of Python.
        self.send_response_only(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close" if self.close_connection else "keep-alive")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
