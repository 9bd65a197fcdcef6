"""The outcome of a request that got no complete answer, from the exception of the HTTP library."""

import ssl
from collections.abc import Iterator

import httpx

from collector.api.outcomes import RequestFailed

# Each message names the setting that ended the wait; connect_timeout includes the name look-up.
TIMED_OUT: dict[type[Exception], str] = {
    httpx.ConnectTimeout: "no connection within connect_timeout (name look-up, connection, TLS)",
    httpx.ReadTimeout: "no data received within read_timeout",
    httpx.WriteTimeout: "no data could be sent within read_timeout",
}
OUT_OF_TIME = "no complete answer within total_timeout or before the slot's deadline"
# Parts of OpenSSL's names for failures that a second handshake cannot fix: an untrusted certificate, no common version.
LASTING_TLS_FAILURES = ("VERIFY", "CERTIFICATE", "UNKNOWN_CA", "VERSION", "PROTOCOL")
REFUSED_BY_PROXY = "the proxy refused:"
"""The words before a proxy's answer to CONNECT, in an error's message."""
BROKEN_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, ConnectionError, ssl.SSLError)


def transport_failure(error: Exception, *, answered: bool) -> RequestFailed:
    """Return the failure for an exception of the HTTP library.

    Parameters
    ----------
    answered
        Whether the head of an answer had arrived.
    """
    # The causes decide before the error's own type: a refused connection and a TLS failure are both a ConnectError.
    causes = list(_causes(error))
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return RequestFailed("timeout", error_msg=TIMED_OUT.get(type(error), OUT_OF_TIME))
    if any(isinstance(cause, ssl.SSLError) and _lasts(cause) for cause in causes):
        outcome = "tls"
    elif isinstance(error, httpx.ProxyError):
        # Its text is the proxy's answer to CONNECT, such as "407 Proxy Authentication Required".
        outcome = "proxy_unauthorized" if str(error).startswith("407") else "unreachable"
        return RequestFailed(outcome, error_msg=f"{REFUSED_BY_PROXY} {error}")
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        outcome = "refused"
    elif answered:
        outcome = "cut_off"
    elif any(isinstance(cause, BROKEN_OFF) for cause in causes):
        outcome = "disconnected"
    else:
        outcome = "unreachable"
    texts = (str(cause).strip() for cause in causes)
    message = next((text for text in texts if text), "")
    return RequestFailed(outcome, error_msg=f"{type(error).__name__}: {message}".rstrip(": "))


def _lasts(error: ssl.SSLError) -> bool:
    reason = error.reason or ""
    return isinstance(error, ssl.SSLCertVerificationError) or any(sign in reason for sign in LASTING_TLS_FAILURES)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__
