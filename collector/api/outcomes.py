"""The outcomes of failed requests, and the error code and message that the service sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

PASSING: Final = frozenset(
    {"throttled", "server_error", "timeout", "refused", "disconnected", "cut_off", "unreachable"}
)
"""Transient outcomes: another attempt may succeed."""


@dataclass(slots=True)
class RequestFailed(Exception):
    """One attempt without a payload; its texts contain no secrets."""

    outcome: str
    http_status: int | None = None
    error_code: str | None = None
    error_msg: str | None = None
    request_id: str | None = None
    body: str | None = None
    retry_after: str | None = None
    date: str | None = None
    """The server's Date header, as it was sent."""

    def retry_after_seconds(self, now: datetime) -> float:
        """Return the seconds that Retry-After asks to wait (a number or an HTTP date); 0 without a valid one."""
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
    """Return the outcome of an answer whose status is not 200.

    404 with ModelArts.50015001 means that the pool no longer exists; 404 with APIGW.0101 is a wrong endpoint or path.
    """
    if http_status == 404:
        if error_code == "ModelArts.50015001":
            return "gone"
        return "wrong_endpoint" if error_code in ("APIGW.0101", "APIG.0101") else "not_found"
    outcomes = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 407: "proxy_unauthorized", 429: "throttled"}
    if http_status in outcomes:
        return outcomes[http_status]
    if 300 <= http_status < 400:
        return "redirected"
    return "server_error" if http_status >= 500 else "unexpected_status"


def error_of(body: bytes) -> tuple[str | None, str | None]:
    """Return the error code and message in any of the error formats of the gateway and the services.

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
    """Decode an error's body as JSON's encodings or else as GB18030, which may come without being declared."""
    try:
        return body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return body.decode("gb18030", errors="replace")


def _envelopes(envelope: object) -> Iterator[dict[str, object]]:
    if isinstance(envelope, dict):
        yield envelope
        yield from (value for value in envelope.values() if isinstance(value, dict))
