"""The sandbox as a server: its port, invalid requests, connections that stay open, and shutdown."""

import http.client
import json
import socket

import pytest

from collector.errors import ConfigError
from collector.sandbox.behaviour import PROJECT_ID
from collector.sandbox.server import Sandbox


def address_of(sandbox: Sandbox) -> tuple[str, int]:
    host, _, port = sandbox.endpoint.removeprefix("http://").partition(":")
    return host, int(port)


def test_a_port_in_use_is_refused() -> None:
    """A second sandbox on the same port is refused, with how to fix it."""
    with Sandbox([]) as sandbox, pytest.raises(ConfigError, match="is in use: choose another port"):
        Sandbox([], port=address_of(sandbox)[1])


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
    ],
)
def test_an_invalid_request_is_refused(sent: bytes) -> None:
    """An invalid request gets a 400 with a JSON body, and the connection is closed."""
    with Sandbox([]) as sandbox, socket.create_connection(address_of(sandbox)) as connection:
        connection.sendall(sent)
        received = connection.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error_code"] == "APIGW.0201"


def test_another_method_is_not_published() -> None:
    """A POST is answered like an unknown path, and the connection stays open for the next request."""
    with Sandbox([]) as sandbox:
        connection = http.client.HTTPConnection(*address_of(sandbox))
        codes = []
        for method in ("POST", "GET"):
            connection.request(method, f"/v2/{PROJECT_ID}/pools", body=b"{}")
            answer = connection.getresponse()
            codes.append((answer.status, json.loads(answer.read())["error_code"]))
        connection.close()
    assert codes == [(404, "APIGW.0101"), (401, "APIGW.0301")]


def test_it_stops_while_connections_are_open() -> None:
    """A sandbox that stops closes the connections that clients keep open; a client that left early does no harm."""
    with Sandbox([]) as sandbox:
        open_connection, closed_connection = (socket.create_connection(address_of(sandbox)) for _ in range(2))
        closed_connection.sendall(b"GET /v2 HTTP/1.1\r\n")
        closed_connection.close()
        open_connection.sendall(b"GET /v2 HTTP/1.1\r\n\r\n")
        assert open_connection.recv(12) == b"HTTP/1.1 404"
    with open_connection:
        while open_connection.recv(4096):
            pass
