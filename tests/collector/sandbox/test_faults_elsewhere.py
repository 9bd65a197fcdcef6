"""Faults of the sandbox that affect connections, tokens or the listing instead of a pool."""

from pathlib import Path

import pytest

from collector.api.credentials import PasswordCredential
from collector.sandbox.behaviour import CUT, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.collector.sandbox.test_faults import ODD, POOLS, TWICE, behaviour
from tests.polling import collect, project


def test_an_interrupted_handshake_is_retried(tmp_path: Path) -> None:
    """If every handshake is cut, no request is received, and the outcome is not a TLS failure."""
    with Sandbox(POOLS, behaviour(CUT)) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, *ODD)], settings=TWICE)
        assert not sandbox.requests
    assert [("disconnected", 2)] * 3 == [(scrape.outcome, scrape.attempts) for scrape in result.scrapes]


@pytest.mark.parametrize(("kind", "outcome"), [("server-error", "server_error"), ("throttled", "throttled")])
def test_a_fault_can_affect_iam_only(tmp_path: Path, kind: str, outcome: str) -> None:
    """If IAM issues no tokens, every scrape has IAM's outcome."""
    user = PasswordCredential("default", "sandbox", "sandbox", SECRET_KEY)
    with Sandbox(POOLS, behaviour(f"{kind}:iam")) as sandbox:
        polled = project(sandbox.endpoint, *ODD, iam_endpoint=sandbox.endpoint)
        result = collect(tmp_path, [polled], settings=TWICE, credentials={"default": user})
    assert {outcome} == {scrape.outcome for scrape in result.scrapes}


def test_a_nameless_pool_in_the_listing(tmp_path: Path) -> None:
    """The pools with a name are polled, and the listing has the outcome `wrong_shape`."""
    with Sandbox(POOLS, behaviour("nameless:listing")) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint)])
    assert {"ok"} == {scrape.outcome for scrape in result.scrapes}
    assert ["wrong_shape"] == [listing.outcome for listing in result.discoveries]
