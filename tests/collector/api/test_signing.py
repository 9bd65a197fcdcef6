"""SDK-HMAC-SHA256: equal to signatures of the vendor's own signer, as pure functions and as an httpx.Auth."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.api.auth import SignatureAuth
from collector.api.credentials import Credential
from collector.api.signing import DATE_FORMAT, UNRESERVED, authorization, canonical_request, signature
from collector.clock import SimulatedClock

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).with_name("signing_vectors.json")).read_text(encoding="utf-8")
)["vectors"]
# The headers that the client signs: a vector with other headers is not a request of ours.
SIGNED = {"x-project-id", "x-sdk-date"}
REQUESTS = [v for v in VECTORS if SIGNED == {name.lower() for name in v["input"]["headers"]} - {"x-security-token"}]
EXAMPLE = VECTORS[-1]["input"]


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def signer_of(sent: dict[str, Any]) -> SignatureAuth:
    """Return a signer with a vector's key, on a clock that shows the vector's time."""
    instant = datetime.strptime(sent["headers"]["X-Sdk-Date"], DATE_FORMAT).replace(tzinfo=UTC)
    credential = Credential("default", sent["ak"], sent["sk"], sent["headers"].get("X-Security-Token"))
    return SignatureAuth(credential, sent["headers"].get("X-Project-Id", "project"), SimulatedClock(instant))


def test_all_vectors_are_there() -> None:
    """There are eleven vectors of the vendor's signer; eight are requests like those of the client."""
    assert (11, 8) == (len(VECTORS), len(REQUESTS))


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_functions_are_exact(vector: dict[str, Any]) -> None:
    """Canonical request, signature and header equal those of the vendor's signer."""
    sent, expected = vector["input"], vector["output"]
    headers = sent["headers"] | {"Host": sent["host"]}
    body = hashlib.sha256(sent["body"].encode()).hexdigest()
    query = [(name, value) for name, value in sent["query"]]
    canonical = canonical_request(sent["method"], sent["path"], query, headers, body)
    assert expected["canonical_request"] == canonical
    signed = signature(sent["sk"], sent["headers"]["X-Sdk-Date"], canonical)
    assert expected["signature"] == signed
    assert expected["authorization"] == authorization(sent["ak"], headers, signed)


@pytest.mark.parametrize("vector", REQUESTS, ids=name_of)
@pytest.mark.parametrize("query_in", ["params", "url"])
def test_requests_are_exact(vector: dict[str, Any], query_in: str) -> None:
    """A request of httpx, with its query as params or in the URL, has exactly the vendor's headers."""
    sent, expected = vector["input"], vector["output"]
    url = f"https://{sent['host']}{sent['path']}"
    if query_in == "params":
        request = httpx.Request(sent["method"], url, params=[(name, value) for name, value in sent["query"]])
    else:
        request = httpx.Request(sent["method"], url + "?" + expected["request_uri"].partition("?")[2])
    ready = next(signer_of(sent).auth_flow(request))
    assert expected["sent_headers"] == {name: ready.headers.get(name) for name in expected["sent_headers"]}


def test_every_attempt_is_signed_anew() -> None:
    """The same request signed a second later has the later date and another signature."""
    clock = SimulatedClock(datetime(2026, 1, 15, 8, 30, tzinfo=UTC))
    auth = SignatureAuth(Credential("default", "AK", "SK"), "project", clock)
    request = httpx.Request("GET", "https://example.com/v2/project/pools")
    first = dict(next(auth.auth_flow(request)).headers)
    clock.move_to(datetime(2026, 1, 15, 8, 30, 1, tzinfo=UTC))
    second = dict(next(auth.auth_flow(request)).headers)
    assert ("20260115T083000Z", "20260115T083001Z") == (first["x-sdk-date"], second["x-sdk-date"])
    assert first["authorization"] != second["authorization"]


def test_a_port_is_part_of_the_signed_host() -> None:
    """The signed host equals the Host header: with its port unless that is the scheme's default."""
    request = next(signer_of(EXAMPLE).auth_flow(httpx.Request("GET", "http://127.0.0.1:8080/v2/project/pools")))
    date = EXAMPLE["headers"]["X-Sdk-Date"]
    headers = {"Host": "127.0.0.1:8080", "X-Project-Id": "project", "X-Sdk-Date": date}
    signed = signature(EXAMPLE["sk"], date, canonical_request("GET", "/v2/project/pools", [], headers))
    assert authorization(EXAMPLE["ak"], headers, signed) == request.headers["authorization"]
    assert "127.0.0.1:8080" == request.headers["host"]


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="%", codec="utf-8")))
def test_a_path_signs_the_same_raw_or_encoded(path: str) -> None:
    """A path and its percent-encoding give the same canonical request."""
    encoded = quote(path, safe=UNRESERVED + "/")
    assert canonical_request("GET", path, [], {}) == canonical_request("GET", encoded, [], {})


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=5), st.randoms())
def test_the_order_of_a_query_changes_nothing(query: list[tuple[str, str]], random: Random) -> None:
    """The pairs are sorted before they are signed."""
    shuffled = random.sample(query, len(query))
    assert canonical_request("GET", "/", query, {}) == canonical_request("GET", "/", shuffled, {})
