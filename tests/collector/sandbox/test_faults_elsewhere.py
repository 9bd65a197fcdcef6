"""Faults of the sandbox that are not one pool's: of connections, of tokens, of the listing."""

from pathlib import Path

import pytest

from collector.api.credentials import PasswordCredential
from collector.sandbox.behaviour import CUT, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.collector.sandbox.test_faults import ODD, POOLS, TWICE, behaviour
from tests.polling import collect, project


def test_a_cut_handshake_is_tried_again(tmp_path: Path) -> None:
    """With every handshake cut nothing is asked, and it is no lasting TLS failure."""
    with Sandbox(POOLS, behaviour(CUT)) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint, *ODD)], settings=TWICE)
        assert not sandbox.requests
    assert [("disconnected", 2)] * 3 == [(scrape.outcome, scrape.attempts) for scrape in result.scrapes]


@pytest.mark.parametrize(("kind", "outcome"), [("server-error", "server_error"), ("throttled", "throttled")])
def test_iam_has_faults_of_its_own(tmp_path: Path, kind: str, outcome: str) -> None:
    """Tokens are not to be had, and that is the cause of every turn."""
    user = PasswordCredential("default", "sandbox", "sandbox", SECRET_KEY)
    with Sandbox(POOLS, behaviour(f"{kind}:iam")) as sandbox:
        asked = project(sandbox.endpoint, *ODD, iam_endpoint=sandbox.endpoint)
        result = collect(tmp_path, [asked], settings=TWICE, credentials={"default": user})
    assert {outcome} == {scrape.outcome for scrape in result.scrapes}


def test_a_nameless_pool_in_the_listing(tmp_path: Path) -> None:
    """The pools that have a name are polled."""
    with Sandbox(POOLS, behaviour("nameless:listing")) as sandbox:
        result = collect(tmp_path, [project(sandbox.endpoint)])
    assert {"ok"} == {scrape.outcome for scrape in result.scrapes}
    assert ["wrong_shape"] == [listing.outcome for listing in result.discoveries]
