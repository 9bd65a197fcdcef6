"""The HTTP clients of a poll: their proxy, the certificates that they trust, and their time limits."""

import ssl
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from collector import __version__
from collector.api.proxies import proxies
from collector.errors import ConfigError

# httpx slows down with the number of connections of one client (measured: 1,430 requests/s with 10, 229 with 50).
CONNECTIONS = 8
HEADERS = {
    "User-Agent": f"poolscope/{__version__}",
    "Accept": "application/json",
    # A small answer gains nothing by compression, and a compressed one could hide its size.
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for making a connection, for each read, and for a whole request."""

    connect: float
    read: float
    total: float


@dataclass(frozen=True, slots=True)
class Network:
    """How requests leave this machine: the configured proxy and certificates; None follows the environment."""

    proxy: str | None = None
    """The URL, with its user if it wants one; empty for no proxy."""
    proxy_password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


def new_clients(
    concurrency: int, timeouts: Timeouts, *, loopback: bool, network: Network = Network()
) -> list[httpx.AsyncClient]:
    """Return one client for every `CONNECTIONS` concurrent requests; the caller closes them.

    Raises
    ------
    ConfigError
        When a proxy or a certificate file that the configuration or the environment names cannot be used.
    """
    configured = None if network.ca_file is None else _certificates(network.ca_file)
    try:
        context = configured or httpx.create_ssl_context()
        # A proxy cannot reach this machine's loopback.
        proxies_by_pattern = {} if loopback else proxies(network.proxy, network.proxy_password, context)
        # No limit here: an unanswered request keeps its connection while the scheduler starts the next one.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=CONNECTIONS)
        return [
            httpx.AsyncClient(
                verify=context,
                trust_env=False,
                mounts={
                    pattern: httpx.AsyncHTTPTransport(verify=context, limits=limits, proxy=proxy) if proxy else None
                    for pattern, proxy in proxies_by_pattern.items()
                },
                follow_redirects=False,
                timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
                limits=limits,
                headers=HEADERS,
                # Several accounts share a client: a cookie of one account must not reach another.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            )
            for _ in range(-(-concurrency // CONNECTIONS))
        ]
    except (ValueError, OSError, ImportError, httpx.InvalidURL):
        # The error's own message is not shown: a proxy's address may contain a password.
        raise ConfigError(
            "the proxy or the certificates in the environment cannot be used: check HTTPS_PROXY, HTTP_PROXY, "
            "ALL_PROXY (http:// or https://, a host, a port up to 65535), SSL_CERT_FILE and SSL_CERT_DIR"
        ) from None


def _certificates(ca_file: Path) -> ssl.SSLContext:
    """Return a context that trusts the certificates in a file, and no others."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        # OpenSSL's own errors are an OSError too.
        reason = "it has no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
    raise ConfigError(
        f"collect.ca_file: {ca_file} cannot be used ({reason}): name a file with the certificates to trust, in PEM form"
        " (-----BEGIN CERTIFICATE-----)"
    )
