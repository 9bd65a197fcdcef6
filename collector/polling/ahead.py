"""A poll whose clock was ahead: it is kept as what was tried, and never takes the place of one that comes in time."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from collector.polling.requests import Answer
from collector.record.rows import AHEAD, OK, Discovery, PolledRows, Scrape, row_of
from collector.record.slots import naive

# Clocks differ by minutes, and zones that were mistaken by hours.
LARGEST_LEAD: Final = timedelta(hours=1)
MEND: Final = "this machine's clock is ahead of the API's, set it (NTP): nothing rests on this answer"

Turn = TypeVar("Turn", Discovery, Scrape)


def dating(dates: list[str | None], answered: Callable[[Answer], None]) -> Callable[[Answer], None]:
    """Return a function that notes the Date of each answer that came, as the server wrote it, and hands it on."""

    def dated(answer: Answer) -> None:
        told = answer.payload or answer.failure
        if told is not None and told.http_status is not None:
            dates.append(told.date)
        answered(answer)

    return dated


def was_ahead(slot: datetime, dates: Iterable[str | None]) -> bool:
    """Tell whether a slot (naive UTC) lies more than an hour after the Date of most answers; None is of one without."""
    texts = list(dates)
    # Most answers of a poll carry one of a few dates.
    late = {text for text in set(texts) if text is not None and _is_before(text, slot - LARGEST_LEAD)}
    return 2 * sum(text in late for text in texts) > len(texts)


def _is_before(text: str, instant: datetime) -> bool:
    try:
        date = parsedate_to_datetime(text)
        return naive(date if date.tzinfo else date.replace(tzinfo=UTC)) < instant
    except (ValueError, OverflowError):
        return False


def set_apart(result: PolledRows) -> PolledRows:
    """Return the rows of a poll that was ahead as those of turns that failed for it; counts are kept in the body.

    What it says of the pools, and that it listed them, would be newer than all that comes: it is left out.
    """
    items: dict[tuple[str, str], list[dict[str, object]]] = {}
    for snapshot in result.snapshots:
        row = row_of(snapshot)
        counts = {name: row[name] for name in row if name not in ("run", "project", "pool", "slot")}
        items.setdefault((snapshot.project, snapshot.pool), []).append(counts)
    scrapes = [
        replace(_apart(scrape), body=json.dumps(items.get((scrape.project, scrape.pool), []), ensure_ascii=False))
        if scrape.outcome == OK
        else _apart(scrape)
        for scrape in result.scrapes
    ]
    polls = [replace(poll, discovered=None) for poll in result.polls]
    return PolledRows(polls, [_apart(discovery) for discovery in result.discoveries], scrapes)


def _apart(turn: Turn) -> Turn:
    told = "" if turn.outcome == OK else f"; it was {turn.outcome}{f': {turn.error_msg}' if turn.error_msg else ''}"
    return replace(turn, outcome=AHEAD, error_msg=MEND + told)
