"""Who asks, as an httpx.Auth: requests signed with an access key, or carrying a token that IAM gave for a password."""

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
from collector.api.on_the_way import failed_on_the_way
from collector.api.outcomes import PASSING, RequestFailed, error_of, outcome_of
from collector.api.signing import DATE_FORMAT, authorization, canonical_request, signature
from collector.api.tokens import Token, read_token, write_token
from collector.clock import Clock

LARGEST_ANSWER: Final = 1 << 20
# Other words in Content-Encoding (UTF-8, none) are no encodings: gateways write them over plain bodies.
COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"})
LIFE_UNSAID = timedelta(hours=1)
FIRST_PAUSE: Final = 0.5
"""Seconds; doubled after each failure in a row."""


class Authentication(httpx.Auth):
    """How the requests of one project are authenticated."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text of the server may hold, see `redaction.redact`."""
        raise NotImplementedError

    async def renew(self, asked_at: float) -> bool:  # noqa: ARG002 - what tokens need
        """After a request was refused: return whether it is worth asking again, for what proves it is new since."""
        return False


class SignatureAuth(Authentication):
    """Signs the host, the date, the project and, for temporary keys, the token. For requests without a body.

    Every attempt is signed anew, with the instant of that attempt.
    """

    def __init__(self, credential: Credential, project_id: str, clock: Clock) -> None:
        self._credential = credential
        self._project_id = project_id
        self._clock = clock

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys."""
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
    """Sends a token of the project, which IAM gave for a password and a file keeps until it is nearly over.

    However many requests wait, one asks for the token, and its failure is that of all. IAM is then left alone for
    longer and longer, after what does not pass for the whole poll: it locks a user whose password is wrong. A token
    that lives is used where it cannot be renewed, until the next poll; a refused one is renewed once in a poll.
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
        self._asking = asyncio.Lock()
        self._token: Token | None = None
        self._tokens: set[str] = set()
        self._renewed_at: float | None = None
        self._failure: RequestFailed | None = None
        self._failures = 0
        self._asked_again_at = -math.inf

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password, and every token that this project had in this poll: one that was renewed may live on."""
        return (*self._credential.secrets, *self._tokens)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token, which is asked for where there is none that lives for long enough."""
        async with self._asking:
            token = await self._current()
        request.headers["X-Project-Id"] = self._project_id
        request.headers["X-Auth-Token"] = token.value
        yield request

    async def _current(self) -> Token:
        """Return the token that is used now, which no text of the server may hold from then on."""
        kept = self._token = self._token or read_token(self._file, self._owner)
        if kept is not None:
            self._tokens.add(kept.value)
        now = self._clock.now()
        if kept is None or kept.over(now):
            self._token = await self._ask(None)
            return self._token
        if kept.nearly_over(now) and self._failure is None:
            with suppress(RequestFailed):
                self._token = await self._ask(self._client.timeout.read)
        return self._token or kept

    async def renew(self, asked_at: float) -> bool:
        """Ask for another token, unless that was done since the refused request was begun (the loop's seconds)."""
        async with self._asking:
            if self._renewed_at is None:
                self._token = await self._ask(None)
                self._renewed_at = asyncio.get_running_loop().time()
                return True
            return self._renewed_at > asked_at

    @property
    def _owner(self) -> str:
        """What a token was given for; one for something else is none."""
        return "\n".join((self._iam, self._credential.domain, self._credential.user, self._project_id))

    async def _ask(self, within_seconds: float | None) -> Token:
        """Ask for a token; while IAM is left alone its last failure is raised again."""
        if self._failure is not None and self._clock.monotonic() < self._asked_again_at:
            raise replace(self._failure)
        try:
            return await self._ask_iam(within_seconds)
        except RequestFailed as failure:
            self._failure = replace(failure)
            pause = max(failure.retry_after_seconds(self._clock.now()), FIRST_PAUSE * 2.0**self._failures)
            self._failures += 1
            self._asked_again_at = self._clock.monotonic() + pause if failure.outcome in PASSING else math.inf
            raise

    async def _ask_iam(self, within_seconds: float | None) -> Token:
        user = {"name": self._credential.user, "password": self._credential.password}
        identity = {"methods": ["password"], "password": {"user": user | {"domain": {"name": self._credential.domain}}}}
        asked = {"auth": {"identity": identity, "scope": {"project": {"id": self._project_id}}}}
        what = f"no token from {self._iam}"
        try:
            call = self._client.stream("POST", f"{self._iam}/v3/auth/tokens", params={"nocatalog": "true"}, json=asked)
            async with asyncio.timeout(within_seconds), call as answered:
                body = await read_body(answered, LARGEST_ANSWER)
        except (OSError, httpx.HTTPError) as error:
            failure = failed_on_the_way(error, answered=False)
            raise replace(failure, error_msg=f"{what}: {failure.error_msg}") from None
        value = answered.headers.get("x-subject-token", "")
        if answered.status_code != httpx.codes.CREATED or not value:
            code, message = error_of(body)
            outcome = outcome_of(answered.status_code, code) if answered.is_error else "wrong_shape"
            raise RequestFailed(
                outcome,
                answered.status_code,
                code,
                f"{what}: {message or answered.status_code}",
                retry_after=answered.headers.get("retry-after"),
            )
        now = self._clock.now()
        token = Token(value, now, _expiry(body) or now + LIFE_UNSAID)
        self._tokens.add(value)
        write_token(self._file, self._owner, token)
        return token


def _expiry(body: bytes) -> datetime | None:
    try:
        expiry = datetime.fromisoformat(json.loads(body)["token"]["expires_at"])
        return (expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, RecursionError, KeyError, TypeError):
        return None


async def read_body(answered: httpx.Response, largest: int) -> bytes:
    """Read a body, up to a size in bytes.

    Raises
    ------
    RequestFailed
        When it is larger, or compressed, which was not asked for.
    """
    encoding = answered.headers.get("content-encoding", "").lower()
    if not COMPRESSIONS.isdisjoint(coding.strip() for coding in encoding.split(",")):
        raise RequestFailed("wrong_shape", error_msg=f"content encoding {encoding!r} was not asked for")
    body = bytearray()
    async for chunk in raw_chunks(answered):
        body += chunk
        if len(body) > largest:
            raise RequestFailed("too_large", error_msg=f"more than {largest:,} bytes")
    return bytes(body)
