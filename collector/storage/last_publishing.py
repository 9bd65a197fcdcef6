"""The last publishing of the configured dataset: when it was, how it ended, and whether the next one is due.

This stands in a small file beside the database, so that a poll reads no manifest to know whether a publishing is due,
however large the dataset is and wherever it lies. `publishing` publishes; nothing here loads what that needs.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from collector.record.files import read_small
from collector.record.places import Place
from collector.record.slots import naive, slot_of

LATE: Final = 3
"""A dataset is overdue when the record goes on for so many times `every` after the last publishing."""
RETRY: Final = timedelta(minutes=15)
"""The longest time from a failed publishing to the next try: a period may last a week."""


@dataclass(frozen=True)
class LastPublishing:
    """The last publishing to a dataset; times are naive UTC."""

    path: str
    tried_at: datetime
    """When it ended; when it began, where it still runs or was killed."""
    published_at: datetime | None
    """When one last succeeded, whether or not anything was new."""
    problem: str | None
    """Why the last one failed."""
    first_tried_at: datetime
    """When the first publishing since the last success began: one that is killed each time stays overdue."""


def last_publishing(database: Path, place: Place | str) -> LastPublishing | None:
    """Return the last publishing to a dataset; None where there was none, or the file is damaged."""
    try:
        fields = json.loads(read_small(_file(database)))
        published = _instant(fields["published_at"]) if fields["published_at"] else None
        tried = _instant(fields["tried_at"])
        # Earlier versions did not write the first one down.
        first = _instant(fields["first_tried_at"]) if "first_tried_at" in fields else tried
        last = LastPublishing(fields["path"], tried, published, fields["problem"], first)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return last if last.path == str(place) else None


def publishing_due(database: Path, place: Place | str, every: timedelta, now: datetime) -> bool:
    """Return whether the last try was not in the current period of length `every`; this costs one read of a small file.

    Periods are those of the clock, like slots: with ``1h``, the first poll of an hour publishes. After a failure it is
    due again within `RETRY`.
    """
    last = last_publishing(database, place)
    if last is None or naive(slot_of(now, every)) > last.tried_at or naive(now) < last.tried_at:
        return True
    return last.problem is not None and naive(now) >= last.tried_at + min(every, RETRY)


def overdue(last: LastPublishing | None, every: timedelta, last_slot: datetime | None) -> bool:
    """Return whether a record was polled for more than `LATE` times `every` since it was last published.

    Where it never was, since the first try: a new dataset is not overdue, nor is one whose first publishing still runs.
    """
    if last is None or last_slot is None:
        return False
    return last_slot - (last.published_at or last.first_tried_at) > LATE * every


def note(database: Path, last: LastPublishing) -> None:
    """Write down how a publishing began or ended, with what `LastPublishing` says."""
    # Overwritten in place, so that a full disk has room for it. If the write fails or stops half way, the only cost is
    # a publishing that comes too early.
    content = json.dumps(asdict(last), default=datetime.isoformat).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(OSError), os.fdopen(os.open(_file(database), flags, 0o600), "wb") as file:
        file.write(content)
        file.truncate()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _file(database: Path) -> Path:
    return database.with_name(database.name + ".published")
