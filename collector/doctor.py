"""What keeps Poolscope from polling well, found before it costs slots: each finding with its mend."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from collector.api.outcomes import RequestFailed
from collector.api.parse import NotJson, WrongShape, parse_statistics
from collector.clock import Clock
from collector.config.settings import Config, Project
from collector.errors import LockHeld, RecordNotWritten
from collector.polling.discovery import parse_pools
from collector.polling.gate import UNAUTHORIZED
from collector.polling.requests import Session
from collector.record import spool
from collector.record.database import Record
from collector.record.durations import say_duration
from collector.record.slots import naive, slot_of
from collector.storage.lock import lock_file, writing
from collector.storage.pools import describe, unknown_flavors

Severity = Literal["ok", "warning", "error"]
# The gateway refuses signatures whose date is further off than a quarter of an hour.
LARGEST_SKEW: Final = timedelta(minutes=15)
NOTED_SKEW: Final = timedelta(minutes=1)
LITTLE_SPACE: Final = 1 << 30
NO_SPACE: Final = 1 << 26
MUCH_WAITING: Final = 60
MISSED_SLOTS: Final = 3
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


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    severity: Severity
    told: str
    mend: str | None = None


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


def look_at_files(config: Config) -> Iterator[Finding]:
    """Look at spool, lock and disk; nothing is left behind, and no poll turned away."""
    paths = config.paths
    waiting, aside = len(spool.waiting(paths.spool)), spool.set_aside_files(paths.spool)
    if waiting > MUCH_WAITING:
        mend = "close what holds the database open (a notebook?): the next poll takes all in"
        yield Finding("spool", "warning", f"{waiting:,} polls wait for the database", mend)
    else:
        yield Finding("spool", "ok", f"{waiting} polls wait for the database")
    for path in aside:
        yield Finding("spool", "warning", f"{path} was damaged and set aside", "mend and move it back, or remove it")
    lock = lock_file(paths.database)
    if lock.exists() and not os.access(lock, os.W_OK):
        yield Finding("lock", "error", f"{lock} cannot be taken by this user", f"run chown $USER {lock}")
    for folder in dict.fromkeys((paths.database.parent, paths.spool)):
        yield _room(folder)


def _room(folder: Path) -> Finding:
    """Look whether a file can be written to a folder, or to where it will be made, and how much is free there."""
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-") as file:
            file.write(b"written")
        free = shutil.disk_usage(there).free
    except OSError as error:
        mend = "make it a folder that this user may write to, or name another one in [paths]: collect exits with 4"
        return Finding("disk", "error", f"{folder} cannot be written to ({error.strerror})", mend)
    told = f"{free / 1e9:,.1f} GB are free for {folder}"
    if free > LITTLE_SPACE:
        return Finding("disk", "ok", told)
    mend = "free the disk, or name another one in [paths]: a poll that cannot be kept is lost"
    return Finding("disk", "error" if free < NO_SPACE else "warning", told, mend)


def look_at_record(record: Record, config: Config, now: datetime, scheduled: bool | None) -> Iterator[Finding]:
    """Look at what the record holds: how old it is, and flavors whose cards nobody gave.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    now
        Aware.
    scheduled
        Whether the user's crontab has the line of this configuration; None where there is no crontab to be read.
    """
    rows, last = record.execute("SELECT count(*), max(slot) FILTER (outcome = 'ok') FROM scrapes").fetchall()[0]
    yield Finding("database", "ok", f"{config.paths.database} holds {rows:,} turns")
    interval = config.collect.interval
    late = naive(slot_of(now, interval)) - last if last else None
    by = {None: "", True: ", your crontab has its line", False: ", your crontab has no line for it"}[scheduled]
    mend = "run poolscope schedule --install, or poolscope watch"
    if scheduled:
        mend = "look whether cron runs, at collect.log beside the record, and at poolscope status"
    if late is None:
        yield Finding("schedule", "warning", f"no slot has been observed yet{by}", mend)
    elif late > MISSED_SLOTS * interval:
        yield Finding("schedule", "error", f"the last observed slot is {say_duration(late)} ago{by}", mend)
        yield from _holder(config)
    else:
        yield Finding("schedule", "ok", f"the last observed slot is {last:%Y-%m-%d %H:%M}Z{by}")
    pools, _ = describe(record, config.flavors)
    if unknown := unknown_flavors(pools, config.flavors):
        told = f"no cards a node for {', '.join(unknown)}"
        yield Finding("flavors", "warning", told, "give them in [flavors]: the API tells nodes only")


def _holder(config: Config) -> Iterator[Finding]:
    """Look who holds the lock; only where nothing is polled anyway: it is taken for an instant."""
    try:
        with writing(config.paths.database):
            pass
    except LockHeld as held:
        yield Finding("lock", "error", str(held).split(":")[0], "end that process if it hangs")
    except RecordNotWritten as error:
        yield Finding("lock", "error", str(error))


def worst(findings: Sequence[Finding]) -> Severity:
    """Return the gravest of the severities."""
    for severity in ("error", "warning"):
        if any(finding.severity == severity for finding in findings):
            return severity
    return "ok"
