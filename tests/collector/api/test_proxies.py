"""Proxies and certificates, of the environment and of the configuration: which requests use them, and bad ones."""

import base64
import json
import re
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from collector.causes import cause_of
from collector.config.reader import read_config
from collector.crontab import unlike_the_shell
from collector.errors import ConfigError
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from tests.certified import certify
from tests.collector.api.test_outcomes import FINE
from tests.leaks import IN_USE
from tests.polling import FAST, collect, configure, poolscope, project, rows
from tests.scripted import Act, Scripted, answer

GATEWAY = "https://gateway.nowhere.example"
POLLED = 'pools = ["a"]\n[credentials.default]\naccess_key_file = "ak"\nsecret_key_file = "sk"'
PASSWORD = "correct horse battery"  # noqa: S105 - of a proxy of this test alone


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
    (scrape,) = result.scrapes
    assert "unreachable" == scrape.outcome
    cause = cause_of(scrape.outcome, "p", message=scrape.error_msg)
    assert through == ("ask those who run the proxy" in cause.fix)


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


def tunnel(port: int) -> Act:
    """Connect a client of a proxy with a port of this machine, until both are done."""

    def act(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, client))
            back.start()
            pump(client, server)
            back.join()

    return act


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def settings_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the lines for `[collect]` in the warnings of `schedule`."""
    return "\n".join(re.findall(r"\w+ = \"[^\"]*\"", "\n".join(map(message, done.stderr.splitlines()))))


def message(line: str) -> str:
    text: str = json.loads(line)["message"]
    return text


def test_what_cron_lacks_goes_into_the_configuration(tmp_path: Path) -> None:
    """With what `schedule` says in `[collect]`, a poll without the variables reaches an endpoint behind the proxy.

    The endpoint's certificate is trusted, its name is looked up by the proxy, and the password of the proxy is shown
    nowhere. Then `schedule` has nothing to say.
    """
    IN_USE.use("the password of the proxy", PASSWORD)
    host = GATEWAY.removeprefix("https://")
    certificate, tls = certify(tmp_path, host)
    keep_keys(tmp_path)
    with Scripted({}, FINE, tls=tls) as server:
        port = int(server.endpoint.rpartition(":")[2])
        with Scripted({f"{host}:443": [tunnel(port)]}, answer(502, b"")) as proxy:
            address = proxy.endpoint.removeprefix("http://")
            variables = {"https_proxy": f"http://planner:{PASSWORD}@{address}", "SSL_CERT_FILE": certificate.name}
            configure(tmp_path, GATEWAY, POLLED)
            warned = poolscope(tmp_path, "schedule", **variables)
            assert 0 == warned.returncode
            assert ["https_proxy", "SSL_CERT_FILE"] == [json.loads(w)["variable"] for w in warned.stderr.splitlines()]
            (write,) = re.findall(r"write that file: (.*)", message(warned.stderr.splitlines()[0]))
            subprocess.run(["bash", "-c", write], cwd=tmp_path, input=f"{PASSWORD}\n", text=True, check=True)
            fixed = f'interval = "1d"\n{settings_of(warned)}'
            configure(tmp_path, GATEWAY, POLLED, collect=fixed)
            assert "" == poolscope(tmp_path, "schedule", **variables).stderr
            done = poolscope(tmp_path, "collect")
            assert (0, "") == (done.returncode, done.stderr)
            basic = base64.b64encode(f"planner:{PASSWORD}".encode()).decode()
            assert [f"Basic {basic}"] == re.findall(r"(?i)proxy-authorization: (.*)\r", "".join(proxy.heads))
    assert [("ok",)] == rows(tmp_path / "data/poolscope.duckdb", "SELECT outcome FROM scrapes")


def keep_keys(folder: Path) -> None:
    for name, key in (("ak", ACCESS_KEY), ("sk", SECRET_KEY)):
        keep_secret(folder / name, key)


def keep_secret(file: Path, secret: str) -> None:
    file.touch(mode=0o600)
    file.write_text(secret)


@pytest.mark.parametrize(
    ("variables", "collect", "named"),
    [
        ({"HTTPS_PROXY": "proxy:1", "NO_PROXY": "a.example"}, "", {"HTTPS_PROXY", "NO_PROXY"}),
        ({"NO_PROXY": "a.example", "HTTP_PROXY": "proxy:1", "HTTPS_PROXY": ""}, "", set()),
        ({"HTTPS_PROXY": "proxy:1", "NO_PROXY": "a.example"}, 'proxy = "none"', set()),
        ({"HTTPS_PROXY": "proxy:1", "NO_PROXY": "a.example"}, 'proxy = "proxy:2"', {"NO_PROXY"}),
        ({"ALL_PROXY": "socks5://proxy:1"}, "", {"ALL_PROXY"}),
        ({"SSL_CERT_DIR": "certs"}, "", {"SSL_CERT_DIR"}),
        ({"SSL_CERT_DIR": "certs", "SSL_CERT_FILE": "x.pem"}, "", {"SSL_CERT_FILE"}),
    ],
)
def test_only_variables_that_change_a_poll_are_named(
    tmp_path: Path, variables: dict[str, str], collect: str, named: set[str]
) -> None:
    """HTTP_PROXY is never used, NO_PROXY only beside a proxy, and the configuration replaces the environment."""
    file = tmp_path / "poolscope.toml"
    file.write_text(f"[collect]\n{collect}")
    config, problems = read_config(file, variables, tmp_path)
    assert [] == problems
    assert named == set(unlike_the_shell(config, variables, tmp_path))


def test_the_configuration_replaces_the_proxy_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its proxy is used in place of HTTPS_PROXY, and no proxy for "none"; NO_PROXY holds for both."""

    def name_not_known(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", name_not_known)
    for proxy_value, exceptions, expected in (("own", "", (0, 1)), ("own", "example", (0, 0)), ("", "", (0, 0))):
        with Scripted({}, answer(502, b"")) as environments, Scripted({}, answer(502, b"")) as own:
            monkeypatch.setenv("HTTPS_PROXY", environments.endpoint)
            monkeypatch.setenv("NO_PROXY", exceptions)
            settings = replace(FAST, attempts=1, proxy=own.endpoint if proxy_value else "")
            collect(tmp_path, [project(GATEWAY, "a")], settings=settings)
            assert expected == (len(environments.heads), len(own.heads))


@pytest.mark.parametrize("named_by", ["ca_file", "SSL_CERT_FILE"])
def test_an_endpoint_on_loopback_is_checked_against_the_named_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    """https://127.0.0.1 with a certificate of its own is polled if the configuration or the environment trusts it."""
    certificate, tls = certify(tmp_path)
    settings = replace(FAST, ca_file=certificate) if named_by == "ca_file" else FAST
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate) if named_by == "SSL_CERT_FILE" else "")
    with Scripted({}, FINE, tls=tls) as server:
        result = collect(tmp_path, [project(server.endpoint, "a")], settings=settings)
    assert ["ok"] == [scrape.outcome for scrape in result.scrapes]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), ("no certificate", "it has no certificate in PEM form"), ("", "it has no")],
)
def test_a_file_without_certificates_is_refused(tmp_path: Path, content: str | None, reason: str) -> None:
    """It is a configuration error, before the first request, with the key, the file and the reason."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=re.escape(f"collect.ca_file: {file} cannot be used ({reason}")):
        collect(tmp_path, [project(GATEWAY, "a")], settings=replace(FAST, ca_file=file))


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Collect and doctor end with 2, before the first request, and say how to fix it."""
    (tmp_path / "password").write_text("x")
    (tmp_path / "password").chmod(0o644)
    network = 'proxy = "http://planner@127.0.0.1:9"\nproxy_password_file = "password"'
    configure(tmp_path, GATEWAY, 'pools = ["a"]', collect=f'interval = "1d"\n{network}')
    for command in ("collect", "doctor"):
        done = poolscope(tmp_path, command)
        assert 2 == done.returncode
        problem = f"collect.proxy_password_file: {tmp_path / 'password'} can be read by others"
        assert problem in done.stdout + done.stderr
