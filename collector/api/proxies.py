"""The proxies of the environment, as the HTTP library takes them; an exception that it cannot read is left out."""

import ipaddress
from contextlib import suppress
from typing import Final
from urllib.request import getproxies

import httpx

SCHEMES: Final = ("http", "https", "all")
LARGEST_PORT: Final = 65535
EXCEPTIONS: Final = "no"
NO_HOST: Final = "is neither a host name nor an address, and left out: name the hosts one by one, IPv6 without brackets"


def proxies() -> dict[str, str | None]:
    """Return which proxy takes which addresses, by the HTTP library's patterns; None for those that take none.

    Raises
    ------
    ValueError, httpx.InvalidURL
        When one is no address of a proxy.
    """
    named = getproxies()
    if "*" in _exceptions(named):
        return {}
    found: dict[str, str | None] = {}
    for scheme in SCHEMES:
        if address := named.get(scheme):
            found[f"{scheme}://"] = _checked(address if "://" in address else f"http://{address}")
    return found | {pattern: None for exception in _exceptions(named) if (pattern := _pattern(exception))}


def unread_exceptions() -> list[str]:
    """Return the parts of NO_PROXY that are left out: those of no host name and no address."""
    return [exception for exception in _exceptions(getproxies()) if _pattern(exception) is None]


def _exceptions(named: dict[str, str]) -> list[str]:
    return [part.strip() for part in named.get(EXCEPTIONS, "").split(",") if part.strip()]


def _checked(address: str) -> str:
    url = httpx.URL(address)
    if not url.host or not (url.port is None or 0 < url.port <= LARGEST_PORT):
        raise ValueError("no address of a proxy")
    return address


def _pattern(exception: str) -> str | None:
    """Return the pattern of an exception; None for what cannot be read, or would never match, as a network."""
    if "://" in exception:
        pattern = exception
    elif _is_address(exception):
        pattern = f"all://[{exception}]" if ":" in exception else f"all://{exception}"
    else:
        # A name is also that of all beneath it.
        pattern = f"all://{'' if exception.lower() == 'localhost' else '*'}{exception}"
    with suppress(httpx.InvalidURL, ValueError):
        # What follows the slash of a network would be a path.
        if httpx.URL(pattern).path in ("", "/"):
            return pattern
    return None


def _is_address(text: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(text)
        return True
    return False
