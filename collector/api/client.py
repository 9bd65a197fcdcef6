"""The ModelArts API of one project: one method an endpoint; payloads as received, failures by their outcome."""

import asyncio
import codecs
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import httpx

from collector.api.auth import Authentication, read_body
from collector.api.outcomes import RequestFailed, error_of, outcome_of
from collector.api.parse import parse_json
from collector.api.redaction import LOCATION, may_echo, redact, redact_json, shown_location
from collector.api.transport import transport_failure

LARGEST_STATISTICS = 1 << 20
LARGEST_LISTING = 1 << 25
KEPT_BODY = 1 << 16
LONGEST_CODE = 64
LONGEST_MESSAGE = 2000
# Error codes for a token that has expired or that the gateway does not know.
RENEWABLE = frozenset({"APIGW.0301", "APIG.0301", "APIGW.0307", "APIG.0307", "ModelArts.0202"})


@dataclass(frozen=True, slots=True)
class Payload:
    """The body of a good answer."""

    body: bytes
    http_status: int
    request_id: str | None
    date: str | None = None
    """The server's Date header, as it was sent."""


class ModelArts:
    """The endpoints of one project, with one credential, over one client."""

    def __init__(self, client: httpx.AsyncClient, endpoint: str, project_id: str, auth: Authentication) -> None:
        self._client = client
        self._base = f"{endpoint.rstrip('/')}/v2/{quote(project_id, safe='')}"
        self._auth = auth

    async def server_date(self, total_timeout: float) -> datetime | None:
        """Return the endpoint's clock (aware UTC) from any answer to an unsigned request; None without a valid Date.

        Raises
        ------
        RequestFailed
            When the endpoint does not answer.
        """
        try:
            async with (
                asyncio.timeout(total_timeout),
                self._client.stream("GET", self._base.removesuffix(urlsplit(self._base).path)) as response,
            ):
                return parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._transport_failure(error, None) from None
        except (ValueError, OverflowError):
            return None

    async def list_pools(self, workspace: str, continue_token: str | None, total_timeout: float) -> Payload:
        """GET /v2/{project_id}/pools: one page of the pools of a workspace.

        Raises
        ------
        RequestFailed
        """
        query = {"workspaceId": workspace, "status": "created"}
        if continue_token is not None:
            query["continue"] = continue_token
        return await self._get("/pools", query, LARGEST_LISTING, total_timeout)

    async def show_workload_statistics(self, pool: str, total_timeout: float) -> Payload:
        """GET /v2/{project_id}/statistics/pools/{pool_name}/workloads: the counts of one pool.

        Raises
        ------
        RequestFailed
        """
        path = f"/statistics/pools/{quote(pool, safe='')}/workloads"
        return await self._get(path, None, LARGEST_STATISTICS, total_timeout)

    async def _get(self, path: str, query: dict[str, str] | None, largest: int, total_timeout: float) -> Payload:
        requested_at = asyncio.get_running_loop().time()
        try:
            # The time limit includes a renewal of the token, so that a slow IAM cannot delay the end of the slot.
            async with asyncio.timeout(total_timeout):
                try:
                    return await self._request(path, query, largest)
                except RequestFailed as failure:
                    if failure.error_code not in RENEWABLE or not await self._renewed(requested_at):
                        raise
                return await self._request(path, query, largest)
        except TimeoutError as error:
            raise self._transport_failure(error, None) from None

    async def _renewed(self, requested_at: float) -> bool:
        try:
            return await self._auth.renew(requested_at)
        except RequestFailed as failure:
            raise self._without_secrets(failure) from None

    async def _request(self, path: str, query: dict[str, str] | None, largest: int) -> Payload:
        response: httpx.Response | None = None
        try:
            async with self._client.stream("GET", self._base + path, params=query, auth=self._auth) as response:
                body = await read_body(response, largest)
        except RequestFailed as failure:
            # Without a response, the authentication failed before the request was sent.
            if response is not None:
                failure.http_status = response.status_code
                failure.request_id = self._header(response, "x-request-id")
            raise self._without_secrets(failure) from None
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._transport_failure(error, response) from None
        request_id = self._header(response, "x-request-id")
        date = response.headers.get("date")
        if response.status_code == httpx.codes.OK:
            return Payload(self._without_echo(body), response.status_code, request_id, date)
        code, message = error_of(body)
        outcome = outcome_of(response.status_code, code)
        if outcome == "redirected" and (location := response.headers.get("location")):
            place = f"{LOCATION}{shown_location(location, str(response.request.url))}"
            message = f"{place}; {message}" if message else place
        raise RequestFailed(
            outcome,
            response.status_code,
            self.clean(code, LONGEST_CODE),
            self.clean(message, LONGEST_MESSAGE),
            request_id,
            None if code else self.keep(body),
            response.headers.get("retry-after"),
            date,
        )

    def _without_echo(self, body: bytes) -> bytes:
        """Return a good body with secrets removed from its names and texts; a body that is not JSON is unchanged."""
        secrets = self._auth.secrets
        if not may_echo(body.decode("utf-8", errors="replace"), secrets):
            return body
        try:
            return json.dumps(redact_json(parse_json(body), secrets)).encode()
        except (ValueError, RecursionError):
            return body

    def keep(self, body: bytes) -> str:
        """Return a body as it is stored with a failure: text without secrets, at most 64 KiB.

        A body that is not in UTF-8 is read as GB18030 where it can be, as Chinese proxies write their pages. Secrets
        are removed before that: as a part of two bytes, a secret's first letter would disappear.
        """
        bare = redact(body[: KEPT_BODY * 4].decode("utf-8", errors="surrogateescape"), self._auth.secrets)
        left = bare.encode("utf-8", errors="surrogateescape")
        try:
            # The end may be cut within a character.
            text = codecs.getincrementaldecoder("utf-8")().decode(left)
        except UnicodeDecodeError:
            try:
                text = codecs.getincrementaldecoder("gb18030")().decode(left)
            except UnicodeDecodeError:
                text = left.decode("utf-8", errors="replace")
        return text.replace("\0", "\ufffd").encode()[:KEPT_BODY].decode(errors="ignore")

    def clean(self, text: str | None, longest: int) -> str | None:
        """Return a text of the server as it is stored: valid Unicode without secrets, cut to a length."""
        if text is None:
            return None
        valid = text.encode("utf-8", errors="replace").decode().replace("\0", "\ufffd")
        return redact(valid[: KEPT_BODY * 4], self._auth.secrets)[:longest]

    def _without_secrets(self, failure: RequestFailed) -> RequestFailed:
        failure.error_code = self.clean(failure.error_code, LONGEST_CODE)
        failure.error_msg = self.clean(failure.error_msg, LONGEST_MESSAGE)
        return failure

    def _header(self, response: httpx.Response, name: str) -> str | None:
        return self.clean(response.headers.get(name), 128)

    def _transport_failure(self, error: Exception, response: httpx.Response | None) -> RequestFailed:
        failure = self._without_secrets(transport_failure(error, answered=response is not None))
        if response is not None:
            failure.http_status = response.status_code
            failure.request_id = self._header(response, "x-request-id")
        return failure
