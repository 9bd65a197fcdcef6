"""Checks of a project's endpoint: that it answers, its clock, its listing of pools and the statistics of one pool."""

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

# The gateway refuses signatures whose date is more than 15 minutes off.
LARGEST_SKEW: Final = timedelta(minutes=15)
NOTED_SKEW: Final = timedelta(minutes=1)
ACTIONS: Final = {"listing": "modelarts:pool:list", "statistics": "modelarts:pool:get"}
REPORT_IT: Final = "report the answer to Poolscope's developers"
FIXES: Final = {
    "unauthorized": "check that access key and secret key belong together, are active, and are of this account",
    "forbidden": "grant the user the action {action} in this project (IAM), or name another credential",
    "wrong_endpoint": "check region and endpoint of the project: this address does not serve ModelArts",
    "not_found": "check project_id, region and endpoint of the project",
    "gone": "remove the pool from the project's list, or check its id (metadata.name, not the display name)",
    "bad_request": "check project_id and workspaces of the project",
    "throttled": "lower requests_per_second, or find other programs that use this account",
    "timeout": "check the route to the endpoint (proxy, firewall, DNS), or raise the setting that the message names",
    "refused": "check the endpoint's host and port, and the proxy",
    "unreachable": "check the endpoint's name, and DNS, proxy and network of this machine",
    "disconnected": "check the proxy, or try again: the connection was closed before an answer came",
    "tls": "check that SSL_CERT_FILE or the proxy's certificate is in place; never switch verification off",
    "server_error": "try again later, or give the request id to the vendor's support",
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
                findings.append(Finding(what, "error", f"workspace {workspace}: {error}", REPORT_IT))
            else:
                more = " and more" if page.following else ""
                findings.append(Finding(what, "ok", f"workspace {workspace} has {len(page.pools):,} pools{more}"))
                if page.nameless is not None:
                    findings.append(Finding(what, "warning", f"workspace {workspace}: {page.nameless}", REPORT_IT))
                pool = pool or (page.pools[0].pool if page.pools else None)
    what = f"{project.name}: statistics"
    if pool is None:
        findings.append(Finding(what, "warning", "no pool to ask for", "check workspaces, or list pools by id"))
        return findings
    try:
        types = parse_statistics((await api.show_workload_statistics(pool, timeout)).body).items
    except RequestFailed as failure:
        findings.append(_failed(what, failure, pool, "statistics"))
        _close_gate(session, failure)
    except (NotJson, WrongShape) as error:
        findings.append(
            Finding(
                what,
                "error",
                f"{pool}: {error}",
                "see poolscope status; poolscope collect stores the body of such an answer",
            )
        )
    else:
        findings.append(Finding(what, "ok", f"{pool} answers with {len(types)} job types"))
    return findings


def _close_gate(session: Session, failure: RequestFailed) -> None:
    """Stop further use of a credential that was refused; an action that is not granted concerns one project only."""
    if failure.outcome == UNAUTHORIZED:
        session.gate.refusal = failure


def not_asked(project: Project) -> Finding:
    """Return the finding of a project that was not asked: another refusal of its credential may lock the key."""
    text = f"not asked: the credential {project.credentials} was refused before"
    return Finding(f"{project.name}: endpoint", "warning", text, "fix the credential, then run doctor again")


def _skew(project: Project, server: datetime | None, now: datetime) -> Finding:
    what = f"{project.name}: endpoint and clock"
    if server is None:
        return Finding(what, "warning", f"{project.endpoint} answers without a date", "check the proxy")
    skew = now - server
    offset = f"{abs(skew).total_seconds():.0f} s {'ahead' if skew > timedelta() else 'behind'}"
    text = f"{project.endpoint} answers, this machine's clock is {offset}"
    fix = "set this machine's clock (NTP): it decides the slots, and signatures 15 minutes off are refused"
    if abs(skew) <= NOTED_SKEW:
        return Finding(what, "ok", text)
    return Finding(what, "error" if abs(skew) > LARGEST_SKEW else "warning", text, fix)


def _failed(what: str, failure: RequestFailed, where: str, call: str = "listing") -> Finding:
    details = " ".join(str(part) for part in (failure.http_status, failure.error_code, failure.error_msg) if part)
    fix = FIXES.get(failure.outcome, "try again; if it persists, poolscope status shows the outcomes")
    return Finding(
        what,
        "error",
        f"{where}: {failure.outcome}{f' ({details})' if details else ''}",
        fix.format(action=ACTIONS[call]),
    )
