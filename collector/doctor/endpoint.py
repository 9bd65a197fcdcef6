"""Checks of a project's endpoint: that it answers, its clock, its listing of pools and the statistics of pools."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Final

from collector.api.client import ModelArts
from collector.api.outcomes import RequestFailed
from collector.api.parse import NotJson, WrongShape, parse_statistics
from collector.causes import REPORT_IT, Call, cause_of
from collector.clock import Clock
from collector.config.settings import Project
from collector.doctor.findings import Finding
from collector.doctor.stored import NOT_FOUND
from collector.failures import beginning, details_of
from collector.polling.discovery import DiscoveredPool, Page, parse_pools
from collector.polling.gate import UNAUTHORIZED
from collector.polling.poll import not_understood
from collector.polling.requests import Session
from collector.record.counted import counted
from collector.record.durations import spell_duration

# The gateway refuses signatures whose date is more than 15 minutes off.
LARGEST_SKEW: Final = timedelta(minutes=15)
NOTED_SKEW: Final = timedelta(minutes=1)
MOST_ASKED: Final = 5
"""Pools whose polls fail, of one project."""


@dataclass(frozen=True)
class Checked:
    """What the checks of a project's endpoint found, and the outcomes of the requests that failed."""

    findings: list[Finding] = field(default_factory=list)
    outcomes: set[str] = field(default_factory=set)


async def look_at_api(session: Session, clock: Clock, timeout: float, failing: Sequence[str]) -> Checked:
    """Ask a project's endpoint for its time, its pools and the statistics of pools, each once.

    A refused credential is not used again, so that no key is locked.

    Parameters
    ----------
    failing
        The pools whose newest poll failed: these are asked. Where there are none, the first pool is.
    """
    project, api = session.project, session.apis[0]
    checked = Checked()
    try:
        checked.findings.append(_skew(project, await api.server_date(timeout), clock.now()))
    except RequestFailed as failure:
        _failed(checked, project, "endpoint", failure, project.endpoint)
        return checked
    pools = list(project.pools or ())
    if project.pools is None:
        for workspace in project.workspaces:
            try:
                page = await _listed(api, workspace, timeout)
            except RequestFailed as failure:
                _failed(checked, project, "listing pools", failure, f"workspace {workspace}", "listing")
                if failure.outcome == UNAUTHORIZED:
                    _close_gate(session, failure)
                    return checked
            else:
                checked.findings.extend(_page(project, workspace, page))
                pools += [pool.pool for pool in page.pools]
    asked = [pool for pool in failing if not project.pools or pool in project.pools][:MOST_ASKED] or pools[:1]
    if not asked:
        what = f"{project.name}: statistics"
        checked.findings.append(Finding(what, "warning", "no pool to ask for", "check workspaces, or list pools by id"))
    for pool in asked:
        try:
            checked.findings.append(await _statistics(session, pool, timeout))
        except RequestFailed as failure:
            _close_gate(session, failure)
            fix = await _other_pool(session, pool, timeout) if failure.outcome == "gone" else None
            _failed(checked, project, "statistics", failure, pool, fix=fix)
        if session.gate.refusal is not None:
            break
    return checked


async def _listed(api: ModelArts, workspace: str, timeout: float) -> Page:
    """Return the first page of a workspace's pools."""
    payload = await api.list_pools(workspace, None, timeout)
    try:
        return parse_pools(payload.body)
    except (NotJson, WrongShape) as error:
        raise not_understood(api, error, payload) from None


def _page(project: Project, workspace: str, page: Page) -> Iterator[Finding]:
    what = f"{project.name}: listing pools"
    more = " and more" if page.following else ""
    yield Finding(what, "ok", f"workspace {workspace} has {counted(len(page.pools), 'pool')}{more}")
    if page.nameless is not None:
        yield Finding(what, "warning", f"workspace {workspace}: {page.nameless}", REPORT_IT)


async def _statistics(session: Session, pool: str, timeout: float) -> Finding:
    api, what = session.apis[0], f"{session.project.name}: statistics"
    try:
        payload = await api.show_workload_statistics(pool, timeout)
    except RequestFailed as failure:
        if failure.outcome == "gone" and session.project.pools is None:
            return Finding(what, "warning", f"{pool} was not found: polls of it end, until a listing has it", NOT_FOUND)
        raise
    try:
        types = parse_statistics(payload.body).items
    except (NotJson, WrongShape) as error:
        raise not_understood(api, error, payload) from None
    return Finding(what, "ok", f"{pool} answers with {counted(len(types), 'job type')}")


async def _other_pool(session: Session, gone: str, timeout: float) -> str | None:
    """Return how to replace the id of a pool that does not exist, from a listing; None where it cannot be had."""
    project = session.project
    pools: list[DiscoveredPool] = []
    with suppress(RequestFailed):
        for workspace in project.workspaces:
            pools += (await _listed(session.apis[0], workspace, timeout)).pools
    key = f"projects.{project.name}.pools"
    for pool in pools:
        if pool.name is not None and pool.name.lower() == gone.lower():
            return f'{gone} is the name of a pool: write its id "{pool.pool}" in {key}'
    if not pools:
        return None
    nearest = get_close_matches(gone, [pool.pool for pool in pools], n=1, cutoff=0.0)[0]
    return f'remove "{gone}" from {key}, or write another id: the nearest of {len(pools):,} pools is "{nearest}"'


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
    offset = "right to the second"
    if abs(skew) >= timedelta(seconds=1):
        offset = f"{spell_duration(abs(skew))} {'ahead' if skew > timedelta() else 'behind'}"
    text = f"{project.endpoint} answers, this machine's clock is {offset}"
    fix = "set this machine's clock (NTP): it decides the slots, and signatures 15 minutes off are refused"
    if abs(skew) <= NOTED_SKEW:
        return Finding(what, "ok", text)
    return Finding(what, "error" if abs(skew) > LARGEST_SKEW else "warning", text, fix)


def _failed(
    checked: Checked,
    project: Project,
    what: str,
    failure: RequestFailed,
    where: str,
    call: Call = "statistics",
    fix: str | None = None,
) -> None:
    """Add a failed request to what was checked; `fix` replaces the usual one of its cause."""
    cause = cause_of(
        failure.outcome,
        project.name,
        call=call,
        http_status=failure.http_status,
        message=failure.error_msg,
        answer=failure.body,
    )
    details = details_of(failure.http_status, failure.error_code, failure.error_msg)
    text = f"{where}: {failure.outcome}{f' ({details})' if details else ''}: {cause.meaning}{beginning(failure.body)}"
    checked.findings.append(Finding(f"{project.name}: {what}", "error", text, fix or cause.fix))
    checked.outcomes.add(failure.outcome)
