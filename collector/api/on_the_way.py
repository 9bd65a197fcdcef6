"""What it means when no whole answer came: the outcome of an exception of the HTTP library, in our words."""

import ssl
from collections.abc import Iterator

import httpx

from collector.api.outcomes import RequestFailed

# The settings that end a wait; the wait for a connection has the name look-up in it.
TIMED_OUT: dict[type[Exception], str] = {
    httpx.ConnectTimeout: "no connection within connect_timeout (name look-up, connection, TLS)",
    httpx.ReadTimeout: "nothing came within read_timeout",
    httpx.WriteTimeout: "nothing could be sent within read_timeout",
}
OUT_OF_TIME = "no whole answer within total_timeout, or by the slot's deadline"
# In OpenSSL's names for what no second handshake mends: no trust in one of both sides, no version in common.
LASTING_TLS_FAILURES = ("VERIFY", "CERTIFICATE", "UNKNOWN_CA", "VERSION", "PROTOCOL")
BROKEN_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, ConnectionError, ssl.SSLError)


def failed_on_the_way(error: Exception, *, answered: bool) -> RequestFailed:
    """Return the failure that an exception is.

    Parameters
    ----------
    answered
        Whether the head of an answer had come.
    """
    # The cause is named before the kind: a refused connection and a TLS failure are both a ConnectError.
    causes = list(_causes(error))
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return RequestFailed("timeout", error_msg=TIMED_OUT.get(type(error), OUT_OF_TIME))
    if any(isinstance(cause, ssl.SSLError) and _lasts(cause) for cause in causes):
        outcome = "tls"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        outcome = "refused"
    elif answered:
        outcome = "cut_off"
    elif any(isinstance(cause, BROKEN_OFF) for cause in causes):
        outcome = "disconnected"
    else:
        outcome = "unreachable"
    told = (str(cause).strip() for cause in causes)
    message = next((text for text in told if text), "")
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
