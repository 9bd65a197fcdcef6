"""SDK-HMAC-SHA256, the signature of Huawei Cloud's gateway, as pure functions.

Source: API Request Signing Guide (devg-apisign). Tested against signatures of the vendor's own signer, including the
guide's published example.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

ALGORITHM = "SDK-HMAC-SHA256"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
EMPTY_BODY_SHA256 = hashlib.sha256(b"").hexdigest()
UNRESERVED = "-_.~"


def canonical_request(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body_sha256: str = EMPTY_BODY_SHA256,
) -> str:
    """Return the text that is hashed and signed.

    Parameters
    ----------
    method
        The HTTP method, upper case.
    path
        The path, raw or percent-encoded. Both give the same result, so a literal ``%`` must be written as ``%25``.
    query
        Decoded pairs, in any order.
    headers
        The headers to sign, and no others.
    body_sha256
        SHA-256 of the body, in hex.
    """
    segments = [quote(unquote(segment), safe=UNRESERVED) for segment in path.split("/")]
    uri = "/".join(segments)
    if not uri.endswith("/"):
        uri += "/"
    pairs = sorted((quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in query)
    lowered = sorted((name.lower(), value.strip()) for name, value in headers.items())
    return "\n".join(
        [
            method,
            uri,
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(f"{name}:{value}\n" for name, value in lowered),
            ";".join(name for name, _ in lowered),
            body_sha256,
        ]
    )


def signature(secret_key: str, date: str, canonical: str) -> str:
    """Return the hex signature of a canonical request made at ``date`` (``YYYYMMDDTHHMMSSZ``, UTC)."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{date}\n{digest}"
    return hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def authorization(access_key: str, signed: Iterable[str], signature: str) -> str:
    """Return the value of the Authorization header; ``signed`` names the signed headers."""
    names = ";".join(sorted(name.lower() for name in signed))
    return f"{ALGORITHM} Access={access_key}, SignedHeaders={names}, Signature={signature}"
