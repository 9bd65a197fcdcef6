"""Proxies in the environment: which requests use them, and which settings cannot be used."""

import json
import socket
from pathlib import Path

import pytest

from tests.collector.api.test_outcomes import FINE
from tests.polling import collect, configure, poolscope, project
from tests.scripted import Scripted, answer

GATEWAY = "https://gateway.nowhere.example"
KEYS_IN_FILES = '[credentials.default]\naccess_key_file = "key"\nsecret_key_file = "key"'


@pytest.mark.parametrize(
    ("exceptions", "through"),
    [
        ("", True),
        ("other.example, 10.0.0.0/8", True),
        ("[::1],fd00::/8,http://[, gateway.nowhere.example:1", True),
        ("nowhere.example", False),
        (".nowhere.example", False),
        ("[::1],gateway.nowhere.example", False),
        ("10.0.0.0/8,*", False),
    ],
)
def test_an_invalid_exception_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exceptions: str, through: bool
) -> None:
    """An exception that cannot be read is ignored; the other exceptions and the proxy are still used."""

    def name_not_known(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with Scripted({}, answer(502, b"")) as proxy:
        monkeypatch.setattr(socket, "getaddrinfo", name_not_known)
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint)
        monkeypatch.setenv("NO_PROXY", exceptions)
        result = collect(tmp_path, [project(GATEWAY, "a")])
        assert through == any(head.startswith("CONNECT gateway.nowhere.example:443") for head in proxy.heads)
    assert ["unreachable"] == [scrape.outcome for scrape in result.scrapes]


def test_a_poll_and_doctor_name_ignored_exceptions(tmp_path: Path) -> None:
    """The poll is made; valid exceptions, an address and a name, are not named."""
    invalid = "[::1],192.168.0.0/16,fd00::/8"
    with Scripted({}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]')
        done = poolscope(tmp_path, "collect", NO_PROXY=f"{invalid},::1,localhost,.example")
        findings = poolscope(tmp_path, "doctor", NO_PROXY=f"{invalid},::1,localhost,.example").stdout
    assert 0 == done.returncode
    warnings = [json.loads(line) for line in done.stderr.splitlines()]
    assert [("NO_PROXY", part) for part in invalid.split(",")] == [(w["variable"], w["exception"]) for w in warnings]
    assert 3 == findings.count("NO_PROXY")


@pytest.mark.parametrize("address", ["http://proxy.example:99999", "proxy.example:0", "http://:3128", "nonsense://x"])
def test_an_invalid_proxy_is_a_configuration_error(tmp_path: Path, address: str) -> None:
    """Exit 2 before the first request, with the variable's name, but not its value, which may contain a password."""
    configure(tmp_path, GATEWAY, 'pools = ["a"]')
    done = poolscope(tmp_path, "collect", HTTPS_PROXY=address)
    assert 2 == done.returncode
    assert "HTTPS_PROXY" in done.stderr
    assert address not in done.stderr


def test_schedule_warns_of_proxies_and_certificates_that_cron_lacks(tmp_path: Path) -> None:
    """Proxy and certificates of the shell are named; the line is printed and contains no password of a proxy."""
    configure(tmp_path, GATEWAY, KEYS_IN_FILES, collect="")
    variables = {"https_proxy": "http://user:secret@proxy.example:3128", "SSL_CERT_FILE": "corp.pem"}
    done = poolscope(tmp_path, "schedule", **variables)
    assert 0 == done.returncode, done.stderr
    assert {"SSL_CERT_FILE", "https_proxy"} <= {json.loads(line)["variable"] for line in done.stderr.splitlines()}
    assert done.stdout.startswith("* * * * * ")
    assert "secret@" not in done.stdout + done.stderr
