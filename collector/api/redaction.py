"""Secrets taken out of the texts of a server, which may echo them: as they are, encoded, or cut."""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any, Final
from urllib.parse import unquote

REDACTED: Final = "[redacted]"
NAMES: Final = ("x-security-token", "x-auth-token", "x-subject-token", "authorization", "signature")
"""Headers whose values are secrets in any text: APIGW.0301 echoes the canonical request, with "|" for newlines."""
SECRET_HEADERS: Final = re.compile(
    rf"(?i)\b({'|'.join(NAMES)})(\\?\"?\s*[:=]\s*\\?\"?)(?=\S)((?:[^|\r\n\"\\]|\\[^\"])+)"
)
# One character of a text, or several whose bytes belong together.
ENCODED: Final = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|%[0-7][0-9a-fA-F]|(?:%[89a-fA-F][0-9a-fA-F])+|&#?[0-9a-zA-Z]{1,8};")
MOST_TIMES: Final = 3
"""An encoding may hold another one, so many deep."""
SHORTEST_CUT: Final = 16
"""So many characters of a secret's beginning are taken for one that was cut."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any of some secrets, and without the value of any header that holds one."""
    text = SECRET_HEADERS.sub(rf"\1\2{REDACTED}", text)
    for secret in dict.fromkeys(secrets):
        # A form writes a blank as a plus.
        for spelling in dict.fromkeys((secret, secret.replace(" ", "+"))):
            text = _without(text, spelling)
    return text


def may_echo(text: str, secrets: Iterable[str]) -> bool:
    """Tell quickly whether `redact` could change a text; it is never False where it would."""
    lowered = text.lower()
    return any(name in lowered for name in NAMES) or any(_may_hold(text, secret) for secret in secrets)


def redact_json(value: Any, secrets: Iterable[str]) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Return decoded JSON with every name and text redacted; names that become the same are numbered."""
    secrets = tuple(secrets)
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, list):
        return [redact_json(item, secrets) for item in value]
    if not isinstance(value, dict):
        return value
    redacted: dict[str, Any] = {}
    for key, item in value.items():
        name = clean = redact(key, secrets)
        number = 1
        while name in redacted:
            number += 1
            name = f"{clean} {number}"
        redacted[name] = redact_json(item, secrets)
    return redacted


def _may_hold(text: str, secret: str) -> bool:
    # No encoding changes letters and digits, nor does a cut those of the beginning.
    return all(run in text for run in re.findall(r"[A-Za-z0-9]+", secret[:SHORTEST_CUT]))


def _without(text: str, secret: str) -> str:
    if not _may_hold(text, secret):
        return text
    kept, end = [], 0
    for first, last in sorted(_places(text, secret)):
        if last > end:
            kept += [text[end:first], REDACTED] if first >= end else []
            end = last
    return "".join(kept) + text[end:]


def _places(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Return where a text holds a secret, or its beginning, under any encoding: the first place, and that after it."""
    decoded, starts, ends = text, list(range(len(text))), list(range(1, len(text) + 1))
    beginning = secret[:SHORTEST_CUT]
    for _ in range(MOST_TIMES + 1):
        at = decoded.find(beginning)
        while at >= 0:
            length = len(beginning)
            while length < len(secret) and decoded[at + length : at + length + 1] == secret[length]:
                length += 1
            yield starts[at], ends[at + length - 1]
            at = decoded.find(beginning, at + length)
        further, starts, ends = _decoded(decoded, starts, ends)
        if further == decoded:
            return
        decoded = further


def _decoded(text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int]]:
    """Decode a text once; return it with the place in the original where each of its characters starts and ends."""
    parts: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    end = 0
    for code in ENCODED.finditer(text):
        plain = _plain(code[0])
        parts += [text[end : code.start()], plain]
        new_starts += [*starts[end : code.start()], *[starts[code.start()]] * len(plain)]
        new_ends += [*ends[end : code.start()], *[ends[code.end() - 1]] * len(plain)]
        end = code.end()
    return "".join((*parts, text[end:])), [*new_starts, *starts[end:]], [*new_ends, *ends[end:]]


def _plain(encoded: str) -> str:
    if encoded.startswith("%"):
        return unquote(encoded, errors="replace")
    if encoded.startswith("&"):
        return unescape(encoded)
    code = encoded.removeprefix("\\u")
    return chr(int(code, 16)) if len(code) == 4 else encoded[1:]
