"""The causes of failed polls: what each outcome means, and how to fix it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from collector.api.credentials import WRITE_PASSWORD
from collector.api.redaction import LOCATION
from collector.api.transport import REFUSED_BY_PROXY

REPORT_IT: Final = (
    "try again; if it stays, report how the answer begins to Poolscope's developers (poolscope status --json has all"
    " of it)"
)
PAST: Final = 'name the endpoint in NO_PROXY, or set proxy = "none" in [collect]'
Call: TypeAlias = Literal["statistics", "listing"]
ACTIONS: Final[Mapping[Call, str]] = {"listing": "modelarts:pool:list", "statistics": "modelarts:pool:get"}
HTTP_OK: Final = 200


@dataclass(frozen=True)
class Cause:
    """What an outcome means, and what to do: `fix` holds ``{project}`` and ``{action}``."""

    meaning: str
    fix: str


CAUSES: Final = {
    "unauthorized": Cause(
        "the key, its signature or the token was refused",
        "check that access key and secret key (or user, domain and password) belong together, are active, and are of "
        "this account; then run poolscope doctor, which ends the pause of the key",
    ),
    "forbidden": Cause(
        "the user may not do this",
        "grant the user the action {action} in this project (IAM), or name another credential",
    ),
    "wrong_endpoint": Cause(
        "the address does not serve ModelArts", "check region and endpoint of the project: [projects.{project}]"
    ),
    "not_found": Cause(
        "the address has no such project", "check project_id, region and endpoint of the project: [projects.{project}]"
    ),
    "gone": Cause(
        "the pool does not exist (any more)",
        "write the pool's id (metadata.name, not the display name) in projects.{project}.pools, or remove it from "
        "there; poolscope doctor says which pools there are",
    ),
    "bad_request": Cause(
        "the request was refused", "check project_id and workspaces of the project: [projects.{project}]"
    ),
    "throttled": Cause(
        "too many requests", "lower collect.requests_per_second, or find other programs that use this account"
    ),
    "server_error": Cause(
        "ModelArts or a gateway before it failed", "try again later, or give the request id to the vendor's support"
    ),
    "redirected": Cause(
        "the service is said to be elsewhere; that is not followed, because a signature is for one address",
        "check projects.{project}.endpoint, and whether a proxy asks for a login",
    ),
    "proxy_unauthorized": Cause(
        "the proxy wants a user and a password, or refused them",
        'set proxy = "http://USER@HOST:PORT" and proxy_password_file = "proxy-password" in [collect], and write that '
        f"file: {WRITE_PASSWORD}",
    ),
    "unexpected_status": Cause(
        "something else than ModelArts answered", "check projects.{project}.endpoint, and the proxy"
    ),
    "timeout": Cause(
        "no complete answer came in time",
        "check the route to the endpoint (proxy, firewall, DNS), or raise the setting that the message names",
    ),
    "refused": Cause(
        "nothing listens at this address", "check host and port of projects.{project}.endpoint, and the proxy"
    ),
    "unreachable": Cause(
        "no route to the address", "check the endpoint's name, and DNS, proxy and network of this machine"
    ),
    "disconnected": Cause(
        "the connection was closed before an answer came", "check the proxy and the network, then try again"
    ),
    "cut_off": Cause("the answer ended too early", "check the proxy and the network, then try again"),
    "tls": Cause(
        "the certificate is not trusted, or there is no common TLS version",
        "if a proxy decrypts, or the endpoint is private, set ca_file in [collect] to a PEM file with the certificate "
        "of its authority; if the certificate has expired, check this machine's clock; never switch verification off",
    ),
    "not_json": Cause("the answer is not JSON", REPORT_IT),
    "wrong_shape": Cause("the answer has no counts that can be trusted", REPORT_IT),
    "too_large": Cause(
        "the answer is larger than any of ModelArts", "check projects.{project}.endpoint, and the proxy"
    ),
    "deadline": Cause(
        "the poll ended before it could ask", "raise collect.concurrency or collect.interval, or find what is slow"
    ),
    "clock_ahead": Cause(
        "this machine's clock was more than an hour ahead", "set this machine's clock (NTP): it decides the slots"
    ),
    "interrupted": Cause(
        "a signal ended the poll", "find what ends polls early (a time limit of the job that runs them), if you did not"
    ),
    "unforeseen": Cause("a defect of Poolscope", "report the message to Poolscope's developers"),
}
"""By outcome, as scrapes and discoveries have it."""


BY_MESSAGE: Final = {
    ("unreachable", REFUSED_BY_PROXY): Cause(
        "the proxy does not connect to this address",
        f"ask those who run the proxy to allow it, or go past the proxy: {PAST}",
    ),
    ("wrong_shape", "content encoding"): Cause(
        "the answer is compressed, although Poolscope asks for plain ones: a proxy or gateway changed it",
        f"check projects.{{project}}.endpoint, switch compression off there, or go past it: {PAST}",
    ),
    ("not_json", "invalid UTF-8"): Cause(
        "the answer is in another encoding than UTF-8, which JSON has: a proxy or gateway changed it",
        f"check projects.{{project}}.endpoint, or go past the proxy: {PAST}",
    ),
}
"""By outcome and the first words of the error's message."""
WEB_PAGE: Final = Cause(
    "a web page answered, such as the login page of a proxy",
    f"check projects.{{project}}.endpoint, log in to the proxy, or go past it: {PAST}",
)


def cause_of(
    outcome: str,
    project: str,
    *,
    call: Call = "statistics",
    http_status: int | None = None,
    message: str | None = None,
    answer: str | None = None,
) -> Cause:
    """Return what an outcome means and how to fix it, for this project and as far as the answer shows it.

    Parameters
    ----------
    call
        What was asked for.
    message
        The error's message, as scrapes have it.
    answer
        The beginning of an answer that was not understood.
    """
    cause = _special(outcome, http_status, message or "", answer or "") or CAUSES.get(outcome, CAUSES["unforeseen"])
    return Cause(cause.meaning, cause.fix.replace("{project}", project).replace("{action}", ACTIONS[call]))


def _special(outcome: str, http_status: int | None, message: str, answer: str) -> Cause | None:
    """Return a cause that says more than the outcome alone; None where there is none."""
    if outcome == "redirected" and (place := re.search(rf"{LOCATION}((https?://[^/\s?]+)\S*)", message)):
        return Cause(
            CAUSES[outcome].meaning,
            f'if {place[1]} is ModelArts, set endpoint = "{place[2]}" in [projects.{{project}}]; if it is a login '
            f"page, log in to the proxy, or go past it: {PAST}",
        )
    if outcome == "unexpected_status" and http_status is not None and http_status // 100 == 2:
        return Cause(
            f"the answer has no content ({http_status}), so that something else than ModelArts answered",
            CAUSES[outcome].fix,
        )
    if outcome in ("not_json", "wrong_shape") and answer.lstrip("\ufeff \r\n\t").startswith("<"):
        return WEB_PAGE
    return next(
        (cause for (of, words), cause in BY_MESSAGE.items() if of == outcome and message.startswith(words)), None
    )
