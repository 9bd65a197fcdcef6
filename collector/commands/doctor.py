"""``poolscope doctor``: checks configuration, keys, endpoint and record, and says how to fix what is wrong."""

from collections.abc import Sequence
from pathlib import Path

import click

from collector.api.credentials import AnyCredential, resolve
from collector.api.names import run
from collector.api.proxies import NO_HOST, unread_exceptions
from collector.config.settings import Config
from collector.context import Context
from collector.crontab import has_line, read_crontab, unlike_the_shell
from collector.doctor.dataset import look_at_dataset, look_at_publishing
from collector.doctor.endpoint import look_at_api, not_asked
from collector.doctor.files import look_at_compilation, look_at_files
from collector.doctor.findings import Finding, worst
from collector.doctor.mail import look_at_mail
from collector.doctor.stored import look_at_failures, look_at_record
from collector.errors import ConfigError, PoolscopeError, RecordUnreadable
from collector.failures import Failure, recent_failures
from collector.output.delivery import deliver
from collector.output.forms import TABLE, Target, output_options
from collector.output.layout import Heading
from collector.output.rows import Rows, tell
from collector.polling import backoff
from collector.polling.sessions import open_sessions
from collector.record.counted import counted
from collector.record.reading import reading
from collector.record.slots import naive

EXIT_CODES = {"ok": 0, "warning": 1, "error": 2}
HEADINGS = [Heading(name) for name in ("what", "severity", "message", "fix")]
MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


@click.command("doctor")
@output_options
@click.pass_obj
def command(context: Context, target: Target) -> int:
    """Check what is wrong, and say how to fix it.

    Checks configuration, credentials, endpoint, clock, permissions, database, spool, lock, disk, mail server, dataset
    and schedule. Requests the time, the pools and the statistics of a pool from each endpoint, of up to five pools
    where their last polls failed. Logs in to the mail server and sends no mail. Stores nothing.

    Exit codes: 0 no problems, 1 there are warnings, 2 there are errors.
    """
    findings = run(_check(context))
    if target.form == TABLE:
        deliver(target, "".join(map(_text, findings)), len(findings))
    else:
        tell(target, Rows(Finding, findings, HEADINGS, dict))
    return EXIT_CODES[worst(findings)]


def _text(finding: Finding) -> str:
    """Return a finding for people: a line, and one with its fix."""
    fix = f"         fix: {finding.fix}\n" if finding.fix else ""
    return f"{MARKS[finding.severity]}  {finding.what}: {finding.message}\n{fix}"


async def _check(context: Context) -> list[Finding]:
    config, problems, others = context.needed_config()
    if not problems and not config.projects:
        problems = ["there is no project: add a section [projects.NAME] (poolscope init writes an example)"]
    # Each problem's text already says how to fix it.
    findings = [Finding("configuration", "error", problem) for problem in (*problems, *others)]
    if context.no_file() in problems:
        # It is not known where the record is.
        return findings
    if not problems:
        findings.append(Finding("configuration", "ok", counted(len(config.projects), "project")))
        failures = _failures(context, config)
        outcomes: dict[str, set[str]] = {}
        findings += await _check_apis(context, config, failures, outcomes)
        findings += look_at_failures(failures, outcomes, naive(context.clock.now()))
    findings += look_at_files(config)
    findings += look_at_compilation(context.environment)
    if config.mail is not None:
        findings += look_at_mail(config.mail, context.environment, context.clock)
    if config.dataset.path is not None:
        findings += _check_dataset(context, config.dataset.path)
    try:
        with reading(config.paths.database, config.paths.spool, context.clock.pause) as record:
            scheduled, by_cron = _scheduled(context)
            findings += look_at_record(record, config, context.clock.now(), scheduled, by_cron)
            if scheduled:
                findings += _check_what_cron_lacks(context, config)
            findings += look_at_publishing(record, config)
    except RecordUnreadable as refusal:
        findings.append(Finding("database", "error", str(refusal)))
    return findings


def _failures(context: Context, config: Config) -> list[Failure]:
    # The record is closed again before the endpoints are asked: a reader keeps polls from storing their answers.
    try:
        with reading(config.paths.database, config.paths.spool, context.clock.pause) as record:
            return recent_failures(record, naive(context.clock.now()), config.projects)
    except RecordUnreadable:
        # The checks of the record say so.
        return []


def _check_dataset(context: Context, path: Path | str) -> list[Finding]:
    try:
        return list(look_at_dataset(context.place(path)))
    except PoolscopeError as error:
        return [Finding("dataset", "error", str(error))]


def _check_what_cron_lacks(context: Context, config: Config) -> list[Finding]:
    lacking = unlike_the_shell(config, context.environment, Path().absolute())
    return [
        Finding("schedule", "warning", f"{name} is set here, but not for cron", fix) for name, fix in lacking.items()
    ]


def _scheduled(context: Context) -> tuple[bool, str]:
    """Return whether the user's crontab is known to have the line of this configuration, and words on it."""
    file = context.found_file()
    try:
        if file is not None and has_line(read_crontab(), file):
            return True, "your crontab has its line"
    except ConfigError as error:
        return False, f"whether cron polls is not known ({str(error).partition(': ')[0]})"
    return False, "your crontab has no line for it"


async def _check_apis(
    context: Context, config: Config, failures: Sequence[Failure], outcomes: dict[str, set[str]]
) -> list[Finding]:
    """Check credentials and endpoints; add to `outcomes` those of the requests that fail, by project."""
    findings: list[Finding] = []
    credentials: dict[str, AnyCredential] = {}
    for name in dict.fromkeys(project.credentials for project in config.projects):
        credential, problems = resolve(config.credentials[name], context.environment)
        findings += [Finding("credentials", "error", problem) for problem in problems]
        if credential is not None:
            credentials[name] = credential
            findings.append(Finding("credentials", "ok", f"{name} is complete"))
    projects = tuple(project for project in config.projects if project.credentials in credentials)
    timeout = config.collect.total_timeout.total_seconds()
    settings = config.collect
    if settings.proxy is not None:
        text = f"requests go through the proxy {settings.proxy}" if settings.proxy else "requests go through no proxy"
        findings.append(Finding("network", "ok", f"{text} (collect.proxy)"))
    for exception in unread_exceptions():
        findings.append(Finding("network", "warning", f"NO_PROXY: {exception} {NO_HOST}"))
    try:
        async with open_sessions(
            projects, credentials, config.collect, context.clock, config.paths.database
        ) as sessions:
            for session in sessions:
                if session.gate.refusal is not None:
                    findings.append(not_asked(session.project))
                    continue
                name = session.project.name
                failing = [pool for failure in failures for pool in failure.failing_pools(name)]
                checked = await look_at_api(session, context.clock, timeout, failing)
                findings += checked.findings
                outcomes[name] = checked.outcomes
                profile = session.project.credentials
                # The first finding is about the endpoint, which answers without a credential.
                accepted = any(finding.severity == "ok" for finding in checked.findings[1:])
                if accepted and backoff.forget(config.paths.spool, profile):
                    text = f"{profile} was refused before and is accepted now: polls use it again"
                    findings.append(Finding("credentials", "ok", text))
    except ConfigError as error:
        findings.append(Finding("network", "error", str(error)))
    return findings
