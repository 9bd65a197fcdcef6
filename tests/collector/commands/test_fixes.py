"""Faults that status and doctor explain: each fix is applied as it is written, and then polls succeed."""

import json
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from collector.sandbox.behaviour import PROJECT_ID
from tests.certified import certify
from tests.collector.api.test_proxies import keep_secret, tunnel
from tests.collector.commands.test_doctor import findings, now
from tests.leaks import IN_USE
from tests.polling import GOOD, poolscope, statistics_path
from tests.scripted import Act, Scripted, answer

HOST = "gateway.nowhere.example"
PASSWORD = "correct horse battery"  # noqa: S105 - of a proxy of this test alone
TICKET = "5ecretTicketOfALogin"
FINE = answer(200, GOOD, **now())
LOG_IN = b"<!DOCTYPE html><title>\x1b[2J\xe2\x80\xae Log in</title>"
GONE = answer(404, b'{"error_code": "ModelArts.50015001", "error_msg": "Pool vision not found."}', **now())
LISTING = answer(200, b'{"items": [{"metadata": {"name": "pool-1a", "labels": {"os.modelarts/name": "Vision"}}}]}')
NAMED = {f"/v2/{PROJECT_ID}/pools": [LISTING], statistics_path("vision"): [GONE]}
SAID = {
    "moved": "the service is said to be elsewhere",
    "empty": "the answer has no content (204)",
    "zipped": "the answer is compressed",
    "gbk": "a proxy or gateway changed it; the answer begins: 资源池",
    "login": "a web page answered",
    "odd": 'the answer begins: {"statistics": 7}',
    "named": "the pool does not exist (any more)",
    "private": "the certificate is not trusted",
    "behind": "the proxy wants a user and a password",
}


def write(folder: Path, endpoints: dict[str, str], pools: dict[str, str], collect: str) -> None:
    sections = "".join(
        f'[projects.{name}]\nproject_id = "{PROJECT_ID}"\nendpoint = "{endpoint}"\npools = ["{pools.get(name, "a")}"]\n'
        for name, endpoint in endpoints.items()
    )
    (folder / "poolscope.toml").write_text(f'[collect]\ninterval = "1d"\nattempts = 1\n{collect}\n{sections}')


def warnings(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what `status` says of each project's failures, with the fix."""
    events = [json.loads(line) for line in done.stderr.splitlines()]
    return {event["project"]: event["message"] for event in events if event["event"] == "failures"}


def faulty(fine: Scripted) -> dict[str, Act]:
    """Return the answer of each server that is asked in place of ModelArts, or has something else in its place."""
    return {
        "moved": answer(302, b"", Location=f"{fine.endpoint}/v2/x?ticket={TICKET}", **now()),
        "empty": answer(204, b"", **now()),
        "zipped": answer(200, GOOD, Content_Encoding="gzip", **now()),
        "gbk": answer(200, "资源池".encode("gbk"), **now()),
        "login": answer(200, LOG_IN, **now()),
        "odd": answer(200, b'{"statistics": 7}', **now()),
        "named": FINE,
    }


def test_each_fix_works_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine faults are told by status and doctor with their fixes; with the fixes, the next poll succeeds.

    A Location is shown without its query, an answer without control characters, and no password is shown.
    """
    for name, secret in (("the password of the proxy", PASSWORD), ("the ticket of a redirection", TICKET)):
        IN_USE.use(name, secret)
    monkeypatch.setenv("NO_PROXY", "")
    own, own_tls = certify(tmp_path)
    other, other_tls = certify(tmp_path, HOST)
    (tmp_path / "ca.pem").write_text(own.read_text() + other.read_text())
    with ExitStack() as stack:
        fine = stack.enter_context(Scripted({}, FINE))
        servers = {
            name: stack.enter_context(Scripted(NAMED if name == "named" else {}, act))
            for name, act in faulty(fine).items()
        }
        servers["private"] = stack.enter_context(Scripted({}, FINE, tls=own_tls))
        gateway = stack.enter_context(Scripted({}, FINE, tls=other_tls))
        acts = [*[answer(407, b"", Proxy_Authenticate="Basic")] * 2, tunnel(int(gateway.endpoint.rpartition(":")[2]))]
        proxy = stack.enter_context(Scripted({f"{HOST}:443": acts}, answer(502, b"")))
        endpoints = {name: server.endpoint for name, server in servers.items()} | {"behind": f"https://{HOST}"}

        write(tmp_path, endpoints, {"named": "vision"}, f'proxy = "{proxy.endpoint}"')
        assert 1 == poolscope(tmp_path, "collect").returncode
        told = warnings(poolscope(tmp_path, "status"))
        doctor = poolscope(tmp_path, "doctor", "--json")
        assert "failures" not in {f["what"] for f in findings(doctor)}, "each is told once"
        wrong = {f["what"].partition(":")[0]: f for f in findings(doctor) if f["severity"] == "error"}
        assert set(SAID) == set(told) == set(wrong)
        for name, words in SAID.items():
            assert words in told[name]
            assert words in wrong[name]["message"]
            assert told[name].partition("the answer begins")[0].replace("\n  fix: ", "").isprintable()
        assert r"<title>\x1b[2J\u202e Log in" in wrong["login"]["message"]
        for name in ("empty", "zipped", "gbk", "login"):
            assert f"check projects.{name}.endpoint" in wrong[name]["fix"]
        assert "report how the answer begins" in wrong["odd"]["fix"]

        # From here on, what is written is what the fixes say.
        endpoints["moved"] = setting("endpoint", wrong["moved"]["fix"])
        endpoints |= dict.fromkeys(("empty", "zipped", "gbk", "login", "odd"), fine.endpoint)
        ids = re.findall(r'write its id "([^"]*)" in projects.named.pools', wrong["named"]["fix"])
        assert "set ca_file in [collect]" in wrong["private"]["fix"]
        assert "USER@HOST:PORT" in setting("proxy", wrong["behind"]["fix"])
        assert "proxy_password_file" in wrong["behind"]["fix"]
        keep_secret(tmp_path / "password", PASSWORD)
        with_user = proxy.endpoint.replace("//", "//planner@")
        fixed = f'proxy = "{with_user}"\nproxy_password_file = "password"\nca_file = "ca.pem"'
        write(tmp_path, endpoints, {"named": ids[0]}, fixed)
        after = findings(poolscope(tmp_path, "doctor", "--json"))
        assert [] == [f for f in after if f["severity"] == "error" and f["what"] != "schedule"]
        passed = [f["message"] for f in after if f["what"] == "failures"]
        assert len(SAID) == sum("asked now, ModelArts answers" in message for message in passed)
        done = poolscope(tmp_path, "collect")
    assert (0, "") == (done.returncode, done.stderr)


def setting(key: str, fix: str) -> str:
    """Return the value of a setting that a fix names."""
    (value,) = re.findall(rf'set {key} = "([^"]*)"', fix)
    return str(value)
