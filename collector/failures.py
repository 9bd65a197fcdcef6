"""Recent failures of polls by cause: how many, of which pools, whether they go on, and how to fix them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.causes import Call, cause_of
from collector.config.settings import Project
from collector.record.database import Record
from collector.record.durations import spell_age
from collector.record.rows import AHEAD, OK

LATELY: Final = timedelta(days=1)
MOST_NAMED: Final = 3
LONGEST_BEGINNING: Final = 200
"""Characters of an answer that are shown of it."""
# What differs between the two tables of requests: who failed, and where the newest request of each is found.
TABLES: Final[Mapping[Call, tuple[str, str]]] = {
    "statistics": ("scrapes", "pool"),
    "listing": ("discoveries", "workspace"),
}


@dataclass(frozen=True)
class Failure:
    """The failures of one project and cause within `LATELY`; times are naive UTC."""

    project: str
    call: Call
    """``statistics`` of pools, or ``listing`` of them."""
    outcome: str
    count: int
    pools: list[str]
    """The pools, or the workspaces of a listing, that had this failure."""
    failing: list[str]
    """Those of them whose newest request failed in this way; empty where these failures have ended."""
    failing_otherwise: list[str]
    """Those of them whose newest request failed in another way."""
    last_slot: datetime
    http_status: int | None
    error_code: str | None
    error_msg: str | None
    request_id: str | None
    """Of the newest failure."""
    meaning: str
    fix: str
    answer: str | None
    """The newest answer that was not understood: at most 64 KiB, without secrets."""

    def failing_pools(self, project: str) -> list[str]:
        """Return the pools of a project whose newest poll failed in this way."""
        return self.failing if (self.project, self.call) == (project, "statistics") else []

    def text(self, now: datetime) -> str:
        """Return a sentence for people, without the fix."""
        one = self.count == 1
        what = ("poll" if one else "polls") if self.call == "statistics" else f"listing{'' if one else 's'} of pools"
        of = f" of {_names(self.pools)}" if self.call == "statistics" else ""
        details = details_of(self.http_status, self.error_code, self.error_msg)
        if self.request_id and self.outcome == "server_error":
            details = f"{details}, request id {self.request_id}"
        return (
            f"{self.project}: {self.count:,} {what}{of} failed in the last day, the last one "
            f"{spell_age(now - self.last_slot)}{self._since()}: {self.outcome}"
            f"{f' ({details})' if details else ''}: {self.meaning}{beginning(self.answer)}"
        )

    def _since(self) -> str:
        """Return words on the requests after the newest failure."""
        if self.failing:
            return ""
        if not self.failing_otherwise:
            return "; later ones did not"
        some = len(self.failing_otherwise) < len(self.pools)
        return f"; later ones{f' of {_names(self.failing_otherwise)}' if some else ''} failed otherwise"


def _names(pools: Sequence[str]) -> str:
    more = len(pools) - MOST_NAMED
    return f"{', '.join(pools[:MOST_NAMED])}{f' and {more:,} more' if more > 0 else ''}"


def details_of(*parts: object) -> str:
    """Return status, code and message of a failure in one line, without control characters."""
    return " ".join(_visible(str(part)) for part in parts if part)


def beginning(answer: str | None) -> str:
    """Return words that show how an answer begins, in one line without control characters; empty without an answer."""
    if not answer:
        return ""
    more = "…" if len(answer) > LONGEST_BEGINNING else ""
    return f"; the answer begins: {_visible(answer[:LONGEST_BEGINNING])}{more}"


def _visible(text: str) -> str:
    # A character that could move the cursor, or change the direction of a line, is written as its escape.
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def recent_failures(record: Record, now: datetime, projects: Sequence[Project]) -> list[Failure]:
    """Return the failures of the last day by project, kind of request and cause, those that go on first.

    A discovered pool that was deleted is no failure.

    Parameters
    ----------
    record
        The open record, see `reading.reading`.
    now
        Naive UTC.
    projects
        The projects of the configuration.
    """
    by_id = {project.name: project.pools is not None for project in projects}
    failures = [
        failure
        for call in TABLES
        for failure in _failures(record, now, call, [name for name, listed in by_id.items() if listed])
        if failure.project in by_id and (failure.outcome != "gone" or by_id[failure.project])
    ]
    return sorted(failures, key=lambda failure: (not failure.failing, failure.project, failure.call, -failure.count))


def _failures(record: Record, now: datetime, call: Call, by_id: Sequence[str]) -> list[Failure]:
    """Return the failures of one kind of request; in the projects `by_id` a pool that is gone is one."""
    table, name = TABLES[call]
    rows = record.execute(
        f"""WITH newest AS (
            SELECT project, {name}, arg_max(outcome, run) AS newest FROM {table}
            WHERE slot > $1 AND slot <= $2 GROUP BY ALL
        )
        SELECT project, outcome, count(*), list(DISTINCT {name} ORDER BY {name}),
            list(DISTINCT {name} ORDER BY {name}) FILTER (newest = outcome),
            list(DISTINCT {name} ORDER BY {name}) FILTER (
                newest NOT IN (outcome, $3) AND (newest <> 'gone' OR list_contains($4, project))
            ), max(slot),
            arg_max({{'status': http_status, 'code': error_code, 'message': error_msg, 'id': request_id}}, run),
            arg_max(body, run)
        FROM {table} JOIN newest USING (project, {name})
        WHERE outcome <> $3 AND slot > $1 AND slot <= $2 GROUP BY project, outcome""",  # noqa: S608 - our own names
        [now - LATELY, now, OK, list(by_id)],
    ).fetchall()
    failures = []
    for project, outcome, count, pools, failing, otherwise, last_slot, error, answer in rows:
        cause = cause_of(
            outcome, project, call=call, http_status=error["status"], message=error["message"], answer=answer
        )
        failures.append(
            Failure(
                project=project,
                call=call,
                outcome=outcome,
                count=count,
                pools=pools,
                failing=failing or [],
                failing_otherwise=otherwise or [],
                last_slot=last_slot,
                http_status=error["status"],
                error_code=error["code"],
                error_msg=error["message"],
                request_id=error["id"],
                meaning=cause.meaning,
                fix=cause.fix,
                # A poll whose clock was ahead keeps good counts in its body.
                answer=None if outcome == AHEAD else answer,
            )
        )
    return failures
