"""``poolscope status``: shows the state of the record, for people and for monitoring."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import click

from collector.config.settings import Config
from collector.console import warn
from collector.context import Context
from collector.errors import RecordStale
from collector.failures import recent_failures
from collector.output.forms import TABLE, Target, output_options
from collector.output.layout import STAYS, Heading, prose
from collector.output.rows import Rows, tell
from collector.polling.pace import too_slow
from collector.record.counted import counted
from collector.record.durations import parse_duration, spell_age, spell_duration
from collector.record.reading import reading
from collector.record.slots import naive
from collector.status import WINDOWS, DatasetStatus, PoolStatus, Status, dataset_status, status_of

HEADINGS = (
    Heading("project", is_name=True),
    Heading("pool", STAYS, is_name=True),
    Heading("last sample", STAYS),
    Heading("last outcome"),
    Heading("coverage (hour)", 1, right=True),
    Heading("coverage (day)", right=True),
    Heading("coverage (week)", STAYS, right=True),
    Heading("errors (week)", STAYS, wraps=True),
    Heading("odd slots (week)", 1, wraps=True),
)


def _read_age(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("status")
@click.option(
    "--max-age",
    callback=_read_age,
    metavar="10m",
    help="Exit with code 7 if the last sample of a polled pool is older than this.",
)
@output_options
@click.pass_obj
def command(context: Context, target: Target, max_age: timedelta | None) -> None:
    """Show the state of the record.

    Shows the last slot, the number of polls in the spool, when the dataset was last published, and for each pool its
    coverage in the last hour, day and week and its errors by cause. Says why polls failed in the last day, and how to
    fix it; --json has each answer that was not understood as a whole.
    """
    config = context.config()
    status = _status(context, config)
    if target.form == TABLE and target.file is None:
        _show(status, target.width)
    if target.form != "json":
        _warn(status)
        if slow := too_slow(config.collect, sum(pool.polled for pool in status.pools)):
            warn("too_slow", slow)
    shares = [f"coverage_{window}" for window in WINDOWS]
    names = Counter((pool.project, pool.name) for pool in status.pools)
    unique = {name for name, pools in names.items() if pools == 1}
    tell(target, Rows(PoolStatus, status.pools, HEADINGS, partial(_cells, unique), asdict(status), shares))
    stale = [] if max_age is None else status.too_old(max_age)
    if max_age is not None and stale:
        raise RecordStale(f"older than {spell_duration(max_age)}: {'; '.join(stale)}")


def _status(context: Context, config: Config) -> Status:
    paths, projects = config.paths, {project.name for project in config.projects}
    with reading(paths.database, paths.spool, context.clock.pause) as record:
        status = status_of(record, paths.database, paths.spool, naive(context.clock.now()), projects)
        failures = recent_failures(record, status.now, config.projects)
    return replace(status, dataset=dataset_status(config, status.last_slot), failures=failures)


def _show(status: Status, width: int | None) -> None:
    age = "" if status.last_slot is None else f" ({spell_age(status.now - status.last_slot)})"
    text = (
        f"{status.database}: last slot {_at(status.last_slot)}{age}, {status.database_bytes / 1e6:.1f} MB "
        f"(last compacted {_at(status.compacted_at)}), {counted(status.spool_files, 'poll')} in the spool, "
        f"pools last listed {_at(status.last_discovery)}"
    )
    click.echo(prose(text, width))
    if (dataset := status.dataset) is not None:
        click.echo(prose(_published(dataset), width))


def _warn(status: Status) -> None:
    if (dataset := status.dataset) is not None:
        if dataset.problem is not None:
            warn("not_published", f"the last publishing failed: {dataset.problem}", problem=dataset.problem)
        elif dataset.overdue:
            text = f"{_published(dataset)}, although polls go on: run poolscope doctor"
            warn("overdue", text, path=dataset.path)
    for path in status.set_aside:
        warn("set_aside", f"{path} is damaged and was set aside: repair it and move it back, or remove it", file=path)
    if status.ahead_slots:
        warn(
            "clock_ahead",
            f"{counted(status.ahead_slots, 'slot')} in the future: the clock was ahead at these polls, or was set back"
            " since",
            slots=status.ahead_slots,
        )
    for profile, until in status.pauses.items():
        end = datetime.fromisoformat(until)
        left = spell_duration(naive(end) - status.now)
        text = (
            f"credentials {profile} were refused: polls pause for {left} more, until {_at(naive(end))}; fix them, then "
            "run poolscope doctor, which ends the pause"
        )
        warn("credentials_refused", text, profile=profile, until=until)
    for failure in status.failures:
        text = failure.text(status.now)
        if failure.failing:
            text = f"{text}\n  fix: {failure.fix}"
        fields = {key: value for key, value in asdict(failure).items() if key != "answer"}
        warn("failures", text, **fields, message=text)
    for missing in status.unlisted:
        if status.now - missing.since < WINDOWS["week"]:
            warn("gone", missing.text(), **asdict(missing), message=missing.text())
    for pool in status.pools:
        for label, first_seen in pool.undocumented.items():
            text = (
                f"{pool.project} {pool.pool}: since {_at(first_seen)} jobs have status {label}, which the API's "
                "documents do not name: estimates leave these slots out"
            )
            warn("unknown_status", text, project=pool.project, pool=pool.pool, status=label, first_seen=first_seen)


def _published(dataset: DatasetStatus) -> str:
    return f"{dataset.path}: last published {_at(dataset.published_at)}"


def _at(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else "never"


def _cells(unique: Collection[tuple[str, str | None]], pool: Mapping[str, Any]) -> dict[str, object]:
    """Return the cells of a pool: it has its display name where it has one that is unique in its project."""
    shares = {window: pool[f"coverage_{window}"] for window in WINDOWS}
    return {
        "project": pool["project"],
        "pool": pool["name"] if pool["name"] and (pool["project"], pool["name"]) in unique else pool["pool"],
        "last sample": pool["last_ok"],
        "last outcome": pool["last_outcome"],
        **{f"coverage ({window})": None if share is None else f"{share:.1%}" for window, share in shares.items()},
        "errors (week)": _counts(pool["errors_week"]) or None,
        "odd slots (week)": _counts(pool["odd_week"]) or None,
    }


def _counts(by_cause: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {cause}" for cause, count in by_cause.items())
