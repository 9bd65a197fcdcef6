"""AK/SK signing as an httpx.Auth: every attempt is signed anew, with the instant of that attempt."""

from collections.abc import Generator

import httpx

from collector.clock import Clock
from collector.credentials import Credential
from collector.signing import DATE_FORMAT, authorization, canonical_request, signature


class SignatureAuth(httpx.Auth):
    """Signs the host, the date, the project and, for temporary keys, the token. For requests without a body."""

    def __init__(self, credential: Credential, project_id: str, clock: Clock) -> None:
        self._credential = credential
        self._project_id = project_id
        self._clock = clock

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
