"""The proxies of requests, in the HTTP library's form; exceptions that it cannot read are ignored."""

import ipaddress
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.request import getproxies

import httpx

SCHEMES: Final = ("http", "https", "all")
LARGEST_PORT: Final = 65535
EXCEPTIONS: Final = "no"
NO_HOST: Final = "is ignored, as it is neither a host name nor an address: list hosts one by one, IPv6 without brackets"


def proxies(configured: str | None, password: str | None, context: ssl.SSLContext) -> Mapping[str, httpx.Proxy | None]:
    """Return the proxy for each of the HTTP library's URL patterns; None where no proxy is used.

    Parameters
    ----------
    configured
        The proxy of the configuration, which replaces those of the environment; empty for no proxy, None where there
        is none. The exceptions are those of the environment in any case.
    password
        The password of the user in `configured`.
    context
        The certificates to trust, also those of a proxy that is reached by https.

    Raises
    ------
    ValueError, httpx.InvalidURL
        When a proxy's address is not valid.
    """
    settings = getproxies()
    exceptions = _exceptions(settings)
    if configured is not None:
        settings = {"all": configured}
    if "*" in exceptions:
        return {}
    by_pattern: dict[str, httpx.Proxy | None] = {}
    for scheme in SCHEMES:
        if address := settings.get(scheme):
            url = _checked(address if "://" in address else f"http://{address}")
            auth = None if password is None else (url.username, password)
            url = url if auth is None else url.copy_with(username=None, password=None)
            by_pattern[f"{scheme}://"] = httpx.Proxy(
                url, auth=auth, ssl_context=context if url.scheme == "https" else None
            )
    return by_pattern | {pattern: None for exception in exceptions if (pattern := _pattern(exception))}


def unread_exceptions() -> list[str]:
    """Return the parts of NO_PROXY that are ignored: neither host name nor address."""
    return [exception for exception in _exceptions(getproxies()) if _pattern(exception) is None]


def _exceptions(settings: dict[str, str]) -> list[str]:
    return [part.strip() for part in settings.get(EXCEPTIONS, "").split(",") if part.strip()]


def _checked(address: str) -> httpx.URL:
    url = httpx.URL(address)
    if not url.host or not (url.port is None or 0 < url.port <= LARGEST_PORT):
        raise ValueError("not an address of a proxy")
    return url


def _pattern(exception: str) -> str | None:
    """Return the URL pattern of an exception; None if it cannot be read, or, as a network, would never match."""
    if "://" in exception:
        pattern = exception
    elif _is_address(exception):
        pattern = f"all://[{exception}]" if ":" in exception else f"all://{exception}"
    else:
        # A host name also covers its subdomains.
        pattern = f"all://{'' if exception.lower() == 'localhost' else '*'}{exception}"
    with suppress(httpx.InvalidURL, ValueError):
        # The part after the slash of a network would be taken for a path.
        if httpx.URL(pattern).path in ("", "/"):
            return pattern
    return None


def _is_address(text: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(text)
        return True
    return False
