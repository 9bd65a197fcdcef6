"""Polls whose clock was ahead: they are stored as failed, and never replace a poll made at the right time."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from collector.polling.requests import Answer
from collector.record.rows import AHEAD, OK, Discovery, PolledRows, Scrape, row_of
from collector.record.slots import naive

# Ordinary clocks differ by minutes; a wrong time zone makes hours.
LARGEST_LEAD: Final = timedelta(hours=1)
CLOCK_AHEAD: Final = "this answer is not used, as this machine's clock is ahead of the API's: set the clock (NTP)"

Turn = TypeVar("Turn", Discovery, Scrape)


def dating(dates: list[str | None], answered: Callable[[Answer], None]) -> Callable[[Answer], None]:
    """Return a function that appends the Date header of each answer to `dates`, and then calls `answered`."""

    def note_date(answer: Answer) -> None:
        response = answer.payload or answer.failure
        if response is not None and response.http_status is not None:
            dates.append(response.date)
        answered(answer)

    return note_date


def was_ahead(slot: datetime, dates: Iterable[str | None]) -> bool:
    """Return whether a slot (naive UTC) is over an hour after the Date of most answers (None: an answer had none)."""
    texts = list(dates)
    # The answers of a poll have few different dates: each is parsed once.
    earlier = {text for text in set(texts) if text is not None and _is_before(text, slot - LARGEST_LEAD)}
    return 2 * sum(text in earlier for text in texts) > len(texts)


def _is_before(text: str, instant: datetime) -> bool:
    try:
        date = parsedate_to_datetime(text)
        return naive(date if date.tzinfo else date.replace(tzinfo=UTC)) < instant
    except (ValueError, OverflowError):
        return False


def set_apart(result: PolledRows) -> PolledRows:
    """Return the rows of a poll that was ahead as failures with the outcome `AHEAD`; counts are kept in the body.

    Its descriptions of pools and its listing are left out: their time stamps would be later than those of later polls.
    """
    items: dict[tuple[str, str], list[dict[str, object]]] = {}
    for snapshot in result.snapshots:
        row = row_of(snapshot)
        counts = {name: row[name] for name in row if name not in ("run", "project", "pool", "slot")}
        items.setdefault((snapshot.project, snapshot.pool), []).append(counts)
    scrapes = [
        replace(_as_failed(scrape), body=json.dumps(items.get((scrape.project, scrape.pool), []), ensure_ascii=False))
        if scrape.outcome == OK
        else _as_failed(scrape)
        for scrape in result.scrapes
    ]
    polls = [replace(poll, discovered=None) for poll in result.polls]
    return PolledRows(polls, [_as_failed(discovery) for discovery in result.discoveries], scrapes)


def _as_failed(turn: Turn) -> Turn:
    before = "" if turn.outcome == OK else f"; it was {turn.outcome}{f': {turn.error_msg}' if turn.error_msg else ''}"
    return replace(turn, outcome=AHEAD, error_msg=CLOCK_AHEAD + before)
