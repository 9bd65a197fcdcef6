"""The warnings of a poll about requests that failed: one a project and cause, whatever the number of pools."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from collector.config.settings import Project
from collector.console import warn
from collector.record.counted import counted
from collector.record.rows import Discovery, Scrape

MOST_WARNINGS: Final = 20
MOST_NAMED: Final = 3
LONGEST: Final = 160
"""Characters of an error in a warning: those of a refused signature repeat the whole request."""
NEXT: Final = "run poolscope doctor"


def show_failures(failures: Iterable[Discovery | Scrape], projects: Sequence[Project]) -> None:
    """Warn of the requests of a poll that failed."""
    endpoints = {project.name: project.endpoint for project in projects}
    by_cause: dict[tuple[str, str], list[Discovery | Scrape]] = {}
    for failure in failures:
        by_cause.setdefault((failure.project, failure.outcome), []).append(failure)
    causes = list(by_cause.values())
    for alike in causes[:MOST_WARNINGS]:
        _warn(alike, endpoints)
    more = sum(map(len, causes[MOST_WARNINGS:]))
    if more > 0:
        warn("more_failed", f"{more} more failed; poolscope status counts all failures by cause", more=more)


def _warn(failures: Sequence[Discovery | Scrape], endpoints: Mapping[str, str]) -> None:
    """Warn of failures of one project and cause, with the error of the first that was answered."""
    shown = next((failure for failure in failures if failure.http_status is not None), failures[0])
    details = " ".join(str(part) for part in (shown.http_status, shown.error_code, shown.error_msg) if part)
    pools = sorted(failure.pool for failure in failures if isinstance(failure, Scrape))
    what, endpoint = _what(failures, pools), endpoints.get(shown.project, "")
    reason = f" ({details[:LONGEST]}{'…' if len(details) > LONGEST else ''})" if details else ""
    warn(
        "failed",
        text := f"{what}: {endpoint}: {shown.outcome}{reason}: {NEXT}",
        what=what,
        slot=shown.slot,
        endpoint=endpoint,
        pools=len(pools),
        outcome=shown.outcome,
        http_status=shown.http_status,
        error_code=shown.error_code,
        error_msg=shown.error_msg,
        request_id=shown.request_id,
        attempts=shown.attempts,
        message=text,
    )


def _what(failures: Sequence[Discovery | Scrape], pools: Sequence[str]) -> str:
    project = failures[0].project
    if len(pools) == len(failures) == 1:
        return f"{project} {pools[0]}"
    parts = [] if len(pools) == len(failures) else ["listing its pools"]
    if pools:
        more = len(pools) - MOST_NAMED
        names = ", ".join([*pools[:MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])])
        parts.append(f"{counted(len(pools), 'pool')} ({names})")
    return f"{project}: {' and '.join(parts)}"
