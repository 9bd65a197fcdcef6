"""Credentials: where secrets come from, which files are refused, and that no secret shows."""

import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from collector.api.credentials import Credential, CredentialProfile, resolve
from collector.api.redaction import REDACTED, SECRET_HEADERS, redact

DEFAULT = CredentialProfile("default")
ENVIRONMENT = {"HUAWEICLOUD_SDK_AK": "AKX", "HUAWEICLOUD_SDK_SK": "SKX"}
KEY = Credential("default", "AKACCESS0001", "SK/secret+key/0001", "TOKEN/part/0001==")


def secret_file(folder: Path, text: str = "from-file\n", mode: int = 0o600, name: str = "key") -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


def problem_of(file: Path) -> str:
    """Return the one problem of a profile whose secret key is in that file."""
    credential, (problem,) = resolve(CredentialProfile("default", secret_key_file=file), ENVIRONMENT)
    assert credential is None
    return problem


def test_the_vendors_variables_are_read() -> None:
    """The names that the vendor's SDK uses work as they are; without a token the keys are permanent ones."""
    assert (Credential("default", "AKX", "SKX"), []) == resolve(DEFAULT, ENVIRONMENT)


def test_a_temporary_token_comes_with_the_keys() -> None:
    """A token in the environment belongs to the keys in the environment."""
    environment = ENVIRONMENT | {"HUAWEICLOUD_SDK_SECURITY_TOKEN": " TOKEN \n"}
    assert (Credential("default", "AKX", "SKX", "TOKEN"), []) == resolve(DEFAULT, environment)


def test_a_profile_names_its_own_variables() -> None:
    """Another account has other variables."""
    profile = CredentialProfile("other", "A", "B", "C")
    assert (Credential("other", "1", "2", "3"), []) == resolve(profile, ENVIRONMENT | {"A": "1", "B": "2", "C": "3"})


def test_what_is_missing_is_named_with_its_mend() -> None:
    """Two missing keys are two problems, each with its variable and its file; a missing token is none."""
    credential, problems = resolve(DEFAULT, {"HUAWEICLOUD_SDK_SK": "  "})
    assert credential is None
    assert 2 == len(problems)
    for name, problem in zip(["AK", "SK"], problems, strict=True):
        assert f"set the environment variable HUAWEICLOUD_SDK_{name}" in problem
    assert "credentials.default.secret_key_file" in problems[1]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_files_of_their_owner_alone_are_read(tmp_path: Path, mode: int) -> None:
    """A file wins over the variable; the blank line at its end is no part of the secret."""
    file = secret_file(tmp_path, mode=mode)
    profile = CredentialProfile("default", secret_key_file=file)
    assert (Credential("default", "AKX", "from-file"), []) == resolve(profile, ENVIRONMENT)


def test_a_token_of_the_environment_is_not_for_keys_from_files(tmp_path: Path) -> None:
    """With the access key in a file only a token file gives a token."""
    environment = {"HUAWEICLOUD_SDK_SECURITY_TOKEN": "stray"}
    access, secret = secret_file(tmp_path, "A", name="a"), secret_file(tmp_path, "S", name="s")
    files = CredentialProfile("f", access_key_file=access, secret_key_file=secret)
    assert (Credential("f", "A", "S"), []) == resolve(files, environment)
    token = secret_file(tmp_path, "T", name="t")
    files = CredentialProfile("f", access_key_file=access, secret_key_file=secret, security_token_file=token)
    assert (Credential("f", "A", "S", "T"), []) == resolve(files, environment)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_files_that_others_can_touch_are_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others refuses the file, and the message says the command that mends it."""
    file = secret_file(tmp_path, mode=mode)
    assert f"{file} can be read by others: run chmod 600 {file}" in problem_of(file)


def test_files_that_hold_no_secret_are_refused(tmp_path: Path) -> None:
    """Missing, empty, a folder, no text and several words: each is named with what should be there."""
    assert "No such file" in problem_of(tmp_path / "none")
    assert "Is a directory" in problem_of(tmp_path)
    assert "is empty" in problem_of(secret_file(tmp_path, " \n"))
    assert "holds blanks or odd characters" in problem_of(secret_file(tmp_path, "two words"))
    assert "holds blanks or odd characters" in problem_of(secret_file(tmp_path, "one\ntwo"))
    assert "holds blanks or odd characters" in problem_of(secret_file(tmp_path, "ключ"))
    binary = secret_file(tmp_path)
    binary.write_bytes(b"\xff\xfe")
    assert "is no text" in problem_of(binary)


@pytest.mark.parametrize("text", ["two words", "nöt-äscii"])
def test_a_problem_never_tells_the_secret(text: str) -> None:
    """What is wrong with a secret is said without it."""
    credential, (problem,) = resolve(DEFAULT, ENVIRONMENT | {"HUAWEICLOUD_SDK_SK": text})
    assert credential is None
    assert text not in problem


def test_a_repr_shows_no_secret() -> None:
    """Neither repr nor str of a credential holds any of its parts."""
    shown = f"{KEY!r} {KEY}"
    assert "default" in shown
    assert not [secret for secret in (KEY.access_key, KEY.secret_key, KEY.security_token) if secret and secret in shown]


def test_an_echoed_request_loses_its_secrets() -> None:
    """APIGW.0301 echoes the canonical request with `|` for newlines: what is no secret stays readable."""
    echo = (
        "Incorrect IAM authentication information: verify aksk signature fail, canonicalRequest:GET|/v2/p/pools/|"
        "workspaceId=0|host:example.com|x-project-id:p|x-sdk-date:20260115T083000Z|"
        "x-security-token:SOMEONE-ELSES-TOKEN|Authorization:SDK-HMAC-SHA256 Access=X, Signature=abc||"
        "host;x-project-id;x-sdk-date;x-security-token|e3b0c442"
    )
    expected = (
        "Incorrect IAM authentication information: verify aksk signature fail, canonicalRequest:GET|/v2/p/pools/|"
        "workspaceId=0|host:example.com|x-project-id:p|x-sdk-date:20260115T083000Z|"
        f"x-security-token:{REDACTED}|Authorization:{REDACTED}||"
        "host;x-project-id;x-sdk-date;x-security-token|e3b0c442"
    )
    assert expected == KEY.redact(echo)


@pytest.mark.parametrize(
    "line",
    [
        "X-Auth-Token: hush",
        "x-subject-token=hush",
        '{"X-Security-Token":"hush","a":1}',
        '{"authorization" : "SDK-HMAC-SHA256 Access=hush"}',
        "Signature=hush",
    ],
)
def test_header_values_go_whoever_sent_them(line: str) -> None:
    """In any of the ways of writing a header its value is no longer there, and a JSON text stays one."""
    clean = Credential("default", "AK", "SK").redact(line)
    assert "hush" not in clean
    assert REDACTED in clean
    if line.startswith("{"):
        assert line.count('"') == clean.count('"')
        json.loads(clean)


@settings(deadline=None)
@given(st.lists(st.sampled_from([KEY.access_key, KEY.secret_key, KEY.security_token, "|", "\\/", " x ", "key:"])))
def test_no_secret_survives(parts: list[str]) -> None:
    """Wherever a key or token stands in a text, plain or with its slashes escaped as in JSON, it is gone afterwards."""
    text = "".join(parts)
    for told in (text, json.dumps(text).replace("/", "\\/")):
        clean = KEY.redact(told).replace("\\/", "/")
        assert not [
            secret for secret in (KEY.access_key, KEY.secret_key, KEY.security_token) if secret and secret in clean
        ]


SECRET = "MIIabc0123456789/+=&<tail>%x"  # noqa: S105 - of no one
ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON, by numbers": lambda text: "".join(
        letter if letter.isalnum() else f"\\u{ord(letter):04x}" for letter in text
    ),
    "an address": lambda text: quote(text, safe=""),
    "HTML": escape,
    "HTML, by numbers": lambda text: "".join(
        letter if letter.isalnum() else f"&#{ord(letter)};" if ord(letter) % 2 else f"&#x{ord(letter):X};"
        for letter in text
    ),
    "HTML within JSON": lambda text: json.dumps(escape(text)).replace("/", "\\/"),
    "an address within an address": lambda text: quote(quote(text, safe=""), safe=""),
    "cut": lambda text: text[:20],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("around", ["{}", "token {} fails", "[{}, {}]", "&amp;{}%2F"])
def test_no_secret_survives_an_encoding(encoding: str, around: str) -> None:
    """What is left is as it was, and under no encoding a part of the secret."""
    encoded = ENCODINGS[encoding](SECRET)
    clean = redact(around.format(encoded, encoded), ["another", SECRET, None])
    whole = encoded.strip('"')
    assert around.format(encoded, encoded).replace(whole, REDACTED) == clean


@settings(deadline=None)
@given(st.text(), st.text(min_size=20))
def test_what_holds_no_secret_stays_as_it_is(text: str, secret: str) -> None:
    """Whatever looks like an encoding in it."""
    assume(secret[:16] not in text and not SECRET_HEADERS.search(text) and "\\" not in text + secret)
    assume(not set("%&") & set(text))
    assert text == redact(text, [secret])


NAMES = st.sampled_from(["Authorization", "x-auth-token", "signature", "type", "X-Subject-Token: a", "signature="])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), NAMES, st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(NAMES, inner)),
)


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_what_is_json_stays_so(value: object, spaced: bool) -> None:
    """A good answer may name a header as a key, with whatever value, or within a text."""
    text = json.dumps(value, separators=None if spaced else (",", ":"))
    clean = json.loads(redact(text, [SECRET]))
    assert type(value) is type(clean)
    assert not isinstance(value, dict | list) or (isinstance(clean, dict | list) and len(value) == len(clean))
