"""After a refused credential the next polls leave it alone for a while, so that no key is locked by us."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from collector.api.outcomes import RequestFailed
from collector.polling.gate import UNAUTHORIZED
from collector.polling.requests import Session
from collector.record import files

FILE: Final = "refused.json"
# The gateway locks a key for five minutes after more than five failures in a row.
FIRST_PAUSE: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Pause:
    """How often in a row a credential was refused, and until when (aware UTC, ISO 8601) it is left alone."""

    refusals: int
    until: str

    def over(self, now: datetime) -> bool:
        """Return whether it may be tried again; a clock that stepped back does not prolong a pause."""
        left = datetime.fromisoformat(self.until) - now
        return not timedelta() < left <= LONGEST_PAUSE


def read(spool: Path) -> dict[str, Pause]:
    """Return the pauses by credential profile; none where the file is missing or not as it was written."""
    return _read(spool / FILE) or {}


def is_odd(spool: Path) -> bool:
    """Return whether the file of the pauses is there and not as it was written."""
    return os.path.lexists(spool / FILE) and _read(spool / FILE) is None


def _read(file: Path) -> dict[str, Pause] | None:
    try:
        kept = json.loads(files.read_small(file))
        return {profile: _read_pause(told) for profile, told in kept.items()}
    # What JSON may hold besides: numbers without end and nesting without end.
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _read_pause(told: Mapping[str, Any]) -> Pause:
    if datetime.fromisoformat(told["until"]).tzinfo is None:
        raise ValueError("an instant without a zone")
    return Pause(int(told["refusals"]), told["until"])


def close_gates(sessions: Sequence[Session], pauses: Mapping[str, Pause], now: datetime) -> None:
    """Keep the credentials that are to be left alone from being used in this poll."""
    for session in sessions:
        pause = pauses.get(session.project.credentials)
        if pause is not None and not pause.over(now):
            message = f"the credential was refused {pause.refusals} times, it is tried again after {pause.until}"
            session.gate.refusal = RequestFailed(UNAUTHORIZED, error_msg=message)


def keep(spool: Path, sessions: Sequence[Session], pauses: Mapping[str, Pause], now: datetime) -> None:
    """Keep what a poll has shown of its credentials, for the next one; under the process lock."""
    kept = dict(pauses)
    for session in sessions:
        profile = session.project.credentials
        before = pauses.get(profile)
        if before is not None and not before.over(now):
            continue
        if session.gate.refused:
            refusals = 1 + (before.refusals if before else 0)
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(refusals - 1, 10))
            kept[profile] = Pause(refusals, (now + pause).isoformat(timespec="seconds"))
        elif session.gate.open:
            kept.pop(profile, None)
    if kept != pauses:
        _write(spool, kept)


def forget(spool: Path, profile: str) -> bool:
    """Let the next poll use a credential again, which was tried by hand and taken; return whether that was needed."""
    pauses = read(spool)
    paused = pauses.pop(profile, None) is not None
    if paused:
        _write(spool, pauses)
    return paused


def _write(spool: Path, pauses: Mapping[str, Pause]) -> None:
    # Not to be had is no harm but a request more: where the disk is full the poll itself says so.
    with suppress(OSError):
        files.make_folder(spool)
        files.write(spool / FILE, json.dumps({name: asdict(pause) for name, pause in pauses.items()}).encode())
