"""Removes secrets from texts of a server, which may echo them: plain, encoded, or cut."""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit

REDACTED: Final = "[redacted]"
PLAIN: Final = "%/:;=@!$&()*+,[]"
"""What `shown_location` shows as it is, besides letters, digits and -._~."""
LOCATION: Final = "the Location is "
"""The words before the address of a redirection, in an error's message."""
NAMES: Final = ("x-security-token", "x-auth-token", "x-subject-token", "authorization", "signature")
"""Headers whose values are secrets in any text: APIGW.0301 echoes the canonical request, with "|" for newlines."""
SECRET_HEADERS: Final = re.compile(
    rf"(?i)\b({'|'.join(NAMES)})(\\?\"?\s*[:=]\s*\\?\"?)(?=\S)((?:[^|\r\n\"\\]|\\[^\"])+)"
)
# One encoded character, or several whose bytes must be decoded together.
ENCODED: Final = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|%[0-7][0-9a-fA-F]|(?:%[89a-fA-F][0-9a-fA-F])+|&#?[0-9a-zA-Z]{1,8};")
LARGEST_DEPTH: Final = 3
"""How many encodings may be nested inside another."""
SHORTEST_CUT: Final = 16
"""The first characters of a secret that are enough to count as the secret, cut."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which the secrets, and the values of headers that carry secrets, are replaced."""
    text = SECRET_HEADERS.sub(rf"\1\2{REDACTED}", text)
    for secret in dict.fromkeys(secrets):
        # Form encoding writes a space as a plus sign.
        for spelling in dict.fromkeys((secret, secret.replace(" ", "+"))):
            text = _without(text, spelling)
    return text


def shown_location(location: str, asked: str) -> str:
    """Return where an answer sends its client, as an absolute address without user, password, query and fragment.

    Parameters
    ----------
    location
        The header, which may be relative to `asked`, the address of the request.
    """
    try:
        parts = urlsplit(urljoin(asked, location))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "not a valid address"
    # Letters that could move a terminal's cursor are encoded, and quotation marks too.
    return quote(f"{parts.scheme}://{host}{parts.path}", safe=PLAIN) + ("?…" if parts.query else "")


def may_echo(text: str, secrets: Iterable[str]) -> bool:
    """Return, quickly, whether `redact` might change a text; never False for a text that it would change."""
    lowered = text.lower()
    return any(name in lowered for name in NAMES) or any(_may_hold(text, secret) for secret in secrets)


def redact_json(value: Any, secrets: Iterable[str]) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Return decoded JSON with every key and text redacted; keys that become equal are numbered."""
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
    # Encodings keep letters and digits as they are, and a cut keeps the beginning.
    return all(letters in text for letters in re.findall(r"[A-Za-z0-9]+", secret[:SHORTEST_CUT]))


def _without(text: str, secret: str) -> str:
    if not _may_hold(text, secret):
        return text
    parts, end = [], 0
    for first, last in sorted(_places(text, secret)):
        if last > end:
            parts += [text[end:first], REDACTED] if first >= end else []
            end = last
    return "".join(parts) + text[end:]


def _places(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end index in the text of each secret, or beginning of one, under any encoding."""
    decoded, starts, ends = text, list(range(len(text))), list(range(1, len(text) + 1))
    beginning = secret[:SHORTEST_CUT]
    for _ in range(LARGEST_DEPTH + 1):
        at = decoded.find(beginning)
        while at >= 0:
            length = len(beginning)
            while length < len(secret) and decoded[at + length : at + length + 1] == secret[length]:
                length += 1
            yield starts[at], ends[at + length - 1]
            at = decoded.find(beginning, at + length)
        decoded_again, starts, ends = _decoded(decoded, starts, ends)
        if decoded_again == decoded:
            return
        decoded = decoded_again


def _decoded(text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int]]:
    """Decode a text once; return it with, for each of its characters, the start and end index in the original."""
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
