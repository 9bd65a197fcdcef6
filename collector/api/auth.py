"""Authentication, as an httpx.Auth: a signature by access key, or a token that IAM issues for a password."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx

from collector.api.credentials import Credential, PasswordCredential
from collector.api.leftovers import raw_chunks
from collector.api.outcomes import PASSING, RequestFailed, error_of, outcome_of
from collector.api.signing import DATE_FORMAT, authorization, canonical_request, signature
from collector.api.tokens import Token, read_token, write_token
from collector.api.transport import transport_failure
from collector.clock import Clock

LARGEST_ANSWER: Final = 1 << 20
# Other values of Content-Encoding, such as "UTF-8" and "none", do not compress: gateways send them with plain bodies.
COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"})
DEFAULT_TOKEN_LIFE = timedelta(hours=1)
"""Used where IAM's answer has no expiry time."""
FIRST_PAUSE: Final = 0.5
"""Seconds; doubled after each consecutive failure."""


class Authentication(httpx.Auth):
    """How the requests of one project are authenticated."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that are removed from every text of the server, see `redaction.redact`."""
        raise NotImplementedError

    async def renew(self, requested_at: float) -> bool:  # noqa: ARG002 - tokens need it
        """Return whether a refused request is worth repeating, because the token is newer than the request.

        `requested_at` is when the refused request began, in seconds of the event loop.
        """
        return False


class SignatureAuth(Authentication):
    """Signs the host, the date, the project and, for temporary keys, the token. For requests without a body.

    Every attempt gets its own date and signature.
    """

    def __init__(self, credential: Credential, project_id: str, clock: Clock) -> None:
        self._credential = credential
        self._project_id = project_id
        self._clock = clock

    @property
    def secrets(self) -> tuple[str, ...]:
        """The access key, the secret key and the security token."""
        return self._credential.secrets

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signed headers and the signature."""
        date = self._clock.now().strftime(DATE_FORMAT)
        signed = {"Host": request.headers["host"], "X-Project-Id": self._project_id, "X-Sdk-Date": date}
        if self._credential.security_token is not None:
            signed["X-Security-Token"] = self._credential.security_token
        path = request.url.raw_path.split(b"?", 1)[0].decode("ascii")
        canonical = canonical_request(request.method, path, request.url.params.multi_items(), signed)
        for name in signed.keys() - {"Host"}:
            request.headers[name] = signed[name]
        request.headers["Authorization"] = authorization(
            self._credential.access_key, signed, signature(self._credential.secret_key, date, canonical)
        )
        yield request


class TokenAuth(Authentication):
    """Sends a token of the project, which IAM issues for a password; a file keeps it until shortly before it expires.

    Only one request at a time asks IAM for a token; if that fails, all waiting requests fail with the same cause. The
    pause before IAM is asked again doubles with each failure. After a failure that is not transient, IAM is not asked
    again in this poll, because it locks users whose password is wrong. A valid token that cannot be renewed is used
    until the next poll. A refused token is renewed once a poll.
    """

    def __init__(
        self,
        credential: PasswordCredential,
        project_id: str,
        iam: str,
        client: httpx.AsyncClient,
        clock: Clock,
        file: Path,
    ) -> None:
        self._credential = credential
        self._project_id = project_id
        self._iam = iam
        self._client = client
        self._clock = clock
        self._file = file
        self._token_lock = asyncio.Lock()
        self._token: Token | None = None
        self._tokens_of_poll: set[str] = set()
        self._renewed_at: float | None = None
        self._failure: RequestFailed | None = None
        self._failures = 0
        self._next_request_at = -math.inf

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password and every token that this poll used: an old token may still be valid after a renewal."""
        return (*self._credential.secrets, *self._tokens_of_poll)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token; ask IAM for one first if none is valid for long enough."""
        async with self._token_lock:
            token = await self._current()
        request.headers["X-Project-Id"] = self._project_id
        request.headers["X-Auth-Token"] = token.value
        yield request

    async def _current(self) -> Token:
        """Return the token to send, and count it among the secrets of this poll."""
        token = self._token = self._token or read_token(self._file, self._owner)
        if token is not None:
            self._tokens_of_poll.add(token.value)
        now = self._clock.now()
        if token is None or token.over(now):
            self._token = await self._request(None)
            return self._token
        if token.nearly_over(now) and self._failure is None:
            with suppress(RequestFailed):
                self._token = await self._request(self._client.timeout.read)
        return self._token or token

    async def renew(self, requested_at: float) -> bool:
        """Ask for another token once a poll; return whether the token is newer than the refused request."""
        async with self._token_lock:
            if self._renewed_at is None:
                self._token = await self._request(None)
                self._renewed_at = asyncio.get_running_loop().time()
                return True
            return self._renewed_at > requested_at

    @property
    def _owner(self) -> str:
        """What the token is valid for; a stored token of another owner is not used."""
        return "\n".join((self._iam, self._credential.domain, self._credential.user, self._project_id))

    async def _request(self, within_seconds: float | None) -> Token:
        """Ask for a token; during the pause after a failure, raise that failure again."""
        if self._failure is not None and self._clock.monotonic() < self._next_request_at:
            raise replace(self._failure)
        try:
            return await self._request_from_iam(within_seconds)
        except RequestFailed as failure:
            self._failure = replace(failure)
            pause = max(failure.retry_after_seconds(self._clock.now()), FIRST_PAUSE * 2.0**self._failures)
            self._failures += 1
            self._next_request_at = self._clock.monotonic() + pause if failure.outcome in PASSING else math.inf
            raise

    async def _request_from_iam(self, within_seconds: float | None) -> Token:
        user = {"name": self._credential.user, "password": self._credential.password}
        identity = {"methods": ["password"], "password": {"user": user | {"domain": {"name": self._credential.domain}}}}
        question = {"auth": {"identity": identity, "scope": {"project": {"id": self._project_id}}}}
        problem = f"no token from {self._iam}"
        url = f"{self._iam}/v3/auth/tokens"
        try:
            call = self._client.stream("POST", url, params={"nocatalog": "true"}, json=question)
            async with asyncio.timeout(within_seconds), call as response:
                body = await read_body(response, LARGEST_ANSWER)
        except (OSError, httpx.HTTPError) as error:
            failure = transport_failure(error, answered=False)
            raise replace(failure, error_msg=f"{problem}: {failure.error_msg}") from None
        value = response.headers.get("x-subject-token", "")
        if response.status_code != httpx.codes.CREATED or not value:
            code, message = error_of(body)
            outcome = outcome_of(response.status_code, code) if response.is_error else "wrong_shape"
            raise RequestFailed(
                outcome,
                response.status_code,
                code,
                f"{problem}: {message or response.status_code}",
                retry_after=response.headers.get("retry-after"),
            )
        now = self._clock.now()
        token = Token(value, now, _expiry(body) or now + DEFAULT_TOKEN_LIFE)
        self._tokens_of_poll.add(value)
        write_token(self._file, self._owner, token)
        return token


def _expiry(body: bytes) -> datetime | None:
    try:
        expiry = datetime.fromisoformat(json.loads(body)["token"]["expires_at"])
        return (expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, RecursionError, KeyError, TypeError):
        return None


async def read_body(response: httpx.Response, largest: int) -> bytes:
    """Return a response's body of at most `largest` bytes.

    Raises
    ------
    RequestFailed
        When the body is larger, or is compressed although the request did not allow it.
    """
    encoding = response.headers.get("content-encoding", "").lower()
    if not COMPRESSIONS.isdisjoint(coding.strip() for coding in encoding.split(",")):
        raise RequestFailed("wrong_shape", error_msg=f"content encoding {encoding!r} was not asked for")
    body = bytearray()
    async for chunk in raw_chunks(response):
        body += chunk
        if len(body) > largest:
            raise RequestFailed("too_large", error_msg=f"more than {largest:,} bytes")
    return bytes(body)
