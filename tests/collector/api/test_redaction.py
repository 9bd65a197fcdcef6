"""Secrets in texts of a server: they are removed under every usual encoding, and all other text is unchanged."""

import json
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.api.redaction import REDACTED, may_echo, redact, redact_json

ACCESS_KEY, SECRET_KEY, TOKEN = "AKACCESS0001", "SK/secret+key/0001", "TOKEN/part/0001=="
SECRET = "MIIabc0123456789/+=&<tail>%x"  # noqa: S105 - an invented one
PASSWORDS = ("Summer-2024!#$%", "P@ss w0rd", "Пароль-двенадцать", "!%&/()=?")
ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, by numbers": lambda text: "".join(
        letter if letter.isalnum() and letter.isascii() else f"\\u{ord(letter):04x}" for letter in text
    ),
    "address": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "HTML": escape,
    "HTML, by numbers": lambda text: "".join(
        letter if letter.isalnum() else f"&#{ord(letter)};" if ord(letter) % 2 else f"&#x{ord(letter):X};"
        for letter in text
    ),
    "HTML within JSON": lambda text: json.dumps(escape(text))[1:-1].replace("/", "\\/"),
    "address within an address": lambda text: quote(quote(text, safe=""), safe=""),
}


def test_an_echoed_request_loses_its_secrets() -> None:
    """APIGW.0301 echoes the canonical request with `|` for newlines: only the secrets in it are replaced."""
    echo = (
        "Incorrect IAM authentication information: verify aksk signature fail, canonicalRequest:GET|/v2/p/pools/|"
        "workspaceId=0|host:example.com|x-project-id:p|x-sdk-date:20260115T083000Z|"
        "x-security-token:{}|Authorization:{}||"
        "host;x-project-id;x-sdk-date;x-security-token|e3b0c442"
    )
    signed = echo.format("SOMEONE-ELSES-TOKEN", "SDK-HMAC-SHA256 Access=X, Signature=abc")
    assert echo.format(REDACTED, REDACTED) == redact(signed, [ACCESS_KEY, SECRET_KEY])


@pytest.mark.parametrize(
    "line",
    [
        "X-Auth-Token: hush",
        'X-Auth-Token="hush"',
        'Authorization: "Bearer hush"',
        "x-subject-token=hush",
        '{"X-Security-Token":"hush","a":1}',
        '{"authorization" : "SDK-HMAC-SHA256 Access=hush"}',
        r'{"detail":"{\"x-auth-token\":\"hush\/hush\"}"}',
        "Signature=hush",
    ],
)
def test_values_of_secret_headers_are_removed(line: str) -> None:
    """The value is removed in each way of writing a header, also if it is not ours, and JSON stays valid."""
    clean = redact(line, ["AK", "SK"])
    assert "hush" not in clean
    assert REDACTED in clean
    if line.startswith("{"):
        json.loads(clean)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("around", ["{}", "token {} fails", '"{}", "{}"', "&amp;{}%2F", "%22{}%22", "\\u0022{}"])
@pytest.mark.parametrize("secret", [SECRET, TOKEN, *PASSWORDS])
def test_no_secret_survives_an_encoding(encoding: str, around: str, secret: str) -> None:
    """A secret is removed from its first to its last character, and all other text is unchanged."""
    echoed = ENCODINGS[encoding](secret)
    text = around.format(echoed, echoed)
    assert around.format(REDACTED, REDACTED) == redact(text, ["another", secret])
    assert may_echo(text, [secret])


@pytest.mark.parametrize("length", [16, 20, 27])
def test_the_beginning_of_a_secret_is_removed(length: int) -> None:
    """At least 16 characters of its beginning count as the secret; a shorter beginning is kept."""
    assert f"token {REDACTED}..." == redact(f"token {SECRET[:length]}...", [SECRET])
    assert SECRET[:12] == redact(SECRET[:12], [SECRET])


PARTS = st.lists(
    st.sampled_from([ACCESS_KEY, SECRET_KEY, TOKEN, SECRET_KEY[:17], "|", "\\/", " x ", "key:", "%2", "&amp;", "\\"])
    | st.text()
)


@settings(deadline=None)
@given(PARTS)
def test_no_secret_survives(parts: list[str]) -> None:
    """A secret anywhere in a text, plain or encoded as JSON, is removed."""
    text = "".join(parts)
    for spelling in (text, json.dumps(text).replace("/", "\\/")):
        clean = redact(spelling, [ACCESS_KEY, SECRET_KEY, TOKEN]).replace("\\/", "/")
        assert not [secret for secret in (ACCESS_KEY, SECRET_KEY, TOKEN) if secret in clean]


@settings(deadline=None)
@given(PARTS, st.text(min_size=1))
def test_may_echo_is_true_for_every_text_that_changes(parts: list[str], secret: str) -> None:
    """The quick check misses no text that `redact` would change."""
    text = "".join(parts)
    assert may_echo(text, [secret]) or text == redact(text, [secret])


NAMES = st.sampled_from(["Authorization", "x-auth-token: a", "x-auth-token: b", "signature=", "type", SECRET])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


def shape(value: Any) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Return JSON without its keys and texts."""
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "" if isinstance(value, str) else value


@settings(deadline=None)
@given(VALUES)
def test_only_keys_and_texts_of_json_change(value: object) -> None:
    """All other values are kept, also if two keys become equal, and no secret remains."""
    clean = redact_json(value, [SECRET])
    assert shape(value) == shape(clean)
    assert SECRET not in json.dumps(clean, ensure_ascii=False)
