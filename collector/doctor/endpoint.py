"""The endpoint of a project: whether it answers, its clock, its listing of pools and one pool's statistics."""

from datetime import datetime, timedelta
from typing import Final

from collector.api.outcomes import RequestFailed
from collector.api.parse import NotJson, WrongShape, parse_statistics
from collector.clock import Clock
from collector.config.settings import Project
from collector.doctor.findings import Finding
from collector.polling.discovery import parse_pools
from collector.polling.gate import UNAUTHORIZED
from collector.polling.requests import Session

# The gateway refuses signatures whose date is further off than a quarter of an hour.
LARGEST_SKEW: Final = timedelta(minutes=15)
NOTED_SKEW: Final = timedelta(minutes=1)
ACTIONS: Final = {"listing": "modelarts:pool:list", "statistics": "modelarts:pool:get"}
TELL_US: Final = "tell us what it answers"
MENDS: Final = {
    "unauthorized": "look whether access key and secret key belong together, are active, and of this account",
    "forbidden": "grant the user the action {action} in this project (IAM), or name another credential",
    "wrong_endpoint": "look at region and endpoint of the project: this address does not serve ModelArts",
    "not_found": "look at project_id, region and endpoint of the project",
    "gone": "take the pool out of the project's list, or look at its id (metadata.name, not the display name)",
    "bad_request": "look at project_id and workspaces of the project",
    "throttled": "lower requests_per_second, or ask who else polls with this account",
    "timeout": "look at the way to the endpoint: proxy, firewall, DNS; or raise the setting that it names",
    "refused": "look at the endpoint's host and port, and at the proxy",
    "unreachable": "look at the endpoint's name, DNS, proxy and network of this machine",
    "disconnected": "look at the proxy, or try again: the connection was closed before an answer",
    "tls": "look whether SSL_CERT_FILE or a proxy's certificate is in place; never switch the check off",
    "server_error": "try again later; with the request id the vendor's support finds the cause",
}


async def look_at_api(session: Session, clock: Clock, timeout: float) -> list[Finding]:
    """Ask a project's endpoint for its time, its pools and one pool's statistics, each once.

    A refused credential is not used again, so that no key is locked.
    """
    project, api = session.project, session.apis[0]
    findings = []
    try:
        findings.append(_skew(project, await api.server_date(timeout), clock.now()))
    except RequestFailed as failure:
        return [_failed(f"{project.name}: endpoint", failure, project.endpoint)]
    pool = project.pools[0] if project.pools else None
    if project.pools is None:
        what = f"{project.name}: listing pools"
        for workspace in project.workspaces:
            try:
                page = parse_pools((await api.list_pools(workspace, None, timeout)).body)
            except RequestFailed as failure:
                findings.append(_failed(what, failure, f"workspace {workspace}", "listing"))
                if failure.outcome == UNAUTHORIZED:
                    _close_gate(session, failure)
                    return findings
            except (NotJson, WrongShape) as error:
                findings.append(Finding(what, "error", f"workspace {workspace}: {error}", TELL_US))
            else:
                more = " and more" if page.following else ""
                findings.append(Finding(what, "ok", f"workspace {workspace} has {len(page.pools):,} pools{more}"))
                if page.nameless is not None:
                    findings.append(Finding(what, "warning", f"workspace {workspace}: {page.nameless}", TELL_US))
                pool = pool or (page.pools[0].pool if page.pools else None)
    what = f"{project.name}: statistics"
    if pool is None:
        findings.append(Finding(what, "warning", "no pool to ask for", "look at workspaces, or list pools by id"))
        return findings
    try:
        types = parse_statistics((await api.show_workload_statistics(pool, timeout)).body).items
    except RequestFailed as failure:
        findings.append(_failed(what, failure, pool, "statistics"))
        _close_gate(session, failure)
    except (NotJson, WrongShape) as error:
        findings.append(
            Finding(what, "error", f"{pool}: {error}", "collect keeps the body: poolscope status counts it")
        )
    else:
        findings.append(Finding(what, "ok", f"{pool} answers with {len(types)} job types"))
    return findings


def _close_gate(session: Session, failure: RequestFailed) -> None:
    """Keep a credential that was refused from the other projects; an action that is not granted is one project's."""
    if failure.outcome == UNAUTHORIZED:
        session.gate.refusal = failure


def not_asked(project: Project) -> Finding:
    """Say that a project was not asked for: its credential had been refused, and each more refusal may lock it."""
    told = f"not asked: the credential {project.credentials} was refused before"
    return Finding(f"{project.name}: endpoint", "warning", told, "mend the credential, then run doctor again")


def _skew(project: Project, server: datetime | None, now: datetime) -> Finding:
    what = f"{project.name}: endpoint and clock"
    if server is None:
        return Finding(what, "warning", f"{project.endpoint} answers without a date", "look at the proxy")
    skew = now - server
    off = f"{abs(skew).total_seconds():.0f} s {'ahead' if skew > timedelta() else 'behind'}"
    told = f"{project.endpoint} answers, this clock is {off}"
    mend = "set this machine's clock (NTP): slots are the clock's, and signatures 15 minutes off are refused"
    if abs(skew) <= NOTED_SKEW:
        return Finding(what, "ok", told)
    return Finding(what, "error" if abs(skew) > LARGEST_SKEW else "warning", told, mend)


def _failed(what: str, failure: RequestFailed, where: str, call: str = "listing") -> Finding:
    told = " ".join(str(part) for part in (failure.http_status, failure.error_code, failure.error_msg) if part)
    mend = MENDS.get(failure.outcome, "try again; if it stays, poolscope status shows what the API answers")
    return Finding(
        what, "error", f"{where}: {failure.outcome}{f' ({told})' if told else ''}", mend.format(action=ACTIONS[call])
    )
