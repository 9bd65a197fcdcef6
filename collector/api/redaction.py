"""Secrets taken out of what a server says, which may echo them: as they are, encoded, or cut."""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Final
from urllib.parse import unquote

REDACTED: Final = "[redacted]"
# APIGW.0301 echoes the canonical request with "|" for newlines: the values of these headers are secrets in any text.
# As a key of JSON a name has a value in quotes, also within a text of JSON: what is JSON stays so.
SECRET_HEADERS: Final = re.compile(
    r"(?i)\b(x-security-token|x-auth-token|x-subject-token|authorization|signature)"
    r"(\\?\"\s*:\s*\\?\"|\s*[:=]\s*(?:\\\")?)((?:[^|\r\n\"\\]|\\[^\"])+)"
)
ENCODED: Final = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|(?:%[0-9a-fA-F]{2})+|&#?[0-9a-zA-Z]{1,8};")
MOST_TIMES: Final = 3
"""So often one encoding may hold another."""
SHORTEST_CUT: Final = 16
"""So much of a secret's beginning is taken for one that was cut."""


def redact(text: str, secrets: Iterable[str | None]) -> str:
    """Return a text without any of some secrets, and without the value of any header that holds one."""
    text = SECRET_HEADERS.sub(rf"\1\2{REDACTED}", text)
    for secret in dict.fromkeys(filter(None, secrets)):
        text = _without(text, secret)
    return text


def _without(text: str, secret: str) -> str:
    # No encoding changes letters and digits.
    plain = re.findall(r"[A-Za-z0-9]{6,}", secret)
    if plain and not any(part[: SHORTEST_CUT // 2] in text for part in plain):
        return text
    kept, end = [], 0
    for first, last in sorted(_places(text, secret)):
        if last > end:
            kept += [text[end:first], REDACTED] if first >= end else []
            end = last
    return "".join(kept) + text[end:]


def _places(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Return where a text holds a secret, or its beginning, under whatever encoding: first and last character."""
    decoded, places = text, list(range(len(text) + 1))
    beginning = secret[:SHORTEST_CUT]
    for _ in range(MOST_TIMES + 1):
        at = decoded.find(beginning)
        while at >= 0:
            length = len(beginning)
            while length < len(secret) and decoded[at + length : at + length + 1] == secret[length]:
                length += 1
            yield places[at], places[at + length]
            at = decoded.find(beginning, at + length)
        further, moved = _decoded(decoded, places)
        if further == decoded:
            return
        decoded, places = further, moved


def _decoded(text: str, places: list[int]) -> tuple[str, list[int]]:
    """Decode a text once; return it with the place in the original of each of its characters, and of its end."""
    parts, moved, end = [], [], 0
    for found in ENCODED.finditer(text):
        said = _plain(found[0])
        parts += [text[end : found.start()], said]
        moved += [*places[end : found.start()], *[places[found.start()]] * len(said)]
        end = found.end()
    return "".join((*parts, text[end:])), [*moved, *places[end:]]


def _plain(encoded: str) -> str:
    if encoded.startswith("%"):
        return unquote(encoded, errors="replace")
    if encoded.startswith("&"):
        return unescape(encoded)
    code = encoded.removeprefix("\\u")
    return chr(int(code, 16)) if len(code) == 4 else encoded[1:]
