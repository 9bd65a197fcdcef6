"""The gateway in front of the API: it checks signatures, locks keys, throttles, and refuses like the real gateway.

Source of codes and messages: the gateway's list of error codes and the FAQ of the API Request Signing Guide. The
message for an expired signature is not documented; the real message may differ.
"""

import hashlib
import hmac
import json
import re
import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from collector.api.signing import ALGORITHM, DATE_FORMAT, canonical_request, signature
from collector.clock import Clock
from collector.sandbox.behaviour import Behaviour

LARGEST_SKEW = timedelta(minutes=15)
FAILURES_ALLOWED = 5
LOCKED_SECONDS = 300.0
WINDOW_SECONDS = 1.0
AUTHORIZATION = re.compile(rf"{ALGORITHM} Access=([^,\s]+), SignedHeaders=([^,\s]+), Signature=([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received; header names are in lower case."""

    method: str
    path: str
    """Still percent-encoded."""
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query, decoded."""
        return parse_qsl(self.query, keep_blank_values=True) if self.query else []


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class Gateway:
    """Checks requests, and decides the simulation time of each."""

    def __init__(self, behaviour: Behaviour, clock: Clock) -> None:
        self._behaviour = behaviour
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()
        self._tokens: dict[str, datetime] = {}
        self._locked_until: dict[str, float] = {}
        self._window_start = -WINDOW_SECONDS
        self._requests_in_window = 0

    def admit(self, request: Request) -> datetime:
        """Check a request, and return the simulation time at which it is answered.

        Raises
        ------
        Refused
            When the real gateway would refuse the request.
        """
        with self._lock:
            date = self._authenticate(request)
            self._throttle()
        return date if self._behaviour.time == "requests" else self._clock.now()

    def issue_token(self, request: Request) -> tuple[str, datetime]:
        """Issue a token for user and password, as IAM does; return it with its expiry time.

        Raises
        ------
        Refused
        """
        behaviour = self._behaviour
        try:
            auth = json.loads(request.body)["auth"]
            user = auth["identity"]["password"]["user"]
            credential = (user["domain"]["name"], user["name"], user["password"], auth["scope"]["project"]["id"])
        except (ValueError, KeyError, TypeError):
            raise Refused(400, "IAM.0011", "Request body is invalid.") from None
        if credential != (behaviour.domain, behaviour.user, behaviour.password, behaviour.project_id):
            raise Refused(401, "1000", "The username or password is wrong.")
        token, expires = secrets.token_urlsafe(96), self._clock.now() + behaviour.token_life
        with self._lock:
            self._tokens[token] = expires
        return token, expires

    def _authenticate(self, request: Request) -> datetime:
        """Check the token or the signature; return the date of the signature."""
        token = request.headers.get("x-auth-token")
        if token is not None:
            if token not in self._tokens:
                raise _unauthorized("decrypt token fail")
            if self._clock.now() >= self._tokens[token]:
                raise _unauthorized(f"token expires, expires_at: {self._tokens[token]:%Y-%m-%dT%H:%M:%S.%fZ}")
            return self._clock.now()
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise _unauthorized("x-auth-token not found")
        match = AUTHORIZATION.fullmatch(authorization)
        if match is None:
            raise _unauthorized("verify aksk signature fail, Authorization header format error")
        access_key = match[1]
        if access_key != self._behaviour.access_key:
            raise _unauthorized(f"Get secretKey failed,ak:{access_key},err:ak not exist")
        if self._clock.monotonic() < self._locked_until.get(access_key, 0.0):
            raise _unauthorized("AK access failed to reach the limit,forbidden")
        try:
            date = self._verify(request, match[2].split(";"), match[3])
        except Refused:
            self._failures[access_key] += 1
            if self._failures[access_key] > FAILURES_ALLOWED:
                self._locked_until[access_key] = self._clock.monotonic() + LOCKED_SECONDS
                del self._failures[access_key]
            raise
        self._failures.pop(access_key, None)
        return date

    def _verify(self, request: Request, signed: list[str], sent: str) -> datetime:
        """Check signature, token and date; return the date."""
        headers = request.headers
        text = headers.get("x-sdk-date", "")
        try:
            date = datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            raise _unauthorized("verify aksk signature fail, X-Sdk-Date is missing or no date") from None
        signed_headers = {name: headers.get(name, "") for name in signed}
        body_sha256 = hashlib.sha256(request.body).hexdigest()
        canonical = canonical_request(request.method, request.path, request.pairs, signed_headers, body_sha256)
        expected = signature(self._behaviour.secret_key, text, canonical)
        if "x-sdk-date" not in signed or not hmac.compare_digest(expected, sent):
            echo = canonical.replace("\n", "|")
            raise _unauthorized(f"verify aksk signature fail, canonicalRequest:{echo}")
        token = self._behaviour.security_token
        if token is not None and not hmac.compare_digest(headers.get("x-security-token", "").encode(), token.encode()):
            raise _unauthorized("verify aksk signature fail, X-Security-Token is missing or wrong")
        now = self._clock.now()
        if self._behaviour.time == "real" and abs(now - date) > LARGEST_SKEW:
            raise _unauthorized(
                f"verify aksk signature fail, signature expired, signature time: {text}, "
                f"server time: {now.strftime(DATE_FORMAT)}"
            )
        return date

    def _throttle(self) -> None:
        limit = self._behaviour.requests_per_second
        if limit is None:
            return
        now = self._clock.monotonic()
        if now - self._window_start >= WINDOW_SECONDS:
            self._window_start, self._requests_in_window = now, 0
        self._requests_in_window += 1
        if self._requests_in_window > limit:
            message = (
                f"The throttling threshold has been reached: policy user over ratelimit,limit:{limit:g},time:1 second"
            )
            raise Refused(429, "APIGW.0308", message, retry_after=1)


def _unauthorized(reason: str) -> Refused:
    return Refused(401, "APIGW.0301", f"Incorrect IAM authentication information: {reason}")
