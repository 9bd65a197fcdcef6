"""What an answer that brought no payload means: its outcome, and what the service said."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

PASSING: Final = frozenset(
    {"throttled", "server_error", "timeout", "refused", "disconnected", "cut_off", "unreachable"}
)
"""The outcomes after which another attempt may go better."""


@dataclass(slots=True)
class RequestFailed(Exception):
    """One attempt that gave no payload; free of secrets."""

    outcome: str
    http_status: int | None = None
    error_code: str | None = None
    error_msg: str | None = None
    request_id: str | None = None
    body: str | None = None
    retry_after: str | None = None
    date: str | None = None
    """When it was answered, as the server wrote it."""

    def retry_after_seconds(self, now: datetime) -> float:
        """How long the server asks to wait: seconds or an HTTP date; 0 where it does not say."""
        text = (self.retry_after or "").strip()
        if text.isascii() and text.isdecimal():
            return float(text[:9])
        try:
            until = parsedate_to_datetime(text)
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            return max(0.0, (until - now).total_seconds())
        except (ValueError, OverflowError):
            return 0.0


def outcome_of(http_status: int, error_code: str | None) -> str:
    """Name the outcome of an answer that is not 200.

    A pool that is gone answers 404 with ModelArts.50015001; 404 with APIGW.0101 is a wrong endpoint or path.
    """
    if http_status == 404:
        if error_code == "ModelArts.50015001":
            return "gone"
        return "wrong_endpoint" if error_code in ("APIGW.0101", "APIG.0101") else "not_found"
    named = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 429: "throttled"}
    if http_status in named:
        return named[http_status]
    if 300 <= http_status < 400:
        return "redirected"
    return "server_error" if http_status >= 500 else "unexpected_status"


def error_of(body: bytes) -> tuple[str | None, str | None]:
    """Find code and message in any of the gateway's and the services' error envelopes.

    >>> error_of(b'{"error_code": "ModelArts.50015001", "error_msg": "Pool x not found."}')
    ('ModelArts.50015001', 'Pool x not found.')
    """
    try:
        envelope = json.loads(_text(body))
    except (ValueError, RecursionError):
        return None, None
    for candidate in _envelopes(envelope):
        code = candidate.get("error_code") or candidate.get("errorCode") or candidate.get("code")
        message = candidate.get("error_msg") or candidate.get("errorMsg") or candidate.get("message")
        if code is not None or message is not None:
            return None if code is None else str(code), None if message is None else str(message)
    return None, None


def _text(body: bytes) -> str:
    """Decode an error's body, which may be in the encoding of Chinese systems, whatever its head says."""
    try:
        return body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return body.decode("gb18030", errors="replace")


def _envelopes(envelope: object) -> Iterator[dict[str, object]]:
    if isinstance(envelope, dict):
        yield envelope
        yield from (value for value in envelope.values() if isinstance(value, dict))
