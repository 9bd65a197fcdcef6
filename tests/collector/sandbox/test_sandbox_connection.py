"""The sandbox as a server: its port, what is no request, connections that stay open, and a clean end."""

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


def test_a_taken_port_is_said() -> None:
    """A second sandbox on the same port is refused with the mend."""
    with Sandbox([]) as sandbox, pytest.raises(ConfigError, match="is taken: choose another one"):
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
def test_what_is_no_request_is_a_bad_request(sent: bytes) -> None:
    """What cannot be read as a request gets a 400 with a JSON body, and the connection is closed."""
    with Sandbox([]) as sandbox, socket.create_connection(address_of(sandbox)) as connection:
        connection.sendall(sent)
        received = connection.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error_code"] == "APIGW.0201"


def test_another_method_is_not_published() -> None:
    """A POST is answered as any path that nobody published, and the connection stays open for the next request."""
    with Sandbox([]) as sandbox:
        connection = http.client.HTTPConnection(*address_of(sandbox))
        codes = []
        for method in ("POST", "GET"):
            connection.request(method, f"/v2/{PROJECT_ID}/pools", body=b"{}")
            answer = connection.getresponse()
            codes.append((answer.status, json.loads(answer.read())["error_code"]))
        connection.close()
    assert codes == [(404, "APIGW.0101"), (401, "APIGW.0301")]


def test_it_stops_while_clients_hold_on() -> None:
    """A sandbox that is left closes what clients keep open, and those that went without a word trouble nobody."""
    with Sandbox([]) as sandbox:
        held, gone = (socket.create_connection(address_of(sandbox)) for _ in range(2))
        gone.sendall(b"GET /v2 HTTP/1.1\r\n")
        gone.close()
        held.sendall(b"GET /v2 HTTP/1.1\r\n\r\n")
        assert held.recv(12) == b"HTTP/1.1 404"
    with held:
        while held.recv(4096):
            pass
